import { Type } from "typebox";
import type { HttpProblem } from "../../net/problem.ts";
import type { ApiContext, ApiPushes, ApiStreams } from "../context.ts";
import { type Answer, answer, notFound, type Operation, operation } from "../operation.ts";
import { badCursor, page, pageOf, pageQuery } from "../pages.ts";
import { closed, KeyId, StreamName, Time } from "./schemas.ts";

const Push = Type.Object({
  id: Type.String(),
  stream: StreamName,
  kind: Type.Enum(["rtmp", "whip"]),
  to: Type.String({ description: "The target without its path, key and token, which are secret." }),
  by: Type.Enum(["rule", "request"], { description: "By the setting `media.push`, or by this API." }),
  state: Type.Enum(["waiting", "connecting", "live"], {
    description: "`waiting`: for the next attempt, or for the publisher.",
  }),
  since: Time("When the state began."),
  failures: Type.Integer({ description: "Attempts that failed, without a minute of success between them." }),
  failure: Type.Optional(Type.String({ description: "Why the last attempt failed." })),
});
const Stream = Type.Object({
  stream: StreamName,
  live: Type.Boolean({ description: "False while a publisher that has vanished is waited for." }),
  viewers: Type.Integer(),
  layers: Type.Array(Type.Object({}, { additionalProperties: true })),
  codecs: Type.Object({}, { additionalProperties: true }),
  pushes: Type.Array(Push, { description: "Where it is pushed to." }),
});
const StreamKey = Type.Object({ id: KeyId, stream: StreamName, created: Time("When it was made.") });
const streamKey = ({ stream }: { readonly stream: string }): string => stream;
const oneStream = Type.Object({ stream: StreamName });
const longestLink = 30 * 86_400;

const noMediaServer: HttpProblem = {
  ...{ status: 503, code: "no_media_server" },
  detail: "This server has no media server: the setting media.enabled is false, or Bun is missing.",
};

const noTarget: HttpProblem = {
  ...{ status: 422, code: "bad_target" },
  detail:
    "`to` must be rtmp://HOST/APP/KEY, rtmps://HOST/APP/KEY, or the http: or https: URL of a WHIP endpoint, without a user name or a password. `token` is for WHIP only.",
};
const tooManyPushes: HttpProblem = {
  ...{ status: 409, code: "too_many" },
  detail: "There are as many pushes as media.limits.pushes allows.",
};

