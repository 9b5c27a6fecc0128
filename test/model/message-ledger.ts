import type { Slot } from "./ledger.ts";

/** A run of a client; by name, for nothing of those that are gone is kept. */
interface Person {
  readonly slot: Slot;
  readonly index: number;
  readonly link: string | undefined;
}

interface Sent {
  /** The link that it was sent by. */
  readonly link: string | undefined;
  /** Indices of clients. */
  readonly heardBy: Set<number>;
}

/** A message that its sender was told is delivered, and whose receiver was there all the time. */
interface Taken {
  readonly n: number;
  readonly by: number;
  readonly link: string;
}

/** Numbered messages: each device hears each once, those of one link in the order in which they were sent, and those that were taken. */
export class MessageLedger {
  readonly #sent: Sent[] = [];
  readonly #taken: Taken[] = [];
  /** Link of the sender and of the receiver → the last that came. */
  readonly #latest = new Map<string, number>();
  /** Links whose log was full: messages were dropped, and their client was told. */
  readonly #lossy = new Set<string | undefined>();

  /** Numbers a message that the client sends now. */
  sent({ link }: Person): number {
    return this.#sent.push({ link, heardBy: new Set() }) - 1;
  }

  /** It was delivered to one device, which had this link when it was sent. */
  taken(n: number, by: number, link: string): void {
    this.#taken.push({ n, by, link });
  }

  dropped({ link }: Person): void {
    this.#lossy.add(link);
  }

  heard(n: number, { slot, index, link }: Person): void {
    const sent = this.#sent[n];
    if (sent === undefined) throw new Error(`${slot} hears message ${n}, which nobody sent`);
    if (sent.heardBy.has(index)) throw new Error(`${slot} hears message ${n} again`);
    sent.heardBy.add(index);
    const way = `${sent.link} ${link}`;
    const before = this.#latest.get(way) ?? -1;
    if (n < before) throw new Error(`${slot} hears message ${n} after ${before}`);
    this.#latest.set(way, n);
  }

  /** Whoever has still the link that it had when a message was sent has heard it, if that was taken. */
  checkTaken(online: readonly Person[]): void {
    for (const { n, by, link } of this.#taken)
      for (const { slot, index, link: current } of online)
        if (
          index === by &&
          current === link &&
          !this.#lossy.has(link) &&
          this.#sent[n]?.heardBy.has(index) !== true
        )
          throw new Error(`${slot} has not heard message ${n}, which was taken`);
  }
}
