import type { WireReason } from "../../protocol/end-reasons.ts";
import type { Limits } from "../../protocol/limits.ts";
import type { PushOf } from "../../protocol/pushes.ts";
import type { RequestOf } from "../../protocol/requests.ts";
import type { Deadline } from "../../shared/deadlines.ts";
import type { Device, Outcome } from "../device.ts";
import type { SessionKind } from "../events.ts";
import { done, failed } from "../outcome.ts";
import type { StreamPart } from "../stream/stream-part.ts";
import { Answering } from "./answering.ts";
import { Leg, type PendingReply, type Side } from "./leg.ts";
import { LegLinks } from "./leg-links.ts";
import type { Move } from "./move.ts";
import { Pairs } from "./pairs.ts";
import { wantPlacedOffer } from "./placed-accept.ts";
import type { Placement } from "./placement.ts";
import { type CallRequest, Ring } from "./ring.ts";
import type { SessionHost } from "./session-host.ts";
import { endDetails, type HowEnded, sessionPush } from "./session-pushes.ts";
import { type SessionTimes, sessionRecord } from "./session-record.ts";

/** How far a session has come. */
export type Phase =
  | { readonly name: "ringing" }
  | { readonly name: "answering"; readonly leg: Leg; readonly reply: PendingReply }
  | { readonly name: "active"; callee: Leg }
  | { readonly name: "ended"; readonly reason: WireReason };

/**
 * An attempt to connect two devices, and the connection that comes of it. This is the owner's side: the single
 * writer of a session. The owner is the node that took the call; it changes when that node drains or dies.
 *
 *     ringing ──accept──▶ answering ──confirm──▶ active ──hangup · lost──▶ ended(reason)
 *        └── declined · cancelled · no_answer · busy · unreachable · merged ──▶ ended(reason)
 *
 * The ring's answer is in {@link Answering}; what becomes of the links of both ends in {@link LegLinks}.
 */
export class Session {
  readonly limits: Limits;
  readonly id: string;
  /** Rises when another node takes the session over. */
  readonly epoch: number;
  caller: Leg;
  ring: Ring;
  readonly pairs: Pairs;
  move: Move | undefined;
  phase: Phase = { name: "ringing" };
  readonly times: SessionTimes;
  /** Where the session belongs to a room's mesh: the room, and the ids of the two members, caller first. */
  readonly room: string | undefined;
  members: readonly [string, string] | undefined;
  /** Where the other end is the media server: what the session carries. */
  stream: StreamPart | undefined;
  /** What the caller named the call. */
  key: string | undefined;
  /** Of a call that the application has placed: between whom, and how far that has come. */
  placement: Placement | undefined;
  /** The other call, when two cross, and which of both goes on. */
  crossing: { readonly other: string; readonly survivor: string } | undefined;
  /** Made anew from a ticket; other tickets may have seen more of it. */
  revived = false;
  /** The caller's offer was lost with an earlier owner: it is asked for it again once the call is answered. */
  offerLost = false;
  /** Among which sessions its node counts it. */
  counted: "ringing" | "active" = "active";
  /** Legs that the session has had. */
  legCount = 0;
  /** The first accept, and the caller's word that makes it final. */
  readonly answering: Answering;
  /** The links of both ends. */
  readonly links: LegLinks;
  /** When an answer must be confirmed. */
  confirmEnd: Deadline | undefined;
  readonly #host: SessionHost;

  constructor(
    host: SessionHost,
    id: string,
    caller: Device | Leg,
    callRequest: CallRequest,
    now: number,
    room?: string,
    epoch = 1,
  ) {
    this.limits = host.limits;
    this.id = id;
    this.epoch = epoch;
    this.room = room;
    this.times = { started: now };
    this.#host = host;
    this.answering = new Answering(this, host);
    this.links = new LegLinks(this, host);
    this.caller = caller instanceof Leg ? caller : this.addLeg("caller", caller);
    this.pairs = new Pairs(id, this.caller, host);
    if (callRequest.description !== undefined)
      this.pairs.current.described(this.caller, callRequest.description);
    this.ring = this.#newRing(callRequest, now);
  }

