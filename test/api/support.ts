import type { RunningServer } from "../support/server.ts";

interface Answered {
  readonly status: number;
  readonly headers: Headers;
  // What it is, each test knows.
  // biome-ignore lint/suspicious/noExplicitAny: JSON of many shapes
  readonly body: any;
}

/** Asks the API as an application's server does. */
export type Ask = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Readonly<Record<string, string>>,
) => Promise<Answered>;

/** The API of a server, with this key. */
export function api({ url }: Pick<RunningServer, "url">, key = "dev:admin"): Ask {
  return async (method, path, body, headers = {}) => {
    const json = body === undefined ? {} : { "Content-Type": "application/json" };
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: { Authorization: `Bearer ${key}`, ...json, ...headers },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    // A stream has no end.
    const stream = response.headers.get("content-type") === "text/event-stream";
    if (stream) await response.body?.cancel();
    const text = stream ? "" : await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === "" ? undefined : JSON.parse(text),
    };
  };
}
