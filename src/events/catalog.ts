import { type Static, type TProperties, Type } from "typebox";

/** Events as applications hear of them: by webhook and by the API. The source of docs/events.md. */

const Device = Type.Object({ user: Type.String(), device: Type.String() }, { description: "A device." });
const Callee = Type.Object(
  { user: Type.String(), device: Type.Optional(Type.String()) },
  { description: "The callee; the device once one has answered." },
);
const session = {
  session: Type.String({ description: "The session's id." }),
  n: Type.Integer({
    minimum: 1,
    description: "Counts the events of this session: a number that is missing was an event.",
  }),
  kind: Type.Union([
    Type.Literal("call"),
    Type.Literal("mesh"),
    Type.Literal("publish"),
    Type.Literal("view"),
  ]),
  caller: Device,
  callee: Callee,
  room: Type.Optional(Type.String()),
} satisfies TProperties;

const person = {
  room: Type.String({ description: "`room:NAME`." }),
  member: Type.String({ description: "The id of this membership." }),
  user: Type.String(),
  device: Type.String(),
} satisfies TProperties;

const push = {
  stream: Type.String(),
  push: Type.String({ description: "The push's id." }),
  kind: Type.Union([Type.Literal("rtmp"), Type.Literal("whip")]),
  to: Type.String({ description: "The target's host: paths, keys and tokens are secret." }),
} satisfies TProperties;

export const events = {
  "device.online": event("A device came online. A resume is none.", {
    user: Type.String(),
    device: Type.String(),
    node: Type.String(),
  }),
  "device.offline": event("A device went offline.", {
    user: Type.String(),
    device: Type.String(),
    node: Type.String(),
  }),
  "user.online": event("The first device of a user came online at this node.", {
    user: Type.String(),
    node: Type.String(),
  }),
  "user.offline": event("The last device of a user went offline at this node.", {
    user: Type.String(),
    node: Type.String(),
  }),
  "session.started": event("A call rings, or another session has begun.", session),
  "session.ringing": event("A device of the callee alerts its person.", {
    ...session,
    device: Type.String(),
  }),
  "session.accepted": event("A device answered, and the caller confirmed it.", {
    ...session,
    device: Type.String(),
  }),
  "session.connected": event("Media flows: the first end reports it.", session),
  "session.restarted": event("ICE is restarted.", {
    ...session,
    by: Type.String({ description: "`user/device`, or `server`." }),
  }),
  "session.moved": event("The session went over to another device of the same user.", {
    ...session,
    user: Type.String(),
    from: Type.String(),
    to: Type.String(),
  }),
  "session.ended": event("The session is over. Each session that was started has exactly one.", {
    ...session,
    reason: Type.String({ description: "docs/protocol.md lists the reasons." }),
    by: Type.Optional(Device),
    startedAt: Type.String({ description: "RFC 3339." }),
    acceptedAt: Type.Optional(Type.String()),
    connectedAt: Type.Optional(Type.String()),
    endedAt: Type.String(),
    cause: Type.Optional(
      Type.String({ description: "The first finding of the diagnosis: docs/diagnosis.md." }),
    ),
  }),
  "stream.started": event("A publisher is live.", {
    stream: Type.String(),
    session: Type.String(),
    publisher: Device,
  }),
  "stream.ended": event("A publisher is no longer live.", {
    stream: Type.String(),
    session: Type.String(),
    publisher: Device,
    reason: Type.String(),
  }),
  "room.opened": event("Somebody came to a room that nobody was in.", { room: person.room }),
  "room.knocked": event("A device waits in the lobby of a room.", person),
  "room.joined": event("A device is in a room, at once or let in from the lobby.", {
    ...person,
    moderator: Type.Boolean(),
  }),
  "room.left": event("A device is no longer in a room or its lobby.", {
    ...person,
    state: Type.Union([Type.Literal("joined"), Type.Literal("lobby")], {
      description: "What it was until then.",
    }),
    reason: Type.Union(
      (["left", "offline", "replaced", "closed", "refused", "forbidden", "shutdown"] as const).map((reason) =>
        Type.Literal(reason),
      ),
      { description: "`replaced`: the same device has joined anew." },
    ),
  }),
  "room.closed": event("Nobody is in the room any more.", {
    room: person.room,
    reason: Type.String({ description: "`empty`, or why it was ended: `closed`, `shutdown`." }),
  }),
  "message.sent": event(
    "A device has sent a message of the application's. Only with the setting `messageEvents`; a message that the API sends makes none.",
    {
      from: Device,
      to: Type.String({ description: "A user, a device or a room." }),
      body: Type.Optional(Type.Unknown({ description: "Absent where it is over 16 KB." })),
    },
  ),
  "push.started": event("The target of a push takes the stream.", push),
  "push.failed": event(
    "A push has ended, or its first attempt has failed: others follow, and are not told of before one succeeds.",
    { ...push, reason: Type.String() },
  ),
  "push.ended": event("A push is over, since its stream is, or since it was removed.", {
    ...push,
    reason: Type.Union([Type.Literal("over"), Type.Literal("removed")]),
  }),
  "wake.needed": event(
    "A user is called, none of the user's devices is connected, and this one has asked the application to wake it. Send its push at once, urgent, with `session`, `caller`, `left` and `ticket`.",
    {
      session: Type.String(),
      user: Type.String(),
      device: Type.String(),
      caller: Device,
      left: Type.Number({ description: "How long it still rings, ms: the push is of no use later." }),
      ticket: Type.String({ description: "Signs the device in as its token would, until the ring ends." }),
      data: Type.Optional(Type.Unknown({ description: "What the device has registered." })),
    },
  ),
  "wake.failed": event("A push that should have woken a device was not taken.", {
    session: Type.String(),
    user: Type.String(),
    device: Type.String(),
    failure: Type.String({ description: "The status of the push service, or what went wrong." }),
  }),
  "node.up": event("A server started.", { node: Type.String() }),
  "node.draining": event("A server takes no more devices and sends those that it has elsewhere.", {
    node: Type.String(),
  }),
  "node.down": event("A server stops. One that was killed sends none.", { node: Type.String() }),
} as const;

export type EventType = keyof typeof events;
export const eventTypes = Object.keys(events) as EventType[];

/** One event. `id`: the same for the same event, whoever tells it how often. */
export interface ApplicationEvent<T extends EventType = EventType> {
  readonly id: string;
  readonly type: T;
  /** Unix ms. */
  readonly at: number;
  /** Events of one lane are told in order. */
  readonly lane: string;
  readonly data: Static<(typeof events)[T]["data"]>;
}

function event<P extends TProperties>(description: string, fields: P) {
  return { description, data: Type.Object(fields) };
}

/** The body of the webhook that tells the event. */
export function eventBody({ type, at, data }: ApplicationEvent): string {
  return JSON.stringify({ type, timestamp: new Date(at).toISOString(), data });
}

/** `*`, a name, or a family such as `session.*`. */
export function matchesEvent(pattern: string, type: string): boolean {
  return (
    pattern === "*" || pattern === type || (pattern.endsWith(".*") && type.startsWith(pattern.slice(0, -1)))
  );
}
