/**
 * `@switchboard/client`: calls, rooms, presence and messages, for browsers, Node 22 or newer, and Bun. docs/client.md
 * explains it.
 */
export type {
  Broadcast,
  BroadcastStats,
  Call,
  CallOptions,
  CallStats,
  Cancel,
  Capabilities,
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
  LayerWish,
  Live,
  LocalMedia,
  Media,
  Member,
  Message,
  OpenTransport,
  Peer,
  Presence,
  PublishOptions,
  Refused,
  Room,
  RoomPolicy,
  Rtc,
  Sent,
  StreamLayer,
  Transport,
  TransportEvents,
  Viewing,
  ViewingStats,
  ViewOptions,
} from "./api.ts";
export { connect } from "./client.ts";
export { type ErrorCode, SwitchboardError } from "./error.ts";
export { capture } from "./media.ts";