  #newRing(callRequest: CallRequest, now: number): Ring {
    const host = this.#host;
    return new Ring(callRequest, {
      session: this.id,
      startedAt: now,
      unreachableAfter: host.limits.unreachableAfter,
      after: (ms, from, due) => host.deadlines.add(from + ms, due),
      ticket: (leg, at) => host.ticket(this, leg, at),
      legFor: (device) => this.addLeg("callee", device),
      release: (leg) => this.release(leg),
      full: (device) => host.load(device) >= (device.capabilities.maxSessions ?? Number.POSITIVE_INFINITY),
      caller: () => this.caller,
      callerMayKnow: () => this.callerMaySee(),
      placed: () => this.placement !== undefined,
      wantPlacedOffer: (at) => void host.deadlines.add(at, (later) => wantPlacedOffer(this, later)),
      busy: (target) => host.busy(target),
      turned: (former, at) => host.turnedTo(this, former, at),
      over: (reason, at) => this.end(reason, at),
    });
  }

  get kind(): SessionKind {
    return this.stream?.role ?? (this.room === undefined ? "call" : "mesh");
  }

  get callRequest(): CallRequest {
    return this.ring.callRequest;
  }

  get state(): Phase["name"] {
    return this.phase.name;
  }

  get callee(): Leg | undefined {
    return this.phase.name === "active" ? this.phase.callee : undefined;
  }

  /** The callee's leg that has answered, final or not. */
  get answered(): Leg | undefined {
    return this.phase.name === "answering" ? this.phase.leg : this.callee;
  }

  /** What was asked and is not replied to yet: an accept, a move. */
  get waiting(): readonly PendingReply[] {
    const accepts = [
      ...(this.phase.name === "answering" ? [this.phase.reply] : []),
      ...(this.placement?.reply === undefined ? [] : [this.placement.reply]),
    ];
    return this.move === undefined ? accepts : [...accepts, this.move.reply];
  }

  // Legs

  /** The device's current leg: without one, an id is no authority. */
  legOf(device: Device): Leg | undefined {
    if (this.caller.device === device) return this.caller;
    const answered = this.answered;
    if (answered?.device === device) return answered;
    if (this.move?.leg.device === device) return this.move.leg;
    return this.ring.legOf(device);
  }

  /** The leg of that number, for a ticket. Only legs that outlive a link are found. */
  legById(id: number): Leg | undefined {
    return [this.caller, this.answered].find((leg) => leg?.id === id);
  }

  /** The leg of that device, whichever run of it holds it now. Only legs that outlive a link are found. */
  legFor(user: string, device: string): Leg | undefined {
    return [this.caller, this.answered].find((leg) => leg?.user === user && leg.deviceId === device);
  }

  /** Whose call rings at this leg, until the answer is final. */
  rungBy(leg: Leg): { user: string; device: string } | undefined {
    const rings = this.phase.name === "ringing" || this.phase.name === "answering";
    return rings && leg.side === "callee" ? this.caller.identity : undefined;
  }

  /** The legs that there are now, each once, the caller's first. */
  legs(): Leg[] {
    const legs = [this.caller, this.answered, this.move?.leg, ...this.ring.legs];
    return [...new Set(legs.filter((leg) => leg !== undefined))];
  }

  /** The devices that have part in it, the caller's first. */
  devices(): Device[] {
    const devices = this.legs().map(({ device }) => device);
    return [...new Set(devices.filter((device) => device !== undefined))];
  }

  // Ringing

  /** Rings one device, while there is a ring that it can join; `rings`: it rings already. */
  ringDevice(device: Device, now: number, rings = false): void {
    if (this.phase.name === "ringing") this.ring.device(device, now, rings);
  }

  /** Another ring than the one before: of the other party of a placed call. */
  ringAnew(callRequest: CallRequest, timeout: number, now: number): void {
    const former = this.ring.users;
    this.ring = this.#newRing(callRequest, now);
    this.ring.start(timeout, now);
    this.#host.ringsNext(this, former, now);
  }

  // Connected

  /** Makes the session active at once, without a ring: both ends agreed by other means (a room's mesh, a stream). */
  join(answerer: Device, now: number): void {
    const callee = this.addLeg("callee", answerer);
    this.pairs.current.answerer = callee;
    this.phase = { name: "active", callee };
    this.times.accepted = now;
    this.pairs.current.opens(now);
    for (const leg of [this.caller, callee]) leg.deliver(this.described(leg, now), now);
  }

  signal(leg: Leg, request: RequestOf<"signal">, now: number): Outcome {
    const { name } = this.phase;
    const { description } = request;
    const rings = name === "ringing" || name === "answering";
    const early = rings && this.ring.awaitsOffer && leg === this.caller && leg === this.pairs.current.offerer;
    if (description !== undefined && early) return this.pairs.earlyOffer(leg, request, this.ring, now);
    if (name === "ringing" && (leg !== this.caller || description !== undefined))
      return failed("wrong_state", "a description is sent with the call, or after the accept");
    if (request.refused === undefined) return this.pairs.signal(leg, request, now);
    const outcome = this.pairs.refuse(leg, request, now);
    if (outcome !== "hopeless") return outcome;
    // The first offer of a pair: without it there is no connection to go on with.
    if (request.pair !== this.pairs.current.number) this.move?.fail(now);
    else this.end("incompatible", now, { by: leg, detail: request.refused.reason });
    return done;
  }

  /** The move is done: the new pair is the session's, and the old device's leg ends. */
  commitMove(move: Move, now: number): void {
    this.move = undefined;
    this.pairs.commit();
    if (move.leg === move.from) return;
    const { user, deviceId: from } = move.from;
    this.#host.ports.emit({ type: "session_moved", session: this.id, user, from, to: move.leg.deviceId });
    const state = this.phase;
    if (state.name === "active" && state.callee === move.from) state.callee = move.leg;
    else this.caller = move.leg;
    this.#endLeg(move.from, { reason: "moved", device: move.leg.deviceId }, now);
  }

  abandonMove(move: Move, reason: WireReason | undefined, now: number): void {
    this.move = undefined;
    this.pairs.abandon();
    if (move.leg === move.from) return;
    if (reason === undefined) this.release(move.leg);
    else this.#endLeg(move.leg, { reason }, now);
  }

  hangup(leg: Leg, reason: "hangup" | "failed", detail: string | undefined, now: number): Outcome {
    if (this.move?.leg === leg && leg !== this.move.from) return this.move.decline(now);
    if (this.phase.name !== "active")
      return leg === this.caller ? this.answering.cancel(leg, now) : this.answering.decline(leg, {}, now);
    this.end(reason, now, { by: leg, except: leg, detail });
    return done;
  }

  report(leg: Leg, { stats }: RequestOf<"report">, now: number): Outcome {
    const pair = this.pairs.of(leg, stats.pair ?? this.pairs.current.number);
    leg.stats = stats;
    this.#host.ports.emit({ type: "report", session: this.id, user: leg.user, device: leg.deviceId, stats });
    if (pair === undefined) return done;
    if (stats.state === "connected") {
      pair.connected.add(leg);
      this.times.connected ??= now;
      this.move?.progressed(now);
    } else if ((stats.state === "failed" || stats.state === "closed") && pair === this.pairs.current) {
      pair.connected.delete(leg);
      const other = pair.other(leg);
      // The end of its media is all that a device says which says no hang-up.
      const silent = other?.device?.capabilities.hangup === false;
      if (silent && stats.state === "closed") this.end("hangup", now, { by: other });
      // Media and signaling of the other end are both gone: nobody is left to wait for.
      else if (silent || (other?.device === undefined && stats.state === "failed"))
        this.end("lost", now, silent ? { by: other } : {});
    }
    return done;
  }

  // What is told

  ticket(leg: Leg, now: number): string {
    return this.#host.ticket(this, leg, now);
  }

  /** The reply to the winner's accept; one whose link is another by now hears of it as a session found again. */
  tellWon(winner: Leg, pending: PendingReply, now: number, more: object = {}): void {
    if (pending.device === undefined || winner.device !== pending.device) {
      this.links.tellRecovered(winner, now);
      return;
    }
    pending.device.link.reply(pending.id, { ok: { ...this.wonBy(winner, now), ...more } }, now);
  }

  /** What the winner of a ring is told. */
  wonBy(winner: Leg, now: number): object {
    const { current } = this.pairs;
    const offers = current.offerer === winner ? { offer: true } : {};
    return { session: this.id, ...current.position, ticket: this.ticket(winner, now), ...offers };
  }

  /** The session as one end of it is told. */
  described(leg: Leg, now: number): Omit<PushOf<"session">, "seq"> {
    return sessionPush(this, leg, this.ticket(leg, now));
  }

  /** True where the caller may learn whether those who are rung are there. */
  callerMaySee(): boolean {
    // It is the application that calls.
    if (this.placement !== undefined) return true;
    const { device } = this.caller;
    return device !== undefined && this.ring.users.every((user) => this.#host.maySee(device, user));
  }

  // The end

  /** Ends the session, for every leg. */
  end(reason: WireReason, now: number, how: HowEnded = {}): void {
    const state = this.phase;
    if (state.name === "ended") return;
    const { by, except } = how;
    if (state.name === "answering")
      state.reply.device?.link.reply(state.reply.id, failed("not_confirmed"), now);
    const { reply } = this.placement ?? {};
    reply?.device?.link.reply(reply.id, failed("not_confirmed", "the other party is not there"), now);
    this.move?.abort(reason, now);
    const extra = endDetails(this, how);
    const callee = this.answered;
    for (const leg of [this.caller, callee])
      if (leg !== except) leg?.deliver({ type: "ended", session: this.id, reason, ...extra }, now);
    this.ring.stop(reason, extra, now);
    this.confirmEnd?.cancel();
    for (const leg of [this.caller, callee]) if (leg !== undefined) this.release(leg);
    const record = sessionRecord(this, this.times, { reason, by, at: now });
    this.phase = { name: "ended", reason };
    this.#host.ended(this, record);
  }

  #endLeg(leg: Leg, how: { reason: WireReason; device?: string }, now: number): void {
    leg.deliver({ type: "ended", session: this.id, ...how }, now);
    this.release(leg);
  }

  /** The leg does not ring any more. */
  leaveRing(leg: Leg): void {
    if (leg.device !== undefined) this.ring.remove(leg.device);
    this.release(leg);
  }

  /** The leg's device has no part in the session any more, or has it at another node (`goesOn`). */
  release(leg: Leg, goesOn = false): void {
    leg.lostAt?.cancel();
    leg.lostAt = undefined;
    if (leg.device !== undefined) this.#host.unbound(leg.device, this, goesOn);
  }

  /** A leg more, for that device. */
  addLeg(side: Side, device: Device): Leg {
    this.legCount += 1;
    this.#host.bound(device, this, this.legCount);
    return new Leg(this.legCount, side, device, device);
  }
}
