import { type Static, Type } from "typebox";
import { mostNameCharacters } from "../shared/person-name.ts";
import { idPattern } from "./address.ts";

/** The values that several frames share. Every schema here is JSON Schema and, by `Static`, a TypeScript type. */
const closed = { additionalProperties: true } as const;

export const Id = Type.String({ pattern: idPattern, description: "User or device id (see Addresses)." });
export const AddressText = Type.String({
  minLength: 1,
  maxLength: 264,
  description: "An address (see Addresses).",
});
export const SessionId = Type.String({ minLength: 1, maxLength: 64, description: "Session id." });
export const MemberId = Type.String({
  minLength: 1,
  maxLength: 64,
  description: "A member's id in its room.",
});
export const RoomAddress = Type.String({ pattern: "^room:", maxLength: 133, description: "`room:NAME`." });
export const StreamAddress = Type.String({
  pattern: "^stream:",
  maxLength: 135,
  description: "`stream:NAME`.",
});
export const Pair = Type.Integer({
  minimum: 1,
  maximum: 1_000_000,
  description: "Number of the RTCPeerConnection pair, from 1.",
});
export const Generation = Type.Integer({
  minimum: 1,
  maximum: 1_000_000,
  description: "ICE generation of the pair, from 1.",
});
export const Name = Type.String({
  minLength: 1,
  maxLength: mostNameCharacters,
  pattern: "^[^\\p{Cc}\\p{Cs}]*$",
  description: "Text for people, without control characters (see Names).",
});

/** Gateways write it into XML, which has no form for most control characters and unpaired surrogates. */
export const StatusText = Type.String({
  maxLength: 128,
  pattern: "^[^\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\p{Cs}\\ufffe\\uffff]*$",
  description: "Text for people, without control characters other than tabs and line ends.",
});

export const PushSubscription = Type.Object(
  {
    endpoint: Type.String({
      minLength: 1,
      maxLength: 2_048,
      description: "Where its push service takes messages: an https URL.",
    }),
    keys: Type.Object(
      {
        p256dh: Type.String({
          pattern: "^[A-Za-z0-9_-]{86,88}=?$",
          description: "Its public key, base64url.",
        }),
        auth: Type.String({ pattern: "^[A-Za-z0-9_-]{22}={0,2}$", description: "Its secret, base64url." }),
      },
      { additionalProperties: true },
    ),
  },
  {
    additionalProperties: true,
    description:
      "A subscription of Web Push, as `PushSubscription.toJSON()` of a browser has it (RFC 8030, keys of RFC 8291 §2).",
  },
);
export type PushSubscription = Static<typeof PushSubscription>;

export const Description = Type.Object(
  {
    type: Type.Union([Type.Literal("offer"), Type.Literal("answer")]),
    sdp: Type.String({
      maxLength: 1_048_576,
      description: "Opaque to the server; bounded by `limits.sdpBytes`.",
    }),
  },
  { ...closed, description: "A session description (RFC 8829)." },
);
export type Description = Static<typeof Description>;

export const Refused = Type.Object(
  {
    reason: Type.String({ minLength: 1, maxLength: 128, description: "Why, for logs and developers." }),
  },
  { ...closed, description: "An offer that was refused." },
);
export type Refused = Static<typeof Refused>;

export const Candidate = Type.Object(
  {
    candidate: Type.String({ maxLength: 2_048, description: "The `candidate:` line (RFC 8839 §5.1)." }),
    sdpMid: Type.Optional(Type.Union([Type.String({ maxLength: 128 }), Type.Null()])),
    sdpMLineIndex: Type.Optional(Type.Union([Type.Integer({ minimum: 0, maximum: 65_535 }), Type.Null()])),
    usernameFragment: Type.Optional(Type.Union([Type.String({ maxLength: 256 }), Type.Null()])),
  },
  { ...closed, description: "One ICE candidate, as `RTCIceCandidate.toJSON()` gives it." },
);
export type Candidate = Static<typeof Candidate>;

export const Candidates = Type.Array(Candidate, {
  maxItems: 1_024,
  description: "Bounded by `limits.candidates`.",
});

export const MediaWanted = Type.Object(
  {
    audio: Type.Optional(Type.Boolean()),
    video: Type.Optional(Type.Boolean()),
    data: Type.Optional(Type.Boolean()),
  },
  { ...closed, description: "What the caller wants to exchange." },
);
export type MediaWanted = Static<typeof MediaWanted>;

export const MediaNotes = Type.Record(
  Type.String({ pattern: "^[!-~]{1,128}$" }),
  Type.Object({ screen: Type.Optional(Type.Boolean()), muted: Type.Optional(Type.Boolean()) }, closed),
  {
    additionalProperties: false,
    maxProperties: 64,
    description: "mid → what the SDP does not say of it. Opaque to the server.",
  },
);
export type MediaNotes = Static<typeof MediaNotes>;

