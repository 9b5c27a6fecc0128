import { type CloseName, closeCodes } from "../../protocol/close-codes.ts";
import { overLimit } from "../../protocol/error-codes.ts";
import type { Limits } from "../../protocol/limits.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import type { Device, DeviceLink, Outcome } from "../device.ts";
import type { Ports, Transport } from "../ports.ts";
import { FrameLog, senderOf } from "./frame-log.ts";
import type { LinkSnapshot } from "./link-snapshot.ts";
import type { ReplayBudget } from "./replay-budget.ts";

/** Acknowledge silent requests after this many; after fewer, when another frame leaves anyway and takes it along. */
const ackEvery = 16;
const ackRides = 12;

/** A native link and the device that speaks over it. */
export interface LinkEntry {
  readonly link: NativeLink;
  readonly device: Device;
}

/** What a native link tells who keeps it. */
export interface LinkKeeper {
  readonly limits: Limits;
  readonly budget: ReplayBudget;
  readonly ports: Pick<Ports, "observer">;
  /** The transport was lost or closed with this code; the link can be resumed. */
  suspended(link: NativeLink, code: number, now: number): void;
  /** The server's side ended the link for good. */
  shut(link: NativeLink, why: CloseName, now: number): void;
  /** The link ran over a cap. */
  overflowed(limit: "logFrames" | "logBytesTotal" | "sendBuffer"): void;
}

/**
 * A native client's conversation with this node. It outlives its transports:
 *
 *     live ──transport lost──▶ suspended ──resume──▶ live
 *     live, suspended ──closed by the client, replaced, kicked, window over──▶ closed
 *
 * Replies and pushes share one count and are kept until the client acknowledges them.
 */
export class NativeLink implements DeviceLink {
  readonly id: string;
  readonly instance: string;
  readonly #keeper: LinkKeeper;
  readonly log: FrameLog;
  /** Who speaks over it; undefined where it is not, or no longer, one of this node's. */
  device: Device | undefined;
  transport: Transport | undefined;
  state: "live" | "suspended" | "closed" = "suspended";
  secretHash = "";
  /** The secret before that one: it counts until the client is heard, for the `welcome` may have been lost. */
  formerSecretHash = "";
  attempt: number;
  /** Last request that was admitted. */
  got = 0;
  /** Requests that were admitted and not replied to. */
  inFlight = 0;
  /** Silent requests since the last acknowledgement to the client. */
  silent = 0;
  lastHeard: number;
  /** Welcome was sent. What is said to the device before it waits for that, for nothing may come first (L14). */
  greeted = false;
  pingSent = false;
  suspendedAt = 0;
  /** Unix ms at which the token expires; at which the ICE credentials are to be renewed. */
  expires = 0;
  renewAt = Number.POSITIVE_INFINITY;
  /** Token bucket of requests, kept in place: an object more per idle link counts. */
  allowance: number;
  allowanceAt: number;
  /** Requests refused for their rate; it drains at that rate, so that only who goes on at twice the rate fills it. */
  excess = 0;

  constructor(id: string, user: string, instance: string, attempt: number, keeper: LinkKeeper, now: number) {
    this.id = id;
    this.log = new FrameLog(user);
    this.instance = instance;
    this.attempt = attempt;
    this.#keeper = keeper;
    this.lastHeard = now;
    this.allowance = keeper.limits.requestsBurst;
    this.allowanceAt = now;
  }

  deliver(push: PushBody, now: number): void {
    if (this.state === "closed") return;
    if (this.device !== undefined) this.#keeper.ports.observer?.push(this.device, push, now);
    // Not with a reply: that may be the error of a request which the acknowledgement would call done.
    if (this.greeted && this.silent >= ackRides) this.acknowledge(now);
    this.#count(JSON.stringify(push), senderOf(push), now);
  }

  reply(id: number, outcome: Outcome, now: number): void {
    if (this.state === "closed") return;
    if (this.device !== undefined) this.#keeper.ports.observer?.reply(this.device, id, outcome, now);
    this.inFlight -= 1;
    const body =
      "ok" in outcome ? `"ok":${JSON.stringify(outcome.ok)}` : `"error":${JSON.stringify(outcome.error)}`;
    this.#count(`{"re":${id},${body}}`, undefined, now);
  }

  close(why: CloseName, now: number): void {
    if (this.state !== "closed") this.#keeper.shut(this, why, now);
  }

