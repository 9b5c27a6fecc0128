import { type TSchema, Type } from "typebox";
import { ClientAck, Goodbye, Hello, Ping, Pong, ServerAck, Welcome } from "./handshake.ts";
import { pushes } from "./pushes.ts";
import { ErrorBody, ReplyFrame, replies } from "./replies.ts";
import { type RequestType, requests } from "./requests.ts";
import {
  Candidate,
  Capabilities,
  Description,
  DevicePresence,
  IceServer,
  MediaNotes,
  MediaWanted,
  Member,
  PeerInfo,
  Refused,
  RoomPolicy,
  Stats,
  StreamLayer,
} from "./values.ts";

/** The frames outside the count, by the name that the reference gives them. */
export const linkFrames = {
  hello: Hello,
  welcome: Welcome,
  clientAck: ClientAck,
  serverAck: ServerAck,
  ping: Ping,
  pong: Pong,
  goodbye: Goodbye,
} as const satisfies Record<string, TSchema>;

/** The values that several frames hold. */
export const sharedValues = {
  Description,
  Candidate,
  MediaWanted,
  MediaNotes,
  Refused,
  Capabilities,
  PeerInfo,
  DevicePresence,
  IceServer,
  Member,
  RoomPolicy,
  StreamLayer,
  Stats,
  Error: ErrorBody,
} as const satisfies Record<string, TSchema>;

/**
 * The JSON Schema (2020-12) of every frame, as `docs/protocol.schema.json` holds it: `clientFrame` and `serverFrame`
 * are what may travel in each direction; `request.T`, `reply.T` and `push.T` are the single frames of type T.
 */
export function schemaDocument(): object {
  const client: Record<string, unknown> = {
    hello: Hello,
    clientAck: ClientAck,
    ping: Ping,
    pong: Pong,
  };
  const server: Record<string, unknown> = {
    welcome: Welcome,
    serverAck: ServerAck,
    ping: Ping,
    pong: Pong,
    goodbye: Goodbye,
  };
  for (const [type, schema] of Object.entries(requests)) client[`request.${type}`] = schema;
  for (const type of Object.keys(replies) as RequestType[]) server[`reply.${type}`] = replyFrame(type);
  server["reply.error"] = errorFrame;
  for (const [type, schema] of Object.entries(pushes)) server[`push.${type}`] = schema;
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Switchboard protocol, version 1",
    $comment: "Generated from src/protocol by `npm run docs`; do not edit.",
    anyOf: [{ $ref: "#/$defs/clientFrame" }, { $ref: "#/$defs/serverFrame" }],
    $defs: {
      clientFrame: { anyOf: Object.keys(client).map(reference) },
      serverFrame: { anyOf: Object.keys(server).map(reference) },
      ...client,
      ...server,
    },
  };
}

/** A reply that says yes. */
function replyFrame(type: RequestType): object {
  const { re, seq } = ReplyFrame.properties;
  return Type.Object({ re, seq, ok: replies[type] }, { additionalProperties: true });
}

const errorFrame = Type.Object(
  { re: ReplyFrame.properties.re, seq: ReplyFrame.properties.seq, error: ErrorBody },
  { additionalProperties: true, description: "A reply that says no." },
);

function reference(name: string): object {
  return { $ref: `#/$defs/${name}` };
}
