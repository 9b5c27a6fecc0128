import type { Deadline, Deadlines } from "../shared/deadlines.ts";
import type { Backplane, BackplaneAnswer } from "./backplane.ts";
import type { NodeItem } from "./items.ts";
import { parseItem } from "./message-schemas.ts";

/** A batch of items on its way to another node. */
export interface Batch {
  readonly from: string;
  readonly boot: string;
  /** The run of the receiver that is meant, once the sender has heard one: another run has another state. */
  readonly to?: string;
  /** Counts how often either side has given the other up. What they said in an earlier epoch is void. */
  readonly epoch: number;
  /** Number of the batch in its stream, from 1. */
  readonly n: number;
  /** Items as JSON texts, whose lengths bound the batch. */
  readonly items: readonly string[];
}

/** A link that an item of a batch was for, and the node that the link has moved to. */
export interface GoneOn {
  readonly link: string;
  readonly to: string;
}

/**
 * The receiver's answer to a batch. `moved`: items for these links have not arrived yet, they were sent on. `reset`: the
 * receiver has given that stream up, and is in this epoch.
 */
export type BatchAnswer =
  | { readonly boot: string; readonly ok: number; readonly moved?: readonly GoneOn[] }
  | { readonly boot: string; readonly reset: number };

export interface ChannelOptions {
  readonly node: string;
  readonly boot: string;
  readonly peer: string;
  readonly backplane: Backplane;
  readonly deadlines: Deadlines;
  now(): number;
  /** Hears an item that the peer has sent. */
  item(item: NodeItem): void;
  /** The peer has sent what is no item, or none that this node knows. */
  malformed(): void;
  /** Which of these items' links have left this node, and where to: this node sends the items on. */
  goneOn(items: readonly NodeItem[]): readonly GoneOn[];
  /** The peer has sent on items for these links, which have left it. */
  sentOn(links: readonly GoneOn[]): void;
  /** Both sides must begin anew, in that epoch: the peer has given the streams up, or too much waits for it. */
  renew(epoch: number): void;
  /**
   * The peer does not know this node's stream: it is in another epoch, or another run. The next epoch is at least
   * `epoch`.
   */
  reset(boot: string, epoch: number): void;
}

/** What one batch may hold, in characters. A message of the backplane may have 1 MiB. */
const batchSize = 262_144;
const batchItems = 512;
/** Items that may wait for a peer that does not answer. */
const maxQueue = 50_000;
/** ms */
const answerTimeout = 2_000;
/**
 * When a failed batch is sent again, in ms: soon at first, for a node that joins the backplane again has no
 * subscription for a moment.
 */
const retryAfter = [250, 1_000] as const;
/** After so much silence of a peer new requests to it are refused at once. ms */
const patience = 3_000;

/** Items that a peer has not acknowledged. */
export interface Lost {
  /** Items that were sent: the peer may have them. */
  readonly doubtful: readonly NodeItem[];
  /** Items that waited behind those: the peer has none of them. */
  readonly unsent: readonly NodeItem[];
}

interface Waiting {
  readonly upTo: number;
  /** Fails with the first attempt that fails. */
  readonly once: boolean;
  readonly done: (arrived: boolean, now: number) => void;
}

/**
 * The channel to one other node: a stream of items each way. Items arrive in order, each exactly once, as long as both nodes
 * live and neither gives the streams up, which begins a new epoch. One batch of a stream is outstanding; while the backplane
 * is down nothing is sent and everything waits.
 */
export class Channel {
  readonly #options: ChannelOptions;
  #epoch = 0;
  /** Number of the last batch that was sent in this epoch, and of the last that was received. */
  #sent = 0;
  #received = 0;
  #queue: NodeItem[] = [];
  #outstanding: { readonly items: number; readonly batch: Batch } | undefined;
  /** How many items were put in, and have arrived, since the epoch began. */
  #put = 0;
  #arrived = 0;
  #waiting: Waiting[] = [];
  #pump: Deadline | undefined;
  #failures = 0;
  /** Since when the peer has not answered; undefined while it does. */
  #silentSince: number | undefined;
  /** The run of the peer that the stream is for; undefined before one was heard. */
  peerBoot: string | undefined;

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  /** Items that the peer has not acknowledged. */
  get backlog(): number {
    return this.#put - this.#arrived;
  }

  /** See {@link Batch.epoch}. */
  get epoch(): number {
    return this.#epoch;
  }

  /** False when the peer has not answered for a while, so that a request to it would only wait. */
  responsive(now: number): boolean {
    return this.#silentSince === undefined || now - this.#silentSince < patience;
  }

