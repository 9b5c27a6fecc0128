import type { HttpProblem } from "../net/problem.ts";
import { problemResponse } from "../net/problem.ts";
import { readBody } from "../net/read-body.ts";
import { isTooDeep, maxNesting } from "../protocol/codec.ts";
import { fail, ok, type Result } from "../shared/result.ts";
import type { Survey } from "../signaling/survey.ts";
import { type Checkers, check, checkersOf, readQuery } from "./check.ts";
import type { Idempotency } from "./idempotency.ts";
import { type Answer, type Call, type Caller, isProblem, type Operation } from "./operation.ts";
import { Spread } from "./spread.ts";

export interface ApiPorts {
  /** How the other nodes are asked. */
  readonly survey: Survey;
  /** Who sends the request: the holder of its key, or why it is refused. */
  authenticate(request: Request): Result<Caller, HttpProblem>;
  readonly idempotency: Idempotency;
  /** Unix ms, by the system's clock. */
  wall(): number;
  /** SHA-256 of the text, base64url. */
  hash(text: string): string;
  /** An operation threw: a fault of ours. */
  fault(where: string, error: unknown): void;
  /** An operation that changes something was performed, or refused. */
  audit(entry: {
    readonly key: string;
    readonly operation: string;
    readonly path: string;
    readonly status: number;
  }): void;
}

/** An operation as requests are matched with it. */
interface Route {
  readonly operation: Operation;
  /** A segment, or the name of the parameter that stands there. */
  readonly segments: readonly (string | { readonly name: string })[];
  readonly checkers: Checkers;
}

export const apiPath = "/api/v1";

/** Answers requests below `/api/v1`: matches an operation, asks for its scope, checks the request, performs it. */
export class ApiRouter {
  readonly operations: readonly Operation[];
  readonly #routes: readonly Route[];
  readonly #ports: ApiPorts;
  readonly #spread: Spread;

  constructor(operations: readonly Operation[], ports: ApiPorts) {
    this.operations = operations;
    this.#ports = ports;
    this.#routes = operations.map((operation) => ({
      operation,
      segments: operation.path
        .slice(1)
        .split("/")
        .map((part) => (part.startsWith("{") ? { name: part.slice(1, -1) } : part)),
      checkers: checkersOf(operation),
    }));
    this.#spread = new Spread(ports.survey, this.#routes, this.#performHere.bind(this));
  }

  /** The answer to a request of that path. Always one: whatever is below the path is the API's. */
  async fetch(request: Request): Promise<Response> {
    const result = await this.#serve(request);
    const response = isProblem(result) ? problemResponse(result) : answerResponse(result);
    response.headers.set("Cache-Control", "no-store");
    return response;
  }

  async #serve(request: Request): Promise<Answer | HttpProblem> {
    // Before anything that would tell which paths there are.
    const caller = this.#ports.authenticate(request);
    if (!caller.ok) return caller.error;
    const url = new URL(request.url);
    const found = this.#match(request.method, url.pathname);
    if (!found.ok) return found.error;
    const { route, params } = found.value;
    const { operation } = route;
    if (!caller.value.scopes.includes(operation.scope))
      return {
        status: 403,
        code: "forbidden",
        detail: `The key lacks the scope ${operation.scope}.`,
        more: { scope: operation.scope },
      };
    const call = await readCall(request, url, route, params, caller.value);
    if (!call.ok) return call.error;
    const result = await this.#once(request, route, call.value);
    if (operation.method !== "GET")
      this.#ports.audit({
        ...{ key: caller.value.key, operation: operation.id },
        ...{ path: url.pathname.slice(apiPath.length), status: result.status },
      });
    return result;
  }

  /** Performs it, unless it was performed before under its `Idempotency-Key`. */
  async #once(request: Request, { operation }: Route, call: ReadCall): Promise<Answer | HttpProblem> {
    const given = request.headers.get("idempotency-key");
    if (operation.method !== "POST" || given === null) return await this.#spread.perform(operation, call);
    if (!/^[\x21-\x7e]{1,255}$/.test(given))
      return {
        status: 400,
        code: "bad_request",
        detail: "Idempotency-Key: must be 1 to 255 visible characters.",
      };
    const { idempotency, hash, wall } = this.#ports;
    const key = hash(`${call.caller.key}\n${given}`);
    const known = idempotency.begin(key, hash(`${operation.id}\n${call.path}\n${call.text}`), wall());
    if (known !== undefined) return known;
    const result = await this.#spread.perform(operation, call);
    if (result.status === 429 || result.status >= 500) idempotency.forget(key);
    else idempotency.finish(key, result, operation.secret === true);
    return result;
  }

  async #performHere(
    operation: Operation,
    call: Call<unknown, unknown, unknown>,
  ): Promise<Answer | HttpProblem> {
    try {
      return await operation.perform(call as Call<never, never, never>);
    } catch (error) {
      this.#ports.fault(`api ${operation.id}`, error);
      return { status: 500, code: "internal", detail: "The server failed. The fault is in its log." };
    }
  }

  #match(method: string, pathname: string): Result<{ route: Route; params: Params }, HttpProblem> {
    const parts = segmentsOf(pathname);
    const matching = this.#routes.flatMap((route) => {
      const params = parts && paramsOf(route, parts);
      return params === undefined ? [] : [{ route, params }];
    });
    const one = matching.find(({ route }) => route.operation.method === method);
    if (one !== undefined) return ok(one);
    if (matching.length === 0)
      return fail({ status: 404, code: "not_found", detail: `There is nothing at this path of ${apiPath}.` });
    const allow = matching.map(({ route }) => route.operation.method).join(", ");
    return fail({
      ...{ status: 405, code: "method_not_allowed", detail: `This path takes ${allow}.` },
      headers: { Allow: allow },
    });
  }
}

