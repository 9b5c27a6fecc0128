import type { WireReason } from "../../protocol/end-reasons.ts";
import type { PushOf } from "../../protocol/pushes.ts";
import type { RequestOf } from "../../protocol/requests.ts";
import type { PeerInfo } from "../../protocol/values.ts";
import type { Device, LinkEnd, Outcome } from "../device.ts";
import { done, failed } from "../outcome.ts";
import { Leg, type PendingReply, type Side } from "./leg.ts";
import { Move, moveRefusal } from "./move.ts";
import { Pairs } from "./pairs.ts";
import { type CallRequest, Ring } from "./ring.ts";
import type { SessionHost } from "./session-host.ts";
import { acceptedPush, sessionPush } from "./session-pushes.ts";
import { sessionRecord } from "./session-record.ts";
import {
  type FindDevice,
  type MoveSnapshot,
  type ReplySnapshot,
  RestoredLegs,
  restoreReply,
  type SessionSnapshot,
} from "./session-snapshot.ts";
import { SessionState } from "./session-state.ts";

/** What is said of an end beside its reason. `except` knows already. */
interface HowEnded {
  readonly by?: Leg;
  readonly except?: Leg;
  readonly detail?: string | undefined;
}

/**
 * An attempt to connect two devices, and the connection that comes of it. This is the owner's side: the single
 * writer of a session. The owner is the node that took the call; it changes when that node drains or dies.
 *
 *     ringing ──accept──▶ answering ──confirm──▶ active ──hangup · lost──▶ ended(reason)
 *        └── declined · cancelled · no_answer · busy · unreachable · merged ──▶ ended(reason)
 *
 * The first accept is locked, the caller's confirm makes it final: there is at most one winner, and both ends agree
 * on it.
 */