  /** Puts an item into the stream. It leaves together with all others of this turn. */
  send(item: NodeItem): void {
    const last = this.#queue.at(-1);
    // One push for many devices of that node travels once.
    if (item.t === "push" && last?.t === "push" && last.push === item.push) {
      last.links.push(...item.links);
      return;
    }
    if (this.#queue.length >= maxQueue) {
      this.#options.renew(this.#epoch + 1);
      return;
    }
    this.#queue.push(item);
    this.#put += 1;
    if (this.#outstanding === undefined) this.#pumpAt(0);
  }

  /**
   * Calls back when everything that was put in until now has arrived, or is lost. `once`: tries at once, and calls back with
   * false if that attempt fails.
   */
  flushed(done: Waiting["done"], { once = false } = {}): void {
    if (this.#arrived === this.#put) {
      done(true, this.#options.now());
      return;
    }
    this.#waiting.push({ upTo: this.#put, once, done });
    if (once) this.wake();
  }

  /** Sends what waits at once, rather than after the time between attempts: the backplane is up, or the peer was heard. */
  wake(): void {
    if (this.#pump !== undefined) this.#pumpAt(0);
  }

  /** Takes a batch of the peer: answers it, and passes its items on. A batch that was taken before is only answered. */
  receive({ epoch, n, items: texts }: Batch, answer: (said: BatchAnswer) => void): void {
    const { boot, item, goneOn, renew, malformed } = this.#options;
    // The peer has given up what both sides had said: so does this one. An epoch begins with its first batch.
    if (epoch > this.#epoch && n === 1) renew(epoch);
    const next = n === this.#received + 1;
    if (epoch !== this.#epoch || (!next && n !== this.#received)) {
      answer({ boot, reset: this.#epoch });
      return;
    }
    const items: NodeItem[] = [];
    for (const text of texts) {
      const one = parseItem(text);
      if (one !== undefined) items.push(one);
      else if (next) malformed();
    }
    const moved = goneOn(items);
    answer({ boot, ok: n, ...(moved.length === 0 ? {} : { moved }) });
    if (!next) return;
    this.#received = n;
    for (const one of items) item(one);
  }

  /**
   * Begins anew for another run of a peer that was gone already. What was put in since the peer went is for that run: the
   * former run never had it.
   */
  restart(now: number): void {
    const { doubtful, unsent } = this.abandon(0, now);
    for (const item of [...doubtful, ...unsent]) this.send(item);
  }

  /** Gives up the streams of this epoch and begins that one. Returns the items that were not acknowledged. */
  abandon(epoch: number, now: number): Lost {
    this.#pump?.cancel();
    this.#pump = undefined;
    const doubtful = (this.#outstanding?.batch.items ?? []).map((text) => JSON.parse(text) as NodeItem);
    const lost = { doubtful, unsent: this.#queue };
    const waiting = this.#waiting;
    this.#queue = [];
    this.#outstanding = undefined;
    this.#waiting = [];
    this.#put = 0;
    this.#arrived = 0;
    this.#sent = 0;
    this.#received = 0;
    this.#epoch = epoch;
    this.#failures = 0;
    this.#silentSince = undefined;
    for (const { done } of waiting) done(false, now);
    return lost;
  }

  #pumpAt(at: number): void {
    this.#pump?.cancel();
    this.#pump = this.#options.deadlines.add(at, () => {
      this.#pump = undefined;
      this.#send();
    });
  }

  #send(): void {
    if (this.#outstanding === undefined) this.#take();
    const { backplane, peer, now } = this.#options;
    const outstanding = this.#outstanding;
    if (outstanding === undefined) return;
    if (backplane.state === "down") {
      this.#pumpAt(now() + retryAfter[1]);
      return;
    }
    const { batch } = outstanding;
    backplane.request(`n.${peer}`, batch, answerTimeout, (answer) => {
      if (this.#outstanding !== outstanding) return;
      this.#answered(answer, batch);
    });
  }

  #take(): void {
    if (this.#queue.length === 0) return;
    const items: string[] = [];
    let size = 0;
    for (const item of this.#queue) {
      const text = JSON.stringify(item);
      if (items.length > 0 && (size + text.length > batchSize || items.length >= batchItems)) break;
      items.push(text);
      size += text.length;
    }
    this.#queue.splice(0, items.length);
    this.#sent += 1;
    const { node: from, boot } = this.#options;
    const to = this.peerBoot;
    const batch = {
      from,
      boot,
      ...(to === undefined ? {} : { to }),
      epoch: this.#epoch,
      n: this.#sent,
      items,
    };
    this.#outstanding = { items: items.length, batch };
  }

  #answered(answer: BackplaneAnswer, batch: Batch): void {
    const now = this.#options.now();
    if (answer.kind === "reply") {
      const said = answer.reply as BatchAnswer;
      if ("reset" in said) {
        this.#options.reset(said.boot, Math.max(said.reset, this.#epoch + 1));
        return;
      }
      if (said.ok === batch.n) {
        this.peerBoot = said.boot;
        if (said.moved !== undefined) this.#options.sentOn(said.moved);
        this.#delivered(now);
        return;
      }
    }
    this.#silentSince ??= now;
    const wait = retryAfter[Math.min(this.#failures, 1)] as number;
    this.#failures += 1;
    this.#pumpAt(now + wait);
    const impatient = this.#waiting.filter(({ once }) => once);
    this.#waiting = this.#waiting.filter(({ once }) => !once);
    for (const { done } of impatient) done(false, now);
  }

  #delivered(now: number): void {
    this.#arrived += this.#outstanding?.items ?? 0;
    this.#outstanding = undefined;
    this.#failures = 0;
    this.#silentSince = undefined;
    while (this.#waiting.length > 0 && this.#waiting[0]!.upTo <= this.#arrived)
      this.#waiting.shift()!.done(true, now);
    if (this.#queue.length > 0) this.#send();
  }
}
