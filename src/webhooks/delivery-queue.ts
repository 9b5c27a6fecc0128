import { type Deadline, Deadlines } from "../shared/deadlines.ts";

/** A message that waits for its endpoint. Times are Unix ms. */
export interface Delivery {
  readonly id: string;
  /** Messages of one lane go in order. */
  readonly lane: string;
  readonly type: string;
  readonly body: string;
  readonly createdAt: number;
  attempts: number;
  dueAt: number;
  /** When it was tried first. */
  firstTriedAt?: number;
  failure?: string;
}

/** What became of an attempt. */
export type Attempt =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly failure: string;
      /** The endpoint wants no more: 410. */
      readonly gone?: true;
      /** It is overloaded: nothing more is sent for a while. ms, where it said how long. */
      readonly slowDown?: number;
    };

/** What is to be done with a message after an attempt. */
export type Verdict = "delivered" | "retry" | "dead" | "ignored";

const [second, minute, hour] = [1_000, 60_000, 3_600_000];
/** The waits before the second to tenth attempt: three days in all. */
const waits = [
  5 * second,
  5 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
  14 * hour,
  18 * hour,
  22 * hour,
];
export const mostAttempts = waits.length + 1;
/** Each wait is longer or shorter by up to this share, so that what failed together does not come back together. */
const jitterShare = 0.2;
/** How long a message holds back those behind it in its lane. */
const holdsLane = 10 * minute;
/** The pause of an endpoint that is overloaded and does not say for how long; it doubles up to a limit. */
const [firstPause, longestPause] = [1 * second, 60 * second];
const longestRetryAfter = hour;
/** Failures in a row after which an endpoint counts as dead. It then gets one attempt at a time, with a pause between two of them. ms */
const [deadAfter, betweenProbes] = [5, 50];

/** Messages that go one after the other. */
interface Lane {
  /** Undefined for a message that no longer holds others back. */
  readonly name: string | undefined;
  /** The first is the one to send next, or in flight. */
  readonly deliveries: Delivery[];
  /** Set while the first waits for its next attempt. */
  wait?: Deadline | undefined;
}

/**
 * What one endpoint is to be sent, and when. Pure. Each lane sends one message at a time: the next goes when the one before was taken, is
 * dead, or has been tried for 10 minutes. Lanes never wait for each other, as long as there are free connections. No call takes longer
 * because many messages wait.
 */
export class DeliveryQueue {
  readonly #lanes = new Map<string, Lane>();
  /** Lanes whose first message can go now, in the order in which they became so. */
  readonly #ready = new Set<Lane>();
  /** Lanes whose first message waits for its next attempt. */
  readonly #waits = new Deadlines();
  readonly #waiting = new Set<Lane>();
  readonly #inFlight = new Map<string, Lane>();
  /** Ids of all messages. */
  readonly #ids = new Set<string>();
  readonly #jitter: () => number;
  readonly #connections: number;
  #pausedUntil = 0;
  #pause = firstPause;
  /** Attempts that failed since the last that did not. */
  #failures = 0;
  disabled = false;

  constructor(options: { readonly jitter: () => number; readonly connections: number }) {
    this.#jitter = options.jitter;
    this.#connections = options.connections;
  }

  get size(): number {
    return this.#ids.size;
  }

  /** The endpoint is overloaded, and is sent nothing until then. */
  get pausedUntil(): number {
    return this.#pausedUntil;
  }

