import type { Request } from "../../protocol/requests.ts";
import type { Device, Outcome } from "../../signaling/device.ts";
import type { SessionSnapshot } from "../../signaling/session/session-snapshot.ts";
import type { RemoteDevices } from "../devices/remote-devices.ts";
import { RemoteLink } from "../devices/remote-link.ts";
import type { NodeItem, Participant } from "../items.ts";
import type { Nodes } from "../nodes.ts";
import { tellLate } from "./awaited-replies.ts";
import type { RemoteLegs } from "./remote-legs.ts";
import type { SessionClaimsHost } from "./session-claims.ts";

/** What this node's sessions do in a handover. */
export interface HandoverHost
  extends Pick<SessionClaimsHost, "participants" | "rungBy" | "epochOf" | "rejoin" | "surrender"> {
  /** The state of the device's link, as the other end was told last. */
  linkTold(session: string, device: Device): Participant["link"];
  /** Takes the session out of this node. */
  release(session: string, now: number): SessionSnapshot | undefined;
  /** Goes on with a session of another node. */
  adopt(
    snapshot: SessionSnapshot,
    find: (link: string) => Device | undefined,
    epoch: number,
    now: number,
  ): void;
  /** Tells the other end of the state of an end's link, if that is not what it was `told`. */
  linkNow(
    session: string,
    end: { user: string; device: string },
    told: Participant["link"],
    now: number,
  ): void;
  localByLink(link: string): Device | undefined;
  perform(device: Device, request: Request, now: number): Outcome | undefined;
}

export interface SessionHandoverOptions {
  readonly nodes: Nodes;
  readonly devices: RemoteDevices;
  readonly legs: RemoteLegs;
  readonly host: HandoverHost;
  /** That node owns the session from now on. */
  gaveAway(session: string, owner: string, epoch: number): void;
}

/**
 * Hands the sessions of a node that drains over to others, whole, while they are in use. First the nodes of all ends
 * hold back what their devices ask (`leaving`, answered by `left`), so that nothing overtakes the session. Then the
 * session travels (`adopt`). Then its new owner tells the nodes of the ends that it is there (`bound`), and they go on.
 */
export class SessionHandover {
  readonly #options: SessionHandoverOptions;
  /** Sessions that are about to leave, each with the next owner and the nodes that have not answered `left` yet. */
  readonly #leaving = new Map<string, { readonly to: string; readonly awaited: Set<string> }>();

  constructor(options: SessionHandoverOptions) {
    this.#options = options;
  }

  /** The number of sessions that are about to leave. */
  get size(): number {
    return this.#leaving.size;
  }