  /** Speaks over another transport from now on. The older one is closed as stale. */
  attach(transport: Transport): void {
    const old = this.transport;
    this.transport = transport;
    this.state = "live";
    this.pingSent = false;
    if (old !== undefined) old.close(closeCodes.stale.code, "a newer transport took over");
  }

  /** Sends what is outside the count: it speaks of the transport, and is not kept. */
  sendUncounted(frame: string, now: number): void {
    if (this.transport !== undefined && !this.transport.send(frame)) this.#stalled(now);
  }

  /** Sends again what the client has not seen. */
  replay(seq: number, now: number): number {
    const frames = this.log.after(seq);
    for (const frame of frames) {
      if (this.transport === undefined) break;
      this.#send(frame, now);
    }
    return frames.length;
  }

  /** Ends the transport and keeps the link. */
  suspend(why: CloseName, now: number): void {
    const { code, text } = closeCodes[why];
    this.transport?.close(code, text);
    this.lost(code, now);
  }

  /** The transport is gone. */
  lost(code: number, now: number): void {
    if (this.state !== "live") return;
    this.transport = undefined;
    this.state = "suspended";
    this.suspendedAt = now;
    this.#keeper.suspended(this, code, now);
  }

  /** The client has everything up to `seq`. False when it can't. */
  acknowledged(seq: number): boolean {
    if (seq > this.log.last) return false;
    this.log.trim(seq, this.#keeper.budget);
    return true;
  }

  /** A silent request was admitted. Fewer than sixteen wait for the next sweep. */
  admittedSilently(now: number): void {
    this.silent += 1;
    if (this.silent >= ackEvery) this.acknowledge(now);
  }

  acknowledge(now: number): void {
    this.silent = 0;
    this.sendUncounted(`{"type":"ack","id":${this.got}}`, now);
  }

  /** Takes one request from the link's rate. The error is there when it has none left. */
  admitRate(now: number) {
    const { requestsPerSecond, requestsBurst } = this.#keeper.limits;
    const earned = (Math.max(0, now - this.allowanceAt) * requestsPerSecond) / 1000;
    this.allowance = Math.min(requestsBurst, this.allowance + earned);
    this.excess = Math.max(0, this.excess - earned);
    this.allowanceAt = now;
    if (this.allowance >= 1) {
      this.allowance -= 1;
      return undefined;
    }
    this.excess += 1;
    return overLimit(
      "requestsPerSecond",
      "rate_limited",
      undefined,
      Math.ceil(((1 - this.allowance) * 1000) / requestsPerSecond),
    );
  }

  /** Takes all that the link's rate has left. */
  spendRate(now: number): void {
    this.allowance = 0;
    this.allowanceAt = now;
  }

  /** Stops for now without telling anybody: the link may be about to go over to another node. */
  freeze(now: number): void {
    const { code, text } = closeCodes.stale;
    this.transport?.close(code, text);
    this.transport = undefined;
    this.state = "suspended";
    this.suspendedAt = now;
  }

  /** Goes on with what another node had of the link. */
  restore(snapshot: LinkSnapshot): void {
    this.got = snapshot.got;
    this.inFlight = snapshot.inFlight;
    this.secretHash = snapshot.secretHash;
    this.formerSecretHash = snapshot.formerSecretHash;
    this.log.restore(snapshot.log, this.#keeper.limits, this.#keeper.budget);
  }

  /** For good. The log is gone with it. */
  end(): void {
    this.state = "closed";
    this.transport = undefined;
    this.log.clear(this.#keeper.budget);
  }

  #count(body: string, sender: string | undefined, now: number): void {
    const frame = `{"seq":${this.log.last + 1},${body.slice(1)}`;
    const broken = this.log.append(frame, sender, this.#keeper.limits, this.#keeper.budget);
    if (broken !== undefined) this.#keeper.overflowed(broken);
    if (!this.greeted) return;
    if (this.transport !== undefined) this.#send(frame, now);
  }

  #send(frame: string, now: number): void {
    const transport = this.transport!;
    if (!transport.send(frame) || transport.buffered > this.#keeper.limits.sendBuffer) this.#stalled(now);
  }

  #stalled(now: number): void {
    this.#keeper.overflowed("sendBuffer");
    this.suspend("slow", now);
  }
}
