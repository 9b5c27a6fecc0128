import type { Limits } from "../../protocol/limits.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import type { ReplayBudget, Share } from "./replay-budget.ts";

/** A log as it goes over to another node. A dropped frame is an empty text. */
export interface LogSnapshot {
  readonly first: number;
  readonly last: number;
  readonly frames: readonly string[];
  /** The frames that may be dropped, by sender: their numbers. */
  readonly senders: readonly (readonly [string, readonly number[]])[];
}

/** What one sender has in a log. */
interface SenderShare {
  bytes: number;
  /** Numbers of its frames, oldest first. */
  frames: number[];
}

/** For each frame that a log may keep, it may know this many that were dropped. */
const droppedPerFrame = 32;
/** What a dropped frame costs: its place in the array. */
const droppedBytes = 8;
/** A log over its cap is brought down to this part of it, so that the next frames find room. */
const target = 7 / 8;

const none: string[] = [];

/**
 * The user to whose share of a log a push counts: who sent the message, or who calls. The log can drop such a push, and the
 * client sees that by `dropped`. Undefined for any other push, which a client can't do without.
 */
export function senderOf(push: PushBody): string | undefined {
  return push.type === "message" || push.type === "incoming" ? push.from.user : undefined;
}

/**
 * The frames of a link that its client has not acknowledged, kept for replay. Contiguous: it knows exactly the frames
 * `first … last`. Over a cap it drops the oldest frames of the sender who has most in it, so that nobody takes another's
 * messages away; each leaves its number. If that is not enough the log is emptied, and the next resume refused.
 */
export class FrameLog {
  readonly #user: string;
  /** In the node's budget; undefined while nothing is charged. */
  #share: Share | undefined;
  #frames = none;
  /** Undefined until there is a frame that may be dropped: most links are idle. */
  #senders: Map<string, SenderShare> | undefined;
  #bytes = 0;
  #dropped = 0;
  /** Number of the first frame that is still known; `last + 1` when none is. */
  first = 1;
  /** Number of the last frame that was sent. */
  last = 0;

  /** `user`: to whose share of the node's budget it counts. */
  constructor(user: string) {
    this.#user = user;
  }

  /** What it costs. */
  get bytes(): number {
    return this.#bytes + this.#dropped * droppedBytes;
  }

  /**
   * Keeps the frame `last + 1`; `sender` where it may be dropped. Answers the limit that this has broken, after which this
   * log, or that of a user who has more, holds less than before.
   */
  append(
    frame: string,
    sender: string | undefined,
    limits: Limits,
    budget: ReplayBudget,
  ): "logFrames" | "logBytesTotal" | undefined {
    this.last += 1;
    const cramped = !this.#fits(frame, limits, 1);
    if (cramped) {
      this.#shrink(frame, limits, budget);
      const fits = this.#fits(frame, limits, 1);
      if ((!fits && sender === undefined) || this.#dropped >= limits.logFrames * droppedPerFrame) {
        this.clear(budget);
        return "logFrames";
      }
      if (!fits) {
        this.#keep("", budget);
        return "logFrames";
      }
    }
    const crowded = budget.bytes + frame.length > limits.logBytesTotal;
    while (budget.bytes + frame.length > limits.logBytesTotal) {
      const { largest } = budget;
      if (largest === undefined || largest === this) {
        this.clear(budget);
        return "logBytesTotal";
      }
      largest.clear(budget);
    }
    if (sender !== undefined) this.#attribute(sender, this.last, frame.length);
    this.#keep(frame, budget);
    return crowded ? "logBytesTotal" : cramped ? "logFrames" : undefined;
  }

