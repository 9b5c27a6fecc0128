import { type Static, type TObject, type TProperties, Type } from "typebox";
import {
  AddressText,
  Candidates,
  Description,
  Generation,
  Id,
  MediaNotes,
  MediaWanted,
  MemberId,
  Pair,
  PushSubscription,
  Refused,
  RoomAddress,
  RoomPolicy,
  SessionId,
  Stats,
  StatusText,
  StreamAddress,
} from "./values.ts";

/** Client → server. Requests carry ids 1, 2, 3 … in each link; each is admitted once and in order. */
function request<const T extends string, P extends TProperties>(type: T, description: string, fields: P) {
  return Type.Object(
    {
      id: Type.Integer({ minimum: 1, description: "Counts 1, 2, 3 … in each link." }),
      type: Type.Literal(type),
      ...fields,
    },
    { additionalProperties: true, description },
  );
}

const opaque = (description: string) => Type.Unknown({ description });

const Watched = Type.Optional(Type.Array(Id, { minItems: 1, maxItems: 1_000 }));
/** What `watch` and `unwatch` name. */
const watched = { users: Watched, streams: Watched };

export const requests = {
  call: request("call", "Rings every device of `to` that may ring.", {
    to: AddressText,
    key: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 128,
        description: "Makes a repeated call the same call for 10 minutes.",
      }),
    ),
    media: Type.Optional(MediaWanted),
    description: Type.Optional(Description),
    offer: Type.Optional(
      Type.Boolean({
        description: "False: this end makes no offer; the device that answers does. Default true.",
      }),
    ),
    timeout: Type.Optional(
      Type.Integer({ minimum: 1_000, maximum: 600_000, description: "How long it rings, in ms; capped." }),
    ),
    data: Type.Optional(opaque("The application's own, shown to the callee; bounded by `limits.bodyBytes`.")),
  }),
  ringing: request("ringing", "The callee's device is alerting its person.", { session: SessionId }),
  accept: request("accept", "Answers; the first wins, and only the caller's confirm makes it final.", {
    session: SessionId,
    description: Type.Optional(Description),
    refused: Type.Optional(Refused),
  }),
  confirm: request("confirm", "The caller takes the device that accepted.", {
    session: SessionId,
    device: Id,
  }),
  decline: request("decline", "Ends this device's leg of a ring; with `everywhere` the whole ring.", {
    session: SessionId,
    everywhere: Type.Optional(Type.Boolean()),
    reason: Type.Optional(
      Type.Union([Type.Literal("declined"), Type.Literal("busy"), Type.Literal("incompatible")]),
    ),
    automatic: Type.Optional(
      Type.Boolean({
        description: "No person refused: only a caller who may watch the callee is told.",
      }),
    ),
  }),
  cancel: request("cancel", "The caller gives up; after an accept it is a hang-up.", { session: SessionId }),
  signal: request(
    "signal",
    "Relayed to the other end in order. Acknowledged by `ack`; a reply comes only for an error.",
    {
      session: SessionId,
      pair: Pair,
      generation: Generation,
      description: Type.Optional(Description),
      candidates: Type.Optional(Candidates),
      endOfCandidates: Type.Optional(Type.Boolean()),
      media: Type.Optional(MediaNotes),
      refused: Type.Optional(Refused),
    },
  ),
  restart: request("restart", "Compare-and-set to the next ICE generation of a pair.", {
    session: SessionId,
    pair: Pair,
    generation: Generation,
  }),
  resync: request(
    "resync",
    "Asks the other end to send its unanswered description and current candidates again.",
    {
      session: SessionId,
      pair: Pair,
      generation: Generation,
    },
  ),
  move: request(
    "move",
    "Moves this end of the session to another device of the same user, or to a new pair of this one.",
    {
      session: SessionId,
      to: Id,
    },
  ),
  hangup: request("hangup", "Ends the session. Idempotent.", {
    session: SessionId,
    reason: Type.Optional(Type.Union([Type.Literal("hangup"), Type.Literal("failed")])),
    detail: Type.Optional(
      Type.String({ maxLength: 128, description: "The application's own word, relayed." }),
    ),
  }),
  report: request(
    "report",
    "What this device sees of its media. Acknowledged by `ack`; a reply comes only for an error.",
    {
      session: SessionId,
      stats: Stats,
    },
  ),
  publish: request("publish", "Opens a session in which this device sends a stream to the media server.", {
    to: StreamAddress,
  }),
  view: request("view", "Opens a session in which the media server sends a stream to this device.", {
    to: StreamAddress,
  }),
  layer: request(
    "layer",
    "A viewer wants at most this of a stream's video. Without any field it takes what fits, as at first.",
    {
      session: SessionId,
      rid: Type.Optional(Type.String({ maxLength: 32, description: "A layer, as `stream` names it." })),
      height: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535, description: "In pixels." })),
      bitrate: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000_000, description: "In bit/s." })),
      temporal: Type.Optional(
        Type.Integer({ minimum: 0, maximum: 7, description: "The highest temporal layer; 0 is the base." }),
      ),
    },
  ),
  watch: request(
    "watch",
    "Tells the presence of these users, and the state of these streams, now and on change. At least one list.",
    watched,
  ),
  unwatch: request("unwatch", "Ends that. At least one list.", watched),
  status: request("status", "Sets this device's own status, shown in its presence.", {
    status: StatusText,
  }),
  send: request(
    "send",
    "The application's own message to a user, a device or a room that this device is in.",
    {
      to: AddressText,
      body: opaque("Any JSON; bounded by `limits.bodyBytes`."),
    },
  ),
  join: request("join", "Enters a room, or its lobby.", {
    room: RoomAddress,
    mode: Type.Optional(
      Type.Union([Type.Literal("members"), Type.Literal("mesh"), Type.Literal("media")], {
        description:
          "`members`: who is here and messages (default); `mesh`: a session with each member that is in the mesh too.",
      }),
    ),
    data: Type.Optional(opaque("Shown to the other members; bounded by `limits.bodyBytes`.")),
  }),
  leave: request("leave", "Leaves a room, or its lobby.", { room: RoomAddress }),
  admit: request("admit", "A moderator lets a knocking member in.", { room: RoomAddress, member: MemberId }),
  refuse: request("refuse", "A moderator turns a knocking member away, or a member out.", {
    room: RoomAddress,
    member: MemberId,
  }),
  policy: request("policy", "A moderator sets the rules of a room, for as long as it lives.", {
    room: RoomAddress,
    policy: RoomPolicy,
  }),
  push: request(
    "push",
    "Registers how this device is woken by a call when it is not connected, and replaces what it had registered. Without any field it only asks.",
    {
      webPush: Type.Optional(PushSubscription),
      application: Type.Optional(
        Type.Unknown({
          description:
            "The application wakes the device: the event `wake.needed` has this value, such as a token of APNs or FCM; 2 KB at most.",
        }),
      ),
      off: Type.Optional(Type.Literal(true, { description: "Ends the registration." })),
    },
  ),
  refresh: request("refresh", "Renews the token of a live link: same user, same device.", {
    token: Type.String({ minLength: 1, maxLength: 8_192 }),
  }),
} as const satisfies Record<string, TObject>;

export type RequestType = keyof typeof requests;
export type RequestOf<T extends RequestType> = Static<(typeof requests)[T]>;
export type Request = { [T in RequestType]: RequestOf<T> }[RequestType];

/** Requests that speak of a session that there is already. */
export type SessionRequest = Exclude<Extract<Request, { session: string }>, { type: "layer" }>;

/** Requests that open a session with the media server. */
export type StreamRequest = RequestOf<"publish" | "view">;

/** Requests that speak of a room. */
export type RoomRequest = RequestOf<"join" | "leave" | "admit" | "refuse" | "policy">;

/** Requests whose success is acknowledged by the cumulative `ack` alone: they are many, and nobody waits for them. */
export const silentRequests: ReadonlySet<string> = new Set<RequestType>(["signal", "report"]);
