import type { WireReason } from "../protocol/end-reasons.ts";
import { type WireCode, wireError } from "../protocol/error-codes.ts";
import type { Limits } from "../protocol/limits.ts";
import type { PushBody, PushOf } from "../protocol/pushes.ts";
import type { RequestOf } from "../protocol/requests.ts";
import type { MediaWanted } from "../protocol/values.ts";
import type { Deadline, Deadlines } from "../shared/deadlines.ts";
import type { Device, Outcome } from "./device.ts";
import type { SessionRecord } from "./events.ts";
import { Leg, type PendingReply } from "./leg.ts";
import type { LinkEnd } from "./links.ts";
import { Move } from "./move.ts";
import { Pair } from "./pair.ts";
import type { Ports } from "./ports.ts";

/** What a session needs of who keeps it. */
export interface SessionHost {
  readonly limits: Limits;
  readonly ports: Ports;
  readonly deadlines: Deadlines;
  /** True when this device may see whether the user is there, and with which devices. */
  maySee(device: Device, user: string): boolean;
  /** How many sessions the device has part in. */
  load(device: Device): number;
  ticket(session: Session, leg: Leg, now: number): string;
  bound(device: Device, session: Session): void;
  unbound(device: Device, session: Session): void;
  activated(session: Session, now: number): void;
  ended(session: Session, record: SessionRecord): void;
}

/** What a caller asked for. */
export interface Ring {
  readonly to: string;
  readonly user: string;
  /** The only device that is rung, where the address names one. */
  readonly device: string | undefined;
  readonly media: MediaWanted | undefined;
  /** The caller's offer, kept for devices that arrive late. */
  description: RequestOf<"call">["description"];
  readonly data: unknown;
}

type State =
  | { readonly name: "ringing" }
  | { readonly name: "answering"; readonly leg: Leg; readonly reply: PendingReply }
  | { readonly name: "active"; callee: Leg }
  | { readonly name: "ended"; readonly reason: WireReason };

export const done: Outcome = { ok: {} };
export const failed = (code: WireCode, message?: string): Outcome => ({ error: wireError(code, message) });

/** Of several legs' refusals the caller hears the one that says most (research: declined > busy > incompatible). */
const refusalRank: readonly WireReason[] = ["declined", "busy", "incompatible", "unreachable"];

/**
 * An attempt to connect two devices, and the connection that comes of it. This is the owner's side: the single
 * writer of a session, on the node of the caller's link.
 *
 *     ringing ──accept──▶ answering ──confirm──▶ active ──hangup · lost──▶ ended(reason)
 *        └── declined · cancelled · no_answer · busy · unreachable · merged ──▶ ended(reason)
 *
 * A ring has one leg per device. The first accept is locked, the caller's confirm makes it final: there is at most
 * one winner, and both ends agree on it.
 */
export class Session {
  readonly id: string;
  readonly kind: "call" | "mesh";
  /** Rises when another node takes the session over. */
  readonly epoch = 1;
  caller: Leg;
  readonly ring: Ring;
  readonly room: string | undefined;
  /** The ids of the two members, caller first, where the session belongs to a room's mesh. */
  members: readonly [string, string] | undefined;
  readonly startedAt: number;
  pair: Pair;
  move: Move | undefined;
  /** What the caller named the call. */
  key: string | undefined;
  /** The session that goes on in place of this one, when two calls cross. */
  survivor: Session | undefined;
  readonly #host: SessionHost;
  #state: State = { name: "ringing" };
  /** Legs that ring, by device. */
  readonly #ringing = new Map<Device, Leg>();
  readonly #rung: string[] = [];
  #legs = 0;
  /** Pairs so far. A number is used once: what was sent for a move that failed must not reach the next one. */
  #pairs = 1;
  #refusal: WireReason | undefined;
  #ringEnd: Deadline | undefined;
  #confirmEnd: Deadline | undefined;
  #unreachableEnd: Deadline | undefined;
  #acceptedAt: number | undefined;
  #connectedAt: number | undefined;
  #generations = 1;

  constructor(
    host: SessionHost,
    id: string,
    kind: "call" | "mesh",
    caller: Device,
    ring: Ring,
    now: number,
    room?: string,
  ) {
    this.#host = host;
    this.id = id;
    this.kind = kind;
    this.ring = ring;
    this.room = room;
    this.startedAt = now;
    this.caller = this.#leg("caller", caller);
    this.pair = new Pair(1, id, this.caller, undefined, host.limits);
    if (ring.description !== undefined) this.pair.described(this.caller);
  }

