import type { CloseName } from "../protocol/close-codes.ts";
import type { PushBody } from "../protocol/pushes.ts";
import type { Request, RequestOf, RoomRequest } from "../protocol/requests.ts";
import type { Capabilities } from "../protocol/values.ts";
import type { LinkEnd, Outcome } from "../signaling/device.ts";
import type { Kick } from "../signaling/link/kicked-users.ts";
import type { SetRules } from "../signaling/room/room.ts";
import type { FormerSeat } from "../signaling/room/room-member.ts";
import type { KeySnapshot } from "../signaling/session/call-keys.ts";
import type { SessionSnapshot } from "../signaling/session/session-snapshot.ts";

/** A device as its node describes it to the others. */
export interface DeviceNotice {
  readonly id: string;
  /** The device's link. Another link is another run of the device. */
  readonly link: string;
  readonly kind: string;
  readonly name?: string;
  readonly status?: string;
  readonly online: boolean;
  /** The gateway that the device is signed in by; absent for a native device. */
  readonly gateway?: string;
  readonly capabilities: Capabilities;
  /** Cluster time at which the link was opened, and the run of the client that opened it. */
  readonly stamp: number;
  readonly instance: string;
  readonly attempt: number;
}

/** A link that has ended, and why, or that has moved to another node. */
export type Closed =
  | { readonly link: string; readonly why: LinkEnd }
  | { readonly link: string; readonly movedTo: string };

/** All devices of one user at one node. Each list is complete; the one with the highest version counts. */
export interface DeviceList {
  readonly node: string;
  readonly user: string;
  readonly version: number;
  readonly devices: readonly DeviceNotice[];
  /** What became of links that the last list had and this one has not. */
  readonly closed?: readonly Closed[];
}

/** A node owns a session that another node owned before: published to all nodes that have to do with its users. */
export interface SessionClaim {
  readonly op: "claim";
  readonly session: string;
  readonly owner: string;
  readonly epoch: number;
}

/** A device in a session, as the session's former owner describes it to the next one, which may not know the device. */
export interface Participant {
  readonly node: string;
  readonly user: string;
  readonly device: DeviceNotice;
  /** The state of the device's link, as the session's former owner told the other end last. */
  readonly link: "live" | "suspended";
}

/** What a device asks of a room, as its node passes it to the room's owner. */
export interface RoomAsk {
  /** With the id {@link noReply} the node asks by itself. */
  readonly request: RoomRequest | RequestOf<"send">;
  /** With `join`: the device's token lets it moderate the room. */
  readonly moderator?: boolean;
  /** With `join`: changes the seat that the device has, and gives it none if it has none any more. */
  readonly seated?: boolean;
  /** With `join`: the seat that the device had under another owner. */
  readonly former?: FormerSeat;
  /** The rules that the room had under that owner. */
  readonly rules?: SetRules;
  /** No node owns the room: the node that is asked owns it from now on. */
  readonly own?: boolean;
  /** With `join`: the user's devices at the asking node. The owner may not know the device yet. */
  readonly list?: DeviceList;
}

/** The id of a request that a node makes on behalf of a device: it gets no reply. */
export const noReply = 0;