  /** Queues a message, to be sent at its `dueAt`. One with an id that waits already is ignored. */
  add(delivery: Delivery, now: number): void {
    if (this.#ids.has(delivery.id)) return;
    this.#ids.add(delivery.id);
    const lane = this.#lanes.get(delivery.lane);
    if (lane === undefined) {
      const made: Lane = { name: delivery.lane, deliveries: [delivery] };
      this.#lanes.set(delivery.lane, made);
      this.#schedule(made, now);
      return;
    }
    lane.deliveries.push(delivery);
    // Now that another message is behind it, the first may have to let that go earlier.
    if (lane.deliveries.length === 2 && lane.wait !== undefined) this.#schedule(lane, now);
  }

  /** The messages to send now. Each is in flight until {@link attempted}. */
  take(now: number): Delivery[] {
    const taken: Delivery[] = [];
    if (this.disabled || now < this.#pausedUntil) return taken;
    this.#waits.run(now);
    const connections = this.#failures >= deadAfter ? 1 : this.#connections;
    for (const lane of this.#ready) {
      if (this.#inFlight.size >= connections) break;
      this.#ready.delete(lane);
      const [first] = lane.deliveries;
      if (first === undefined) continue;
      first.firstTriedAt ??= now;
      this.#inFlight.set(first.id, lane);
      taken.push(first);
    }
    return taken;
  }

  /** Notes what became of a message that was taken. */
  attempted(id: string, attempt: Attempt, now: number): Verdict {
    const lane = this.#inFlight.get(id);
    const delivery = lane?.deliveries[0];
    this.#inFlight.delete(id);
    if (lane === undefined || delivery === undefined) return "ignored";
    if (attempt.ok) {
      this.#removeFirst(lane, now);
      if (this.#failures > 0) this.#wake(now);
      this.#failures = 0;
      this.#pause = firstPause;
      return "delivered";
    }
    this.#failures += 1;
    delivery.attempts += 1;
    delivery.failure = attempt.failure;
    if (attempt.gone === true) this.disabled = true;
    if (attempt.slowDown !== undefined) this.#slowDown(attempt.slowDown, now);
    if (this.#failures >= deadAfter) this.#pausedUntil = Math.max(this.#pausedUntil, now + betweenProbes);
    const wait = waits[delivery.attempts - 1];
    if (wait === undefined || this.disabled) {
      this.#removeFirst(lane, now);
      return "dead";
    }
    delivery.dueAt = now + wait * (1 + jitterShare * (2 * this.#jitter() - 1));
    this.#schedule(lane, now);
    return "retry";
  }

  /** All that waits, taken out: the endpoint is gone. What is in flight then is ignored when it comes back. */
  clear(): Delivery[] {
    const lanes = new Set([...this.#lanes.values(), ...this.#ready, ...this.#waiting]);
    for (const lane of this.#inFlight.values()) lanes.add(lane);
    for (const { wait } of lanes) wait?.cancel();
    for (const each of [this.#lanes, this.#ready, this.#waiting, this.#inFlight, this.#ids]) each.clear();
    return [...lanes].flatMap(({ deliveries }) => deliveries);
  }

  /** When {@link take} may have something, as far as time decides; undefined where only an answer does. */
  nextAt(now: number): number | undefined {
    if (this.disabled) return undefined;
    const next = this.#ready.size > 0 ? now : this.#waits.next;
    return next === undefined ? undefined : Math.max(next, this.#pausedUntil, now);
  }

  /** Lets the first message of the lane go when its time comes, or those behind it when it has held them back for long enough. */
  #schedule(lane: Lane, now: number): void {
    lane.wait?.cancel();
    lane.wait = undefined;
    this.#waiting.delete(lane);
    const [first] = lane.deliveries;
    if (first === undefined) return;
    const isFollowed = lane.deliveries.length > 1;
    const holdsUntil =
      isFollowed && first.firstTriedAt !== undefined ? first.firstTriedAt + holdsLane : undefined;
    if (holdsUntil !== undefined && holdsUntil <= now) {
      lane.deliveries.shift();
      this.#schedule({ name: undefined, deliveries: [first] }, now);
      this.#schedule(lane, now);
    } else if (first.dueAt <= now) {
      this.#ready.add(lane);
    } else {
      this.#waiting.add(lane);
      lane.wait = this.#waits.add(Math.min(first.dueAt, holdsUntil ?? first.dueAt), (at) =>
        this.#schedule(lane, at),
      );
    }
  }

  /** The endpoint answers again: what waits for a later attempt need not. */
  #wake(now: number): void {
    for (const lane of [...this.#waiting]) {
      const [first] = lane.deliveries;
      if (first !== undefined) first.dueAt = now;
      this.#schedule(lane, now);
    }
  }

  #slowDown(ms: number, now: number): void {
    const pause = ms > 0 ? Math.min(ms, longestRetryAfter) : this.#pause;
    this.#pause = Math.min(longestPause, this.#pause * 2);
    this.#pausedUntil = Math.max(this.#pausedUntil, now + pause);
  }

  #removeFirst(lane: Lane, now: number): void {
    const first = lane.deliveries.shift();
    if (first !== undefined) this.#ids.delete(first.id);
    if (lane.deliveries.length > 0) this.#schedule(lane, now);
    else if (lane.name !== undefined) this.#lanes.delete(lane.name);
  }
}