  /** Forgets everything up to `seq`, which the client has. */
  trim(seq: number, budget: ReplayBudget): void {
    const count = Math.min(seq - this.first + 1, this.#frames.length);
    if (count <= 0) return;
    if (count === this.#frames.length) {
      this.#forget(this.first + count, budget);
      return;
    }
    let freed = 0;
    let dropped = 0;
    for (let i = 0; i < count; i++) {
      const { length } = this.#frames[i]!;
      freed += length;
      if (length === 0) dropped += 1;
    }
    for (const [sender, share] of this.#senders ?? []) {
      let passed = 0;
      while (passed < share.frames.length && share.frames[passed]! <= seq)
        share.bytes -= this.#frames[share.frames[passed++]! - this.first]!.length;
      this.#leave(sender, share, passed);
    }
    this.#frames.splice(0, count);
    this.first += count;
    this.#charge(-freed, -dropped, budget);
  }

  /** Forgets everything. */
  clear(budget: ReplayBudget): void {
    this.#forget(this.last + 1, budget);
  }

  snapshot(): LogSnapshot {
    const senders = [...(this.#senders ?? [])].map(([sender, { frames }]) => [sender, frames] as const);
    return { first: this.first, last: this.last, frames: this.#frames, senders };
  }

  /** Becomes the log that another node had. Over a bound of this node it is empty, and a resume refused. */
  restore({ first, last, frames, senders }: LogSnapshot, limits: Limits, budget: ReplayBudget): void {
    this.clear(budget);
    this.last = first - 1;
    this.first = first;
    const senderOfFrame = new Map(senders.flatMap(([sender, numbers]) => numbers.map((n) => [n, sender])));
    for (const frame of frames) {
      if (frame !== "") this.append(frame, senderOfFrame.get(this.last + 1), limits, budget);
      else {
        this.last += 1;
        this.#keep(frame, budget);
      }
      if (this.#frames === none) break;
    }
    if (this.#frames === none) this.first = last + 1;
    this.last = last;
  }

  /** True when every frame after `seq` is known here, so that the client misses nothing without being told. */
  reaches(seq: number): boolean {
    return seq <= this.last && seq + 1 >= this.first;
  }

  /** The frames after `seq`, in order. */
  after(seq: number): readonly string[] {
    const from = Math.max(0, seq + 1 - this.first);
    const frames = this.#frames.slice(from);
    if (this.#dropped === 0) return frames;
    const number = this.first + from;
    return frames.map((frame, i) => (frame === "" ? `{"seq":${number + i},"type":"dropped"}` : frame));
  }

  #fits(frame: string, limits: Limits, part: number): boolean {
    return (
      this.#frames.length - this.#dropped < limits.logFrames * part &&
      this.#bytes + frame.length <= limits.logBytes * part
    );
  }

  /** Drops the oldest frames of whoever has most, until the log is well below its caps. */
  #shrink(frame: string, limits: Limits, budget: ReplayBudget): void {
    const byBytes = this.#bytes + frame.length > limits.logBytes;
    const size = ({ bytes, frames }: SenderShare): number => (byBytes ? bytes : frames.length);
    while (!this.#fits(frame, limits, target)) {
      let largest: [string, SenderShare] | undefined;
      let second = 0;
      for (const entry of this.#senders ?? [])
        if (largest === undefined || size(entry[1]) > size(largest[1])) {
          second = largest === undefined ? 0 : size(largest[1]);
          largest = entry;
        } else second = Math.max(second, size(entry[1]));
      if (largest === undefined) return;
      const [sender, share] = largest;
      let passed = 0;
      do {
        const at = share.frames[passed++]! - this.first;
        const { length } = this.#frames[at]!;
        this.#frames[at] = "";
        share.bytes -= length;
        this.#charge(-length, 1, budget);
      } while (
        passed < share.frames.length &&
        (byBytes ? share.bytes : share.frames.length - passed) >= second &&
        !this.#fits(frame, limits, target)
      );
      this.#leave(sender, share, passed);
    }
  }

  /** An empty frame is one that was dropped. */
  #keep(frame: string, budget: ReplayBudget): void {
    // An idle link, of which there are very many, owns no array.
    if (this.#frames === none) this.#frames = [];
    this.#frames.push(frame);
    this.#charge(frame.length, frame === "" ? 1 : 0, budget);
  }

  #attribute(sender: string, number: number, length: number): void {
    this.#senders ??= new Map();
    const share = this.#senders.get(sender);
    if (share === undefined) this.#senders.set(sender, { bytes: length, frames: [number] });
    else {
      share.bytes += length;
      share.frames.push(number);
    }
  }

  /** The first frames of the sender's share are gone. */
  #leave(sender: string, share: SenderShare, count: number): void {
    if (count === share.frames.length) this.#senders?.delete(sender);
    else if (count > 0) share.frames = share.frames.slice(count);
  }

  #forget(first: number, budget: ReplayBudget): void {
    this.#frames = none;
    this.#senders = undefined;
    this.first = first;
    this.#charge(-this.#bytes, -this.#dropped, budget);
  }

  #charge(bytes: number, dropped: number, budget: ReplayBudget): void {
    this.#bytes += bytes;
    this.#dropped += dropped;
    const delta = bytes + dropped * droppedBytes;
    if (delta === 0) return;
    this.#share ??= budget.began(this.#user, this);
    budget.changed(this.#share, delta);
    if (this.#frames !== none) return;
    budget.emptied(this.#share, this);
    this.#share = undefined;
  }
}