export const Capabilities = Type.Object(
  {
    trickle: Type.Optional(
      Type.Boolean({ description: "Sends and takes candidates after the description. Default true." }),
    ),
    sdpRole: Type.Optional(
      Type.Union([Type.Literal("both"), Type.Literal("offer-only"), Type.Literal("answer-only")], {
        description: "Which descriptions it can make. Default `both`.",
      }),
    ),
    needsOffer: Type.Optional(
      Type.Boolean({ description: "It can't ring before it has the caller's offer. Default false." }),
    ),
    bundle: Type.Optional(
      Type.Boolean({
        description:
          "Bundles what it is offered (RFC 9143). False: an offer to it has a transport for each section. Default true.",
      }),
    ),
    renegotiation: Type.Optional(
      Type.Union([Type.Literal("full"), Type.Literal("hold-only"), Type.Literal("none")], {
        description: "Default `full`.",
      }),
    ),
    iceRestart: Type.Optional(Type.Boolean({ description: "Can be asked to restart ICE. Default true." })),
    ringing: Type.Optional(Type.Boolean({ description: "Says when it is alerting. Default true." })),
    hangup: Type.Optional(Type.Boolean({ description: "Says when it hangs up. Default true." })),
    reports: Type.Optional(
      Type.Boolean({ description: "Reports the state of its connection. Default true." }),
    ),
    needsData: Type.Optional(
      Type.Boolean({ description: "A call dies without a data channel. Default false." }),
    ),
    maxSessions: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1_000, description: "Sessions it can hold at once." }),
    ),
    maxSdpBytes: Type.Optional(Type.Integer({ minimum: 256, maximum: 1_048_576 })),
    maxCandidates: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_024 })),
    detachable: Type.Optional(
      Type.Boolean({ description: "Its calls survive the loss of its link. Default true." }),
    ),
    glare: Type.Optional(
      Type.Boolean({
        description:
          "It takes part in [glare](#75-glare-two-users-call-each-other). Of two devices that don't, both calls go on. Default true.",
      }),
    ),
    refusals: Type.Optional(
      Type.Boolean({
        description: "Its offers may be refused: it goes back to what stood before. Default false.",
      }),
    ),
  },
  { ...closed, description: "The capability record of a device: what may be asked of a leg." },
);
export type Capabilities = Static<typeof Capabilities>;

export const PeerInfo = Type.Object(
  {
    user: Type.String({
      pattern: "^(stream:)?[^\\s/:*\\p{C}]{1,128}$",
      description: "User id; `stream:NAME` for the media server's end of a stream.",
    }),
    device: Type.Optional(Id),
    kind: Type.Optional(Type.String({ maxLength: 32 })),
    name: Type.Optional(Name),
  },
  { ...closed, description: "A user, and the device where it may be seen." },
);
export type PeerInfo = Static<typeof PeerInfo>;

export const DevicePresence = Type.Object(
  {
    device: Id,
    kind: Type.String({ maxLength: 32 }),
    name: Type.Optional(Name),
    status: Type.Optional(StatusText),
  },
  { ...closed, description: "One online device of a user." },
);
export type DevicePresence = Static<typeof DevicePresence>;

export const IceServer = Type.Object(
  {
    urls: Type.Array(Type.String({ maxLength: 512 }), { minItems: 1, maxItems: 16 }),
    username: Type.Optional(Type.String({ maxLength: 512 })),
    credential: Type.Optional(Type.String({ maxLength: 512 })),
  },
  { ...closed, description: "An `RTCIceServer`." },
);
export type IceServer = Static<typeof IceServer>;

export const Member = Type.Object(
  {
    member: MemberId,
    index: Type.Integer({ minimum: 1, description: "Join index: counts the joins of the room." }),
    user: Id,
    device: Id,
    kind: Type.Optional(Type.String({ maxLength: 32 })),
    name: Type.Optional(Name),
    data: Type.Optional(Type.Unknown({ description: "What the member gave to `join`." })),
  },
  { ...closed, description: "A member of a room." },
);
export type Member = Static<typeof Member>;

export const StreamLayer = Type.Object(
  {
    rid: Type.String({
      maxLength: 16,
      description:
        "Its name in the publisher's offer; empty without simulcast. Of a smaller size that the server makes, its height, such as `360p`.",
    }),
    bitrate: Type.Number({ minimum: 0, description: "bit/s, of the last second" }),
    framesPerSecond: Type.Number({ minimum: 0 }),
    width: Type.Optional(Type.Integer({ minimum: 1 })),
    height: Type.Optional(Type.Integer({ minimum: 1 })),
  },
  { ...closed, description: "A video layer that the publisher of a stream sends, or that is made of it." },
);
export type StreamLayer = Static<typeof StreamLayer>;

