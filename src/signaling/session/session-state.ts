import type { WireReason } from "../../protocol/end-reasons.ts";
import type { Limits } from "../../protocol/limits.ts";
import { type Deadline, dueIn } from "../../shared/deadlines.ts";
import type { Device } from "../device.ts";
import type { Leg, PendingReply } from "./leg.ts";
import type { Move } from "./move.ts";
import type { Pairs } from "./pairs.ts";
import type { CallRequest, Ring } from "./ring.ts";
import type { SessionTimes } from "./session-record.ts";
import { replySnapshot, type SessionSnapshot } from "./session-snapshot.ts";
import type { TicketState } from "./tickets.ts";

/** How far a session has come. */
export type Phase =
  | { readonly name: "ringing" }
  | { readonly name: "answering"; readonly leg: Leg; readonly reply: PendingReply }
  | { readonly name: "active"; callee: Leg }
  | { readonly name: "ended"; readonly reason: WireReason };

/** What a session consists of, who has part in it, and how far it has come: all that can be looked up and handed on. */
export abstract class SessionState {
  readonly id: string;
  readonly kind: "call" | "mesh";
  /** Rises when another node takes the session over. */
  readonly epoch: number;
  abstract caller: Leg;
  abstract readonly ring: Ring;
  abstract readonly pairs: Pairs;
  move: Move | undefined;
  /** Where the session belongs to a room's mesh: the room, and the ids of the two members, caller first. */
  readonly room: string | undefined;
  members: readonly [string, string] | undefined;
  /** What the caller named the call. */
  key: string | undefined;
  /** The other call, when two cross, and which of both goes on. */
  crossing: { readonly other: string; readonly survivor: string } | undefined;
  /** Made anew from a ticket; other tickets may have seen more of it. */
  revived = false;
  protected readonly limits: Limits;
  protected readonly times: SessionTimes;
  protected phase: Phase = { name: "ringing" };
  /** Legs that the session has had. */
  protected legCount = 0;
  /** The caller's offer was lost with an earlier owner: it is asked for it again once the call is answered. */
  protected offerLost = false;
  protected confirmEnd: Deadline | undefined;

  constructor(limits: Limits, id: string, epoch: number, room: string | undefined, now: number) {
    this.limits = limits;
    this.id = id;
    this.epoch = epoch;
    this.kind = room === undefined ? "call" : "mesh";
    this.room = room;
    this.times = { started: now };
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

  /** The devices that have part in it, the caller's first. */
  devices(): Device[] {
    const devices = new Set<Device>();
    for (const { device } of this.allLegs()) if (device !== undefined) devices.add(device);
    return [...devices];
  }

  /** The legs that there are now, each once. */
  protected allLegs(): Leg[] {
    const legs = [this.caller, this.answered, this.move?.leg, ...this.ring.legs];
    return [...new Set(legs.filter((leg) => leg !== undefined))];
  }

  /** Where the session stands, as the holder of this leg may find it again; undefined for one that is not its own. */
  ticketState(leg: Leg, now: number): TicketState | undefined {
    const { caller, callee, callRequest, ring, pairs } = this;
    const active = this.phase.name === "active";
    const current = active ? leg === caller || leg === callee : leg !== this.move?.leg;
    if (this.kind === "mesh" || !current) return undefined;
    const peer = leg === caller ? this.answered : caller;
    const { started: startedAt, accepted: acceptedAt } = this.times;
    return {
      side: leg.side,
      active,
      direct: callRequest.device !== undefined,
      peerDevice: peer?.deviceId ?? (leg === caller ? callRequest.device : undefined),
      peerLeg: peer?.id,
      pair: pairs.current.number,
      generation: pairs.current.generation,
      offers: pairs.current.offerer === leg,
      described: callRequest.description !== undefined || this.offerLost,
      media: callRequest.media,
      startedAt,
      acceptedAt,
      // While somebody answers the clock of the ring stands still.
      ringEnds: active ? undefined : (ring.endsAt ?? now + this.limits.confirmTimeout),
    };
  }

  /** All there is to know of the session, to go on with it elsewhere; undefined once it has ended. */
  snapshot(now: number): SessionSnapshot | undefined {
    const state = this.phase;
    if (state.name === "ended") return undefined;
    const { id, epoch, room, members, key, crossing, callRequest, caller, ring, pairs, move } = this;
    const ago = (then: number | undefined) => (then === undefined ? undefined : now - then);
    const answering = () => {
      const { leg, reply } = state as Extract<Phase, { name: "answering" }>;
      const confirmIn = dueIn(this.confirmEnd, now) ?? 0;
      return { name: "answering", leg: leg.id, reply: replySnapshot(reply), confirmIn } as const;
    };
    return {
      ...{ id, epoch, room, members, key, crossing, callRequest },
      startedAgo: now - this.times.started,
      acceptedAgo: ago(this.times.accepted),
      connectedAgo: ago(this.times.connected),
      state:
        state.name === "active"
          ? { name: "active", callee: state.callee.id }
          : state.name === "answering"
            ? answering()
            : state,
      caller: caller.id,
      legs: this.allLegs().map((leg) => leg.snapshot(now)),
      legCount: this.legCount,
      ring: ring.snapshot(now),
      pairs: pairs.snapshot(),
      move: move?.snapshot(now),
      offerLost: this.offerLost,
    };
  }
}
