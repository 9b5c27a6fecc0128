import { type Static, type TObject, Type } from "typebox";
import { errorCodes, type WireCode } from "./error-codes.ts";
import type { RequestType } from "./requests.ts";
import { Generation, Member, MemberId, Pair, RoomPolicy, SessionId } from "./values.ts";

/** What stands in `ok`, by type of request. */
const empty = Type.Object({}, { additionalProperties: true, description: "Nothing." });
const Ticket = Type.String({
  maxLength: 2_048,
  description: "Sealed; finds the session again (see Tickets).",
});

const Fresh = Type.Optional(Ticket);

const CallReply = Type.Object(
  { session: SessionId, ticket: Ticket },
  { additionalProperties: true, description: "The ringing session." },
);
const AcceptReply = Type.Object(
  {
    session: SessionId,
    pair: Pair,
    generation: Generation,
    ticket: Fresh,
    offer: Type.Optional(
      Type.Boolean({
        description: "True: this end makes the first offer after all, for the other one can't or doesn't.",
      }),
    ),
    early: Type.Optional(
      Type.Boolean({
        description:
          "True: the other user of a call that the application has placed needs the offer to ring. It is sent now, without candidates; `accepted` says when somebody has answered.",
      }),
    ),
  },
  { additionalProperties: true, description: "This device won, and the caller confirmed." },
);
const ConfirmReply = Type.Object(
  { ticket: Fresh },
  { additionalProperties: true, description: "The device is taken; the session is active." },
);
const RestartReply = Type.Object(
  {
    pair: Pair,
    generation: Generation,
    offer: Type.Boolean({ description: "True when this end makes the offer." }),
    ticket: Fresh,
  },
  { additionalProperties: true, description: "The generation that is current now." },
);
const MoveReply = Type.Object(
  { pair: Pair, ticket: Fresh },
  { additionalProperties: true, description: "The move is done: this pair is the session's." },
);
const StreamReply = Type.Object(
  { session: SessionId },
  { additionalProperties: true, description: "The session; its push `session` follows." },
);
const SendReply = Type.Object(
  {
    delivered: Type.Optional(
      Type.Integer({ minimum: 0, description: "Devices; only to who may watch the user." }),
    ),
  },
  { additionalProperties: true, description: "Taken." },
);
const JoinReply = Type.Object(
  {
    member: MemberId,
    state: Type.Union([Type.Literal("joined"), Type.Literal("lobby")]),
    moderator: Type.Boolean(),
    version: Type.Integer({ minimum: 0, description: "Of the member list; deltas count on from it." }),
    count: Type.Integer({ minimum: 0 }),
    members: Type.Array(Member, { description: "The list, while the room is not larger than `roomList`." }),
    policy: RoomPolicy,
  },
  { additionalProperties: true, description: "The room as it is now." },
);
const PushReply = Type.Object(
  {
    registered: Type.Optional(
      Type.Union([Type.Literal("webPush"), Type.Literal("application")], {
        description: "How this device is woken now; absent where it isn't.",
      }),
    ),
    key: Type.Optional(
      Type.String({
        description:
          "The server's public key: the `applicationServerKey` of a subscription (RFC 8292). Absent where the server sends no Web Push.",
      }),
    ),
  },
  { additionalProperties: true, description: "What is registered." },
);
const RefreshReply = Type.Object(
  { expires: Type.Integer({ minimum: 0, description: "ms until the new token expires." }) },
  { additionalProperties: true, description: "The token is renewed." },
);

export const replies = {
  call: CallReply,
  ringing: empty,
  accept: AcceptReply,
  confirm: ConfirmReply,
  decline: empty,
  cancel: empty,
  signal: empty,
  restart: RestartReply,
  layer: empty,
  resync: empty,
  move: MoveReply,
  hangup: empty,
  report: empty,
  publish: StreamReply,
  view: StreamReply,
  watch: empty,
  unwatch: empty,
  status: empty,
  send: SendReply,
  join: JoinReply,
  leave: empty,
  admit: empty,
  refuse: empty,
  policy: empty,
  push: PushReply,
  refresh: RefreshReply,
} as const satisfies Record<RequestType, TObject>;

export type ReplyOf<T extends RequestType> = Static<(typeof replies)[T]>;

export const ErrorBody = Type.Object(
  {
    code: Type.Unsafe<WireCode>(Type.Union(Object.keys(errorCodes).map((code) => Type.Literal(code)))),
    message: Type.String(),
    temporary: Type.Boolean({ description: "The same request may succeed later." }),
    retryAfter: Type.Optional(Type.Integer({ minimum: 0, description: "ms" })),
    limit: Type.Optional(
      Type.String({ description: "The bound that the request would have broken (see Limits)." }),
    ),
  },
  { additionalProperties: true, description: "See docs/errors.md." },
);

export const ReplyFrame = Type.Object(
  {
    re: Type.Integer({ minimum: 1, description: "The request's id." }),
    seq: Type.Integer({
      minimum: 1,
      description: "Counts 1, 2, 3 … in each link, replies and pushes together.",
    }),
    ok: Type.Optional(Type.Object({}, { additionalProperties: true })),
    error: Type.Optional(ErrorBody),
  },
  { additionalProperties: true, description: "Exactly one of `ok` and `error` is there." },
);
