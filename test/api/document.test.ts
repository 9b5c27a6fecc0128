import { afterAll, beforeAll, expect, test } from "bun:test";
import fc from "fast-check";
import { openApiDocument } from "../../src/api/openapi.ts";
import { scopes } from "../../src/api/scopes.ts";
import { eventTypes } from "../../src/events/catalog.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { api } from "./support.ts";

interface Schema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly minimum?: number;
  readonly maximum?: number;
}

interface Documented {
  readonly operationId: string;
  readonly security: readonly [{ readonly apiKey?: readonly [string] }];
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[];
  readonly requestBody?: { readonly content: { readonly "application/json": { readonly schema: Schema } } };
  readonly responses: Readonly<Record<string, unknown>>;
}

interface Called extends Documented {
  readonly path: string;
  readonly method: string;
}

/** Inputs for each operation; more of them by the environment. */
const inputs = Number(process.env.API_INPUTS ?? 60);
/** Would end the server, or give the next request nothing to ask with. */
const ends = new Set(["drainNode"]);

let server: RunningServer;
let operations: Called[] = [];
let webhooks: Record<string, object> = {};

beforeAll(async () => {
  // Nothing of a user or an address is bounded here but by the API itself.
  const limits = { httpRequestsPerSecond: 1_000_000, httpRequestsBurst: 1_000_000 };
  server = await startServer({ config: { limits, media: { port: 0, workers: 1 } } });
  const document = await (await fetch(`${server.url}/api/v1/openapi.json`)).json();
  webhooks = document.webhooks;
  operations = Object.entries<Record<string, Documented>>(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, one]) => ({ ...one, path, method: method.toUpperCase() })),
  );
}, 60_000);
afterAll(() => server?.stop());

/** Values that fit the schema, mixed with some that don't. */
function perhaps(schema: Schema): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 9, arbitrary: fitting(schema) },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
  );
}

function fitting(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case "object": {
      const known = Object.entries(schema.properties ?? {});
      const fields = Object.fromEntries(known.map(([name, one]) => [name, perhaps(one)]));
      return fc.record(fields, { requiredKeys: [...(schema.required ?? [])] });
    }
    case "array":
      return fc.array(perhaps(schema.items ?? {}), { maxLength: 4 });
    case "integer":
      return fc.integer({ min: schema.minimum ?? -1_000, max: schema.maximum ?? 2 ** 31 });
    case "boolean":
      return fc.boolean();
    case "string":
      return fc.oneof(fc.constantFrom("alice", "bob", "a-b", "alice/phone", "room:x"), fc.string());
    default:
      return fc.jsonValue({ maxDepth: 3 });
  }
}

function requestOf({ path, parameters, requestBody }: Called): fc.Arbitrary<{ path: string; body: unknown }> {
  const inPath = fc.record(
    Object.fromEntries(
      parameters.filter((one) => one.in === "path").map((one) => [one.name, fitting(one.schema).map(String)]),
    ),
  );
  const inQuery = fc.record(
    Object.fromEntries(
      parameters.filter((one) => one.in === "query").map((one) => [one.name, perhaps(one.schema)]),
    ),
    { requiredKeys: [] },
  );
  const schema = requestBody?.content["application/json"].schema;
  const body = schema === undefined ? fc.constant(undefined) : fc.oneof(perhaps(schema), fc.constant("{"));
  return fc.tuple(inPath, inQuery, body).map(([names, query, sent]) => {
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => segment(names[name] ?? ""));
    const search = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, textOf(value)]));
    return { path: `${filled.slice("/api/v1".length)}?${search}`.replace(/\?$/, ""), body: sent };
  });
}

/** Without what URLs have another meaning for, however it is written. */
function segment(text: string): string {
  return ["", ".", ".."].includes(text) ? "x" : encodeURIComponent(text);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

test("the server's document is the one that is made of its operations", () => {
  const ids = operations.map(({ operationId }) => operationId);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.length).toBeGreaterThan(25);
  expect(openApiDocument([], "1")).toMatchObject({ openapi: "3.1.0" });
  expect(Object.keys(webhooks)).toEqual(["authenticate", "authorize", "wake", ...eventTypes]);
  expect(webhooks["session.ended"]).toMatchObject({ post: { responses: { "2XX": {} } } });
});

test("whatever is sent, an operation answers with a status that the document has, and never fails", async () => {
  const ask = api(server);
  const statuses = new Map<string, Set<number>>();
  for (const operation of operations.filter(({ operationId }) => !ends.has(operationId))) {
    const seen = new Set<number>();
    statuses.set(operation.operationId, seen);
    await fc.assert(
      fc.asyncProperty(requestOf(operation), async ({ path, body }) => {
        const { status } = await ask(operation.method, path, body);
        seen.add(status);
        if (!(String(status) in operation.responses) || status >= 500)
          throw new Error(`${operation.method} ${path}: ${status}`);
      }),
      { numRuns: inputs },
    );
  }
  // Each was refused something, and nearly each has said yes: the inputs reach behind the checks.
  const yes = [...statuses].filter(([, seen]) => [...seen].some((status) => status < 300)).map(([id]) => id);
  expect(yes).toEqual(expect.arrayContaining(["listUsers", "addStreamKey", "sendMessage"]));
}, 120_000);

test("each operation is refused to a key that has every scope but its own, and to no key at all", async () => {
  const ask = api(server);
  for (const { operationId, method, path, security } of operations) {
    const [{ apiKey }] = security;
    // Pages of guests have a publishable key.
    if (apiKey === undefined) continue;
    const without = scopes.filter((scope) => scope !== apiKey[0]);
    const { body } = await ask("POST", "/api-keys", { name: operationId, scopes: without });
    const filled = path.slice("/api/v1".length).replace(/\{\w+\}/g, "x");
    const refused = await api(server, body.key)(method, filled);
    expect([operationId, refused.status, refused.body.scope]).toEqual([operationId, 403, apiKey[0]]);
    expect((await api(server, "sbk_wrong")(method, filled)).status).toBe(401);
  }
});
