import type { TObject, TSchema } from "typebox";
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
  429: "Too many requests: `Retry-After` says how long to wait.",
  500: "The server failed.",
};
const special: Readonly<Record<number, string>> = {
  404: "What the path names is not there.",
  409: "The state does not permit it.",
  422: "The `Idempotency-Key` was used for another request.",
  503: "Not now: try again later.",
};

/** The OpenAPI 3.1 document of these operations, made of the schemas that check the requests. */
export function openApiDocument(operations: readonly Operation[], version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of operations) {
    const path = `${apiPath}${operation.path}`;
    paths[path] ??= {};
    paths[path][operation.method.toLowerCase()] = describe(operation);
  }
  return {
    openapi: "3.1.0",
    info: { title: "Switchboard", version, description: "Holds a Switchboard from an application's server." },
    security: [{ apiKey: [] }],
    paths,
    components: {
      securitySchemes: {
        apiKey: {
          ...{ type: "http", scheme: "bearer" },
          description: `An API key. Scopes: ${scopes.join(", ")}.`,
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
      ...Object.fromEntries(
        [...new Set(problems)].map((status) => [status, { $ref: `#/components/responses/Problem${status}` }]),
      ),
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
