import { Type } from "typebox";
import { parseAddress } from "../../protocol/address.ts";
import { isAddressPattern } from "../../protocol/address-pattern.ts";
import type { CoreStats } from "../../signaling/core.ts";
import { grantNames } from "../../signaling/grants.ts";
import { type ApiContext, wireOutcome } from "../context.ts";
import { type Answer, answer, notFound, type Operation, operation } from "../operation.ts";
import { badCursor, page, pageOf, pageQuery } from "../pages.ts";
import { scopes } from "../scopes.ts";
import { Address, closed, DeviceId, KeyId, Time, UserId } from "./schemas.ts";

const day = 86_400;

const Grants = Type.Object(
  Object.fromEntries(
    grantNames.map((name) => [
      name,
      Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 264 }), { maxItems: 1_000 })),
    ]),
  ),
  { ...closed, description: 'Each grant with the address patterns that it covers: `{"call": ["bob"]}`.' },
);

const ApiKey = Type.Object({
  id: KeyId,
  name: Type.String(),
  scopes: Type.Array(Type.Enum([...scopes])),
  created: Time("When it was made."),
  expires: Type.Optional(Time("When it ends.")),
});

const NodeName = Type.String({ minLength: 1, maxLength: 256, description: "A node's name." });
const NodeView = Type.Object(
  { node: NodeName, version: Type.String(), draining: Type.Boolean() },
  { additionalProperties: Type.Number() },
);
const nodeKey = ({ node }: { readonly node: string }): string => node;

/** Tokens and messages. */
export function tokenOperations({ signToken, wall, administration, now }: ApiContext): Operation[] {
  return [
    operation({
      ...{ id: "createToken", method: "POST", path: "/tokens", tag: "Tokens", scope: "tokens:write" },
      ...{ summary: "Makes a token for a user", secret: true, refuses: [409] },
      description: "Development mode without `tokens.secret` answers `dev:USER`, which has all grants.",
      body: Type.Object(
        {
          user: UserId,
          device: Type.Optional(DeviceId),
          guest: Type.Optional(Type.Boolean({ description: "Anybody may get one: its relays are bounded." })),
          grants: Type.Optional(Grants),
          lifetime: Type.Optional(
            Type.Integer({ minimum: 1, maximum: 30 * day, default: 3_600, description: "Seconds." }),
          ),
        },
        closed,
      ),
      answers: {
        201: {
          description: "The token.",
          schema: Type.Object({ token: Type.String(), expires: Time("When it ends.") }),
        },
      },
      perform: async ({ body: { user, device, guest, grants = {}, lifetime = 3_600 } }) => {
        const patterns = Object.entries(grants as Record<string, string[]>);
        const wrong = patterns.find(([, those]) => !those.every(isAddressPattern));
        if (wrong !== undefined) {
          const field = `grants.${wrong[0]}`;
          const detail = `${field}: holds something that is no address pattern.`;
          return { status: 400, code: "bad_request", detail, more: { field } };
        }
        const expires = wall() + lifetime * 1_000;
        const token = await signToken({ user, device, guest, grants, lifetime });
        if (token !== undefined) return { status: 201, body: { token, expires } };
        const detail = "The setting tokens.secret is empty: sign tokens where your private key is.";
        return { status: 409, code: "not_configured", detail };
      },
    }),
    operation({
      ...{ id: "sendMessage", method: "POST", path: "/messages", tag: "Messages", scope: "messages:write" },
      ...{ summary: "Sends a message to a user, a device or a room", refuses: [404, 409, 503] },
      body: Type.Object(
        {
          to: Address,
          from: Type.Optional(UserId),
          body: Type.Unknown({ description: "Any JSON, at most `limits.bodyBytes`." }),
        },
        closed,
      ),
      answers: {
        200: {
          description: "It was taken.",
          schema: Type.Object({
            delivered: Type.Optional(Type.Integer({ description: "Devices that it reached." })),
          }),
        },
      },
      // A room is held by one node; users are found by any.
      over: { kind: "owner", when: ({ body }) => body.to.startsWith("room:") },
      perform: ({ body: { to, from = "server", body } }) => {
        const kind = parseAddress(to)?.kind;
        if (kind === undefined || kind === "stream")
          return { status: 400, code: "bad_request", detail: "to: must be a user, a device or a room." };
        return new Promise<Answer | ReturnType<typeof wireOutcome>>((resolve) => {
          administration.send(from, to, body, now(), (outcome) => resolve(wireOutcome(outcome)));
        });
      },
    }),
  ];
}

