import type { SessionRequest } from "../protocol/requests.ts";
import type { Device, LinkEnd, Outcome } from "../signaling/device.ts";
import type { Directory } from "../signaling/directory.ts";
import type { Arrival, Elsewhere, FoundCall, Places, Ready, WantedLink } from "../signaling/elsewhere.ts";
import type { KeySnapshot } from "../signaling/session/call-keys.ts";
import type { Ticket } from "../signaling/session/tickets.ts";
import type { Cluster } from "./cluster.ts";

export interface ClusterElsewhereOptions {
  readonly cluster: Cluster;
  readonly directory: Directory;
  /** Has a link brought here by the node that holds it. */
  pull(wanted: WantedLink, done: (arrival: Arrival, now: number) => void): void;
}

/** The other nodes of a cluster, as the core of this one asks and tells them. */
export class ClusterElsewhere implements Elsewhere {
  readonly #options: ClusterElsewhereOptions;
  readonly #cluster: Cluster;

  constructor(options: ClusterElsewhereOptions) {
    this.#options = options;
    this.#cluster = options.cluster;
  }

  get reachable(): boolean {
    return this.#cluster.nodes.reachable;
  }

  get devices(): number {
    return this.#cluster.devices.size;
  }

  get users(): number {
    return this.#options.directory.userCount - this.#cluster.devices.held;
  }

  time(now: number): number {
    return this.#cluster.nodes.time(now);
  }

  isLive(node: string): boolean {
    return this.#cluster.nodes.isLive(node);
  }

  answers({ node }: Device, now: number): boolean {
    return node === undefined || this.#cluster.nodes.responsive(node, now);
  }

  // Devices

  knows(user: string): boolean {
    return this.#cluster.devices.knows(user);
  }

  know(user: string, ready: Ready, within?: number): void {
    this.#cluster.devices.know(user, ready, within);
  }

  follow(user: string, ready?: Ready): void {
    this.#cluster.devices.follow(user, ready);
  }

  release(user: string): void {
    this.#cluster.devices.release(user);
  }

  changed(user: string): void {
    this.#cluster.devices.announce(user);
  }

  /** Its node hears of the newer run, and ends this one there. */
  displaced(device: Device): void {
    this.#cluster.devices.forget(device);
  }

  linkChanged(device: Device, state: "live" | "suspended"): void {
    this.#cluster.legs.tell(device, { t: "link", link: device.link.id, state });
  }

  closed(device: Device, why: LinkEnd): void {
    const { legs, devices } = this.#cluster;
    const link = device.link.id;
    legs.tell(device, { t: "closed", link, why });
    legs.dropped(device);
    devices.announce(device.user, { link, why });
  }

  resume(wanted: WantedLink, done: (arrival: Arrival, now: number) => void): void {
    this.#options.pull(wanted, done);
  }

  underWay(device: Device): () => void {
    return this.#cluster.deliveries.begin(device);
  }

  delivered(to: readonly Device[], done: (arrived: boolean, now: number) => void): void {
    this.#cluster.deliveries.arrived(to, done);
  }

  // Sessions

  find(tickets: readonly Ticket[], done: (places: Places, now: number) => void): void {
    this.#cluster.finder.find(tickets, done);
  }

  findKey(device: Device, key: string, done: FoundCall): boolean {
    const nodes = this.#nodesThatKnew(device);
    if (nodes.length === 0) return false;
    this.#cluster.finder.findKey(nodes, { user: device.user, key }, done);
    return true;
  }

  perform(device: Device, request: SessionRequest, now: number): Outcome | undefined | "unknown" {
    const { legs } = this.#cluster;
    return legs.has(device, request.session) ? legs.perform(device, request, now) : "unknown";
  }

  load(device: Device): number {
    return this.#cluster.legs.load(device);
  }

  rungBy(device: Device, caller: Device): string | undefined {
    return this.#cluster.legs.ringing(device, caller);
  }

  nextOwner(device: Device, session: string): string | undefined {
    const { claims, legs } = this.#cluster;
    return legs.isOver(device, session) ? undefined : claims.nextOwner(session);
  }

  took(session: string): void {
    this.#cluster.finder.took(session);
  }

  ended(session: string): void {
    this.#cluster.finder.released(session);
  }

  claim(session: string, epoch: number, users: readonly string[], now: number): void {
    this.#cluster.claims.claim(session, epoch, users, now);
  }

  keyOver({ node, user }: Device, key: KeySnapshot): void {
    if (node !== undefined) this.#cluster.nodes.send(node, { t: "keys", user, keys: [key] });
  }

  rejoin(device: Device, session: string, node: string): void {
    this.#cluster.claims.rejoin(device, session, node);
  }

  rejoinAll(device: Device, sessions: ReadonlyMap<string, string>): void {
    this.#cluster.claims.rejoinAll(device, sessions);
  }

  /** Other nodes that may remember what the device, or another one of its user, has asked before. */
  #nodesThatKnew(device: Device): string[] {
    const { nodes, devices, legs } = this.#cluster;
    const { user, cameFrom } = device;
    const knew = new Set([...devices.everHeld(user), ...legs.owners(device)]);
    if (cameFrom !== undefined) knew.add(cameFrom);
    return [...knew].filter((node) => node !== nodes.name && nodes.isLive(node));
  }
}
