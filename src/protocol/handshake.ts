import { type Static, Type } from "typebox";
import { Capabilities, IceServer, Id, Name } from "./values.ts";

/** The frames outside the count: they speak of the link itself. */
const open = { additionalProperties: true } as const;

export const Hello = Type.Object(
  {
    type: Type.Literal("hello"),
    token: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 8_192,
        description:
          "JWT, or `dev:USER` in development mode. Required, unless the transport has signed the device in already.",
      }),
    ),
    device: Type.Optional(
      Type.Object(
        {
          id: Type.Optional(Id),
          kind: Type.Optional(Type.String({ pattern: "^[a-z][a-z0-9-]{0,31}$" })),
          name: Type.Optional(Name),
          capabilities: Type.Optional(Capabilities),
        },
        { ...open, description: "Who is speaking. Without an id the server makes one." },
      ),
    ),
    instance: Type.String({ minLength: 8, maxLength: 64, description: "Random; one run of a client." }),
    attempt: Type.Integer({ minimum: 1, description: "Rises with each hello of an instance." }),
    resume: Type.Optional(
      Type.Object(
        {
          link: Type.String({ minLength: 1, maxLength: 64 }),
          secret: Type.String({ minLength: 1, maxLength: 128 }),
          home: Type.Optional(Type.String({ maxLength: 128, description: "The node that `welcome` named." })),
          seq: Type.Integer({ minimum: 0, description: "Last seq that was delivered." }),
        },
        { ...open, description: "The link to go on with." },
      ),
    ),
    sessions: Type.Optional(
      Type.Array(Type.String({ maxLength: 2_048 }), {
        maxItems: 64,
        description: "Tickets of sessions that this client still holds.",
      }),
    ),
    features: Type.Optional(Type.Array(Type.String({ maxLength: 64 }), { maxItems: 64 })),
  },
  { ...open, description: "The first frame of a transport." },
);
export type Hello = Static<typeof Hello>;

export const resumeRefusals = {
  expired: "The resume window is over, or the server never knew the link.",
  gap: "Frames that the client has not seen are no longer kept.",
  unreachable: "The node that held the link did not answer.",
} as const;

export const Welcome = Type.Object(
  {
    type: Type.Literal("welcome"),
    resumed: Type.Boolean({
      description: "True: the same link goes on, nothing is lost. False: a new one, both counters at 1.",
    }),
    reason: Type.Optional(
      Type.Union([Type.Literal("expired"), Type.Literal("gap"), Type.Literal("unreachable")], {
        description: "Why a resume was refused.",
      }),
    ),
    link: Type.String(),
    secret: Type.String({ description: "Resumes the link; changes with each welcome." }),
    home: Type.String({ description: "The node that holds the link." }),
    got: Type.Integer({
      minimum: 0,
      description: "The last request id that was admitted; send again what came after.",
    }),
    user: Id,
    device: Id,
    expires: Type.Integer({ minimum: 0, description: "ms until the token expires." }),
    iceServers: Type.Array(IceServer),
    limits: Type.Record(Type.String(), Type.Number()),
    features: Type.Array(Type.String()),
    sessions: Type.Optional(
      Type.Array(Type.String(), {
        description: "Of the tickets in `hello`: the sessions that were found again.",
      }),
    ),
    over: Type.Optional(
      Type.Array(Type.String(), {
        description:
          "Of the tickets in `hello`: the sessions that have ended. Of a session in neither list the server knows nothing: media that flows goes on.",
      }),
    ),
  },
  { ...open, description: "The answer to hello." },
);
export type Welcome = Static<typeof Welcome>;

export const ClientAck = Type.Object(
  { type: Type.Literal("ack"), seq: Type.Integer({ minimum: 0 }) },
  {
    ...open,
    description: "Client → server: everything up to `seq` was delivered. Every 16 frames or each second.",
  },
);
export type ClientAck = Static<typeof ClientAck>;

export const ServerAck = Type.Object(
  { type: Type.Literal("ack"), id: Type.Integer({ minimum: 0 }) },
  {
    ...open,
    description:
      "Server → client: every request up to `id` was admitted. Every 16 silent requests, or sooner, or each second.",
  },
);
export type ServerAck = Static<typeof ServerAck>;

export const Ping = Type.Object(
  { type: Type.Literal("ping") },
  { ...open, description: "Either way; answered by pong at once." },
);
export const Pong = Type.Object(
  { type: Type.Literal("pong") },
  { ...open, description: "The answer to ping." },
);

export const Goodbye = Type.Object(
  {
    type: Type.Literal("goodbye"),
    action: Type.Union([Type.Literal("resume"), Type.Literal("reconnect"), Type.Literal("stop")]),
    after: Type.Optional(Type.Integer({ minimum: 0, description: "ms to wait before the next hello." })),
    url: Type.Optional(Type.String({ maxLength: 2_048, description: "Where to." })),
    reason: Type.Optional(Type.String({ maxLength: 256 })),
  },
  { ...open, description: "The server will close this transport: what to do, ahead of time." },
);
export type Goodbye = Static<typeof Goodbye>;
