import type { WireReason } from "../../protocol/end-reasons.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import type { RequestOf } from "../../protocol/requests.ts";
import type { MediaNotes, MediaWanted } from "../../protocol/values.ts";
import { type Deadline, dueIn } from "../../shared/deadlines.ts";
import type { Device } from "../device.ts";
import type { Leg } from "./leg.ts";
import { RingPlan, type RingStep, type RingTarget } from "./ring-plan.ts";
import type { RingSnapshot } from "./session-snapshot.ts";

/** What a caller asked for. */
export interface CallRequest {
  readonly to: string;
  readonly user: string;
  /** The only device that is rung, where the address names one. */
  readonly device: string | undefined;
  readonly media: MediaWanted | undefined;
  readonly description: RequestOf<"call">["description"];
  readonly data: unknown;
  /** False: the caller makes no offer; the device that answers does. */
  readonly offers?: boolean;
  /** Rings nobody: the callee has as many rings as it may, and the caller may not know that. */
  readonly muted?: boolean;
  /** Whom it rings, one after the other; `user` is then whom the caller has called. */
  readonly plan?: readonly RingStep[];
}

/** What a ring needs of its session. */
export interface RingHost {
  readonly session: string;
  readonly startedAt: number;
  readonly unreachableAfter: number;
  after(ms: number, now: number, due: (now: number) => void): Deadline;
  ticket(leg: Leg, now: number): string;
  /** Makes a leg for a device of the callee; ends it again. */
  legFor(device: Device): Leg;
  release(leg: Leg): void;
  /** True when the device holds as many sessions as it can. */
  full(device: Device): boolean;
  /** The caller as the callees see it, and whether it may know if anybody is there. */
  caller(): Leg;
  callerMayKnow(): boolean;
  /** True for a call that the application has placed. */
  placed(): boolean;
  /** Has the caller of such a call make its offer, where it has accepted and can. */
  wantPlacedOffer(now: number): void;
  /** How many sessions the target's devices have; infinite where none is online. */
  busy(target: RingTarget): number;
  /** Others ring from now on than these. */
  turned(former: readonly string[], now: number): void;
  /** The ring is over without an answer. */
  over(reason: WireReason, now: number): void;
}

/** Of several legs' refusals the caller hears the one that says most. */
const refusalRank: readonly WireReason[] = ["declined", "busy", "incompatible"];
/** Names of rung devices that a record keeps. */
const maxRung = 64;

/** The ring of a call: one leg per device of the callee, those that arrive late too, until one of them answers. */
export class Ring {
  readonly callRequest: CallRequest;
  /** Devices that were rung, for the record. */
  readonly rung: string[] = [];
  readonly #host: RingHost;
  readonly #legs = new Map<Device, Leg>();
  /** Links of devices that will not answer: they are not asked again, wherever the ring goes on. */
  readonly #refusing = new Set<string>();
  #offer: CallRequest["description"];
  /** Notes on the media of an offer that came after the call. */
  #notes: MediaNotes | undefined;
  #asked = false;
  /** What people have answered: every caller hears it. */
  #refusal: WireReason | undefined;
  /** Why devices could not ring, or refused by themselves: only a caller who may watch the callee hears it. */
  #automaticRefusal: WireReason | undefined;
  #end: Deadline | undefined;
  #unreachable: Deadline | undefined;
  /** Undefined: the call rings one target, for all of its time. */
  readonly #plan: RingPlan | undefined;
  #turnEnd: Deadline | undefined;
  #targets: readonly RingTarget[];
  #users: readonly string[];

  constructor(callRequest: CallRequest, host: RingHost) {
    const { plan, user, device, description } = callRequest;
    this.callRequest = callRequest;
    this.#offer = description;
    this.#host = host;
    this.#plan = plan && new RingPlan(plan);
    this.#targets = plan === undefined ? [{ user, device }] : [];
    this.#users = plan === undefined ? [user] : [];
  }

  /** Whom the call rings now. */
  get targets(): readonly RingTarget[] {
    return this.#targets;
  }

  /** The same, by users, each once. Another list with every turn of a plan. */
  get users(): readonly string[] {
    return this.#users;
  }

  /** True when a device rings that hears of it now, and not only when it comes back. */
  get isHeard(): boolean {
    for (const { device } of this.#legs.values())
      if (device?.online === true && device.link.state === "live") return true;
    return false;
  }

  /** Goes on to the next turn of the plan. False: there is none. */
  nextTurn(now: number): boolean {
    const ms = this.#plan?.next((target) => this.#host.busy(target));
    if (this.#plan === undefined || ms === undefined) return false;
    const former = this.#users;
    this.#turnEnd?.cancel();
    this.#unreachable?.cancel();
    this.#unreachable = undefined;
    // The outcome of the last turn is that of the call.
    this.#refusal = undefined;
    this.#automaticRefusal = undefined;
    this.#endLegs(() => true, "no_answer", {}, now);
    this.#take(this.#plan.turn.targets);
    this.#turnEnd = this.#host.after(ms, now, (later) => this.#turnOver(later));
    this.#host.turned(former, now);
    return true;
  }

  /** Ends the rings of one user, who has declined on one of the devices. */
  stopUser(user: string, device: string, now: number): void {
    this.#endLegs((leg) => leg.user === user, "declined_elsewhere", { device }, now);
  }

  #take(targets: readonly RingTarget[]): void {
    this.#targets = targets;
    this.#users = [...new Set(targets.map(({ user }) => user))];
  }

  #turnOver(now: number): void {
    if (!this.nextTurn(now)) this.#host.over(this.#refusal ?? "no_answer", now);
  }

