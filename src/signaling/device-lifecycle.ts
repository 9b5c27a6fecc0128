import type { Device, LinkEnd } from "./device.ts";
import type { Elsewhere, Place, Places } from "./elsewhere.ts";
import type { FoundSessions } from "./link/welcome.ts";
import type { Presence } from "./presence.ts";
import type { RoomService } from "./room/room-service.ts";
import type { Sessions } from "./session/sessions.ts";
import type { Ticket } from "./session/tickets.ts";
import type { Streams } from "./stream/streams.ts";

export interface DeviceLifecycleOptions {
  readonly sessions: Sessions;
  readonly presence: Presence;
  readonly rooms: RoomService;
  readonly streams: Streams;
  readonly elsewhere: Elsewhere;
}

/** What sessions, presence, rooms and the other nodes hear of devices that come and go. */
export class DeviceLifecycle {
  readonly #options: DeviceLifecycleOptions;
  /** Legs that a ticket found again, until their device has heard welcome. */
  readonly #recovered = new Map<Device, ReturnType<Sessions["recovery"]["recover"]>>();

  constructor(options: DeviceLifecycleOptions) {
    this.#options = options;
  }

  /** Finds the sessions of these tickets again for a device with a new link. Answers what became of them; tells nobody yet. */
  recover(
    device: Device,
    tickets: readonly Ticket[],
    places: Places | undefined,
    now: number,
  ): FoundSessions {
    const { sessions, elsewhere } = this.#options;
    const found = sessions.recovery.recover(device, tickets, places, now);
    if (found.length > 0) this.#recovered.set(device, found);
    const others = new Map<string, string>();
    for (const { session } of tickets) {
      const place = places?.get(session);
      if (typeof place === "object") others.set(session, place.node);
    }
    elsewhere.rejoinAll(device, others);
    const ids = new Set([...found.map(([session]) => session.id), ...others.keys()]);
    const over = tickets
      .filter(({ session }) => !ids.has(session) && this.#isOver(session, device.user, places?.get(session)))
      .map(({ session }) => session);
    return { sessions: [...ids], over };
  }

  /** True when the session has ended, or the device has no part in it any more. False where nothing is known of it. */
  #isOver(session: string, user: string, place: Place | undefined): boolean {
    const { sessions } = this.#options;
    return (
      place === "nowhere" ||
      place === "here" ||
      sessions.isOver(session, user) ||
      sessions.table.get(session) !== undefined
    );
  }

  /** A device has a new link, and has heard `welcome`. */
  opened(device: Device, now: number): void {
    for (const [session, leg] of this.#recovered.get(device) ?? []) {
      session.links.tellRecovered(leg, now);
      session.links.changed(leg, "live", now);
    }
    this.#recovered.delete(device);
    this.#options.sessions.arrived(device, now);
  }

  resumed(device: Device, now: number): void {
    const { sessions, presence, rooms, streams, elsewhere } = this.#options;
    sessions.live(device, now);
    presence.resumed(device, now);
    streams.watches.resumed(device, now);
    elsewhere.linkChanged(device, "live");
    // Its token may be another than before.
    presence.recheck(device);
    streams.recheck(device, now);
    rooms.recheck(device, now);
  }

  suspended(device: Device, now: number): void {
    this.#options.sessions.suspended(device, now);
    this.#options.elsewhere.linkChanged(device, "suspended");
  }

  /** The link is gone for good: the other nodes hear of it from the node of the device. */
  closed(device: Device, why: LinkEnd, now: number): void {
    this.departed(device, why, now);
    if (device.node === undefined) this.#options.elsewhere.closed(device, why);
  }

  /** The device is gone for good: one of this node, or of another one. */
  departed(device: Device, why: LinkEnd, now: number): void {
    const { sessions, presence, rooms, streams } = this.#options;
    sessions.closed(device, why, now);
    rooms.dropped(device, now, why);
    presence.dropped(device);
    streams.watches.dropped(device);
  }

  /** What others may see of the user's devices has changed. */
  changed(user: string, now: number): void {
    this.#options.presence.changed(user, now);
    this.#options.elsewhere.changed(user);
  }
}
