import type { PushBody } from "../../protocol/pushes.ts";
import { silentRequests } from "../../protocol/requests.ts";
import type { Device } from "../../signaling/device.ts";
import type { Directory } from "../../signaling/directory.ts";
import { failed } from "../../signaling/outcome.ts";
import type { Lost } from "../channel.ts";
import { type NodeItem, noReply } from "../items.ts";
import type { LinkTransfer } from "../links/link-transfer.ts";
import type { Nodes } from "../nodes.ts";
import type { ClusterRooms } from "../rooms/cluster-rooms.ts";
import { refuseSilent } from "./awaited-replies.ts";
import type { RemoteLegs } from "./remote-legs.ts";
import type { SessionClaims } from "./session-claims.ts";

/** What the core of this node does when an owner elsewhere speaks to its devices. */
export interface OwnerInboxHost {
  /** The device of this node with that link. */
  localByLink(link: string): Device | undefined;
  /** True when a session of this node that the user was in has ended lately. */
  isOver(session: string, user: string): boolean;
  /** The number of sessions that the device is in, of this node and of others. */
  load(device: Device): number;
  /** A session of another node rings a device of this one. */
  rung(device: Device, caller: Device, session: string, now: number): void;
}

export interface OwnerInboxOptions {
  readonly nodes: Nodes;
  readonly legs: RemoteLegs;
  readonly transfer: LinkTransfer;
  readonly claims: SessionClaims;
  readonly directory: Directory;
  readonly host: OwnerInboxHost;
  readonly rooms: ClusterRooms;
}

/** Takes what the owners of sessions and rooms at other nodes say to devices of this one. */
export class OwnerInbox {
  readonly #options: OwnerInboxOptions;

  constructor(options: OwnerInboxOptions) {
    this.#options = options;
  }

  /** Takes an item for one or more links. */
  heard(from: string, item: NodeItem, now: number): void {
    const { host } = this.#options;
    if (item.t === "push") {
      for (const link of item.links) {
        const device = host.localByLink(link);
        if (device !== undefined) this.#push(from, device, item.push, now);
        else this.stray(from, link, { ...item, links: [link] });
      }
      return;
    }
    if (!("link" in item)) return;
    const device = host.localByLink(item.link);
    if (device === undefined) this.stray(from, item.link, item);
    else this.#heardBy(device, from, item, now);
  }

  /** Signals that may not have arrived at their owner: their senders are told, who would otherwise not notice. */
  lost({ doubtful, unsent }: Lost, now: number): void {
    this.#signalsLost(doubtful, "outcome_unknown", now);
    this.#signalsLost(unsent, "temporary", now);
  }

  #signalsLost(items: readonly NodeItem[], code: "outcome_unknown" | "temporary", now: number): void {
    for (const item of items) {
      if (item.t !== "ask" || !silentRequests.has(item.request.type)) continue;
      const device = this.#options.host.localByLink(item.link);
      if (device !== undefined) refuseSilent(device, item.request.id, failed(code), now);
    }
  }

  /**
   * Takes an item for a link that is not here: it is on its way, has moved on, or is closed, which the sender may not
   * know.
   */
  stray(from: string, link: string, item: NodeItem): void {
    const { transfer, nodes } = this.#options;
    if (transfer.diverted(from, link, item)) return;
    if (item.t === "bound" || item.t === "push") nodes.send(from, { t: "closed", link, why: "expired" });
    else if (item.t === "fence") nodes.send(item.by, { t: "fenced", link, n: item.n });
  }

  #heardBy(device: Device, from: string, item: NodeItem, now: number): void {
    const { nodes, legs, claims } = this.#options;
    if (item.t === "bound") {
      if (claims.isMine(item.session, from, item.epoch)) return;
      if (!legs.bound(device, item.session, from, item.epoch, item.leg))
        claims.stale(from, device, item.session);
      else if (device.link.state === "suspended")
        nodes.send(from, { t: "link", link: item.link, state: "suspended" });
    } else if (item.t === "unbound") legs.unbound(device, item.session, from, now);
    else if (item.t === "shut") device.link.close(item.why, now);
    else if (item.t === "fence") nodes.send(item.by, { t: "fenced", link: item.link, n: item.n });
    else if (item.t === "gap") device.link.close("lostFrames", now);
    else if (item.t !== "reply") return;
    else if (item.silent === true) refuseSilent(device, item.id, item.outcome, now);
    else if (item.room !== undefined)
      this.#options.rooms.answered(from, item.room, device, item.id, item.outcome, now);
    else if (legs.replied(device, from, item.id, item.outcome)) device.link.reply(item.id, item.outcome, now);
  }

  #push(from: string, device: Device, push: PushBody, now: number): void {
    const { nodes, legs, claims, host, directory } = this.#options;
    const owner = "session" in push ? legs.ownerOf(device, push.session)?.owner : undefined;
    if (owner !== undefined && owner !== from && "session" in push) {
      claims.stale(from, device, push.session);
      return;
    }
    // Items of this node itself had waited for a link that was on its way here.
    if (owner === undefined && "session" in push && from !== nodes.name) {
      if (claims.isMine(push.session, from)) return;
      // A node that speaks of a leg that the device doesn't have has not heard that another owner has ended it.
      if (push.type !== "ended" || host.isOver(push.session, device.user)) return;
    }
    // An owner that was asked for the leg again while the end was on its way says it a second time.
    if (push.type === "ended" && legs.isOver(device, push.session)) return;
    if (!this.#options.rooms.heard(from, device, push, now)) return;
    const { maxSessions } = device.capabilities;
    // Only the device's own node knows all the sessions that it is in.
    if (push.type === "incoming" && maxSessions !== undefined && host.load(device) > maxSessions) {
      const request = {
        id: noReply,
        type: "decline",
        session: push.session,
        reason: "busy",
        automatic: true,
      } as const;
      nodes.send(from, { t: "ask", link: device.link.id, request });
      return;
    }
    // A new owner rings all devices, and does not know which ring already.
    const again = push.type === "incoming" && legs.rings(device, push.session);
    if (!again) device.link.deliver(push, now);
    if (push.type === "session" && push.room !== undefined) legs.meshed(device, push.session, push.room);
    if (push.type !== "incoming") return;
    legs.rung(device, push.session, push.from);
    if (push.from.device === undefined) return;
    const caller = directory.device(push.from.user, push.from.device);
    if (caller !== undefined) host.rung(device, caller, push.session, now);
  }
}