  get state(): State["name"] {
    return this.#state.name;
  }

  get reason(): WireReason | undefined {
    return this.#state.name === "ended" ? this.#state.reason : undefined;
  }

  get callee(): Leg | undefined {
    return this.#state.name === "active" ? this.#state.callee : undefined;
  }

  /** The callee's leg that has answered, final or not. */
  get answered(): Leg | undefined {
    return this.#state.name === "answering" ? this.#state.leg : this.callee;
  }

  get ringingDevices(): Iterable<Device> {
    return this.#ringing.keys();
  }

  /** The device's current leg: without one, an id is no authority. */
  legOf(device: Device): Leg | undefined {
    if (this.caller.device === device) return this.caller;
    const answered = this.answered;
    if (answered?.device === device) return answered;
    if (this.move?.leg.device === device) return this.move.leg;
    return this.#ringing.get(device);
  }

  /** The leg of that number, for a ticket. Only legs that outlive a link are found. */
  legById(id: number): Leg | undefined {
    return [this.caller, this.answered].find((leg) => leg?.id === id);
  }

  /** True when both devices are the two ends of this session. */
  joins(one: Device, two: Device): boolean {
    const ends = [this.caller.device, this.callee?.device];
    return ends.includes(one) && ends.includes(two);
  }

  // Ringing

  /** Starts the clock of the ring. */
  startRinging(timeout: number, now: number): void {
    this.#ringEnd = this.#host.deadlines.add(now + timeout, (later) => this.#allEnd("no_answer", later));
  }

