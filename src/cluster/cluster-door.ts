import type { Request } from "../protocol/requests.ts";
import type { Device, Outcome } from "../signaling/device.ts";
import type { DeviceLifecycle } from "../signaling/device-lifecycle.ts";
import { linkSnapshot } from "../signaling/link/link-snapshot.ts";
import type { LinkEnd } from "../signaling/link/links.ts";
import type { KeySnapshot } from "../signaling/session/call-keys.ts";
import type { FindDevice, SessionSnapshot } from "../signaling/session/session-snapshot.ts";
import type { ClusterHost } from "./cluster-host.ts";
import type { CoreParts } from "./core-parts.ts";
import type { LocalDevice } from "./devices/device-notice.ts";
import { RemoteLink } from "./devices/remote-link.ts";
import type { LinkState, PullAnswer, PullRequest } from "./links/link-transfer.ts";
import type { KeyedCallElsewhere } from "./sessions/session-finder.ts";

/** What other nodes ask of the core of this one, and tell it. */
export class NodeCore implements ClusterHost {
  readonly perform: (device: Device, request: Request, now: number) => Outcome | undefined;
  readonly #core: CoreParts;
  readonly #lifecycle: DeviceLifecycle;

  constructor(core: CoreParts, lifecycle: DeviceLifecycle, perform: NodeCore["perform"]) {
    this.#core = core;
    this.#lifecycle = lifecycle;
    this.perform = perform;
  }

  // Devices

  localByLink(link: string): Device | undefined {
    return this.#core.links.get(link)?.device ?? this.#core.gatewayDevices.get(link);
  }

  local(user: string): LocalDevice[] {
    const devices: LocalDevice[] = [];
    for (const device of this.#core.directory.devices(user)) {
      const { link, stamp } = device;
      if (!(link instanceof RemoteLink))
        devices.push({ device, stamp, instance: link.instance ?? link.id, attempt: link.attempt ?? 1 });
    }
    return devices;
  }

  displace(device: Device, why: "stale" | "replaced", now: number): void {
    if (this.#core.gatewayDevices.has(device.link.id)) device.link.close(why, now);
    else this.#core.links.displace(device, why, now);
  }

  /** Another node was asked to. */
  kicked(user: string, device: string | undefined, now: number): number {
    this.#core.ports.emit({ type: "kicked", user, ...(device === undefined ? {} : { device }) });
    return this.#core.links.kick(user, device, now);
  }

  arrived(device: Device, now: number): void {
    this.#core.sessions.arrived(device, now);
  }

  remoteLink(device: Device, state: "live" | "suspended", now: number): void {
    if (state === "live") this.#core.sessions.live(device, now);
    else this.#core.sessions.suspended(device, now);
  }

  departed(device: Device, why: LinkEnd, now: number): void {
    this.#lifecycle.departed(device, why, now);
  }

  remoteChanged(user: string, now: number): void {
    this.#core.presence.changed(user, now);
  }

  // Links that go to another node

  freeze(request: PullRequest, now: number): PullAnswer | undefined {
    return this.#core.migration.freeze(request, now);
  }

  give(request: PullRequest, now: number): LinkState | undefined {
    const cluster = this.#core.cluster;
    const entry = cluster && this.#core.migration.release(request);
    if (cluster === undefined || entry === undefined) return undefined;
    const { link, device } = entry;
    const own = this.#core.sessions.migration.legsOf(device);
    const linkState = {
      link: linkSnapshot(link, device),
      legs: [...cluster.legs.snapshot(device), ...own],
      watches: this.#core.presence.watchesOf(device),
      rooms: cluster.rooms?.membershipsOf(device) ?? [],
      keys: this.#core.sessions.setup.keysOf(device, now),
    };
    this.#core.presence.dropped(device);
    link.end();
    cluster.gaveAway(
      device,
      request.by,
      own.map(({ session }) => session),
    );
    return linkState;
  }

  thaw(link: string, now: number): void {
    this.#core.migration.thaw(link, now);
  }

  // Sessions

  owns(session: string, leg: number): boolean {
    return this.#core.sessions.owns(session, leg);
  }

  keyed(user: string, key: string, now: number): KeyedCallElsewhere | undefined {
    return this.#core.sessions.setup.keyed(user, key, now);
  }

  keysOver(user: string, keys: readonly KeySnapshot[], now: number): void {
    this.#core.sessions.setup.rememberKeys(user, keys, now);
  }

  legNumber(session: string, device: Device): number | undefined {
    return this.#core.sessions.legNumber(session, device);
  }

  participants(session: string): Device[] {
    return this.#core.sessions.participants(session);
  }

  epochOf(session: string): number | undefined {
    return this.#core.sessions.epochOf(session);
  }

  isOver(session: string, user: string): boolean {
    return this.#core.sessions.isOver(session, user);
  }

  load(device: Device): number {
    return this.#core.sessions.load(device);
  }

  rung(device: Device, caller: Device, session: string, now: number): void {
    this.#core.sessions.rungFromElsewhere(device, caller, session, now);
  }

  rungBy(session: string, device: Device): { user: string; device: string } | undefined {
    return this.#core.sessions.rungBy(session, device);
  }

  rejoin(device: Device, session: string, now: number, rings?: boolean): boolean {
    return this.#core.sessions.migration.rejoin(device, session, now, rings);
  }

  release(session: string, now: number): SessionSnapshot | undefined {
    return this.#core.sessions.migration.release(session, now);
  }

  adopt(snapshot: SessionSnapshot, find: FindDevice, epoch: number, now: number): void {
    this.#core.sessions.migration.adopt(snapshot, find, epoch, now);
  }

  linkNow(
    session: string,
    end: { user: string; device: string },
    told: "live" | "suspended",
    now: number,
  ): void {
    this.#core.sessions.migration.linkNow(session, end, told, now);
  }

  surrender(session: string, epoch: number, owner: string, now: number): Device[] {
    return this.#core.sessions.migration.surrender(session, epoch, owner, now);
  }
}