  #endLegs(which: (leg: Leg) => boolean, reason: WireReason, extra: object, now: number): void {
    for (const [device, leg] of [...this.#legs]) {
      if (!which(leg)) continue;
      this.#legs.delete(device);
      leg.deliver({ type: "ended", session: this.#host.session, reason, ...extra }, now);
      this.#host.release(leg);
    }
  }

  /** Starts the clock: after this many milliseconds nobody has answered. */
  start(timeout: number, now: number): void {
    this.#end = this.#host.after(timeout, now, (later) => this.#host.over("no_answer", later));
  }

  /** When it ends by itself. Unix ms. */
  get endsAt(): number | undefined {
    return this.#end?.at;
  }

  legOf(device: Device): Leg | undefined {
    return this.#legs.get(device);
  }

  /**
   * Rings one device, if it is one that was asked for and does not ring already. `rings`: it does, by a former owner of the
   * session, and hears nothing of this one.
   */
  device(device: Device, now: number, rings = false): void {
    if (this.callRequest.muted === true) return;
    if (this.#legs.has(device) || this.#refusing.has(device.link.id)) return;
    const caller = this.#host.caller();
    // Detached it may come back as the caller.
    if (device.user === caller.user && device.id === caller.deviceId) return;
    if (
      !this.#targets.some(
        ({ user, device: only }) => user === device.user && (only ?? device.id) === device.id,
      )
    )
      return;
    if (this.#host.full(device)) {
      this.refused(device, "busy", true);
      return;
    }
    const leg = this.#host.legFor(device);
    this.#legs.set(device, leg);
    this.#unreachable?.cancel();
    this.#unreachable = undefined;
    if (this.rung.length < maxRung) this.rung.push(device.id);
    if (!rings) leg.deliver(this.#incoming(leg, now), now);
    if (device.capabilities.needsOffer !== true || this.calleeOffers(device)) return;
    if (this.#offer === undefined) this.wantOffer(now);
    else this.tellOffer(leg, now);
  }

  /** The caller's offer, where it has made one. */
  get offer(): CallRequest["description"] {
    return this.#offer;
  }

  /** True where that device makes the first offer: the caller makes none, or the device can't answer one. */
  calleeOffers(device: Device): boolean {
    return this.callRequest.offers === false || device.capabilities.sdpRole === "offer-only";
  }

  /** The caller was asked for its offer, and has not sent it. */
  get awaitsOffer(): boolean {
    return this.#asked && this.#offer === undefined;
  }

  /** Asks the caller for the offer, once, unless it came with the call. */
  wantOffer(now: number): void {
    if (this.#offer !== undefined || this.#asked || this.callRequest.offers === false) return;
    this.#asked = true;
    this.tellWanted(now);
  }

  /** Tells the caller that its offer is wanted, where it is: one that has come back may not have heard. */
  tellWanted(now: number): void {
    if (!this.awaitsOffer) return;
    if (this.#host.placed()) {
      this.#host.wantPlacedOffer(now);
      return;
    }
    const push = { type: "offer_wanted", session: this.#host.session, pair: 1, generation: 1 } as const;
    this.#host.caller().deliver({ ...push, offer: true }, now);
  }

  /** The offer came after the call: who waited for it hears it now, who comes later with the ring. */
  offered(offer: NonNullable<CallRequest["description"]>, media: MediaNotes | undefined, now: number): void {
    this.#offer = offer;
    this.#notes = media;
    for (const [device, leg] of this.#legs)
      if (device.capabilities.needsOffer === true && !this.calleeOffers(device)) this.tellOffer(leg, now);
  }

  tellOffer(leg: Leg, now: number): void {
    if (this.#offer === undefined || leg.offered) return;
    leg.offered = true;
    const push: PushBody = {
      type: "signal",
      session: this.#host.session,
      pair: 1,
      generation: 1,
      description: this.#offer,
    };
    if (this.#notes !== undefined) push.media = this.#notes;
    leg.deliver(push, now);
  }

  /** A leg leaves the ring: it answered, declined, or its device is gone. False when it was none of the ring's. */
  remove(device: Device): boolean {
    return this.#legs.delete(device);
  }

  /** Notes why a device will not answer. `automatic`: no person refused. */
  refused(device: Device | undefined, reason: WireReason, automatic = false): void {
    if (device !== undefined && this.#end !== undefined) this.#refusing.add(device.link.id);
    if (automatic) this.#automaticRefusal = plainer(this.#automaticRefusal, reason);
    else this.#refusal = plainer(this.#refusal, reason);
  }

  /** After devices were rung, or left: a ring without any is given up, if the caller may know. */
  settle(now: number): void {
    if (this.#legs.size > 0 || this.#unreachable !== undefined) return;
    const mayKnow = this.#host.callerMayKnow();
    const anyRefusal = plainer(this.#refusal, this.#automaticRefusal);
    const refusal = mayKnow ? anyRefusal : this.#refusal;
    if (this.#plan !== undefined) {
      // Nobody of this turn is left. Where nobody was there, somebody may yet come.
      if (anyRefusal === undefined) this.#expectNobody(this.#host.unreachableAfter, now);
      else if (this.nextTurn(now)) return;
    }
    if (refusal !== undefined) this.#host.over(refusal, now);
    // To a caller who may not see presence the call rings on, and ends no_answer.
    else if (mayKnow && this.#plan === undefined) this.#expectNobody(this.#host.unreachableAfter, now);
  }

  /** Stops ringing; every device that still rings is told why, and what else there is to say. */
  stop(reason: WireReason, extra: object, now: number): void {
    this.pause();
    this.#offer = undefined;
    this.#refusing.clear();
    this.#endLegs(() => true, reason, extra, now);
  }

  /** Somebody is answering: the clock of the ring stands still. */
  pause(): void {
    this.#end?.cancel();
    this.#unreachable?.cancel();
    this.#turnEnd?.cancel();
    this.#end = undefined;
    this.#unreachable = undefined;
    this.#turnEnd = undefined;
  }

  get legs(): IterableIterator<Leg> {
    return this.#legs.values();
  }

  snapshot(now: number): RingSnapshot {
    return {
      legs: [...this.#legs.values()].map((leg) => leg.id),
      rung: this.rung,
      refusing: [...this.#refusing],
      refusal: this.#refusal,
      automaticRefusal: this.#automaticRefusal,
      offer: this.#offer !== undefined,
      endIn: dueIn(this.#end, now),
      unreachableIn: dueIn(this.#unreachable, now),
      ...(this.#plan && { turn: this.#plan.turn, turnIn: dueIn(this.#turnEnd, now) }),
    };
  }

  /** Goes on with a ring of another node; `legs` are those whose devices are here. */
  restore(snapshot: RingSnapshot, legs: readonly Leg[], now: number): void {
    const { rung, refusing, refusal, automaticRefusal, offer, endIn, unreachableIn, turn, turnIn } = snapshot;
    for (const leg of legs) if (leg.device !== undefined) this.#legs.set(leg.device, leg);
    this.rung.push(...rung);
    for (const link of refusing) this.#refusing.add(link);
    this.#refusal = refusal;
    this.#automaticRefusal = automaticRefusal;
    if (!offer) this.#offer = undefined;
    if (this.#plan !== undefined && turn !== undefined) {
      this.#plan.turn = turn;
      this.#take(turn.targets);
    }
    if (turnIn !== undefined) this.#turnEnd = this.#host.after(turnIn, now, (later) => this.#turnOver(later));
    if (endIn !== undefined) this.start(endIn, now);
    if (unreachableIn !== undefined) this.#expectNobody(unreachableIn, now);
  }

  /** Stops without a word: the ring goes on elsewhere. */
  retire(): void {
    this.pause();
    this.#legs.clear();
  }

  #expectNobody(ms: number, now: number): void {
    this.#unreachable = this.#host.after(ms, now, (later) => {
      this.#unreachable = undefined;
      if (this.nextTurn(later)) return;
      if (this.#plan === undefined || this.#host.callerMayKnow()) this.#host.over("unreachable", later);
    });
  }

  #incoming(leg: Leg, now: number): PushBody {
    const { to, media, data } = this.callRequest;
    const offer = leg.device !== undefined && this.calleeOffers(leg.device);
    const push: PushBody = {
      type: "incoming",
      session: this.#host.session,
      ticket: this.#host.ticket(leg, now),
      from: this.#host.caller().info,
      to,
      age: Math.max(0, now - this.#host.startedAt),
      expires: Math.max(0, (this.#end?.at ?? now) - now),
      pair: 1,
      generation: 1,
      offer,
    };
    if (media !== undefined) push.media = media;
    if (this.callRequest.description !== undefined && this.#offer !== undefined && !offer) {
      push.description = this.#offer;
      leg.offered = true;
    }
    if (data !== undefined) push.data = data;
    if (this.#host.placed()) push.placed = true;
    return push;
  }
}

/** Of two refusals the one that says most. */
function plainer(one: WireReason | undefined, other: WireReason | undefined): WireReason | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return refusalRank.indexOf(other) < refusalRank.indexOf(one) ? other : one;
}
