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

/**
 * What one endpoint is to be sent, and when. Pure. Each lane sends one message at a time: the next goes when the one before was taken, is
 * dead, or has been tried for 10 minutes. Lanes never wait for each other, as long as there are free connections.
 */
export class DeliveryQueue {
  readonly #lanes = new Map<string, Delivery[]>();
  /** Messages that no longer hold their lane back. */
  readonly #loose = new Map<string, Delivery>();
  readonly #inFlight = new Map<string, Delivery>();
  readonly #jitter: () => number;
  readonly #connections: number;
  #pausedUntil = 0;
  #pause = firstPause;
  /** Attempts that failed since the last that did not. */
  #failures = 0;
  disabled = false;
  #size = 0;

  constructor(options: { readonly jitter: () => number; readonly connections: number }) {
    this.#jitter = options.jitter;
    this.#connections = options.connections;
  }

  get size(): number {
    return this.#size;
  }

  has(id: string, lane: string): boolean {
    return (
      this.#inFlight.has(id) ||
      this.#loose.has(id) ||
      this.#lanes.get(lane)?.some((one) => one.id === id) === true
    );
  }

  add(delivery: Delivery): void {
    if (this.has(delivery.id, delivery.lane)) return;
    const lane = this.#lanes.get(delivery.lane);
    if (lane === undefined) this.#lanes.set(delivery.lane, [delivery]);
    else lane.push(delivery);
    this.#size += 1;
  }

  /** The messages to send now. Each is in flight until {@link attempted}. */
  take(now: number): Delivery[] {
    if (this.disabled || now < this.#pausedUntil) return [];
    // One that does not answer is asked with one connection, which finds out when it is back.
    const free = (this.#failures >= 5 ? 1 : this.#connections) - this.#inFlight.size;
    const taken: Delivery[] = [];
    if (free <= 0) return taken;
    const send = (one: Delivery): void => {
      one.firstTriedAt ??= now;
      this.#inFlight.set(one.id, one);
      taken.push(one);
    };
    // Lanes that are served go to the end, where the loop meets them again: what is in flight is passed over.
    for (const [name, lane] of this.#lanes) {
      if (taken.length >= free) return taken;
      let [head] = lane;
      if (head === undefined || this.#inFlight.has(head.id)) continue;
      if (head.firstTriedAt !== undefined && now - head.firstTriedAt >= holdsLane && lane.length > 1) {
        lane.shift();
        this.#loose.set(head.id, head);
        head = lane[0];
      }
      if (head === undefined || head.dueAt > now) continue;
      this.#lanes.delete(name);
      this.#lanes.set(name, lane);
      send(head);
    }
    for (const one of this.#loose.values())
      if (taken.length < free && one.dueAt <= now && !this.#inFlight.has(one.id)) send(one);
    return taken;
  }

  /** Notes what became of a message that was taken. */
  attempted(id: string, attempt: Attempt, now: number): Verdict {
    const delivery = this.#inFlight.get(id);
    if (delivery === undefined) return "ignored";
    this.#inFlight.delete(id);
    if (attempt.ok) {
      this.#remove(delivery);
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
    const wait = waits[delivery.attempts - 1];
    if (wait === undefined || this.disabled) {
      this.#remove(delivery);
      return "dead";
    }
    delivery.dueAt = now + wait * (1 + jitterShare * (2 * this.#jitter() - 1));
    return "retry";
  }

  /** All that waits, taken out: the endpoint is gone. */
  clear(): Delivery[] {
    const all = [...this.#lanes.values()].flat();
    all.push(...this.#loose.values());
    this.#lanes.clear();
    this.#loose.clear();
    this.#size = this.#inFlight.size;
    return all;
  }

  /** When {@link take} may have something, as far as time decides; undefined where only an answer does. */
  nextAt(now: number): number | undefined {
    if (this.disabled || this.#size === 0) return undefined;
    let next = Number.POSITIVE_INFINITY;
    for (const [head] of this.#lanes.values())
      if (head !== undefined && !this.#inFlight.has(head.id)) next = Math.min(next, head.dueAt);
    for (const one of this.#loose.values()) if (!this.#inFlight.has(one.id)) next = Math.min(next, one.dueAt);
    if (next === Number.POSITIVE_INFINITY) return undefined;
    return Math.max(next, this.#pausedUntil, now);
  }

  /** The endpoint answers again: what waits for a later attempt need not. */
  #wake(now: number): void {
    for (const lane of this.#lanes.values()) {
      const [head] = lane;
      if (head !== undefined && head.dueAt > now) head.dueAt = now;
    }
    for (const one of this.#loose.values()) if (one.dueAt > now) one.dueAt = now;
  }

  #slowDown(ms: number, now: number): void {
    const pause = ms > 0 ? Math.min(ms, longestRetryAfter) : this.#pause;
    this.#pause = Math.min(longestPause, this.#pause * 2);
    this.#pausedUntil = Math.max(this.#pausedUntil, now + pause);
  }

  #remove(delivery: Delivery): void {
    // After clear() it is none of this queue's.
    if (this.#size > 0) this.#size -= 1;
    if (this.#loose.delete(delivery.id)) return;
    const lane = this.#lanes.get(delivery.lane);
    if (lane === undefined) return;
    const at = lane.indexOf(delivery);
    if (at >= 0) lane.splice(at, 1);
    if (lane.length === 0) this.#lanes.delete(delivery.lane);
  }
}
