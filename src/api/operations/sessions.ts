import { Type } from "typebox";
import { MediaWanted } from "../../protocol/values.ts";
import { type ApiContext, wireOutcome, wireProblem } from "../context.ts";
import { answer, notFound, type Operation, operation } from "../operation.ts";
import { badCursor, pageOf, pageQuery, pageWith } from "../pages.ts";
import { closed, DeviceId, Node, SessionId, UserId } from "./schemas.ts";

const kinds = ["call", "mesh", "publish", "view"] as const;
const states = ["ringing", "answering", "active"] as const;

const Leg = Type.Object({
  user: UserId,
  device: DeviceId,
  side: Type.Enum(["caller", "callee"]),
  link: Type.Enum(["live", "suspended", "detached"], { description: "`detached`: the device has no link." }),
  alerting: Type.Boolean({ description: "The device alerts its person." }),
  state: Type.Optional(Type.String({ description: "What the device has reported of its media last." })),
});

const Session = Type.Object({
  session: SessionId,
  kind: Type.Enum([...kinds]),
  state: Type.Enum([...states, "ended"]),
  from: Type.String({ description: "The caller's device." }),
  to: Type.String({ description: "What was called." }),
  room: Type.Optional(Type.String({ description: "Of a room's mesh: the room." })),
  node: Node,
  age: Type.Integer({ description: "ms since it began." }),
  connectedFor: Type.Optional(Type.Integer({ description: "ms since media flows." })),
  moving: Type.Boolean(),
  generations: Type.Integer({ description: "ICE generations so far." }),
  legs: Type.Array(Leg),
});

const Party = Type.String({
  ...{ minLength: 1, maxLength: 264 },
  description: "A user or a device: `alice` or `alice/phone`.",
});

const sessionKey = ({ session }: { readonly session: string }): string => session;
const oneSession = Type.Object({ session: SessionId });

/** Calls, sessions of rooms and streams, while they live. */
export function sessionOperations({ administration, now }: ApiContext): Operation[] {
  return [
    operation({
      ...{ id: "listSessions", method: "GET", path: "/sessions", tag: "Sessions", scope: "sessions:read" },
      summary: "Sessions that live",
      query: Type.Object(
        {
          ...pageQuery,
          user: Type.Optional(UserId),
          kind: Type.Optional(Type.Enum([...kinds])),
          state: Type.Optional(Type.Enum([...states])),
        },
        closed,
      ),
      answers: { 200: { description: "A page of sessions.", schema: pageOf(Session) } },
      over: { kind: "list", keyOf: sessionKey },
      perform: ({ query }) => {
        const at = now();
        const sessions = administration.sessions(query);
        const found = pageWith(
          sessions,
          ({ id }) => id,
          query,
          (session) => administration.sessionView(session, at),
        );
        return found === undefined ? badCursor : answer(found);
      },
    }),
    operation({
      ...{
        id: "connectParties",
        method: "POST",
        path: "/sessions",
        tag: "Sessions",
        scope: "sessions:write",
      },
      ...{ summary: "Connects two parties", refuses: [409, 503] },
      description:
        "The devices of `from` ring; when somebody has accepted, those of `to` ring. Where the devices of `from` can't ring (cameras, doorbells, devices that only make offers), `to` rings first, and the device is called when somebody accepts. To both it is one call with the other, and it is one session with one record. The `authorize` hook decides it as a call of `from`; grants of tokens are not asked. `session.ended`, or the session's record, tells what came of it.",
      body: Type.Object(
        {
          from: Party,
          to: Party,
          media: Type.Optional(MediaWanted),
          data: Type.Optional(Type.Unknown({ description: "What both are told with the ring." })),
          timeout: Type.Optional(
            Type.Integer({
              ...{ minimum: 1_000, maximum: 600_000 },
              description: "How long each of both rings, ms; at most half of `limits.ringTimeoutMax`.",
            }),
          ),
        },
        closed,
      ),
      answers: { 201: { description: "The first party rings.", schema: oneSession } },
      perform: ({ body }) =>
        new Promise((done) =>
          administration.connect(body, now(), (outcome) =>
            done("ok" in outcome ? { status: 201, body: outcome.ok } : wireProblem(outcome.error)),
          ),
        ),
    }),
    operation({
      ...{ id: "getSession", method: "GET", path: "/sessions/{session}", tag: "Sessions" },
      ...{ scope: "sessions:read", summary: "A session that lives", refuses: [404, 503] },
      params: oneSession,
      answers: { 200: { description: "The session.", schema: Session } },
      over: { kind: "owner" },
      perform: ({ params }) => {
        const found = administration.session(params.session, now());
        return found === undefined ? notFound("session") : answer(found);
      },
    }),
    operation({
      ...{ id: "endSession", method: "DELETE", path: "/sessions/{session}", tag: "Sessions" },
      ...{ scope: "sessions:write", summary: "Hangs up", refuses: [404, 503] },
      description:
        "Both ends hear the reason `shutdown`. Of a call that `connectParties` has placed and nobody has answered yet, those that ring hear `cancelled`.",
      params: oneSession,
      answers: { 204: { description: "It is over." } },
      over: { kind: "owner" },
      perform: ({ params }) =>
        administration.end(params.session, now()) ? { status: 204 } : notFound("session"),
    }),
    operation({
      ...{ id: "moveSession", method: "POST", path: "/sessions/{session}/move", tag: "Sessions" },
      ...{
        scope: "sessions:write",
        summary: "Moves a user's end of a call to another of the user's devices",
      },
      refuses: [404, 503],
      description:
        "The other device rings, and takes the call over when it accepts. `session.moved` tells that it has.",
      params: oneSession,
      body: Type.Object({ user: UserId, device: DeviceId }, closed),
      answers: { 202: { description: "The device rings." } },
      over: { kind: "owner" },
      perform: ({ params, body }) => {
        const outcome = administration.move(params.session, body.user, body.device, now());
        if (outcome === undefined) return notFound("session");
        return "ok" in outcome ? { status: 202 } : wireOutcome(outcome);
      },
    }),
    operation({
      ...{ id: "restartSession", method: "POST", path: "/sessions/{session}/restart", tag: "Sessions" },
      ...{ scope: "sessions:write", summary: "Restarts ICE", refuses: [404, 503] },
      description: "Both ends gather candidates anew; media goes on meanwhile.",
      params: oneSession,
      answers: { 202: { description: "Both ends were told." } },
      over: { kind: "owner" },
      perform: ({ params }) => {
        const outcome = administration.restart(params.session, now());
        if (outcome === undefined) return notFound("session");
        return "ok" in outcome ? { status: 202 } : wireOutcome(outcome);
      },
    }),
  ];
}