export const RoomPolicy = Type.Object(
  {
    lobby: Type.Optional(Type.Boolean({ description: "Who does not moderate knocks and waits." })),
    size: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
    opens: Type.Optional(
      Type.Integer({ minimum: 0, description: "Unix time in ms before which nobody joins." }),
    ),
    closes: Type.Optional(
      Type.Integer({ minimum: 0, description: "Unix time in ms at which the room ends." }),
    ),
  },
  { ...closed, description: "The rules of a room." },
);
export type RoomPolicy = Static<typeof RoomPolicy>;

const CandidateCounts = Type.Record(
  Type.String({ pattern: "^[a-z]{1,8}/[a-z]{1,8}$" }),
  Type.Integer({ minimum: 0, maximum: 10_000 }),
  {
    additionalProperties: false,
    maxProperties: 16,
    description:
      "Candidates that this end gathered, by type and transport: `host/udp`, `relay/tcp`; a host with an mDNS name is `mdns`.",
  },
);

const IceErrors = Type.Array(
  Type.Object(
    {
      url: Type.String({ maxLength: 256, description: "The server's URL." }),
      code: Type.Integer({ minimum: 0, maximum: 999, description: "STUN's, or 701: no answer." }),
      text: Type.Optional(Type.String({ maxLength: 128 })),
    },
    closed,
  ),
  { maxItems: 8, description: "`icecandidateerror` events, each server and code once." },
);

const PacketCounts = Type.Object(
  {
    audio: Type.Optional(Type.Tuple([Type.Integer({ minimum: 0 }), Type.Integer({ minimum: 0 })])),
    video: Type.Optional(Type.Tuple([Type.Integer({ minimum: 0 }), Type.Integer({ minimum: 0 })])),
  },
  { ...closed, description: "RTP packets of each kind so far, received and sent." },
);

const RefusedMedia = Type.Object(
  {
    audio: Type.Optional(Type.String({ maxLength: 64 })),
    video: Type.Optional(Type.String({ maxLength: 64 })),
  },
  { ...closed, description: "Why `getUserMedia` gave no microphone or camera: the name of its error." },
);

export const Stats = Type.Object(
  {
    pair: Type.Optional(Pair),
    state: Type.Union(
      [
        Type.Literal("new"),
        Type.Literal("connecting"),
        Type.Literal("connected"),
        Type.Literal("disconnected"),
        Type.Literal("failed"),
        Type.Literal("closed"),
      ],
      { description: "State of the RTCPeerConnection; `new` where there is none yet." },
    ),
    path: Type.Optional(Type.Union([Type.Literal("direct"), Type.Literal("relay")])),
    rtt: Type.Optional(Type.Number({ minimum: 0, description: "ms" })),
    jitter: Type.Optional(Type.Number({ minimum: 0, description: "ms" })),
    lossIn: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    lossOut: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    bitrateIn: Type.Optional(Type.Number({ minimum: 0, description: "bit/s" })),
    bitrateOut: Type.Optional(Type.Number({ minimum: 0, description: "bit/s" })),
    local: Type.Optional(
      Type.String({ maxLength: 64, description: "Candidate type of the selected pair's own end." }),
    ),
    remote: Type.Optional(
      Type.String({ maxLength: 64, description: "Candidate type of the selected pair's far end." }),
    ),
    candidates: Type.Optional(CandidateCounts),
    iceErrors: Type.Optional(IceErrors),
    ice: Type.Optional(Type.String({ maxLength: 16, description: "State of the ICE transport." })),
    dtls: Type.Optional(
      Type.String({ maxLength: 16, description: "State of the DTLS transport, where there is one." }),
    ),
    dtlsError: Type.Optional(
      Type.String({
        maxLength: 64,
        description: "`errorDetail` of the DTLS transport's error, such as `fingerprint-failure`.",
      }),
    ),
    fingerprints: Type.Optional(
      Type.Tuple([Type.String({ maxLength: 64 }), Type.String({ maxLength: 64 })], {
        description:
          "While DTLS is not connected: how the fingerprints in the local and the remote description begin, such as `sha-256 AB:CD:…`.",
      }),
    ),
    packets: Type.Optional(PacketCounts),
    refusedMedia: Type.Optional(RefusedMedia),
  },
  { ...closed, description: "What a device sees of its media connection." },
);
export type Stats = Static<typeof Stats>;