/** Streams, who views them, and what lets one publish or view. */
export function streamOperations({ administration, streams, now, wall }: ApiContext): Operation[] {
  const served = (use: (streams: ApiStreams) => Answer | HttpProblem): Answer | HttpProblem =>
    streams === undefined ? noMediaServer : use(streams);
  const pushed = (use: (pushes: ApiPushes) => Answer | HttpProblem): Answer | HttpProblem =>
    streams?.pushes === undefined ? noMediaServer : use(streams.pushes);
  return [
    operation({
      ...{ id: "listStreams", method: "GET", path: "/streams", tag: "Streams", scope: "streams:read" },
      ...{ summary: "Streams that are live, or whose publisher is waited for", refuses: [503] },
      query: Type.Object(pageQuery, closed),
      answers: { 200: { description: "A page of streams.", schema: pageOf(Stream) } },
      over: { kind: "list", keyOf: streamKey },
      perform: ({ query }) =>
        served((those) => {
          const found = page(those.list(), streamKey, query);
          return found === undefined ? badCursor : answer(found);
        }),
    }),
    operation({
      ...{ id: "getStream", method: "GET", path: "/streams/{stream}", tag: "Streams", scope: "streams:read" },
      ...{ summary: "A stream", refuses: [404, 503], params: oneStream },
      description: "Who publishes and views it: `GET /sessions` with `kind` `publish` and `view`.",
      answers: { 200: { description: "The stream.", schema: Stream } },
      over: { kind: "owner" },
      perform: ({ params: { stream } }) =>
        served((those) => {
          const found = those.get(stream);
          return found === undefined ? notFound("stream") : answer(found);
        }),
    }),
    operation({
      ...{ id: "endStream", method: "POST", path: "/streams/{stream}/end", tag: "Streams" },
      ...{ scope: "streams:write", summary: "Ends a stream", refuses: [404, 503], params: oneStream },
      description: "The publisher's session ends; viewers are told that the stream is over.",
      answers: { 204: { description: "It is over." } },
      over: { kind: "owner" },
      perform: ({ params: { stream } }) =>
        served(() => {
          const to = `stream:${stream}`;
          const publishers = [...administration.sessions({ kind: "publish", user: to })];
          for (const { id } of publishers) administration.end(id, now());
          return publishers.length === 0 ? notFound("stream") : { status: 204 };
        }),
    }),
    operation({
      ...{ id: "listPushes", method: "GET", path: "/streams/{stream}/pushes", tag: "Streams" },
      ...{ scope: "streams:read", summary: "Where a stream is pushed to", refuses: [404, 503] },
      params: oneStream,
      answers: { 200: { description: "The pushes.", schema: pageOf(Push) } },
      over: { kind: "owner" },
      perform: ({ params: { stream } }) =>
        pushed((pushes) =>
          streams?.get(stream) === undefined ? notFound("stream") : answer({ items: pushes.list(stream) }),
        ),
    }),
    operation({
      ...{ id: "addPush", method: "POST", path: "/streams/{stream}/pushes", tag: "Streams" },
      ...{ scope: "streams:write", summary: "Pushes a live stream to another server, until it is over" },
      ...{ refuses: [404, 409, 422, 503], params: oneStream },
      description:
        "An attempt that fails is followed by others, with growing pauses. Targets that are always to get a stream belong into the setting `media.push`.",
      body: Type.Object(
        {
          to: Type.String({
            minLength: 1,
            maxLength: 2_048,
            description:
              "`rtmp://HOST/APP/KEY`, the same with `rtmps:`, or the WHIP endpoint of another server.",
          }),
          token: Type.Optional(
            Type.String({
              minLength: 1,
              maxLength: 4_096,
              description: "Sent to a WHIP endpoint as Bearer.",
            }),
          ),
        },
        closed,
      ),
      answers: { 201: { description: "The push.", schema: Push } },
      over: { kind: "owner" },
      perform: ({ params: { stream }, body: { to, token } }) =>
        pushed((pushes) => {
          const made = streams?.get(stream) === undefined ? "not live" : pushes.add(stream, to, token);
          if (made === "not live") return notFound("live stream");
          if (made === "no target") return noTarget;
          return made === "full" ? tooManyPushes : { status: 201, body: made };
        }),
    }),
    operation({
      ...{ id: "removePush", method: "DELETE", path: "/streams/{stream}/pushes/{push}", tag: "Streams" },
      ...{ scope: "streams:write", summary: "Ends a push", refuses: [404, 503] },
      description: "One by the setting `media.push` comes back when the stream begins anew.",
      params: Type.Object({ stream: StreamName, push: Type.String({ minLength: 1, maxLength: 64 }) }),
      answers: { 204: { description: "It is over." } },
      over: { kind: "owner" },
      perform: ({ params: { stream, push } }) =>
        pushed((pushes) => (pushes.remove(stream, push) ? { status: 204 } : notFound("push"))),
    }),
    operation({
      ...{ id: "listStreamKeys", method: "GET", path: "/streams/{stream}/keys", tag: "Streams" },
      ...{
        scope: "streams:read",
        summary: "The keys that publish a stream",
        refuses: [503],
        params: oneStream,
      },
      answers: { 200: { description: "The keys, without what is secret.", schema: pageOf(StreamKey) } },
      perform: ({ params: { stream } }) =>
        served((those) =>
          answer({ items: those.keys(stream).map(({ id, created }) => ({ id, stream, created })) }),
        ),
    }),
    operation({
      ...{ id: "addStreamKey", method: "POST", path: "/streams/{stream}/keys", tag: "Streams" },
      ...{
        scope: "streams:write",
        summary: "Makes a key that publishes a stream",
        secret: true,
        refuses: [503],
      },
      description: "What OBS takes as its Bearer token. It is shown this once.",
      params: oneStream,
      answers: {
        201: { description: "The key.", schema: Type.Object({ id: KeyId, key: Type.String() }) },
      },
      perform: ({ params: { stream } }) =>
        served((those) => {
          const { id, key } = those.addKey(stream);
          return { status: 201, body: { id, key } };
        }),
    }),
    operation({
      ...{ id: "revokeStreamKey", method: "DELETE", path: "/streams/{stream}/keys/{key}", tag: "Streams" },
      ...{
        scope: "streams:write",
        summary: "Revokes a key; who publishes with it is cut",
        refuses: [404, 503],
      },
      params: Type.Object({ stream: StreamName, key: KeyId }),
      answers: { 204: { description: "It is void." } },
      perform: ({ params: { stream, key } }) =>
        served((those) => (those.revokeKeys(stream, key) > 0 ? { status: 204 } : notFound("key"))),
    }),
    operation({
      ...{ id: "signStreamLink", method: "POST", path: "/streams/{stream}/links", tag: "Streams" },
      ...{ scope: "streams:write", summary: "Signs a link that publishes or views a stream", secret: true },
      ...{ refuses: [503], params: oneStream },
      body: Type.Object(
        {
          action: Type.Enum(["publish", "view"]),
          lifetime: Type.Integer({ minimum: 1, maximum: longestLink, description: "Seconds." }),
        },
        closed,
      ),
      answers: {
        201: {
          description: "The path, below the server's address.",
          schema: Type.Object({ path: Type.String(), expires: Time("When it ends.") }),
        },
      },
      perform: ({ params: { stream }, body: { action, lifetime } }) =>
        served((those) => {
          const expires = Math.floor(wall() / 1_000) + lifetime;
          const token = those.link(stream, action, expires);
          const endpoint = action === "view" ? "whep" : "whip";
          const path = `/${endpoint}/${encodeURIComponent(stream)}?token=${token}`;
          return { status: 201, body: { path, expires: expires * 1_000 } };
        }),
    }),
  ];
}
