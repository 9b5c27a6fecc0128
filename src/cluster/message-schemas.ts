import { type TSchema, Type } from "typebox";
import { closeCodes } from "../protocol/close-codes.ts";
import { requests } from "../protocol/requests.ts";
import { Capabilities, RoomPolicy } from "../protocol/values.ts";
import { lazyValidator } from "../shared/lazy-validator.ts";
import type { NodeItem } from "./items.ts";

/**
 * What nodes send each other, as schemas. Whoever reaches the backplane can send anything: nodes check all that comes, and drop what has
 * another shape. Fields that a newer node adds pass. The types stand in `items.ts` and with the parts that send.
 */

/** True for a value of the right shape. */
type Check = (value: unknown) => boolean;

const Text = Type.String({ maxLength: 1_024 });
const Node = Type.String({ minLength: 1, maxLength: 256 });
/** Names a run of a node: so random that rubbish never looks like one. */
const Boot = Type.String({ pattern: "^[\\w-]{8,64}$" });
/** Counts and epochs, and Unix times in ms: `1e308` is none. */
const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Time = Type.Number({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Strings = Type.Array(Text);
const Flag = Type.Optional(Type.Boolean());
const OptionalText = Type.Optional(Text);
const OptionalCount = Type.Optional(Count);
const literals = (...values: readonly string[]) => Type.Union(values.map((value) => Type.Literal(value)));
const tagged = (t: string, fields: Record<string, TSchema> = {}) =>
  Type.Object({ t: Type.Literal(t), ...fields });

const DeviceNotice = Type.Object({
  id: Text,
  link: Text,
  kind: Text,
  name: OptionalText,
  status: OptionalText,
  online: Type.Boolean(),
  gateway: OptionalText,
  capabilities: Capabilities,
  stamp: Time,
  instance: Text,
  attempt: Count,
});
const LinkEnd = literals("client", "replaced", "renewed", "expired", "kicked", "evicted");
const LinkState = literals("live", "suspended");
const list = {
  node: Node,
  user: Text,
  version: Count,
  devices: Type.Array(DeviceNotice),
  closed: Type.Optional(
    Type.Array(
      Type.Union([Type.Object({ link: Text, why: LinkEnd }), Type.Object({ link: Text, movedTo: Node })]),
    ),
  ),
};
const DeviceList = Type.Object(list);
const SetRules = Type.Object({ set: RoomPolicy, at: Time });
const FormerSeat = Type.Object({ member: Text, index: OptionalCount, state: literals("lobby", "joined") });
const KeySnapshot = Type.Object({
  key: Text,
  session: Text,
  device: Text,
  expiresIn: Type.Number(),
  reason: Text,
});
const Outcome = Type.Union([
  Type.Object({ ok: Type.Object({}) }),
  Type.Object({ error: Type.Object({ code: Text, message: Type.String(), temporary: Type.Boolean() }) }),
]);
/** A request of a device, or one that a node makes on its behalf, which has the id 0. */
const Request = Type.Union(
  Object.values(requests).map((schema) => {
    const { id: _, ...fields } = schema.properties;
    return Type.Object({ id: Count, ...fields });
  }),
);
/** Its own fields are the client's to understand: a newer node may tell what this one doesn't know. */
const Push = Type.Object({
  type: Text,
  session: OptionalText,
  room: OptionalText,
  from: Type.Optional(Type.Object({ user: Text, device: OptionalText })),
});
const RoomAsk = Type.Object({
  request: Request,
  moderator: Flag,
  seated: Flag,
  former: Type.Optional(FormerSeat),
  rules: Type.Optional(SetRules),
  own: Flag,
  list: Type.Optional(DeviceList),
});

const optionalNumber = Type.Optional(Type.Number());
const Reply = Type.Object({ link: OptionalText, id: Count });
const Flow = Type.Object({ described: Count, held: Type.Array(Type.Object({})), heldEnd: Type.Boolean() });
const PairSnapshot = Type.Object({
  number: Count,
  generation: Count,
  offerer: Count,
  answerer: OptionalCount,
  open: Type.Boolean(),
  connected: Type.Array(Count),
  fromOfferer: Flow,
  fromAnswerer: Flow,
});
const RingTarget = Type.Object({ user: Text, device: OptionalText });
const CallRequest = Type.Object({ to: Text, user: Text, device: OptionalText });
const SessionSnapshot = Type.Object({
  id: Text,
  epoch: Count,
  room: OptionalText,
  members: Type.Optional(Type.Tuple([Text, Text])),
  key: OptionalText,
  crossing: Type.Optional(Type.Object({ other: Text, survivor: Text })),
  callRequest: CallRequest,
  startedAgo: Type.Number(),
  acceptedAgo: optionalNumber,
  connectedAgo: optionalNumber,
  state: Type.Union([
    Type.Object({ name: Type.Literal("ringing") }),
    Type.Object({ name: Type.Literal("answering"), leg: Count, reply: Reply, confirmIn: Type.Number() }),
    Type.Object({ name: Type.Literal("active"), callee: Count }),
  ]),
  caller: Count,
  legs: Type.Array(
    Type.Object({
      id: Count,
      side: Text,
      user: Text,
      device: Text,
      info: Type.Object({ user: Text }),
      alerting: Type.Boolean(),
      link: OptionalText,
      lostIn: optionalNumber,
    }),
  ),
  legCount: Count,
  ring: Type.Object({
    legs: Type.Array(Count),
    rung: Strings,
    refusing: Strings,
    refusal: OptionalText,
    automaticRefusal: OptionalText,
    offer: Type.Boolean(),
    endIn: optionalNumber,
    unreachableIn: optionalNumber,
  }),
  pairs: Type.Object({
    current: PairSnapshot,
    next: Type.Optional(PairSnapshot),
    count: Count,
    generations: Count,
  }),
  move: Type.Optional(
    Type.Object({
      phase: literals("ringing", "connecting"),
      from: Count,
      to: Count,
      peer: Count,
      reply: Reply,
      startedAgo: Type.Number(),
      endsIn: Type.Number(),
    }),
  ),
  offerLost: Flag,
  placement: Type.Optional(
    Type.Object({
      from: RingTarget,
      to: Text,
      user: Text,
      users: Strings,
      first: literals("from", "to"),
      next: Type.Optional(Type.Object({ callRequest: CallRequest, timeout: Type.Number() })),
      reply: Type.Optional(Reply),
      early: Type.Boolean(),
      offer: Type.Optional(Type.Object({})),
    }),
  ),
});

const itemFields: Readonly<Record<string, Record<string, TSchema>>> = {
  devices: list,
  who: { users: Strings, held: Flag },
  resync: {},
  bound: { link: Text, session: Text, epoch: Count, leg: Count },
  unbound: { link: Text, session: Text },
  push: { links: Strings, push: Push },
  reply: { link: Text, id: Count, outcome: Outcome, silent: Flag, room: OptionalText },
  shut: { link: Text, why: literals(...Object.keys(closeCodes)) },
  rejoin: { user: Text, device: DeviceNotice, session: Text, rings: Flag },
  moved: { link: Text, to: Node },
  fence: { link: Text, by: Node, n: Count },
  fenced: { link: Text, n: Count, lost: Flag },
  gap: { link: Text },
  // What it forwards is checked by itself.
  forward: { from: Node, item: Type.Object({ t: Text }) },
  leaving: { link: Text, session: Text },
  lastWord: { session: Text },
  left: { session: Text },
  adopt: {
    snapshot: SessionSnapshot,
    epoch: Count,
    participants: Type.Array(Type.Object({ node: Node, user: Text, device: DeviceNotice, link: LinkState })),
  },
  keys: { user: Text, keys: Type.Array(KeySnapshot) },
  kicks: { kicks: Type.Array(Type.Tuple([Text, Type.Number()])) },
  stale: { session: Text, epoch: Count, owner: Node },
  ask: { link: Text, request: Request, leg: OptionalCount },
  link: { link: Text, state: LinkState },
  closed: { link: Text, why: LinkEnd },
  room: { link: Text, term: Count, ask: RoomAsk },
  "room-since": { room: Text, term: Count },
  "room-term": { room: Text, term: Count },
  "room-rules": { room: Text, rules: SetRules },
  "room-lost": { room: Text, link: Text },
  "room-moved": { room: Text, term: Count, to: Type.Optional(Node), own: Flag },
};

const Owner = Type.Object({ op: Type.Literal("owner"), node: Node, since: Time });
const Who = Type.Object({ op: Type.Literal("who") });
const OfRoom = Type.Union([Owner, Who]);
const OfUser = Type.Union([
  Type.Object({ op: Type.Literal("devices"), ...list }),
  Type.Object({ op: Type.Literal("claim"), session: Text, owner: Node, epoch: Count }),
  Type.Object({ op: Type.Literal("who"), by: Node }),
]);
const LegSnapshot = Type.Object({
  session: Text,
  owner: Node,
  epoch: Count,
  leg: OptionalCount,
  caller: Type.Optional(Type.Object({ user: Text, device: OptionalText })),
  open: Type.Array(Request),
  held: Type.Optional(Type.Array(Request)),
});
const MovedLink = Type.Object({
  link: Type.Object({
    id: Text,
    instance: Text,
    attempt: Count,
    got: Count,
    inFlight: Type.Integer(),
    secretHash: Text,
    formerSecretHash: Text,
    log: Type.Object({
      first: Count,
      last: Count,
      frames: Type.Array(Type.String()),
      senders: Type.Array(Type.Tuple([Text, Type.Array(Count)])),
    }),
    user: Text,
    device: Text,
    kind: Text,
    name: OptionalText,
    capabilities: Capabilities,
    status: OptionalText,
    stamp: Time,
  }),
  legs: Type.Array(LegSnapshot),
  watches: Strings,
  streams: Type.Optional(Strings),
  rooms: Type.Array(
    Type.Object({
      room: Text,
      owner: Type.Optional(Node),
      mode: OptionalText,
      former: Type.Optional(FormerSeat),
      count: Count,
      rules: Type.Optional(SetRules),
      open: Type.Array(RoomAsk),
    }),
  ),
  keys: Type.Array(KeySnapshot),
});

/** Messages, by the first token of their subject. */
const messages: Readonly<Record<string, TSchema>> = {
  nodes: Type.Union([
    Type.Object({ op: literals("beat", "bye"), node: Node, boot: Boot, time: Time, draining: Flag }),
    Type.Object({ op: Type.Literal("kick"), user: Text, device: OptionalText }),
  ]),
  n: Type.Object({
    from: Node,
    boot: Boot,
    to: Type.Optional(Boot),
    epoch: Count,
    n: Count,
    items: Type.Array(Type.String()),
  }),
  l: Type.Object({
    link: Text,
    user: Text,
    device: Text,
    secretHash: Text,
    instance: Text,
    attempt: Count,
    seq: Count,
    by: Node,
    patience: literals("beating", "silent"),
  }),
  q: Type.Union([
    Type.Object({ legs: Type.Array(Type.Tuple([Text, Count])) }),
    Type.Object({ user: Text, key: Text }),
  ]),
  s: Count,
  // The argument is checked against the schema of the question.
  a: Type.Object({ question: Text, argument: Type.Unknown() }),
  u: OfUser,
  w: OfUser,
  r: OfRoom,
  m: OfRoom,
};

/** Replies, by the first token of the subject that was asked; `key`: to the question for the call of a key. */
const replies: Readonly<Record<string, TSchema>> = {
  n: Type.Union([
    Type.Object({
      boot: Boot,
      ok: Count,
      moved: Type.Optional(Type.Array(Type.Object({ link: Text, to: Node }))),
    }),
    Type.Object({ boot: Boot, reset: Count }),
  ]),
  l: Type.Union([
    Type.Object({ linkState: MovedLink }),
    Type.Object({ refusal: literals("expired", "gap", "unreachable") }),
    Type.Object({ close: literals(...Object.keys(closeCodes)) }),
  ]),
  q: Type.Object({ has: Strings, since: Time }),
  key: Type.Union([
    Type.Object({ session: Text, device: Text, ticket: Type.String(), reason: OptionalText }),
    Type.Object({}, { additionalProperties: false }),
  ]),
  s: Type.Object({ node: Type.Optional(Node) }),
  a: Type.Union([Type.Object({ answer: Type.Unknown() }), Type.Object({ failed: Type.Literal(true) })]),
  u: Type.Object({ holders: Type.Array(Node) }),
  r: Owner,
  m: Type.Object({}),
};

/** Compiled as they are needed: a node alone needs none. */
function checks(schemas: Readonly<Record<string, TSchema>>): (name: string) => Check | undefined {
  const all = new Map(
    Object.entries(schemas).map(([name, schema]): [string, Check] => [name, lazyValidator(schema).Check]),
  );
  return (name) => all.get(name);
}

/** The check of messages on a subject with this first token; undefined where there are none. */
export const messageCheck: (token: string) => Check | undefined = checks(messages);
/** The check of replies, by the first token of the subject that was asked, or `key`. */
export const replyCheck: (token: string) => Check | undefined = checks(replies);

const itemCheck = checks(
  Object.fromEntries(Object.entries(itemFields).map(([t, fields]) => [t, tagged(t, fields)])),
);

/** Reads an item of a batch. Undefined: it is no item, or one that only a newer node knows. */
export function parseItem(text: string): NodeItem | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  for (let inner = value as { t?: unknown; item?: unknown } | null; ; inner = inner.item as typeof inner) {
    const t = inner?.t;
    if (inner === null || typeof t !== "string" || itemCheck(t)?.(inner) !== true) return undefined;
    if (t !== "forward") return value as NodeItem;
  }
}