  /** Rings one device, if it may ring and does not already. */
  ringDevice(device: Device, now: number): Leg | undefined {
    const { ring } = this;
    if (this.#state.name !== "ringing" || this.#ringing.has(device) || device === this.caller.device)
      return undefined;
    if (device.user !== ring.user || (ring.device !== undefined && ring.device !== device.id))
      return undefined;
    const most = device.capabilities.maxSessions;
    if (most !== undefined && this.#host.load(device) >= most) {
      this.#refused("busy");
      return undefined;
    }
    const leg = this.#leg("callee", device);
    this.#ringing.set(device, leg);
    this.#unreachableEnd?.cancel();
    this.#unreachableEnd = undefined;
    if (this.#rung.length < this.#host.limits.devicesPerUser * 4) this.#rung.push(device.id);
    const push: PushBody = {
      type: "incoming",
      session: this.id,
      ticket: this.#host.ticket(this, leg, now),
      from: this.caller.info,
      to: ring.to,
      age: now - this.startedAt,
      expires: Math.max(0, (this.#ringEnd?.at ?? now) - now),
      pair: this.pair.number,
      generation: this.pair.generation,
      offer: false,
    };
    if (ring.media !== undefined) push.media = ring.media;
    if (ring.description !== undefined) push.description = ring.description;
    if (ring.data !== undefined) push.data = ring.data;
    leg.deliver(push, now);
    return leg;
  }

  /** After devices were rung, or stopped: a ring without any is given up, if the caller may know. */
  settleRing(now: number): void {
    if (this.#state.name !== "ringing" || this.#ringing.size > 0 || this.#unreachableEnd !== undefined)
      return;
    if (this.#refusal !== undefined && this.#refusal !== "unreachable") {
      this.#allEnd(this.#refusal, now);
      return;
    }
    // Who may not see presence learns nothing: the call rings on and ends no_answer.
    const caller = this.caller.device;
    if (caller === undefined || !this.#host.maySee(caller, this.ring.user)) return;
    this.#unreachableEnd = this.#host.deadlines.add(now + this.#host.limits.unreachableAfter, (later) =>
      this.#allEnd("unreachable", later),
    );
  }

  alerting(leg: Leg, now: number): Outcome {
    if (this.#state.name === "active") return failed("wrong_state");
    if (leg.side === "caller") return failed("wrong_state", "only a callee's device rings");
    const caller = this.caller.device;
    if (!leg.alerting && this.#state.name === "ringing" && caller !== undefined) {
      leg.alerting = true;
      if (this.#host.maySee(caller, this.ring.user))
        caller.link.deliver({ type: "ringing", session: this.id, device: leg.info }, now);
    }
    return done;
  }

  accept(leg: Leg, request: RequestOf<"accept">, now: number): Outcome | undefined {
    if (this.move?.leg === leg) return this.move.accept(now);
    if (leg.side === "caller") return failed("wrong_state", "only a callee's device accepts");
    const device = leg.device;
    if (device === undefined) return failed("no_session");
    if (this.#state.name !== "ringing") {
      if (this.answered === leg) return failed("wrong_state", "this device has already accepted");
      return failed("answered_elsewhere");
    }
    const { description } = request;
    this.pair.answerer = leg;
    const refusal = description === undefined ? undefined : this.pair.refusal(leg, description);
    if (refusal !== undefined) {
      this.pair.answerer = undefined;
      return { error: refusal };
    }
    this.#ringing.delete(device);
    this.#state = { name: "answering", leg, reply: { device, id: request.id } };
    this.#acceptedAt = now;
    this.#confirmEnd = this.#host.deadlines.add(now + this.#host.limits.confirmTimeout, (later) =>
      this.#allEnd("unconfirmed", later),
    );
    const push: PushBody = {
      type: "accepted",
      session: this.id,
      device: leg.deviceId,
      peer: leg.info,
      pair: this.pair.number,
      generation: this.pair.generation,
    };
    if (description !== undefined) {
      push.description = description;
      this.pair.described(leg);
    }
    this.caller.deliver(push, now);
    return undefined;
  }

  confirm(leg: Leg, device: string, now: number): Outcome {
    if (leg !== this.caller) return failed("wrong_state", "only the caller confirms");
    const state = this.#state;
    // Sent again by a caller that did not hear the reply.
    if (state.name === "active" && state.callee.deviceId === device) return done;
    if (state.name !== "answering" || state.leg.deviceId !== device) return failed("wrong_state");
    const winner = state.leg;
    this.#stopClocks();
    this.#state = { name: "active", callee: winner };
    this.ring.description = undefined;
    this.#reply(state.reply, winner, now);
    for (const loser of this.#ringing.values())
      this.#endLeg(loser, "answered_elsewhere", now, { device: winner.deviceId });
    this.#ringing.clear();
    this.pair.opens(now);
    this.#host.ports.emit({
      type: "session_accepted",
      session: this.id,
      device: winner.deviceId,
      after: (this.#acceptedAt ?? now) - this.startedAt,
    });
    this.#host.activated(this, now);
    return done;
  }

  /** The callee's reply to its accept; one whose link is another by now hears of it as a session found again. */
  #reply(pending: PendingReply, winner: Leg, now: number): void {
    if (winner.device === pending.device) {
      const ok = { session: this.id, pair: this.pair.number, generation: this.pair.generation };
      pending.device.link.reply(pending.id, { ok }, now);
    } else this.tellRecovered(winner, now);
  }

  decline(leg: Leg, request: RequestOf<"decline">, now: number): Outcome {
    if (this.move?.leg === leg && leg !== this.move.from) return this.move.decline(now);
    if (leg.side === "caller" || this.#state.name === "active")
      return failed("wrong_state", "nothing rings here");
    const by = { by: { user: leg.user } };
    if (this.#state.name === "answering" && this.#state.leg === leg) {
      this.end("declined", now, { by: leg, except: leg });
      return done;
    }
    const device = leg.device!;
    this.#ringing.delete(device);
    this.#host.unbound(device, this);
    this.#refused(request.reason ?? "declined");
    // Once somebody has answered, everywhere is here: the answer is not this device's to take back.
    if (request.everywhere === true && this.#state.name === "ringing") {
      for (const other of this.#ringing.values())
        this.#endLeg(other, "declined_elsewhere", now, { device: leg.deviceId });
      this.#ringing.clear();
      this.caller.deliver({ type: "ended", session: this.id, reason: "declined", ...by }, now);
      this.#finish("declined", leg, now);
    } else this.settleRing(now);
    return done;
  }

  cancel(leg: Leg, now: number): Outcome {
    if (leg !== this.caller) return failed("wrong_state", "only the caller cancels");
    if (this.#state.name === "active") return this.hangup(leg, "hangup", undefined, now);
    this.end(this.survivor === undefined ? "cancelled" : "merged", now, { by: leg, except: leg });
    return done;
  }

  // Connected

  /** Makes the session active at once, without a ring: both ends agreed by other means (a room's mesh). */
  join(answerer: Device, now: number): Leg {
    const callee = this.#leg("callee", answerer);
    this.pair.answerer = callee;
    this.#state = { name: "active", callee };
    this.#acceptedAt = now;
    this.pair.opens(now);
    return callee;
  }

  /** Tells both ends of a session that nobody rang. */
  tellJoined(caller: Leg, callee: Leg, now: number): void {
    for (const leg of [caller, callee]) leg.deliver(this.#described(leg, now), now);
  }

  signal(leg: Leg, request: RequestOf<"signal">, now: number): Outcome {
    if (this.#state.name === "ringing" && (leg.side === "callee" || request.description !== undefined))
      return failed("wrong_state", "a description is sent with the call, or after the accept");
    const pair = this.#pairOf(leg, request.pair);
    if (pair === undefined) {
      // Candidates of a pair that a move has closed are simply late.
      const late = request.pair <= this.#pairs && request.description === undefined;
      return late ? done : failed("stale_pair");
    }
    if (pair !== this.pair && !pair.open)
      return failed("wrong_state", "the pair opens when the device has accepted");
    return pair.relay(leg, request, now);
  }

  restart(leg: Leg, request: RequestOf<"restart">, now: number): Outcome | undefined {
    const pair = this.#pairOf(leg, request.pair);
    if (pair === undefined) return failed("stale_pair");
    if (!pair.open) return failed("wrong_state");
    const offerer = pair.restartOfferer();
    const told = { pair: pair.number, generation: pair.generation, offer: leg === offerer };
    if (request.generation === pair.generation - 1) return { ok: told };
    if (request.generation !== pair.generation)
      return failed("stale_generation", `the generation is ${pair.generation}`);
    pair.restart();
    this.#generations += 1;
    leg.device?.link.reply(request.id, { ok: { ...told, generation: pair.generation } }, now);
    for (const end of [leg, pair.other(leg)]) {
      const push = { type: "restart", session: this.id, ...told, generation: pair.generation } as const;
      end?.deliver({ ...push, offer: end === offerer }, now);
    }
    return undefined;
  }

  resync(leg: Leg, request: RequestOf<"resync">, now: number): Outcome {
    const pair = this.#pairOf(leg, request.pair);
    if (pair === undefined) return failed("stale_pair");
    pair
      .other(leg)
      ?.deliver({ type: "resync", session: this.id, pair: pair.number, generation: pair.generation }, now);
    return done;
  }

  startMove(
    leg: Leg,
    request: RequestOf<"move">,
    target: Device | undefined,
    now: number,
  ): Outcome | undefined {
    const callee = this.callee;
    const device = leg.device;
    if (callee === undefined || device === undefined || (leg !== this.caller && leg !== callee))
      return failed("wrong_state", "only a connected call moves");
    if (target === undefined) return failed("no_device");
    if (target !== device && this.kind === "mesh")
      return failed("wrong_state", "a session of a room's mesh stays where its member is");
    if (target !== device && this.legOf(target) !== undefined)
      return failed("wrong_state", "that device is the other end of the call");
    if (this.move !== undefined) return failed("wrong_state", "the call is already moving");
    const peer = leg === this.caller ? callee : this.caller;
    const to = target === device ? leg : this.#leg(leg.side, target);
    this.#pairs += 1;
    const pair = new Pair(this.#pairs, this.id, peer, to, this.#host.limits);
    this.move = new Move(
      this,
      this.#host,
      { from: leg, to, peer, pair, reply: { device, id: request.id } },
      now,
    );
    this.move.start(now);
    return undefined;
  }

  /** The move is done: the new pair is the session's, and the old device's leg ends. */
  commitMove(move: Move, now: number): void {
    this.move = undefined;
    this.pair = move.pair;
    const state = this.#state;
    if (move.leg !== move.from) {
      if (state.name === "active" && state.callee === move.from) state.callee = move.leg;
      else this.caller = move.leg;
      this.#endLeg(move.from, "moved", now, { device: move.leg.deviceId });
    }
  }

  abandonMove(move: Move, reason: WireReason | undefined, now: number): void {
    this.move = undefined;
    if (move.leg === move.from) return;
    if (reason === undefined) this.#release(move.leg);
    else this.#endLeg(move.leg, reason, now);
  }

  hangup(leg: Leg, reason: "hangup" | "failed", detail: string | undefined, now: number): Outcome {
    if (this.move?.leg === leg && leg !== this.move.from) return this.move.decline(now);
    if (this.#state.name !== "active") {
      return leg === this.caller
        ? this.cancel(leg, now)
        : this.decline(leg, { id: 0, type: "decline", session: this.id }, now);
    }
    this.end(reason, now, { by: leg, except: leg, ...(detail === undefined ? {} : { detail }) });
    return done;
  }

  report(leg: Leg, request: RequestOf<"report">, now: number): Outcome {
    const { stats } = request;
    const pair = this.#pairOf(leg, stats.pair ?? this.pair.number);
    leg.stats = stats;
    this.#host.ports.emit({ type: "report", session: this.id, user: leg.user, device: leg.deviceId, stats });
    if (pair === undefined) return done;
    if (stats.state === "connected") {
      pair.connected.add(leg);
      this.#connectedAt ??= now;
      this.move?.progressed(now);
    } else if (stats.state === "failed" && pair === this.pair) {
      pair.connected.delete(leg);
      // Media and signaling of the other end are both gone: nobody is left to wait for.
      if (pair.other(leg)?.device === undefined) this.end("lost", now, {});
    }
    return done;
  }

  // Links that come and go

  linkSuspended(leg: Leg, now: number): void {
    this.#tellPeer(leg, "suspended", now);
  }

  linkLive(leg: Leg, now: number): void {
    this.#tellPeer(leg, "live", now);
  }

  /** The leg's device has closed its link, or lost it for good. */
  linkClosed(leg: Leg, why: LinkEnd, now: number): void {
    const device = leg.device;
    if (device === undefined) return;
    if (this.#ringing.delete(device)) {
      this.#host.unbound(device, this);
      this.settleRing(now);
      return;
    }
    const { move } = this;
    if (move !== undefined && move.leg === leg && leg !== move.from) {
      move.fail(now);
      return;
    }
    const left = why === "client" || why === "kicked";
    if (this.#state.name === "active" && !(left && move?.from !== leg)) {
      this.#detach(leg, now);
      return;
    }
    if (this.#state.name === "active")
      this.end(why === "kicked" ? "forbidden" : "closed", now, { by: leg, except: leg });
    else if (leg === this.caller) this.end("cancelled", now, { by: leg, except: leg });
    else this.end("closed", now, { by: leg, except: leg });
  }

  /** A device has come back with this leg's ticket. */
  rebind(leg: Leg, device: Device, now: number): void {
    // Its next pair was with a page that is gone; the device comes back to the current one.
    if (this.move?.joins(leg)) this.move.fail(now);
    if (leg.device !== undefined) this.#host.unbound(leg.device, this);
    leg.bind(device);
    this.#host.bound(device, this);
  }

  /** Tells a device of the session that its ticket found again. */
  tellRecovered(leg: Leg, now: number): void {
    leg.deliver({ ...this.#described(leg, now), recovered: true }, now);
    this.tellPeerLink(leg, now);
    if (this.#state.name === "answering" && leg === this.caller) this.#tellAcceptedAgain(now);
  }

  /** The session as this end sees it. */
  #described(leg: Leg, now: number): Omit<PushOf<"session">, "seq"> {
    const outgoing = leg.side === "caller";
    const other = outgoing ? this.answered : this.caller;
    const push: Omit<PushOf<"session">, "seq"> = {
      type: "session",
      session: this.id,
      ticket: this.#host.ticket(this, leg, now),
      peer: other?.info ?? { user: this.ring.user },
      pair: this.pair.number,
      generation: this.pair.generation,
      offer: this.pair.offerer === leg,
      state: this.#state.name === "active" ? "active" : "ringing",
      direction: outgoing ? "out" : "in",
    };
    if (this.ring.media !== undefined) push.media = this.ring.media;
    if (this.room !== undefined) push.room = this.room;
    if (this.members !== undefined) push.member = this.members[outgoing ? 1 : 0];
    return push;
  }

  #tellAcceptedAgain(now: number): void {
    const winner = this.answered!;
    const { number: pair, generation } = this.pair;
    this.caller.deliver(
      { type: "accepted", session: this.id, device: winner.deviceId, peer: winner.info, pair, generation },
      now,
    );
  }

  #detach(leg: Leg, now: number): void {
    this.#host.unbound(leg.device!, this);
    leg.device = undefined;
    leg.lostAt = this.#host.deadlines.add(now + this.#host.limits.detachedTimeout, (later) =>
      this.end("lost", later, { by: leg }),
    );
    this.#tellPeer(leg, "detached", now);
  }

  /** Tells an end that is new how the other one's link is, where it is not live. */
  tellPeerLink(leg: Leg, now: number): void {
    const other = leg === this.caller ? this.callee : this.caller;
    if (this.#state.name !== "active" || other === undefined || other.device?.link.state === "live") return;
    const link = other.device === undefined ? "detached" : "suspended";
    leg.deliver({ type: "peer", session: this.id, link }, now);
  }

  #tellPeer(leg: Leg, link: "live" | "suspended" | "detached", now: number): void {
    if (this.#state.name !== "active") return;
    const peer = leg === this.caller ? this.callee : leg === this.callee ? this.caller : undefined;
    peer?.deliver({ type: "peer", session: this.id, link }, now);
  }

  // The end

  /** Ends the session for every leg but `except`. */
  end(reason: WireReason, now: number, how: { by?: Leg; except?: Leg; detail?: string }): void {
    if (this.#state.name === "ended") return;
    const { by, except, detail } = how;
    const extra: { by?: { user: string; device: string }; detail?: string } = {};
    if (by !== undefined) extra.by = by.identity;
    if (detail !== undefined) extra.detail = detail;
    if (this.#state.name === "answering") {
      const { reply } = this.#state;
      reply.device.link.reply(reply.id, failed("not_confirmed"), now);
    }
    this.move?.abort(reason, now);
    for (const leg of [this.caller, this.answered, ...this.#ringing.values()]) {
      if (leg === undefined || leg === except) continue;
      leg.deliver({ type: "ended", session: this.id, reason, ...extra }, now);
    }
    this.#finish(reason, by, now);
  }

  #allEnd(reason: WireReason, now: number): void {
    this.end(reason, now, {});
  }

  #finish(reason: WireReason, by: Leg | undefined, now: number): void {
    const callee = this.answered;
    this.#stopClocks();
    for (const leg of [this.caller, callee, ...this.#ringing.values()])
      if (leg !== undefined) this.#release(leg);
    this.#ringing.clear();
    this.#state = { name: "ended", reason };
    this.#host.ended(this, this.#record(reason, callee, by, now));
  }

  #record(reason: WireReason, callee: Leg | undefined, by: Leg | undefined, now: number): SessionRecord {
    const stats: { caller?: NonNullable<Leg["stats"]>; callee?: NonNullable<Leg["stats"]> } = {};
    if (this.caller.stats !== undefined) stats.caller = this.caller.stats;
    if (callee?.stats !== undefined) stats.callee = callee.stats;
    return {
      session: this.id,
      kind: this.kind,
      caller: this.caller.identity,
      callee: callee?.identity ?? { user: this.ring.user },
      ...(this.room === undefined ? {} : { room: this.room }),
      startedAt: this.startedAt,
      ...(this.#acceptedAt === undefined ? {} : { acceptedAt: this.#acceptedAt }),
      ...(this.#connectedAt === undefined ? {} : { connectedAt: this.#connectedAt }),
      endedAt: now,
      reason,
      ...(by === undefined ? {} : { by: by.identity }),
      rung: this.#rung,
      pairs: this.#pairs,
      generations: this.#generations,
      lastStats: stats,
    };
  }

  #endLeg(leg: Leg, reason: WireReason, now: number, extra: { device?: string } = {}): void {
    leg.deliver({ type: "ended", session: this.id, reason, ...extra }, now);
    this.#release(leg);
  }

  #release(leg: Leg): void {
    leg.lostAt?.cancel();
    leg.lostAt = undefined;
    if (leg.device !== undefined) this.#host.unbound(leg.device, this);
  }

  #leg(side: "caller" | "callee", device: Device): Leg {
    this.#legs += 1;
    this.#host.bound(device, this);
    return new Leg(this.#legs, side, device);
  }

  #refused(reason: WireReason): void {
    if (this.#refusal === undefined || refusalRank.indexOf(reason) < refusalRank.indexOf(this.#refusal))
      this.#refusal = reason;
  }

  #pairOf(leg: Leg, number: number): Pair | undefined {
    if (this.pair.number === number && (this.pair.has(leg) || leg === this.caller)) return this.pair;
    const next = this.move?.pair;
    return next?.number === number && next.has(leg) ? next : undefined;
  }

  #stopClocks(): void {
    this.#ringEnd?.cancel();
    this.#confirmEnd?.cancel();
    this.#unreachableEnd?.cancel();
  }
}
