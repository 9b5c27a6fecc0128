import type { TObject, TSchema } from "typebox";
import { guestTokensDocument, guestTokensPath } from "./guest-tokens.ts";
import type { AnswerKind, Operation } from "./operation.ts";
import { apiPath } from "./router.ts";
import { scopes } from "./scopes.ts";

const problem = {
  type: "object",
  required: ["title", "status", "detail"],
  properties: {
    title: { type: "string" },
    status: { type: "integer" },
    code: { type: "string", description: "Stays the same when words change." },
    detail: { type: "string", description: "What is wrong, and what to change." },
    field: { type: "string", description: "The field of the request that is wrong." },
  },
} as const;

/** What every operation may answer. */
const usual: Readonly<Record<number, string>> = {
  400: "The request breaks its schema: `detail` and `field` say where.",
  401: "No key, or one that is unknown or has ended.",
  403: "The key lacks the scope.",
  408: "The body did not arrive in time.",
  413: "The body is too large.",
  415: "The body's `Content-Type` is not `application/json`.",
  429: "Too many requests: `Retry-After` says how long to wait.",
  500: "The server failed.",
};
const special: Readonly<Record<number, string>> = {
  404: "What the path names is not there.",
  405: "The path takes another method.",
  409: "The state does not permit it.",
  422: "The `Idempotency-Key` was used for another request.",
  503: "Not now: try again later.",
};

/** A request that this server sends to the application. */
export interface Outgoing {
  readonly summary: string;
  /** The `data` of its body. */
  readonly data: TSchema;
  /** The body of the 200 that answers a hook; a webhook takes any 2xx, and its body is ignored. */
  readonly answer?: TSchema;
}

/**
 * The OpenAPI 3.1 document of these operations, made of the schemas that check the requests. `outgoing`: what the server sends to the
 * application, by the `type` in its body.
 */
export function openApiDocument(
  operations: readonly Operation[],
  version: string,
  outgoing: Readonly<Record<string, Outgoing>> = {},
): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of operations) {
    const path = `${apiPath}${operation.path}`;
    paths[path] ??= {};
    paths[path][operation.method.toLowerCase()] = describe(operation);
  }
  paths[guestTokensPath] = { post: guestTokensDocument(refusal) };
  return {
    openapi: "3.1.0",
    info: { title: "Switchboard", version, description: "Holds a Switchboard from an application's server." },
    security: [{ apiKey: [] }],
    paths,
    webhooks: Object.fromEntries(
      Object.entries(outgoing).map(([type, one]) => [type, { post: describeOutgoing(type, one) }]),
    ),
    components: {
      securitySchemes: {
        apiKey: {
          ...{ type: "http", scheme: "bearer" },
          description: `An API key. Scopes: ${scopes.join(", ")}.`,
        },
        publishableKey: {
          ...{ type: "http", scheme: "bearer" },
          description: "A publishable key, in a page of one of its origins.",
        },
      },
      schemas: { Problem: problem },
      responses: Object.fromEntries(
        Object.entries({ ...usual, ...special }).map(([status, description]) => [
          `Problem${status}`,
          {
            description,
            content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
          },
        ]),
      ),
    },
  };
}

function describe(operation: Operation): object {
  const { id, summary, description, tag, scope, body, answers, refuses = [], method } = operation;
  const problems = [...Object.keys(usual).map(Number), ...refuses, ...(method === "POST" ? [409, 422] : [])];
  return {
    ...{ operationId: id, summary, ...(description && { description }), tags: [tag] },
    security: [{ apiKey: [scope] }],
    parameters: [
      ...parameters(operation.params, "path"),
      ...parameters(operation.query, "query"),
      ...keyed(method),
    ],
    ...(body && { requestBody: { required: true, content: { "application/json": { schema: body } } } }),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, kind]) => [status, answerOf(kind as AnswerKind)]),
      ),
      ...Object.fromEntries([...new Set(problems)].map((status) => [status, refusal(status)])),
    },
  };
}

function refusal(status: number): object {
  return { $ref: `#/components/responses/Problem${status}` };
}

/** Standard Webhooks 1.0.0: who receives one verifies the signature before anything else. */
const signedBy = [
  ["webhook-id", "The same whenever the message is sent again."],
  ["webhook-timestamp", "Unix time in seconds. Refuse one that is more than five minutes off."],
  [
    "webhook-signature",
    "`v1,` and base64 of the HMAC-SHA256 of `id.timestamp.body`; several, with spaces between, during a rotation.",
  ],
].map(([name, description]) => ({
  ...{ name, description, in: "header", required: true, schema: { type: "string" } },
}));

function describeOutgoing(type: string, { summary, data, answer }: Outgoing): object {
  const body = {
    type: "object",
    required: ["type", "timestamp", "data"],
    properties: { type: { const: type }, timestamp: { type: "string", format: "date-time" }, data },
  };
  return {
    ...{ operationId: type, summary, tags: [answer === undefined ? "Webhooks" : "Hooks"], security: [] },
    parameters: signedBy,
    requestBody: { required: true, content: { "application/json": { schema: body } } },
    responses:
      answer === undefined
        ? { "2XX": { description: "The event was taken. Everything else is tried again." } }
        : {
            200: {
              description: "The answer. Everything else counts as a failure of the hook.",
              content: { "application/json": { schema: answer } },
            },
          },
  };
}

function parameters(schema: TObject | undefined, where: "path" | "query"): object[] {
  return Object.entries<TSchema>(schema?.properties ?? {}).map(([name, one]) => ({
    ...{
      name,
      in: where,
      required: where === "path" || ((schema?.required ?? []) as readonly string[]).includes(name),
    },
    ...{ schema: one, description: (one as { description?: string }).description ?? "" },
  }));
}

function keyed(method: string): object[] {
  if (method !== "POST") return [];
  return [
    {
      ...{ name: "Idempotency-Key", in: "header", required: false },
      schema: { type: "string", minLength: 1, maxLength: 255 },
      description: "A repeat within 24 hours gets the first answer, and is not executed again.",
    },
  ];
}

function answerOf({ description, schema, stream }: AnswerKind): object {
  if (stream) return { description, content: { "text/event-stream": { schema: { type: "string" } } } };
  return { description, ...(schema && { content: { "application/json": { schema } } }) };
}
