import type { Device } from "../../signaling/device.ts";
import { failed } from "../../signaling/outcome.ts";
import type { Session } from "../../signaling/session/session.ts";
import { restoreSession, sessionSnapshot } from "../../signaling/session/session-restore.ts";
import type { FindDevice, SessionSnapshot } from "../../signaling/session/session-snapshot.ts";
import type { SessionTable } from "../../signaling/session/session-table.ts";
import { type LegSnapshot, outranks } from "./remote-leg.ts";

/** The sessions of this node as other nodes speak of them, and those that change their node. */
export class SessionMigration {
  readonly #node: string;
  readonly #sessions: SessionTable;

  constructor(node: string, sessions: SessionTable) {
    this.#node = node;
    this.#sessions = sessions;
  }

  /** True when this node owns the session, and the leg of that number can be found again. */
  owns(id: string, leg: number): boolean {
    return this.#sessions.get(id)?.legById(leg) !== undefined;
  }

  /** The devices that have part in the session, the caller's first. */
  participants(id: string): Device[] {
    return this.#sessions.get(id)?.devices() ?? [];
  }

  /** The number of the device's leg in a session of this node. */
  legNumber(id: string, device: Device): number | undefined {
    return this.#sessions.get(id)?.legOf(device)?.id;
  }

  /** Whose call rings the device in a session of this node. */
  rungBy(id: string, device: Device): { user: string; device: string } | undefined {
    const session = this.#sessions.get(id);
    const leg = session?.legOf(device);
    return leg && session?.rungBy(leg);
  }

  epochOf(id: string): number | undefined {
    return this.#sessions.get(id)?.epoch;
  }

  /** Lets go of a session, for another node to go on with; undefined when it is none of this node's. */
  release(id: string, now: number): SessionSnapshot | undefined {
    const session = this.#sessions.get(id);
    const snapshot = session && sessionSnapshot(session, now);
    if (session === undefined || snapshot === undefined) return undefined;
    if (session.key !== undefined) this.#sessions.keys.delete(session.caller.user, session.key);
    this.#sessions.retire(session);
    return snapshot;
  }

  /** Goes on with a session of another node. The devices that `find` knows by their links have part in it. */
  adopt(snapshot: SessionSnapshot, find: FindDevice, epoch: number, now: number): Session {
    const session = restoreSession(this.#sessions, snapshot, find, now, epoch);
    this.#sessions.adopt(session, now);
    return session;
  }

  /** The state of the device's link in a session of this node, as the other end was told last. */
  linkTold(id: string, device: Device): "live" | "suspended" {
    return this.#sessions.get(id)?.legOf(device)?.linkTold === "live" ? "live" : "suspended";
  }

  /** Tells the other end of a session how the link of that one is, if that is not what it was told last. */
  linkNow(
    id: string,
    { user, device }: { user: string; device: string },
    told: "live" | "suspended",
    now: number,
  ): void {
    const session = this.#sessions.get(id);
    const leg = session?.legFor(user, device);
    if (session === undefined || leg === undefined) return;
    const state = leg.device?.link.state ?? "closed";
    leg.linkTold = told;
    if (state !== told) session.links.changed(leg, state === "closed" ? "detached" : state, now);
  }

  /** Another node owns the session in a newer epoch. Answers the devices that had part in the copy of this one. */
  surrender(id: string, epoch: number, owner: string, now: number): Device[] {
    const session = this.#sessions.get(id);
    const mine = { epoch: session?.epoch ?? 0, owner: this.#node };
    if (session === undefined || !outranks({ epoch, owner }, mine)) return [];
    const { waiting } = session;
    const devices = this.#sessions.retire(session);
    // What a device of another node has asked, that asks the next owner.
    for (const { device, id: request } of waiting)
      if (device !== undefined && device.node === undefined)
        device.link.reply(request, failed("temporary"), now);
    return devices;
  }

  /** A device comes back to its part in a session. `rings`: it rings for it already. False: it has none. */
  rejoin(device: Device, id: string, now: number, rings = false): boolean {
    const session = this.#sessions.get(id);
    if (session === undefined) return false;
    const leg = session.legFor(device.user, device.id);
    if (leg === undefined) {
      session.ringDevice(device, now, rings);
      return session.legOf(device) !== undefined;
    }
    // Nothing that it was told is lost: to be told where the session stands would cost it a pair that opens.
    if (leg.device === device) return true;
    session.links.rebind(leg, device, now);
    session.links.tellRecovered(leg, now);
    session.links.changed(leg, device.link.state === "live" ? "live" : "suspended", now);
    return true;
  }

  /** The device's part in sessions of this node, for its next one. */
  legsOf(device: Device): LegSnapshot[] {
    const owner = this.#node;
    return this.#sessions.legsOf(device).map(([session, leg]) => {
      const { id, epoch } = session;
      const caller = session.rungBy(leg);
      const known = { session: id, owner, epoch, leg: leg.id, open: [] };
      return caller === undefined ? known : { ...known, caller };
    });
  }
}
