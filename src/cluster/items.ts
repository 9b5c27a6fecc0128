import type { CloseName } from "../protocol/close-codes.ts";
import type { PushBody } from "../protocol/pushes.ts";
import type { Request, RequestOf, RoomRequest } from "../protocol/requests.ts";
import type { Capabilities } from "../protocol/values.ts";
import type { LinkEnd, Outcome } from "../signaling/device.ts";
import type { SetRules } from "../signaling/room/room.ts";
import type { FormerSeat } from "../signaling/room/room-member.ts";
import type { KeySnapshot } from "../signaling/session/call-keys.ts";
import type { SessionSnapshot } from "../signaling/session/session-snapshot.ts";

/** A device as its node describes it to the others. */
export interface DeviceNotice {
  readonly id: string;
  /** Its link: a device with another link is another run of it. */
  readonly link: string;
  readonly kind: string;
  readonly name?: string;
  readonly status?: string;
  readonly online: boolean;
  /** The gateway by which it is signed in; absent for a native device. */
  readonly gateway?: string;
  readonly capabilities: Capabilities;
  /** Cluster time at which its link was opened, and which run of the client that is. */
  readonly stamp: number;
  readonly instance: string;
  readonly attempt: number;
}

/** A link that has just ended, and why; or left, and where to. */
export type Closed =
  | { readonly link: string; readonly why: LinkEnd }
  | { readonly link: string; readonly movedTo: string };

/** All devices of one user at one node; each list stands for itself, the one with the highest version counts. */
export interface DeviceList {
  readonly node: string;
  readonly user: string;
  readonly version: number;
  readonly devices: readonly DeviceNotice[];
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
  /** How its link was when the session left its former owner: the other end has been told so. */
  readonly link: "live" | "suspended";
}

/** What a device asks of a room, as its node asks it of the room's owner. */
export interface RoomAsk {
  /** Id 0: its node asks by itself, and nobody waits for a reply. */
  readonly request: RoomRequest | RequestOf<"send">;
  /** With `join`: its token lets it moderate the room. */
  readonly moderator?: boolean;
  /** With `join`: only the seat that it has changes. Where it has none any more, it gets none. */
  readonly seated?: boolean;
  /** With `join`: it was a member before, under another owner. */
  readonly former?: FormerSeat;
  /** The rules that the room had there. */
  readonly rules?: SetRules;
  /** Nobody owns the room: the node that is asked owns it from now on. */
  readonly own?: boolean;
  /** With `join`: the user's devices at the node that asks, for the owner may not know the device. */
  readonly list?: DeviceList;
}

/** The id of a request that a node makes for a device: nobody waits for its reply. */
export const nobodysRequest = 0;

/** What one node tells another by their channel: in order, each once. `link` names the device that it is about. */
export type NodeItem =
  /** The devices of a user, as an answer to `who`. */
  | ({ readonly t: "devices" } & DeviceList)
  /**
   * Which of these users have devices with you? Asked again when either side may have missed something. `held`: they had,
   * as far as I know; tell me if they have none any more.
   */
  | { readonly t: "who"; readonly users: readonly string[]; readonly held?: boolean }
  /** I may have missed something: ask me again as well. */
  | { readonly t: "resync" }
  /** To the node of a device: it has part in this session of mine; no longer. */
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
      /** To a request that is replied to only when it fails. */
      readonly silent?: boolean;
      /** The room that the request was about, where it was about one. */
      readonly room?: string;
    }
  | { readonly t: "shut"; readonly link: string; readonly why: CloseName }
  /** To the owner of a session: my device has (still, or again) this part in it. */
  | {
      readonly t: "rejoin";
      readonly user: string;
      readonly device: DeviceNotice;
      readonly session: string;
      /** It rings for the session already. */
      readonly rings?: boolean;
    }
  /** The link of a device of mine has gone over to that node. */
  | { readonly t: "moved"; readonly link: string; readonly to: string }
  /**
   * Nothing comes after this for the link by that way; whoever has the link now says so to the sender: `fenced`. `lost`: it
   * did not get there, and what was said before it may not have either.
   */
  | { readonly t: "fence"; readonly link: string; readonly by: string; readonly n: number }
  | { readonly t: "fenced"; readonly link: string; readonly n: number; readonly lost?: true }
  /** What was on its way to the link by its former node is lost with that. */
  | { readonly t: "gap"; readonly link: string }
  /** An item for a link that has gone over to the receiver, from the node that said it to the former one. */
  | { readonly t: "forward"; readonly from: string; readonly item: NodeItem }
  /** To the nodes of all ends of a session: it leaves me; hold back what that device asks of it … */
  | { readonly t: "leaving"; readonly link: string; readonly session: string }
  /** … and say so once what it has asked is on its way to me. */
  | { readonly t: "lastWord"; readonly session: string }
  | { readonly t: "left"; readonly session: string }
  /** The session is yours from now on. */
  | {
      readonly t: "adopt";
      readonly snapshot: SessionSnapshot;
      readonly epoch: number;
      readonly participants: readonly Participant[];
    }
  /** To the node of a device: what it has called by key at mine, which leaves. */
  | { readonly t: "keys"; readonly user: string; readonly keys: readonly KeySnapshot[] }
  /** To a former owner, or who may have heard of that last: the session has another owner, in a newer epoch. */
  | { readonly t: "stale"; readonly session: string; readonly epoch: number; readonly owner: string }
  /** To the owner of a session: what one of its devices asks, and how its link is. */
  | {
      readonly t: "ask";
      readonly link: string;
      readonly request: Request;
      /** The leg that it is meant for: the device may have had another one in that session, and have another one by now. */
      readonly leg?: number;
    }
  | { readonly t: "link"; readonly link: string; readonly state: "live" | "suspended" }
  | { readonly t: "closed"; readonly link: string; readonly why: LinkEnd }
  /** To the owner of a room. `term` counts how often the node that asks has found an owner for it. */
  | { readonly t: "room"; readonly link: string; readonly term: number; readonly ask: RoomAsk }
  /** To the owner of a room: what I have asked in any other term counts no more, and who has a seat by that leaves it. */
  | { readonly t: "room-since"; readonly room: string; readonly term: number }
  /** From the owner of a room: what I say of it from here on comes after the first that you asked in that term. */
  | { readonly t: "room-term"; readonly room: string; readonly term: number }
  /** From the owner of a room: what its moderators have set, for a later owner. */
  | { readonly t: "room-rules"; readonly room: string; readonly rules: SetRules }
  /** This device has no seat in my room any more: if you still have it, it comes back. */
  | { readonly t: "room-lost"; readonly room: string; readonly link: string }
  /**
   * I own it no longer, and have not done what you asked me in this term since. It is that other node's, which owns it
   * already or (`own`) is to; or nobody's that I know.
   */
  | {
      readonly t: "room-moved";
      readonly room: string;
      readonly term: number;
      readonly to?: string;
      readonly own?: boolean;
    };
