/**
 * `@switchboard/client`: calls, rooms, presence and messages, for browsers, Node 22 or newer, and Bun. docs/client.md
 * explains it.
 */
export type {
  Call,
  CallOptions,
  CallStats,
  Cancel,
  Channel,
  Client,
  ConnectOptions,
  Ended,
  EndReason,
  Flags,
  Frame,
  IncomingCall,
  JoinOptions,
  Kind,
  Live,
  LocalMedia,
  Media,
  Member,
  Message,
  OpenTransport,
  Peer,
  Presence,
  Refused,
  Room,
  RoomPolicy,
  Rtc,
  Sent,
  Transport,
  TransportEvents,
} from "./api.ts";
export type { Capabilities } from "./capabilities.ts";
export { connect } from "./client.ts";
export { type ErrorCode, SwitchboardError } from "./error.ts";
export { capture } from "./media.ts";
export type {
  Broadcast,
  BroadcastStats,
  LayerWish,
  PublishOptions,
  StreamLayer,
  Viewing,
  ViewingStats,
  ViewOptions,
} from "./stream-api.ts";
