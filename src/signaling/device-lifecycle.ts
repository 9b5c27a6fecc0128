import type { CoreParts } from "../cluster/core-parts.ts";
import { RemoteLink } from "../cluster/devices/remote-link.ts";
import type { NodeItem } from "../cluster/items.ts";
import type { LinkState } from "../cluster/links/link-transfer.ts";
import type { Device } from "./device.ts";
import type { LinkHooks, Places } from "./link/link-hooks.ts";
import type { LinkEnd } from "./link/links.ts";
import { may } from "./permissions.ts";
import type { Sessions } from "./session/sessions.ts";
import type { Ticket } from "./session/tickets.ts";

/** What sessions, presence, rooms and the other nodes hear of devices that come and go. */
export class DeviceLifecycle implements LinkHooks {
  readonly #core: CoreParts;
  /** Legs that a ticket found again, until their device has heard welcome. */
  readonly #recovered = new Map<Device, ReturnType<Sessions["recovery"]["recover"]>>();

  constructor(core: CoreParts) {
    this.#core = core;
  }

  recover(device: Device, tickets: readonly Ticket[], places: Places, now: number): string[] {
    const found = this.#core.sessions.recovery.recover(device, tickets, places, now);
    if (found.length > 0) this.#recovered.set(device, found);
    const elsewhere = new Map<string, string>();
    for (const { session } of tickets) {
      const place = places?.get(session);
      if (typeof place === "object") elsewhere.set(session, place.node);
    }
    this.#core.cluster?.claims.rejoinAll(device, elsewhere);
    return [...found.map(([session]) => session.id), ...elsewhere.keys()];
  }

  opened(device: Device, now: number): void {
    for (const [session, leg] of this.#recovered.get(device) ?? []) {
      session.tellRecovered(leg, now);
      session.linkChanged(leg, "live", now);
    }
    this.#recovered.delete(device);
    this.#core.sessions.arrived(device, now);
  }

  resumed(device: Device, now: number): void {
    this.#core.sessions.live(device, now);
    this.#core.presence.resumed(device, now);
    this.#core.cluster?.resumed(device);
    // Its token may be another than before.
    this.#core.presence.recheck(device);
    this.#core.rooms.recheck(device, now);
  }

  suspended(device: Device, now: number): void {
    this.#core.sessions.suspended(device, now);
    this.#core.cluster?.suspended(device);
  }

  adopted(device: Device, linkState: LinkState, held: readonly NodeItem[], now: number): void {
    const watched = linkState.watches.filter((user) => may(device, "watch", user));
    if (watched.length > 0) this.#core.presence.watch(device, watched, now);
    this.#core.sessions.setup.rememberKeys(device.user, linkState.keys, now);
    this.#core.cluster?.adopted(device, linkState, held, now);
  }

  closed(device: Device, why: LinkEnd, now: number): void {
    this.departed(device, why, now);
    if (!(device.link instanceof RemoteLink)) this.#core.cluster?.closed(device, why);
  }

  /** The device is gone for good: one of this node, or of another one. */
  departed(device: Device, why: LinkEnd, now: number): void {
    this.#core.sessions.closed(device, why, now);
    this.#core.rooms.dropped(device, now, why);
    this.#core.presence.dropped(device);
  }

  changed(user: string, now: number): void {
    this.#core.presence.changed(user, now);
    this.#core.cluster?.altered(user);
  }
}