/** What one node sends another through their channel: in order, each once. `link` names the device that an item is about. */
export type NodeItem =
  /** The sender's devices of a user, as the answer to `who`. */
  | ({ readonly t: "devices" } & DeviceList)
  /**
   * Asks for the receiver's devices of these users, after either side may have missed something. `held`: the sender believes
   * that each has some, and wants to hear of those that have none.
   */
  | { readonly t: "who"; readonly users: readonly string[]; readonly held?: boolean }
  /** The sender may have missed something, and so may the receiver: asks it to send its `who`. */
  | { readonly t: "resync" }
  /** To the node of a device: the device has a leg in this session of the sender's; `unbound`: no longer. */
  | {
      readonly t: "bound";
      readonly link: string;
      readonly session: string;
      readonly epoch: number;
      readonly leg: number;
    }
  | { readonly t: "unbound"; readonly link: string; readonly session: string }
  | { readonly t: "push"; readonly links: string[]; readonly push: PushBody }
  | {
      readonly t: "reply";
      readonly link: string;
      readonly id: number;
      readonly outcome: Outcome;
      /** The request was a silent one, which gets a reply only when it fails. */
      readonly silent?: boolean;
      /** The room that the request was about. */
      readonly room?: string;
    }
  | { readonly t: "shut"; readonly link: string; readonly why: CloseName }
  /** To the owner of a session: the sender's device still has its leg in the session, or comes back to it. */
  | {
      readonly t: "rejoin";
      readonly user: string;
      readonly device: DeviceNotice;
      readonly session: string;
      /** The device rings for the session already. */
      readonly rings?: boolean;
    }
  /** The link of a device of the sender's has moved to that node. */
  | { readonly t: "moved"; readonly link: string; readonly to: string }
  /**
   * The last item for a link by way of its former node. The node that has the link answers `by` with `fenced`. `lost`: the
   * fence did not get there, and items before it may not have either.
   */
  | { readonly t: "fence"; readonly link: string; readonly by: string; readonly n: number }
  | { readonly t: "fenced"; readonly link: string; readonly n: number; readonly lost?: true }
  /** Items that were on their way to the link by its former node are lost with that node. */
  | { readonly t: "gap"; readonly link: string }
  /** An item of the node `from` for a link that has moved from the sender to the receiver. */
  | { readonly t: "forward"; readonly from: string; readonly item: NodeItem }
  /** To the nodes of all ends: the session leaves the sender; the receiver holds back what that device asks of it. */
  | { readonly t: "leaving"; readonly link: string; readonly session: string }
  /** Asks for `left`, which the receiver sends behind all that its devices have asked of the session. */
  | { readonly t: "lastWord"; readonly session: string }
  | { readonly t: "left"; readonly session: string }
  /** The receiver owns the session from now on. */
  | {
      readonly t: "adopt";
      readonly snapshot: SessionSnapshot;
      readonly epoch: number;
      readonly participants: readonly Participant[];
    }
  /** To the node of a device: calls that the device made by key at the sender, which leaves. */
  | { readonly t: "keys"; readonly user: string; readonly keys: readonly KeySnapshot[] }
  /** Users and devices that were kicked, to a node that may not have heard. */
  | { readonly t: "kicks"; readonly kicks: readonly Kick[] }
  /** The session has another owner, in a newer epoch. To its former owner, and to nodes that may know only that one. */
  | { readonly t: "stale"; readonly session: string; readonly epoch: number; readonly owner: string }
  /** To the owner of a session: what a device asks, and the state of its link. */
  | {
      readonly t: "ask";
      readonly link: string;
      readonly request: Request;
      /** The leg that the request is meant for. The device may have another leg in that session by the time it arrives. */
      readonly leg?: number;
    }
  | { readonly t: "link"; readonly link: string; readonly state: "live" | "suspended" }
  | { readonly t: "closed"; readonly link: string; readonly why: LinkEnd }
  /** To the owner of a room. `term` counts how often the asking node has found an owner for a room. */
  | { readonly t: "room"; readonly link: string; readonly term: number; readonly ask: RoomAsk }
  /** To the owner of a room: what the sender asked in any other term is void, and so are the seats that came of it. */
  | { readonly t: "room-since"; readonly room: string; readonly term: number }
  /** From the owner of a room: what it says of the room from here on comes after the receiver's first ask of that term. */
  | { readonly t: "room-term"; readonly room: string; readonly term: number }
  /** From the owner of a room: the rules that its moderators have set, which a later owner needs. */
  | { readonly t: "room-rules"; readonly room: string; readonly rules: SetRules }
  /** From the owner of a room: this device has no seat any more. If the receiver still has the device, it comes back. */
  | { readonly t: "room-lost"; readonly room: string; readonly link: string }
  /**
   * From the former owner of a room: it owns the room no longer, and has not done what the receiver asked in this term.
   * `to` is the owner, or with `own` the node that is to be; without `to` the former owner knows of none.
   */
  | {
      readonly t: "room-moved";
      readonly room: string;
      readonly term: number;
      readonly to?: string;
      readonly own?: boolean;
    };
