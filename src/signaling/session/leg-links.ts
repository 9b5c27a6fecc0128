import type { Device, LinkEnd } from "../device.ts";
import type { Leg, LinkTold } from "./leg.ts";
import type { Session } from "./session.ts";
import type { SessionHost } from "./session-host.ts";
import { acceptedPush } from "./session-pushes.ts";

/** Links of a session's devices that are lost, come back or close, and what each end hears of the other's. */
export class LegLinks {
  readonly #session: Session;
  readonly #host: SessionHost;

  constructor(session: Session, host: SessionHost) {
    this.#session = session;
    this.#host = host;
  }

  /** The leg's link was lost for now, or is back. */
  changed(leg: Leg, link: LinkTold, now: number): void {
    const session = this.#session;
    if (session.phase.name !== "active") return;
    const peer =
      leg === session.caller ? session.callee : leg === session.callee ? session.caller : undefined;
    if (peer === undefined) return;
    leg.linkTold = link;
    peer.deliver({ type: "peer", session: session.id, link }, now);
  }

  /** The leg's device has closed its link, or lost it for good. */
  closed(leg: Leg, why: LinkEnd, now: number): void {
    const session = this.#session;
    const { move } = session;
    if (leg.device === undefined) return;
    if (session.ring.legOf(leg.device) === leg) {
      session.leaveRing(leg);
      if (session.phase.name === "ringing") session.ring.settle(now);
      return;
    }
    if (move !== undefined && move.leg === leg && leg !== move.from) {
      move.fail(now);
      return;
    }
    const left = why === "client" || why === "kicked";
    // A newer run of the device that has not brought the session's ticket has no connection to go on with.
    const renewed = session.stream !== undefined && (why === "replaced" || why === "renewed");
    // Who leaves the device behind in the middle of a move is on the way to another one.
    if (session.phase.name === "active" && !renewed && !(left && move?.from !== leg)) {
      this.#detach(leg, now);
      return;
    }
    const active = why === "kicked" ? "forbidden" : renewed ? "lost" : "closed";
    const reason = session.phase.name !== "active" && leg === session.caller ? "cancelled" : active;
    session.end(reason, now, { by: leg, except: leg });
  }

  /** A device has come back with this leg's ticket. */
  rebind(leg: Leg, device: Device, now: number): void {
    const session = this.#session;
    // Its next pair was with a page that is gone; the device comes back to the current one.
    if (session.move?.joins(leg)) session.move.fail(now);
    if (leg.device !== undefined) this.#host.unbound(leg.device, session);
    leg.bind(device);
    this.#host.bound(device, session, leg.id);
  }

  /** Tells a device of the session that its ticket found again. */
  tellRecovered(leg: Leg, now: number): void {
    const session = this.#session;
    leg.unaware = false;
    leg.deliver({ ...session.described(leg, now), recovered: true }, now);
    if (leg === session.caller && session.phase.name !== "active") session.ring.tellWanted(now);
    this.tellPeer(leg, now);
    if (session.phase.name === "answering" && leg === session.caller)
      leg.deliver(acceptedPush(session, session.phase.leg), now);
  }

  /** Tells an end that is new how the other one's link is, where it is not live. */
  tellPeer(leg: Leg, now: number): void {
    const session = this.#session;
    const other = leg === session.caller ? session.callee : session.caller;
    if (session.phase.name !== "active" || other === undefined || other.device?.link.state === "live") return;
    const link = other.device === undefined ? "detached" : "suspended";
    other.linkTold = link;
    leg.deliver({ type: "peer", session: session.id, link }, now);
  }

  #detach(leg: Leg, now: number): void {
    const session = this.#session;
    this.#host.unbound(leg.device!, session);
    leg.device = undefined;
    this.awaitReturn(leg, session.limits.detachedTimeout, now);
    this.changed(leg, "detached", now);
  }

  /** A detached leg's device must be back within this time. */
  awaitReturn(leg: Leg, ms: number, now: number): void {
    leg.lostAt = this.#host.deadlines.add(now + ms, (later) => this.#session.end("lost", later, { by: leg }));
  }
}