/** The server itself, and the keys of this API. */
export function serverOperations(context: ApiContext): Operation[] {
  const { keys, wall } = context;
  const statistics = (): Omit<CoreStats, "logBytes"> => {
    const { logBytes: _, ...stats } = context.stats();
    return stats;
  };
  return [
    operation({
      ...{ id: "getStatistics", method: "GET", path: "/statistics", tag: "Server", scope: "server:read" },
      summary: "What goes on in the whole cluster: the sums of all nodes",
      answers: {
        200: {
          description: "Gauges. `signals` counts since the start.",
          schema: Type.Object(
            {
              nodes: Type.Integer({ description: "Nodes that have answered." }),
              partial: Type.Optional(
                Type.Array(Type.String(), { description: "Nodes that did not answer within a second." }),
              ),
            },
            { additionalProperties: Type.Number() },
          ),
        },
      },
      over: {
        kind: "all",
        gather: (those: readonly Readonly<Record<string, number>>[]) => {
          const sums: Record<string, number> = {};
          for (const one of those)
            for (const [name, value] of Object.entries(one)) sums[name] = (sums[name] ?? 0) + value;
          return sums;
        },
      },
      perform: () => answer({ nodes: 1, ...statistics() }),
    }),
    operation({
      ...{ id: "listNodes", method: "GET", path: "/nodes", tag: "Server", scope: "server:read" },
      summary: "The nodes of the cluster, each with what goes on there",
      query: Type.Object(pageQuery, closed),
      answers: { 200: { description: "A page of nodes.", schema: pageOf(NodeView) } },
      over: { kind: "list", keyOf: nodeKey },
      perform: ({ query }) => {
        const { node, version, draining } = context;
        const found = page([{ node, version, draining, ...statistics() }], nodeKey, query);
        return found === undefined ? badCursor : answer(found);
      },
    }),
    operation({
      ...{ id: "getHistory", method: "GET", path: "/nodes/{node}/history", tag: "Server" },
      ...{ scope: "server:read", summary: "Samples of the last hour of a node, for graphs" },
      refuses: [404, 503],
      description:
        "Links, devices, sessions, streams and relays are as they were then. `started`, `ended`, `failed` (calls that were accepted and never had media), `turnBytes` and `cause.CODE` (sessions by diagnosis) count since the sample before. `setUp50` and `setUp95` are ms from accept to media.",
      params: Type.Object({ node: NodeName }),
      query: Type.Object({ since: Type.Optional(Time("Only samples after it.")) }, closed),
      answers: {
        200: {
          description: "The samples, the oldest first.",
          schema: Type.Object({
            node: Type.String(),
            every: Type.Integer({ description: "ms between two samples." }),
            at: Type.Array(Time("When each sample was taken.")),
            series: Type.Object(
              {},
              { additionalProperties: Type.Array(Type.Number()), description: "Each as long as `at`." },
            ),
          }),
        },
      },
      over: { kind: "node", of: ({ params }) => params.node },
      perform: ({ query: { since = 0 } }) => answer({ node: context.node, ...context.history(since) }),
    }),
    operation({
      ...{ id: "listSettings", method: "GET", path: "/nodes/{node}/settings", tag: "Server" },
      ...{ scope: "server:read", summary: "The settings in force at a node, without secrets" },
      refuses: [404, 503],
      params: Type.Object({ node: NodeName }),
      answers: {
        200: {
          description: "All settings, in the order of docs/config.md.",
          schema: pageOf(
            Type.Object({
              path: Type.String({ description: "Such as `turn.udpPort`." }),
              value: Type.String({ description: "JSON; of a secret `(set)` or `(none)`." }),
              given: Type.Boolean({ description: "Somebody set it. Others have their defaults." }),
            }),
          ),
        },
      },
      over: { kind: "node", of: ({ params }) => params.node },
      perform: () => answer({ items: context.settings() }),
    }),
    operation({
      ...{ id: "getOwnKey", method: "GET", path: "/key", tag: "Keys", scope: "server:read" },
      summary: "The key that the request carries",
      answers: {
        200: {
          description: "What it may do.",
          schema: Type.Object({
            id: KeyId,
            scopes: Type.Array(Type.Enum([...scopes])),
            development: Type.Boolean({ description: "The server is in development mode." }),
          }),
        },
      },
      perform: ({ caller: { key, scopes } }) => answer({ id: key, scopes, development: context.development }),
    }),
    operation({
      ...{ id: "drainNode", method: "POST", path: "/nodes/{node}/drain", tag: "Server" },
      ...{ scope: "server:write", summary: "Sends every device to another node, and ends the process" },
      refuses: [404, 503],
      description: "Calls go on: their media does not pass here.",
      params: Type.Object({ node: NodeName }),
      answers: { 202: { description: "The drain has begun." } },
      over: { kind: "node", of: ({ params }) => params.node },
      perform: () => {
        context.drain();
        return { status: 202 };
      },
    }),
    operation({
      ...{ id: "listApiKeys", method: "GET", path: "/api-keys", tag: "Keys", scope: "keys:read" },
      summary: "The keys of this API, without what is secret",
      answers: { 200: { description: "The keys.", schema: pageOf(ApiKey) } },
      perform: () => answer({ items: keys.list() }),
    }),
    operation({
      ...{ id: "createApiKey", method: "POST", path: "/api-keys", tag: "Keys", scope: "keys:write" },
      ...{ summary: "Makes a key. It is shown this once", secret: true },
      description: "A key may give no scope that it lacks itself.",
      body: Type.Object(
        {
          name: Type.String({ minLength: 1, maxLength: 64 }),
          scopes: Type.Array(Type.Enum([...scopes]), { minItems: 1, uniqueItems: true }),
          expires: Type.Optional(Time("When it ends.")),
        },
        closed,
      ),
      answers: {
        201: { description: "The key.", schema: Type.Object({ id: KeyId, key: Type.String() }) },
      },
      perform: ({ body, caller }) => {
        const more = body.scopes.find((scope) => !caller.scopes.includes(scope));
        if (more !== undefined)
          return { status: 403, code: "forbidden", detail: `Your key lacks the scope ${more} itself.` };
        if (body.expires !== undefined && body.expires <= wall())
          return {
            status: 400,
            code: "bad_request",
            detail: "expires: must be ahead.",
            more: { field: "expires" },
          };
        return { status: 201, body: keys.add(body) };
      },
    }),
    operation({
      ...{ id: "revokeApiKey", method: "DELETE", path: "/api-keys/{key}", tag: "Keys", scope: "keys:write" },
      ...{ summary: "Revokes a key at once", refuses: [404] },
      params: Type.Object({ key: KeyId }),
      answers: { 204: { description: "It is void." } },
      perform: ({ params }) => (keys.revoke(params.key) ? { status: 204 } : notFound("key")),
    }),
  ];
}