  /** Begins to hand a session over. False: there is no node that could take it. */
  begin(session: string, now: number): boolean {
    if (this.#leaving.has(session)) return true;
    const { nodes, host } = this.#options;
    const to = this.#heir(session);
    if (to === undefined) return false;
    const awaited = new Set<string>();
    for (const { link } of host.participants(session)) {
      if (!(link instanceof RemoteLink)) continue;
      if (nodes.isLive(link.node)) awaited.add(link.node);
      nodes.send(link.node, { t: "leaving", link: link.id, session });
    }
    this.#leaving.set(session, { to, awaited });
    // The question goes behind all that this node has sent to their devices.
    for (const node of awaited) nodes.send(node, { t: "lastWord", session });
    this.#proceed(session, now);
    return true;
  }

  /** A node has sent all that its devices had asked of the session. */
  left(from: string, session: string, now: number): void {
    this.#leaving.get(session)?.awaited.delete(from);
    this.#proceed(session, now);
  }

  /** A node is gone: no answer of it is waited for, and sessions that were to go to it stay. */
  nodeGone(node: string, now: number): void {
    for (const [session, { to, awaited }] of [...this.#leaving]) {
      awaited.delete(node);
      if (to === node) this.#leaving.delete(session);
      else this.#proceed(session, now);
    }
  }

  /**
   * A session has come from another node. This node may have a copy of it, if it has missed that the other one took the
   * session over. Of the two copies the later epoch counts, and of one epoch the copy that has come, which more devices
   * have spoken to.
   */
  adopt(item: Extract<NodeItem, { t: "adopt" }>, now: number): void {
    const { devices, host, legs, nodes } = this.#options;
    const { snapshot, participants } = item;
    const { id } = snapshot;
    const mine = host.epochOf(id);
    if (mine !== undefined && mine > item.epoch) {
      for (const node of new Set(participants.map((one) => one.node)))
        if (node !== nodes.name)
          nodes.send(node, { t: "stale", session: id, epoch: mine, owner: nodes.name });
      return;
    }
    const epoch = Math.max(item.epoch, (mine ?? 0) + 1);
    const ringing = new Set(host.participants(id).filter((one) => host.rungBy(id, one) !== undefined));
    const former = host.surrender(id, epoch, nodes.name, now);
    const here: Device[] = [];
    const known = new Map<string, Device>();
    for (const { node, user, device } of participants) {
      const local = host.localByLink(device.link);
      // A device that was here may have moved to another node meanwhile.
      const gone = node === nodes.name ? devices.byLink(device.link) : undefined;
      if (local !== undefined) {
        here.push(local);
        known.set(device.link, local);
      } else if (gone !== undefined) known.set(device.link, gone);
      else if (node !== nodes.name)
        devices.introduce(node, user, device, now, (met) => known.set(device.link, met));
    }
    const asked = here.map((device) => [device, legs.takeHeld(device, id)] as const);
    host.adopt(snapshot, (link) => known.get(link), epoch, now);
    // What happened to the links meanwhile was reported to the former owner, which had given the session away.
    for (const { user, device, link } of participants)
      host.linkNow(id, { user, device: device.id }, link, now);
    // Devices, or newer runs of them, that only the copy of this node knew.
    const bound = new Set(host.participants(id).map(addressOf));
    for (const device of former) {
      if (bound.has(addressOf(device)) || device.link.state === "closed") continue;
      if (!host.rejoin(device, id, now, ringing.has(device)))
        device.link.deliver({ type: "ended", session: id, reason: "lost" }, now);
    }
    for (const [device, requests] of asked)
      for (const request of requests) tellLate(device, request, host.perform(device, request, now), now);
  }

  /** Gives the session away once the nodes of all ends hold back: nothing more comes for it. */
  #proceed(session: string, now: number): void {
    const leaving = this.#leaving.get(session);
    if (leaving === undefined || leaving.awaited.size > 0) return;
    this.#leaving.delete(session);
    const { host, nodes, legs, devices } = this.#options;
    const ends = host.participants(session);
    const callers = new Map(ends.map((one) => [one, host.rungBy(session, one)]));
    const participants: Participant[] = [];
    for (const device of ends) {
      const { link, user } = device;
      const notice = devices.noticeOf(device);
      const node = link instanceof RemoteLink ? link.node : nodes.name;
      const told = host.linkTold(session, device);
      if (notice !== undefined) participants.push({ node, user, device: notice, link: told });
    }
    const snapshot = host.release(session, now);
    if (snapshot === undefined) return;
    const { to } = leaving;
    const epoch = snapshot.epoch + 1;
    this.#options.gaveAway(session, to, epoch);
    for (const device of ends)
      if (!(device.link instanceof RemoteLink)) {
        legs.bound(device, session, to, epoch);
        const caller = callers.get(device);
        if (caller !== undefined) legs.rung(device, session, caller);
        legs.hold(device, session, to);
      }
    // What this node has sent to the ends must arrive before the next owner sends anything.
    const others = new Set(
      participants.map(({ node }) => node).filter((node) => node !== nodes.name && node !== to),
    );
    let open = others.size + 1;
    const flushed = (): void => {
      open -= 1;
      if (open === 0) nodes.send(to, { t: "adopt", snapshot, epoch, participants });
    };
    for (const node of others) nodes.flushed(node, flushed);
    flushed();
  }

  /** The node that takes the session: the caller's, else another end's, else any other. */
  #heir(session: string): string | undefined {
    const { nodes, host } = this.#options;
    const fit = (node: string) => nodes.isLive(node) && !nodes.isDraining(node);
    for (const { link } of host.participants(session))
      if (link instanceof RemoteLink && fit(link.node)) return link.node;
    return [...nodes.live()].filter(fit).sort()[0];
  }
}

function addressOf({ user, id }: Device): string {
  return `${user}/${id}`;
}
