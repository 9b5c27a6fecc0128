import type { WireReason } from "../../protocol/end-reasons.ts";
import { wireError } from "../../protocol/error-codes.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import type { Deadline } from "../../shared/deadlines.ts";
import type { Device, Outcome } from "../device.ts";
import { failed } from "../outcome.ts";
import type { Leg, PendingReply } from "./leg.ts";
import type { Pair } from "./pair.ts";
import type { Session } from "./session.ts";
import type { SessionHost } from "./session-host.ts";
import { type MoveSnapshot, replySnapshot } from "./session-snapshot.ts";

/** Who moves what where. */
export interface MovePlan {
  /** The leg that leaves, and the one that comes; the same one where a device opens a new pair with itself. */
  readonly from: Leg;
  readonly to: Leg;
  /** The other end of the call. It offers: it is the end that was there all along. */
  readonly peer: Leg;
  readonly pair: Pair;
  readonly reply: PendingReply;
}

/**
 * One end of a session on its way to another device: make before break.
 *
 *     ringing ──accept──▶ connecting ──both ends report connected──▶ committed
 *        └───────────── declined · gone · timeout ─────────────────▶ failed: the old pair goes on
 */
export class Move {
  readonly leg: Leg;
  readonly from: Leg;
  readonly pair: Pair;
  readonly #session: Session;
  readonly #host: SessionHost;
  readonly #plan: MovePlan;
  readonly #startedAt: number;
  readonly #deadline: Deadline;
  #phase: "ringing" | "connecting" | "over";

