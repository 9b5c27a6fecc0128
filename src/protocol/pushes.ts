import { type Static, type TObject, type TProperties, Type } from "typebox";
import { endReasons, type WireReason } from "./end-reasons.ts";
import {
  AddressText,
  Candidates,
  Description,
  DevicePresence,
  Generation,
  IceServer,
  Id,
  MediaNotes,
  MediaWanted,
  Member,
  MemberId,
  Pair,
  PeerInfo,
  Refused,
  RoomAddress,
  RoomPolicy,
  SessionId,
  StreamAddress,
  StreamLayer,
} from "./values.ts";

/** Server → client, not asked for. Counted by `seq` together with the replies. */
function push<const T extends string, P extends TProperties>(type: T, description: string, fields: P) {
  return Type.Object(
    {
      seq: Type.Integer({ minimum: 1, description: "Counts 1, 2, 3 … in each link." }),
      type: Type.Literal(type),
      ...fields,
    },
    { additionalProperties: true, description },
  );
}

// The literals are made from the table, so the type has to be named: a mapped array has lost it.
const EndReason = Type.Unsafe<WireReason>(
  Type.Union(
    Object.keys(endReasons).map((reason) => Type.Literal(reason)),
    { description: "One of the closed list." },
  ),
);
const Ticket = Type.String({
  maxLength: 2_048,
  description: "Sealed; finds the session again (see Tickets).",
});
const Offer = Type.Boolean({
  description: "True: this end makes the first offer of the pair, and is the impolite one.",
});

