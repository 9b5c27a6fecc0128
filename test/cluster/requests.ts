// biome-ignore lint/suspicious/noExplicitAny: frames of a server that is being tested are read by name
export type Frame = Record<string, any>;

export interface Pending {
  readonly id: number;
  readonly text: string;
  readonly silent: boolean;
  readonly settled: (reply: Frame) => void;
}

/** Acknowledged silent requests that are remembered: their error may still come. */
const remembered = 256;

/** The requests of one link: their ids, who waits for them, and what is to be sent again (L21). */
export class Requests {
  readonly #send: (text: string) => void;
  #lastId = 0;
  /** In the order of their ids. */
  #pending: Pending[] = [];
  #acknowledged: Pending[] = [];

  constructor(send: (text: string) => void) {
    this.#send = send;
  }

  get unanswered(): number {
    return this.#pending.length;
  }

  /** Keeps a request, and sends it where the link is up. */
  add(type: string, fields: Frame, silent: boolean, settled: Pending["settled"], now: boolean): void {
    this.#lastId += 1;
    const id = this.#lastId;
    const text = JSON.stringify({ id, type, ...fields });
    this.#pending.push({ id, text, silent, settled });
    if (now) this.#send(text);
  }

  /** The server has admitted the silent requests up to this one. */
  acknowledged(upTo: number): void {
    const done = this.#pending.filter((one) => one.silent && one.id <= upTo);
    if (done.length === 0) return;
    this.#pending = this.#pending.filter((one) => !one.silent || one.id > upTo);
    this.#acknowledged = [...this.#acknowledged, ...done].slice(-remembered);
    for (const { settled } of done) settled({});
  }

  /** False when nobody waits for it: it was replied to before. */
  replied(frame: Frame): boolean {
    const found =
      this.#pending.find((one) => one.id === frame.re) ??
      (frame.error === undefined ? undefined : this.#acknowledged.find((one) => one.id === frame.re));
    if (found === undefined) return false;
    this.#pending = this.#pending.filter((one) => one !== found);
    this.#acknowledged = this.#acknowledged.filter((one) => one !== found);
    found.settled(frame);
    return true;
  }

  /** The link goes on: what the server has not admitted is sent again. */
  resumed(got: number): void {
    this.acknowledged(got);
    for (const one of this.#pending) if (one.id > got) this.#send(one.text);
  }

  /** The link is lost: nobody will hear a reply. */
  lose(reply: Frame): void {
    const lost = this.#pending;
    this.#pending = [];
    this.#acknowledged = [];
    this.#lastId = 0;
    for (const { settled } of lost) settled(reply);
  }
}