type Params = Readonly<Record<string, string>>;

interface ReadCall extends Call<unknown, unknown, unknown> {
  readonly path: string;
  /** The body as it came. */
  readonly text: string;
}

async function readCall(
  request: Request,
  url: URL,
  { operation, checkers }: Route,
  params: Params,
  caller: Caller,
): Promise<Result<ReadCall, HttpProblem>> {
  const checked = check(checkers.params, params, "the path");
  // An id that can't be one names nothing.
  if (!checked.ok) return fail({ ...checked.error, status: 400 });
  const query = readQuery(url.searchParams, checkers);
  if (!query.ok) return query;
  const text = await readText(request, operation);
  if (!text.ok) return text;
  const value = parseBody(text.value, operation);
  if (!value.ok) return value;
  const body = check(checkers.body, value.value, "the body");
  if (!body.ok) return body;
  return ok({
    ...{
      params,
      query: query.value,
      body: body.value,
      caller,
      signal: request.signal,
      headers: request.headers,
    },
    ...{ path: url.pathname, text: text.value },
  });
}

async function readText(request: Request, operation: Operation): Promise<Result<string, HttpProblem>> {
  const empty = request.body === null || request.headers.get("content-length") === "0";
  const isTyped = request.headers.get("content-type") !== null;
  // Whoever sends nothing at all means a body without fields.
  if (operation.body !== undefined)
    return empty && !isTyped ? ok("{}") : await readBody(request, "application/json");
  // A body that nobody reads would stay in the connection; few clients leave it out of a POST without one.
  if (!empty && isTyped) {
    const body = await readBody(request, "application/json");
    if (!body.ok) return body;
    if (body.value.trim() !== "" && body.value.trim() !== "{}")
      return fail({ status: 400, code: "bad_request", detail: "This operation takes no body." });
  }
  return ok("");
}

function parseBody(text: string, { body }: Operation): Result<unknown, HttpProblem> {
  if (body === undefined) return ok(undefined);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return fail({ status: 400, code: "bad_request", detail: "The body is no JSON." });
  }
  // As from devices: what is opaque gets relayed.
  if (!isTooDeep(text)) return ok(value);
  return fail({
    ...{ status: 400, code: "bad_request" },
    detail: `The body is nested deeper than ${maxNesting} levels.`,
  });
}

/** The decoded segments below the API's path; undefined for one that can't be decoded, or a path that is not below it. */
function segmentsOf(pathname: string): string[] | undefined {
  if (!pathname.startsWith(`${apiPath}/`)) return undefined;
  try {
    return pathname
      .slice(apiPath.length + 1)
      .split("/")
      .map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

function paramsOf({ segments }: Route, parts: readonly string[]): Params | undefined {
  if (segments.length !== parts.length) return undefined;
  const params: Record<string, string> = {};
  for (const [at, segment] of segments.entries()) {
    const part = parts[at] ?? "";
    if (typeof segment === "string") {
      if (segment !== part) return undefined;
    } else params[segment.name] = part;
  }
  return params;
}

function answerResponse({ status, body, stream }: Answer): Response {
  if (stream !== undefined)
    return new Response(stream, { status, headers: { "Content-Type": "text/event-stream" } });
  return body === undefined
    ? new Response(null, { status })
    : new Response(`${JSON.stringify(body)}\n`, { status, headers: { "Content-Type": "application/json" } });
}