  /** `soFar` is there where the move began on another node. */
  constructor(session: Session, host: SessionHost, plan: MovePlan, now: number, soFar?: MoveSnapshot) {
    this.#session = session;
    this.#host = host;
    this.#plan = plan;
    this.leg = plan.to;
    this.from = plan.from;
    this.pair = plan.pair;
    this.#startedAt = now - (soFar?.startedAgo ?? 0);
    this.#phase = soFar?.phase ?? "ringing";
    const within = soFar?.endsIn ?? host.limits.moveTimeout;
    this.#deadline = host.deadlines.add(now + within, (later) => this.fail(later));
    if (this.#phase === "connecting" && !plan.pair.open) this.#connectSoon(now);
  }

  /** Who waits for the outcome. */
  get reply(): PendingReply {
    return this.#plan.reply;
  }

  /** True for the two ends of the pair that opens. */
  joins(leg: Leg): boolean {
    return leg === this.#plan.to || leg === this.#plan.peer;
  }

  start(now: number): void {
    const { from, to, peer, pair } = this.#plan;
    if (from === to) {
      to.deliver(this.#opened(peer, pair.offerer === to), now);
      this.#connect(now);
      return;
    }
    const push: PushBody = {
      type: "incoming",
      session: this.#session.id,
      ticket: this.#host.ticket(this.#session, to, now),
      from: peer.info,
      to: `${to.user}/${to.deviceId}`,
      age: now - this.#startedAt,
      expires: Math.max(0, this.#deadline.at - now),
      pair: pair.number,
      generation: pair.generation,
      offer: false,
      movedFrom: from.deviceId,
    };
    const { media, data } = this.#session.callRequest;
    if (media !== undefined) push.media = media;
    if (data !== undefined) push.data = data;
    to.deliver(push, now);
  }

  /** The new device takes the call over. */
  accept(now: number): Outcome | undefined {
    if (this.#phase !== "ringing") return { error: wireError("wrong_state") };
    const { pair, to } = this.#plan;
    this.#connectSoon(now);
    const reply = { session: this.#session.id, pair: pair.number, generation: pair.generation };
    return { ok: pair.offerer === to ? { ...reply, offer: true } : reply };
  }

  decline(now: number): Outcome {
    this.fail(now);
    return { ok: {} };
  }

  /** One more end is connected: the move commits when both are, or when the other kind of end can't say so. */
  progressed(now: number): void {
    const { peer, to, pair, from, reply } = this.#plan;
    if (this.#phase !== "connecting") return;
    const through = (leg: Leg) => pair.connected.has(leg) || leg.device?.capabilities.reports === false;
    if (!through(peer) || !through(to)) return;
    this.#over();
    this.#session.commitMove(this, now);
    // Who has moved away holds no leg any more.
    const ticket = from === to ? { ticket: this.#session.ticket(to, now) } : {};
    reply.device?.link.reply(reply.id, { ok: { pair: pair.number, ...ticket } }, now);
    for (const end of from === to ? [peer] : [peer, to]) {
      const other = end === peer ? to : peer;
      const ticket = this.#session.ticket(end, now);
      const push = { type: "moved", session: this.#session.id, pair: pair.number } as const;
      end.deliver({ ...push, peer: other.info, ticket }, now);
      this.#session.links.tellPeer(end, now);
    }
  }

  /** The old pair goes on. */
  fail(now: number): void {
    if (this.#phase === "over") return;
    this.#giveUp(undefined, now);
    this.#session.abandonMove(this, this.leg.device === undefined ? undefined : "failed", now);
  }

  /** The session goes on at another node, this move with it. */
  retire(): void {
    this.#over();
  }

  /** The session itself is over. */
  abort(reason: WireReason, now: number): void {
    if (this.#phase === "over") return;
    this.#giveUp(reason, now);
    this.#session.abandonMove(this, reason, now);
  }

  #giveUp(sessionEnd: WireReason | undefined, now: number): void {
    const { peer, pair, reply, from, to } = this.#plan;
    const connecting = this.#phase === "connecting";
    this.#over();
    const message = sessionEnd === undefined ? undefined : "the call ended first";
    reply.device?.link.reply(reply.id, { error: wireError("move_failed", message) }, now);
    if (sessionEnd !== undefined || !connecting) return;
    const push = { type: "move_failed", session: this.#session.id, pair: pair.number } as const;
    peer.deliver(push, now);
    if (from === to) from.deliver(push, now);
  }

  /** After the reply to the accept: what opens at the peer's may come back at once. */
  #connectSoon(now: number): void {
    this.#phase = "connecting";
    this.#host.deadlines.add(now, (later) => {
      if (this.#phase === "connecting") this.#connect(later);
    });
  }

  #connect(now: number): void {
    this.#phase = "connecting";
    const { peer, to, pair } = this.#plan;
    pair.opens(now);
    peer.deliver(this.#opened(to, pair.offerer === peer), now);
  }

  #opened(other: Leg, offer: boolean): PushBody {
    const { pair } = this.#plan;
    return {
      type: "pair",
      session: this.#session.id,
      pair: pair.number,
      generation: pair.generation,
      peer: other.info,
      offer,
    };
  }

  snapshot(now: number): MoveSnapshot | undefined {
    if (this.#phase === "over") return undefined;
    const { from, to, peer, reply } = this.#plan;
    return {
      phase: this.#phase,
      from: from.id,
      to: to.id,
      peer: peer.id,
      reply: replySnapshot(reply),
      startedAgo: now - this.#startedAt,
      endsIn: this.#deadline.at - now,
    };
  }

  #over(): void {
    this.#phase = "over";
    this.#deadline.cancel();
  }
}

/**
 * One end of a call goes to another device of its user, or opens a new pair with itself. `reply`: who asked, and hears what comes of it;
 * without a device nobody does.
 */
export function startMove(
  session: Session,
  host: SessionHost,
  leg: Leg,
  reply: PendingReply,
  target: Device | undefined,
  now: number,
): Outcome | undefined {
  const { caller, callee, pairs } = session;
  const { device } = leg;
  if (callee === undefined || device === undefined || (leg !== caller && leg !== callee))
    return failed("wrong_state", "only a connected call moves");
  if (session.stream !== undefined) return failed("wrong_state", "a stream's session doesn't move");
  if (target === undefined) return failed("no_device");
  const refusal = target === device ? undefined : moveRefusal(session, target);
  if (refusal !== undefined) return failed("wrong_state", refusal);
  const { reply: before } = session.move ?? {};
  if (before?.device !== undefined && before.device === reply.device && before.id === reply.id)
    return undefined;
  if (before !== undefined) return failed("wrong_state", "the call is already moving");
  const peer = leg === caller ? callee : caller;
  const to = target === device ? leg : session.addLeg(leg.side, target);
  // The end that stays offers, unless it is one that answers offers only or the other one can't answer; the one that comes does so then.
  const answersOnly = peer.device?.capabilities.needsOffer === true;
  const offersOnly = target.capabilities.sdpRole === "offer-only";
  const pair = answersOnly || offersOnly ? pairs.open(to, peer) : pairs.open(peer, to);
  const plan = { from: leg, to, peer, pair, reply };
  session.move = new Move(session, host, plan, now);
  session.move.start(now);
  return undefined;
}

/** Why the session can't go on at that other device, or undefined. */
function moveRefusal(session: Session, target: Device): string | undefined {
  if (session.kind === "mesh") return "a session of a room's mesh stays where its member is";
  // It may be away, and come back as that end.
  if (session.legFor(target.user, target.id) !== undefined) return "that device is the other end of the call";
  return undefined;
}