export const pushes = {
  incoming: push("incoming", "A ring.", {
    session: SessionId,
    ticket: Ticket,
    from: PeerInfo,
    to: AddressText,
    media: Type.Optional(MediaWanted),
    description: Type.Optional(Description),
    data: Type.Optional(Type.Unknown({ description: "What the caller gave." })),
    age: Type.Integer({ minimum: 0, description: "ms since the ring began." }),
    expires: Type.Integer({ minimum: 0, description: "ms until the ring ends by itself." }),
    pair: Pair,
    generation: Generation,
    offer: Offer,
    movedFrom: Type.Optional(
      Type.String({ description: "A device of one's own: it asks this one to take its call over." }),
    ),
    placed: Type.Optional(
      Type.Boolean({
        description:
          "The application connects this user with `from`: no offer comes with the ring. The reply to `accept` comes once both have accepted, and says who offers.",
      }),
    ),
  }),
  ringing: push("ringing", "A device of the callee is alerting.", {
    session: SessionId,
    device: Type.Optional(PeerInfo),
  }),
  accepted: push("accepted", "A device answered; `confirm` takes it.", {
    session: SessionId,
    device: Id,
    peer: PeerInfo,
    pair: Pair,
    generation: Generation,
    description: Type.Optional(Description),
    offer: Type.Optional(
      Type.Boolean({
        description:
          "False: the device that answered makes the first offer, and the caller's own is void. `description` is that offer, or it follows by `signal`.",
      }),
    ),
    bundle: Type.Optional(
      Type.Boolean({
        description:
          "False: the device that answered may not bundle (RFC 9143). Offer it a transport for each section, as browsers do with the bundle policy `balanced`.",
      }),
    ),
  }),
  crossed: push(
    "crossed",
    "Glare: two users call each other. Who started `session` accepts `survivor` instead, then cancels `session`.",
    {
      session: SessionId,
      survivor: SessionId,
    },
  ),
  offer_wanted: push(
    "offer_wanted",
    "To the caller, while it rings: send the offer now, by `signal` and without candidates; a device may need it to ring.",
    { session: SessionId, pair: Pair, generation: Generation, offer: Offer },
  ),
  signal: push("signal", "What the other end sent.", {
    session: SessionId,
    pair: Pair,
    generation: Generation,
    description: Type.Optional(Description),
    candidates: Type.Optional(Candidates),
    endOfCandidates: Type.Optional(Type.Boolean()),
    media: Type.Optional(MediaNotes),
    refused: Type.Optional(Refused),
  }),
  restart: push("restart", "The pair is in a new ICE generation.", {
    session: SessionId,
    pair: Pair,
    generation: Generation,
    offer: Type.Boolean({ description: "True when this end makes the offer." }),
    ticket: Type.Optional(Ticket),
  }),
  resync: push(
    "resync",
    "The other end lost what was in flight: send the unanswered description and the candidates again.",
    {
      session: SessionId,
      pair: Pair,
      generation: Generation,
    },
  ),
  pair: push("pair", "Another pair opens beside the current one: the session moves.", {
    session: SessionId,
    pair: Pair,
    generation: Generation,
    peer: PeerInfo,
    offer: Offer,
  }),
  moved: push("moved", "The pair is the session's from now on; older ones close.", {
    session: SessionId,
    pair: Pair,
    peer: PeerInfo,
    ticket: Type.Optional(Ticket),
  }),
  move_failed: push("move_failed", "The pair is given up; the session goes on with the older one.", {
    session: SessionId,
    pair: Pair,
  }),
  peer: push("peer", "The signaling link of the other end.", {
    session: SessionId,
    link: Type.Union([Type.Literal("live"), Type.Literal("suspended"), Type.Literal("detached")]),
  }),
  session: push(
    "session",
    "A session without a ring: a pair of a room's mesh, a stream, or one that a ticket found again.",
    {
      session: SessionId,
      ticket: Ticket,
      peer: PeerInfo,
      pair: Pair,
      generation: Generation,
      offer: Offer,
      room: Type.Optional(RoomAddress),
      member: Type.Optional(MemberId),
      stream: Type.Optional(StreamAddress),
      media: Type.Optional(MediaWanted),
      recovered: Type.Optional(Type.Boolean({ description: "Found again by a ticket." })),
      state: Type.Optional(Type.Union([Type.Literal("ringing"), Type.Literal("active")])),
      direction: Type.Optional(Type.Union([Type.Literal("in"), Type.Literal("out")])),
    },
  ),
  ended: push("ended", "The session, or this device's leg of it, is over.", {
    session: SessionId,
    reason: EndReason,
    by: Type.Optional(PeerInfo),
    device: Type.Optional(
      Type.String({ description: "The device of the own user that answered, declined or took over." }),
    ),
    detail: Type.Optional(Type.String({ description: "The application's own word." })),
  }),
  presence: push("presence", "A watched user.", {
    user: Id,
    online: Type.Boolean(),
    devices: Type.Array(DevicePresence),
  }),
  stream: push("stream", "A watched stream.", {
    name: Id,
    live: Type.Boolean({ description: "Somebody publishes it, and media flows." }),
    viewers: Type.Integer({ minimum: 0 }),
    layers: Type.Array(StreamLayer, {
      description:
        "In the order of the publisher's offer, and behind them what is made of them; empty for sound alone.",
    }),
  }),
  dropped: push(
    "dropped",
    "In the replay of a resume: a message or a ring was here. The log was full, and its sender had most of it. Clients may ignore it.",
    {},
  ),
  message: push("message", "A message of the application.", {
    from: PeerInfo,
    to: AddressText,
    body: Type.Unknown(),
  }),
  room: push("room", "A change of a room that one is in.", {
    room: RoomAddress,
    version: Type.Integer({ minimum: 0 }),
    count: Type.Integer({ minimum: 0 }),
    joined: Type.Optional(Type.Array(Member)),
    left: Type.Optional(Type.Array(MemberId)),
    policy: Type.Optional(RoomPolicy),
    scoped: Type.Optional(
      Type.Boolean({ description: "The room is too large for a list; from now on only the count is told." }),
    ),
  }),
  admitted: push("admitted", "Out of the lobby, into the room; or still in it: the room as it is now.", {
    room: RoomAddress,
    member: MemberId,
    version: Type.Integer({ minimum: 0 }),
    count: Type.Integer({ minimum: 0 }),
    members: Type.Array(Member),
    policy: Type.Optional(RoomPolicy),
  }),
  knock: push("knock", "To moderators: somebody waits in the lobby, or no longer does.", {
    room: RoomAddress,
    member: Member,
    gone: Type.Optional(Type.Boolean()),
  }),
  room_ended: push("room_ended", "No longer in the room.", {
    room: RoomAddress,
    reason: Type.Union([
      Type.Literal("closed"),
      Type.Literal("refused"),
      Type.Literal("forbidden"),
      Type.Literal("shutdown"),
    ]),
  }),
  ice_servers: push("ice_servers", "Fresh ICE servers; use them for the running connections too.", {
    iceServers: Type.Array(IceServer),
  }),
} as const satisfies Record<string, TObject>;

export type PushType = keyof typeof pushes;
export type PushOf<T extends PushType> = Static<(typeof pushes)[T]>;
export type Push = { [T in PushType]: PushOf<T> }[PushType];
/** A push before its link has counted it. */
export type PushBody = { [T in PushType]: Omit<PushOf<T>, "seq"> }[PushType];
