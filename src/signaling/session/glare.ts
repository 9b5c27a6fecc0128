import type { Device } from "../device.ts";
import type { Directory } from "../directory.ts";
import type { Elsewhere } from "../elsewhere.ts";
import type { Session } from "./session.ts";
import type { SessionTable } from "./session-table.ts";

/** Two devices that ring each other: of their calls the one with the lower id survives. */
export class Glare {
  readonly #sessions: SessionTable;
  readonly #directory: Directory;
  readonly #elsewhere: Elsewhere;

  constructor(sessions: SessionTable, directory: Directory, elsewhere: Elsewhere) {
    this.#sessions = sessions;
    this.#directory = directory;
    this.#elsewhere = elsewhere;
  }

  /** A call rings one more device: looks whether it crosses another one by that, and tells both ends. */
  look(session: Session, now: number): void {
    const from = session.caller.device;
    // A placed call goes on: neither end has made it, so that neither could take it back for the other's.
    if (from === undefined || session.crossing !== undefined || session.placement !== undefined) return;
    for (const other of this.#sessions.ringing(from.user)) {
      const back = other.caller.device;
      // One device may call two at once, of which one is of its own user.
      if (other === session || back === undefined || back === from || other.crossing !== undefined) continue;
      if (other.placement !== undefined) continue;
      if (session.legOf(back) === undefined || other.legOf(from) === undefined) continue;
      if (!canMerge(from, back)) continue;
      const crossed = crossedPush(session.id, other.id);
      session.crossing = { other: other.id, survivor: crossed.survivor };
      other.crossing = { other: session.id, survivor: crossed.survivor };
      for (const device of [from, back]) device.link.deliver(crossed, now);
      return;
    }
    for (const user of session.ring.users)
      for (const rung of this.#directory.devices(user)) {
        const remote = this.#elsewhere.rungBy(from, rung);
        if (remote === undefined || session.legOf(rung) === undefined) continue;
        if (canMerge(from, rung)) this.#crossed(session, remote, now);
      }
  }

  /** A call of another node rings a device here: if that device is ringing the caller's itself, the two cross. */
  rungFromElsewhere(device: Device, caller: Device, remote: string, now: number): void {
    for (const session of this.#sessions.of(device)) {
      if (session.caller.device !== device || session.state !== "ringing") continue;
      if (session.placement !== undefined) continue;
      if (session.legOf(caller) !== undefined && canMerge(device, caller))
        this.#crossed(session, remote, now);
    }
  }

  /** Tells the own end; the other call's node finds the same, and tells the other one. */
  #crossed(session: Session, remote: string, now: number): void {
    if (session.crossing !== undefined) return;
    const crossed = crossedPush(session.id, remote);
    session.crossing = { other: remote, survivor: crossed.survivor };
    session.caller.deliver(crossed, now);
  }
}

/** False for two devices that hold each connection by itself: neither could give its own up for the other's. */
function canMerge(one: Device, other: Device): boolean {
  return one.capabilities.glare !== false || other.capabilities.glare !== false;
}

/** Of two calls that cross the one with the lower id survives. */
function crossedPush(one: string, other: string) {
  const [survivor, session] = one < other ? [one, other] : [other, one];
  return { type: "crossed", session, survivor } as const;
}
