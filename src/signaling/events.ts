import type { WireReason } from "../protocol/end-reasons.ts";
import type { WireCode } from "../protocol/error-codes.ts";
import type { Limits } from "../protocol/limits.ts";
import type { PushOf } from "../protocol/pushes.ts";
import type { RequestType } from "../protocol/requests.ts";
import type { Stats } from "../protocol/values.ts";
import type { AskedRequest } from "./policy.ts";
import type { Side } from "./session/leg.ts";
import type { Party } from "./session/placement.ts";

/** What happened, for records, metrics and logs. No event holds a token, a secret or an SDP. */
export type CoreEvent =
  | { readonly type: "link_opened"; readonly user: string; readonly device: string; readonly link: string }
  | {
      readonly type: "link_resumed";
      readonly user: string;
      readonly device: string;
      readonly link: string;
      readonly replayed: number;
    }
  | { readonly type: "resume_refused"; readonly reason: string }
  | { readonly type: "link_suspended"; readonly user: string; readonly device: string; readonly code: number }
  | { readonly type: "kicked"; readonly user: string; readonly device?: string }
  /** Another node told of a kick: of `alice` or `alice/phone`, so many ms ago. */
  | { readonly type: "kick_learned"; readonly name: string; readonly ago: number }
  | { readonly type: "link_closed"; readonly user: string; readonly device: string; readonly reason: string }
  | { readonly type: "transport_refused"; readonly code: number; readonly reason: string }
  | { readonly type: "request"; readonly request: RequestType }
  | { readonly type: "request_failed"; readonly request: string; readonly code: WireCode }
  /**
   * The policy was asked about a request. `failed`: it had no answer; `late`: none in time. `after`: ms. `session`: of a call that
   * was placed.
   */
  | {
      readonly type: "decided";
      readonly request: AskedRequest;
      readonly user: string;
      readonly device?: string;
      readonly to?: string;
      readonly outcome: "allowed" | "refused" | "failed" | "late";
      /** What who asked is told. */
      readonly reason?: string;
      readonly after: number;
      readonly session?: string;
      /** The application has placed the call, not a device. */
      readonly placed?: true;
    }
  /** A call found no device of its target online, and the policy or who sends pushes was asked to wake one. `waits`: one may come. */
  | {
      readonly type: "wake";
      readonly session: string;
      readonly user: string;
      readonly by: "hook" | "push";
      readonly waits: boolean;
      readonly after: number;
    }
  | { readonly type: "limit"; readonly limit: keyof Limits }
  | {
      readonly type: "session_started";
      readonly session: string;
      readonly kind: SessionKind;
      readonly caller: string;
      /** The caller's device. */
      readonly device: string;
      readonly callee: string;
      readonly room?: string;
      /** The application has placed it: the party that rings first. */
      readonly placed?: Party;
    }
  /** A party of a call that the application has placed has accepted. */
  | {
      readonly type: "session_joined";
      readonly session: string;
      readonly user: string;
      readonly device: string;
      readonly side: Side;
    }
  | {
      readonly type: "session_moved";
      readonly session: string;
      readonly user: string;
      readonly from: string;
      readonly to: string;
    }
  /** This node goes on with a session of another node, or of an earlier run of its own. */
  | {
      readonly type: "session_adopted";
      readonly session: string;
      readonly epoch: number;
      /** The node that has died with it, as far as its devices know. */
      readonly from?: string;
      readonly kind: SessionKind;
      readonly caller: string;
      readonly device: string;
      readonly callee: string;
      readonly room?: string;
      readonly placed?: Party;
    }
  /** Another node goes on with the session. */
  | { readonly type: "session_left"; readonly session: string }
  | {
      readonly type: "session_accepted";
      readonly session: string;
      readonly device: string;
      readonly after: number;
    }
  | { readonly type: "session_ended"; readonly record: SessionRecord }
  | RoomEvent
  | {
      readonly type: "report";
      readonly session: string;
      readonly user: string;
      readonly device: string;
      readonly stats: Stats;
    }
  | { readonly type: "fault"; readonly where: string; readonly error: unknown };

/** What happens in a room, as its owner sees it. A room that goes over to another node is neither closed nor opened by that. */
export type RoomEvent =
  /** Somebody came, and there was no such room. */
  | { readonly type: "room_opened"; readonly room: string }
  | ({ readonly type: "room_knocked"; readonly room: string } & RoomPerson)
  | ({ readonly type: "room_joined"; readonly room: string; readonly moderator: boolean } & RoomPerson)
  /** `state`: a member, or one who waited in the lobby. */
  | ({
      readonly type: "room_left";
      readonly room: string;
      readonly state: "joined" | "lobby";
      readonly reason: RoomLeaveReason;
    } & RoomPerson)
  /** `empty`: the last one has left. */
  | { readonly type: "room_closed"; readonly room: string; readonly reason: "empty" | RoomEndReason };

/** Why a room is over for somebody who did not leave. */
export type RoomEndReason = PushOf<"room_ended">["reason"];

interface RoomPerson {
  readonly member: string;
  readonly user: string;
  readonly device: string;
}

/** `offline`: the device's link is over; `replaced`: the same device has joined anew. */
export type RoomLeaveReason = "left" | "offline" | "replaced" | RoomEndReason;

/** What a session connects: two devices, two members of a room's mesh, or a device and the media server. */
export type SessionKind = "call" | "mesh" | "publish" | "view";

/** What is left of a session: one a session, made at its end. Times are Unix ms. */
export interface SessionRecord {
  readonly session: string;
  readonly kind: SessionKind;
  readonly caller: { readonly user: string; readonly device: string };
  /** Of a stream: `stream:NAME`. */
  readonly callee: { readonly user: string; readonly device?: string };
  readonly room?: string;
  readonly startedAt: number;
  readonly acceptedAt?: number;
  readonly connectedAt?: number;
  readonly endedAt: number;
  readonly reason: WireReason;
  readonly by?: { readonly user: string; readonly device: string };
  readonly rung: readonly string[];
  readonly pairs: number;
  readonly generations: number;
  readonly lastStats?: { readonly caller?: Stats; readonly callee?: Stats };
}
