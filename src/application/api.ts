import { type Operations, paths } from "./operations.ts";

export interface ApiOptions {
  /** Where the server is, such as `https://calls.example.com`; in development `http://localhost:8080`. */
  readonly url: string;
  /** An API key; `dev:admin` in development mode. */
  readonly key: string;
  /** Instead of the global one. */
  readonly fetch?: typeof fetch;
  /** ms after which a request is given up; 10 s by default. */
  readonly timeout?: number;
}

/** What may be said with each request. */
export interface RequestOptions {
  /** A repeat of the request under the same key within a day gets the first answer, and is not executed again. For POST. */
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

/** The server has refused a request, or can't be reached (`status` 0). */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  /** Stays the same when words change: `not_found`, `forbidden`, … */
  readonly code: string;
  /** The field of the request that is wrong. */
  readonly field: string | undefined;
  /** Seconds to wait before another try, where the server says so. */
  readonly retryAfter: number | undefined;

  constructor(
    message: string,
    { status, code, field, retryAfter }: Pick<ApiError, "status" | "code" | "field" | "retryAfter">,
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.field = field;
    this.retryAfter = retryAfter;
  }
}

/** Every operation of the HTTP API as a method: one object has what goes into path, query and body. */
export type Api = {
  readonly [name in keyof Operations]: (
    ...args: Record<never, never> extends Operations[name]["input"]
      ? [input?: Operations[name]["input"], options?: RequestOptions]
      : [input: Operations[name]["input"], options?: RequestOptions]
  ) => Promise<Operations[name]["output"]>;
};

/**
 * The HTTP API of a server, typed. It needs nothing but `fetch`. Each method rejects with an {@link ApiError}.
 *
 * @example
 * const api = createApi({ url: "http://localhost:8080", key: "dev:admin" });
 * for (const { user } of (await api.listUsers()).items) console.log(user);
 * await api.sendMessage({ to: "alice", body: { order: 17 } });
 */
export function createApi(options: ApiOptions): Api {
  const methods = Object.entries(paths).map(([name, path]) => [
    name,
    (input: Readonly<Record<string, unknown>> = {}, more: RequestOptions = {}) =>
      request(options, path, input, more),
  ]);
  return Object.fromEntries(methods) as Api;
}

async function request(
  { url, key, fetch: send = fetch, timeout = 10_000 }: ApiOptions,
  operation: string,
  input: Readonly<Record<string, unknown>>,
  { idempotencyKey, signal }: RequestOptions,
): Promise<unknown> {
  const [method = "", template = ""] = operation.split(" ");
  const rest = new Map(Object.entries(input).filter(([, value]) => value !== undefined));
  const path = template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = rest.get(name);
    rest.delete(name);
    return encodeURIComponent(String(value));
  });
  const query =
    method === "POST"
      ? ""
      : `?${new URLSearchParams([...rest].map(([name, value]) => [name, String(value)]))}`;
  const body = method === "POST" && rest.size > 0 ? JSON.stringify(Object.fromEntries(rest)) : undefined;
  const limit = AbortSignal.timeout(timeout);
  const response = await send(`${url.replace(/\/$/, "")}/api/v1${path}${query === "?" ? "" : query}`, {
    method,
    headers: {
      Authorization: `Bearer ${key}`,
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      ...(idempotencyKey === undefined ? {} : { "Idempotency-Key": idempotencyKey }),
    },
    ...(body === undefined ? {} : { body }),
    redirect: "error",
    signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
  }).catch((error: Error) => {
    const unreachable = { status: 0, code: "unreachable", field: undefined, retryAfter: undefined };
    throw new ApiError(`${method} ${path}: ${error.message}`, unreachable);
  });
  const text = await response.text();
  if (response.ok) return text === "" ? undefined : JSON.parse(text);
  throw refusal(response, text);
}

/** The error of an answer that is a refusal. */
export function refusal({ status, headers }: Response, text: string): ApiError {
  let problem: { code?: unknown; detail?: unknown; field?: unknown } = {};
  try {
    problem = JSON.parse(text);
  } catch {
    // A proxy answered in words of its own.
  }
  const { code, detail, field } = problem;
  const wait = headers.get("retry-after");
  return new ApiError(typeof detail === "string" ? detail : text.slice(0, 200) || `status ${status}`, {
    ...{ status, code: typeof code === "string" ? code : "http_error" },
    field: typeof field === "string" ? field : undefined,
    retryAfter: wait === null ? undefined : Number(wait),
  });
}