export class Session extends SessionState {
  caller: Leg;
  readonly ring: Ring;
  readonly pairs: Pairs;
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
    super(host.limits, id, epoch, room, now);
    this.#host = host;
    this.caller = caller instanceof Leg ? caller : this.#leg("caller", caller);
    this.pairs = new Pairs(id, this.caller, host.limits);
    if (callRequest.description !== undefined) this.pairs.current.described(this.caller);
    this.ring = new Ring(callRequest, {
      session: id,
      startedAt: now,
      unreachableAfter: host.limits.unreachableAfter,
      after: (ms, from, due) => host.deadlines.add(from + ms, due),
      ticket: (leg, at) => host.ticket(this, leg, at),
      legFor: (device) => this.#leg("callee", device),
      release: (leg) => this.#release(leg),
      full: (device) => host.load(device) >= (device.capabilities.maxSessions ?? Number.POSITIVE_INFINITY),
      caller: () => this.caller,
      callerMayKnow: () => this.#callerMaySee(),
      over: (reason, at) => this.end(reason, at),
    });
  }

  // Ringing

  /** Rings one device, while there is a ring that it can join; `rings`: it rings already. */
  ringDevice(device: Device, now: number, rings = false): void {
    if (this.phase.name === "ringing") this.ring.device(device, now, rings);
  }

  alerting(leg: Leg, now: number): Outcome {
    if (this.phase.name === "active") return failed("wrong_state");
    if (leg.side === "caller") return failed("wrong_state", "only a callee's device rings");
    if (!leg.alerting && this.phase.name === "ringing" && this.caller.device !== undefined) {
      leg.alerting = true;
      // Only a device that is there can alert: who may not see presence does not hear of it.
      if (this.#callerMaySee())
        this.caller.deliver({ type: "ringing", session: this.id, device: leg.info }, now);
    }
    return done;
  }

  accept(leg: Leg, request: RequestOf<"accept">, now: number): Outcome | undefined {
    if (this.move?.leg === leg) return this.move.accept(now);
    if (leg.side === "caller") return failed("wrong_state", "only a callee's device accepts");
    const { device } = leg;
    if (device === undefined) return failed("no_session");
    if (this.phase.name !== "ringing") {
      // Asked again by a device that does not know what became of it, for the session has another owner since.
      if (this.waiting.some((reply) => reply.device === device && reply.id === request.id)) return undefined;
      if (this.answered === leg) return failed("wrong_state", "this device has already accepted");
      return failed("answered_elsewhere");
    }
    const { description } = request;
    const pair = this.pairs.current;
    pair.answerer = leg;
    const refusal = description === undefined ? undefined : pair.refusal(leg, description);
    if (refusal !== undefined) {
      pair.answerer = undefined;
      return { error: refusal };
    }
    if (description !== undefined) pair.described(leg);
    this.ring.remove(device);
    this.ring.pause();
    this.phase = { name: "answering", leg, reply: { device, id: request.id } };
    this.times.accepted = now;
    this.#awaitConfirm(this.limits.confirmTimeout, now);
    this.caller.deliver(acceptedPush(this, leg, description), now);
    return undefined;
  }

  confirm(leg: Leg, device: string, now: number): Outcome {
    if (leg !== this.caller) return failed("wrong_state", "only the caller confirms");
    const state = this.phase;
    // Sent again by a caller that did not hear the reply.
    const taken = (): Outcome => ({ ok: { ticket: this.ticket(leg, now) } });
    if (state.name === "active" && state.callee.deviceId === device) return taken();
    if (state.name !== "answering" || state.leg.deviceId !== device) return failed("wrong_state");
    const winner = state.leg;
    this.confirmEnd?.cancel();
    this.phase = { name: "active", callee: winner };
    this.#tellWon(winner, state.reply, now);
    this.ring.tellOffer(winner, now);
    this.ring.stop("answered_elsewhere", { device: winner.deviceId }, now);
    this.pairs.current.opens(now);
    if (this.offerLost)
      leg.deliver({ type: "resync", session: this.id, ...this.pairs.current.position }, now);
    this.offerLost = false;
    const after = (this.times.accepted ?? now) - this.times.started;
    this.#host.ports.emit({ type: "session_accepted", session: this.id, device: winner.deviceId, after });
    this.#host.activated(this, now);
    return taken();
  }

  #awaitConfirm(ms: number, now: number): void {
    this.confirmEnd = this.#host.deadlines.add(now + ms, (later) => this.end("unconfirmed", later));
  }

  decline(leg: Leg, request: Pick<RequestOf<"decline">, "everywhere" | "reason">, now: number): Outcome {
    if (this.move?.leg === leg && leg !== this.move.from) return this.move.decline(now);
    if (leg.side === "caller" || this.phase.name === "active")
      return failed("wrong_state", "nothing rings here");
    if (this.phase.name === "answering" && this.phase.leg === leg) {
      this.end("declined", now, { by: leg, except: leg });
      return done;
    }
    const { device } = leg;
    this.#leaveRing(leg);
    this.ring.refused(device, request.reason ?? "declined");
    if (this.phase.name !== "ringing") return done;
    // Once somebody has answered, everywhere is here: the answer is not this device's to take back.
    if (request.everywhere === true) {
      this.ring.stop("declined_elsewhere", { device: leg.deviceId }, now);
      this.end("declined", now, { by: leg });
    } else this.ring.settle(now);
    return done;
  }

  cancel(leg: Leg, now: number): Outcome {
    if (leg !== this.caller) return failed("wrong_state", "only the caller cancels");
    if (this.phase.name === "active") return this.hangup(leg, "hangup", undefined, now);
    const merged = this.crossing !== undefined && this.crossing.survivor !== this.id;
    this.end(merged ? "merged" : "cancelled", now, { by: leg, except: leg });
    return done;
  }

  // Connected

  /** Makes the session active at once, without a ring: both ends agreed by other means (a room's mesh). */
  join(answerer: Device, now: number): void {
    const callee = this.#leg("callee", answerer);
    this.pairs.current.answerer = callee;
    this.phase = { name: "active", callee };
    this.times.accepted = now;
    this.pairs.current.opens(now);
    for (const leg of [this.caller, callee]) leg.deliver(this.#described(leg, now), now);
  }

  signal(leg: Leg, request: RequestOf<"signal">, now: number): Outcome {
    const { name } = this.phase;
    const { description } = request;
    const early =
      leg === this.caller && this.ring.awaitsOffer && (name === "ringing" || name === "answering");
    if (description !== undefined && early) return this.#earlyOffer(leg, description, request, now);
    if (name === "ringing" && (leg.side === "callee" || description !== undefined))
      return failed("wrong_state", "a description is sent with the call, or after the accept");
    return this.pairs.signal(leg, request, now);
  }

  /** The offer of a caller that was asked for it: it goes to who needs it to ring, and to who answers. */
  #earlyOffer(
    leg: Leg,
    description: NonNullable<RequestOf<"signal">["description"]>,
    request: RequestOf<"signal">,
    now: number,
  ): Outcome {
    if (request.pair !== 1 || request.generation !== 1) return failed("stale_pair");
    if (description.type !== "offer") return failed("wrong_state", "it is an offer that was asked for");
    const refusal = this.pairs.current.refusal(leg, description);
    if (refusal !== undefined) return { error: refusal };
    this.pairs.current.described(leg);
    this.ring.offered(description, request.media, now);
    const { description: _, media: _notes, ...rest } = request;
    return this.pairs.signal(leg, rest, now);
  }

  startMove(
    leg: Leg,
    request: RequestOf<"move">,
    target: Device | undefined,
    now: number,
  ): Outcome | undefined {
    const { callee } = this;
    const { device } = leg;
    if (callee === undefined || device === undefined || (leg !== this.caller && leg !== callee))
      return failed("wrong_state", "only a connected call moves");
    if (target === undefined) return failed("no_device");
    const refusal = target === device ? undefined : moveRefusal(this, target);
    if (refusal !== undefined) return failed("wrong_state", refusal);
    const { reply: before } = this.move ?? {};
    if (before?.device === device && before.id === request.id) return undefined;
    if (before !== undefined) return failed("wrong_state", "the call is already moving");
    const peer = leg === this.caller ? callee : this.caller;
    const to = target === device ? leg : this.#leg(leg.side, target);
    const reply = { device, id: request.id };
    const plan = { from: leg, to, peer, pair: this.#openNext(peer, to), reply };
    this.move = new Move(this, this.#host, plan, now);
    this.move.start(now);
    return undefined;
  }

  /** The end that stays offers, unless it is one that answers offers only; the one that comes does so then. */
  #openNext(stays: Leg, comes: Leg) {
    return stays.device?.capabilities.needsOffer === true
      ? this.pairs.open(comes, stays)
      : this.pairs.open(stays, comes);
  }

  /** The move is done: the new pair is the session's, and the old device's leg ends. */
  commitMove(move: Move, now: number): void {
    this.move = undefined;
    this.pairs.commit();
    if (move.leg === move.from) return;
    const state = this.phase;
    if (state.name === "active" && state.callee === move.from) state.callee = move.leg;
    else this.caller = move.leg;
    this.#endLeg(move.from, { reason: "moved", device: move.leg.deviceId }, now);
  }

  abandonMove(move: Move, reason: WireReason | undefined, now: number): void {
    this.move = undefined;
    this.pairs.abandon();
    if (move.leg === move.from) return;
    if (reason === undefined) this.#release(move.leg);
    else this.#endLeg(move.leg, { reason }, now);
  }

  hangup(leg: Leg, reason: "hangup" | "failed", detail: string | undefined, now: number): Outcome {
    if (this.move?.leg === leg && leg !== this.move.from) return this.move.decline(now);
    if (this.phase.name !== "active")
      return leg === this.caller ? this.cancel(leg, now) : this.decline(leg, {}, now);
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
    } else if (stats.state === "failed" && pair === this.pairs.current) {
      pair.connected.delete(leg);
      // Media and signaling of the other end are both gone: nobody is left to wait for.
      if (pair.other(leg)?.device === undefined) this.end("lost", now);
    }
    return done;
  }

  // Links that come and go

  /** The leg's link was lost for now, or is back. */
  linkChanged(leg: Leg, link: "live" | "suspended" | "detached", now: number): void {
    if (this.phase.name !== "active") return;
    const peer = leg === this.caller ? this.callee : leg === this.callee ? this.caller : undefined;
    peer?.deliver({ type: "peer", session: this.id, link }, now);
  }

  /** The leg's device has closed its link, or lost it for good. */
  linkClosed(leg: Leg, why: LinkEnd, now: number): void {
    const { move } = this;
    if (leg.device === undefined) return;
    if (this.ring.legOf(leg.device) === leg) {
      this.#leaveRing(leg);
      if (this.phase.name === "ringing") this.ring.settle(now);
      return;
    }
    if (move !== undefined && move.leg === leg && leg !== move.from) {
      move.fail(now);
      return;
    }
    const left = why === "client" || why === "kicked";
    // Who leaves the device behind in the middle of a move is on the way to another one.
    if (this.phase.name === "active" && !(left && move?.from !== leg)) {
      this.#detach(leg, now);
      return;
    }
    const active = why === "kicked" ? "forbidden" : "closed";
    const reason = this.phase.name !== "active" && leg === this.caller ? "cancelled" : active;
    this.end(reason, now, { by: leg, except: leg });
  }

  /** A device has come back with this leg's ticket. */
  rebind(leg: Leg, device: Device, now: number): void {
    // Its next pair was with a page that is gone; the device comes back to the current one.
    if (this.move?.joins(leg)) this.move.fail(now);
    if (leg.device !== undefined) this.#host.unbound(leg.device, this);
    leg.bind(device);
    this.#host.bound(device, this, leg.id);
  }

  /** Tells a device of the session that its ticket found again. */
  tellRecovered(leg: Leg, now: number): void {
    leg.unaware = false;
    leg.deliver({ ...this.#described(leg, now), recovered: true }, now);
    if (leg === this.caller && this.phase.name !== "active") this.ring.tellWanted(now);
    this.tellPeerLink(leg, now);
    if (this.phase.name === "answering" && leg === this.caller)
      leg.deliver(acceptedPush(this, this.phase.leg), now);
  }

  /** Tells the other end what a newer ticket has told of the session; `reply` is that of an accept that waits. */
  tellLearned(device: Device | undefined, reply: ReplySnapshot | undefined, now: number): void {
    const leg = device === undefined ? undefined : this.legOf(device);
    if (device === undefined || leg === undefined) return;
    if (reply === undefined) this.tellRecovered(leg, now);
    else
      this.#tellWon(leg, { device: reply.link === device.link.id ? device : undefined, id: reply.id }, now);
  }

  /** Tells an end that is new how the other one's link is, where it is not live. */
  tellPeerLink(leg: Leg, now: number): void {
    const other = leg === this.caller ? this.callee : this.caller;
    if (this.phase.name !== "active" || other === undefined || other.device?.link.state === "live") return;
    const link = other.device === undefined ? "detached" : "suspended";
    leg.deliver({ type: "peer", session: this.id, link }, now);
  }

  #detach(leg: Leg, now: number): void {
    this.#host.unbound(leg.device!, this);
    leg.device = undefined;
    this.#awaitReturn(leg, this.limits.detachedTimeout, now);
    this.linkChanged(leg, "detached", now);
  }

  #awaitReturn(leg: Leg, ms: number, now: number): void {
    leg.lostAt = this.#host.deadlines.add(now + ms, (later) => this.end("lost", later, { by: leg }));
  }

  // Another node

  /**
   * Goes on with a session of another node, or of an earlier life of this one. A leg whose device is not found is
   * detached: the device has `limits.detachedTimeout` to come back. Tells nobody anything.
   */
  static restore(
    host: SessionHost,
    snapshot: SessionSnapshot,
    find: FindDevice,
    now: number,
    epoch: number,
  ): Session {
    const { callRequest, state, startedAgo, acceptedAgo, connectedAgo, room, move } = snapshot;
    const legs = new RestoredLegs(snapshot.legs, find);
    const caller = legs.get(snapshot.caller);
    const session = new Session(host, snapshot.id, caller, callRequest, now - startedAgo, room, epoch);
    session.legCount = snapshot.legCount;
    session.members = snapshot.members;
    session.key = snapshot.key;
    session.crossing = snapshot.crossing;
    session.offerLost = snapshot.offerLost === true;
    if (acceptedAgo !== undefined) session.times.accepted = now - acceptedAgo;
    if (connectedAgo !== undefined) session.times.connected = now - connectedAgo;
    session.pairs.restore(snapshot.pairs, legs);
    const rings = snapshot.ring.legs.map((leg) => legs.get(leg));
    session.ring.restore(snapshot.ring, rings, now);
    if (state.name === "active") session.phase = { name: "active", callee: legs.get(state.callee) };
    else if (state.name === "answering") {
      session.phase = {
        name: "answering",
        leg: legs.get(state.leg),
        reply: restoreReply(state.reply, find),
      };
      session.#awaitConfirm(state.confirmIn, now);
    }
    if (move !== undefined) session.#restoreMove(move, legs, find, now);
    const lostIn = new Map(snapshot.legs.map((leg) => [leg.id, leg.lostIn]));
    for (const leg of session.allLegs())
      if (leg.device !== undefined) host.bound(leg.device, session, leg.id);
      else if (leg === session.caller || leg === session.answered)
        session.#awaitReturn(leg, lostIn.get(leg.id) ?? host.limits.detachedTimeout, now);
    // Once who keeps the session knows it.
    host.deadlines.add(now, (later) => session.#settle(later));
    return session;
  }

  #restoreMove(snapshot: MoveSnapshot, legs: RestoredLegs, find: FindDevice, now: number): void {
    const { next } = this.pairs;
    if (next === undefined) return;
    const { from, to, peer, reply } = snapshot;
    const plan = { from: legs.get(from), to: legs.get(to), peer: legs.get(peer), pair: next };
    this.move = new Move(this, this.#host, { ...plan, reply: restoreReply(reply, find) }, now, snapshot);
  }

  /** Gives up what can't go on without devices that were not found. */
  #settle(now: number): void {
    const { move } = this;
    if (move !== undefined && move.leg !== move.from && move.leg.device === undefined) move.fail(now);
    if (this.phase.name === "ringing") this.ring.settle(now);
  }

  /**
   * Goes on at another node: this copy holds no device, and does and says nothing any more. Answers the devices that
   * had part in it.
   */
  retire(): Device[] {
    const legs = this.allLegs();
    const devices = this.devices();
    this.confirmEnd?.cancel();
    this.ring.retire();
    this.move?.retire();
    this.move = undefined;
    for (const leg of legs) {
      this.#release(leg, true);
      leg.device = undefined;
    }
    this.phase = { name: "ended", reason: "lost" };
    return devices;
  }

  /** What was asked and is not replied to yet: an accept, a move. */
  get waiting(): readonly PendingReply[] {
    const accept = this.phase.name === "answering" ? [this.phase.reply] : [];
    return this.move === undefined ? accept : [...accept, this.move.reply];
  }

  // What is told

  ticket(leg: Leg, now: number): string {
    return this.#host.ticket(this, leg, now);
  }

  /** The reply to the winner's accept; one whose link is another by now hears of it as a session found again. */
  #tellWon(winner: Leg, pending: PendingReply, now: number): void {
    if (pending.device === undefined || winner.device !== pending.device) {
      this.tellRecovered(winner, now);
      return;
    }
    const ok = { session: this.id, ...this.pairs.current.position, ticket: this.ticket(winner, now) };
    pending.device.link.reply(pending.id, { ok }, now);
  }

  #described(leg: Leg, now: number): Omit<PushOf<"session">, "seq"> {
    return sessionPush(this, leg, this.ticket(leg, now));
  }

  #callerMaySee(): boolean {
    const { device } = this.caller;
    return device !== undefined && this.#host.maySee(device, this.callRequest.user);
  }

  // The end

  /** Ends the session, for every leg. */
  end(reason: WireReason, now: number, how: HowEnded = {}): void {
    const state = this.phase;
    if (state.name === "ended") return;
    const { by, except, detail } = how;
    if (state.name === "answering")
      state.reply.device?.link.reply(state.reply.id, failed("not_confirmed"), now);
    this.move?.abort(reason, now);
    const extra: { by?: PeerInfo; detail?: string } = {};
    // A device that declines is nobody's business but its user's.
    if (by !== undefined)
      extra.by = state.name === "ringing" && by.side === "callee" ? { user: by.user } : by.identity;
    if (detail !== undefined) extra.detail = detail;
    const callee = this.answered;
    for (const leg of [this.caller, callee])
      if (leg !== except) leg?.deliver({ type: "ended", session: this.id, reason, ...extra }, now);
    this.ring.stop(reason, extra, now);
    this.confirmEnd?.cancel();
    for (const leg of [this.caller, callee]) if (leg !== undefined) this.#release(leg);
    const record = sessionRecord(this, this.times, { reason, by, at: now });
    this.phase = { name: "ended", reason };
    this.#host.ended(this, record);
  }

  #leaveRing(leg: Leg): void {
    if (leg.device !== undefined) this.ring.remove(leg.device);
    this.#release(leg);
  }

  #endLeg(leg: Leg, how: { reason: WireReason; device?: string }, now: number): void {
    leg.deliver({ type: "ended", session: this.id, ...how }, now);
    this.#release(leg);
  }

  #release(leg: Leg, goesOn = false): void {
    leg.lostAt?.cancel();
    leg.lostAt = undefined;
    if (leg.device !== undefined) this.#host.unbound(leg.device, this, goesOn);
  }

  #leg(side: Side, device: Device): Leg {
    this.legCount += 1;
    this.#host.bound(device, this, this.legCount);
    return new Leg(this.legCount, side, device, device);
  }
}
