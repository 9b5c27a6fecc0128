import { every } from "../net/clock.ts";
import { random, sha256 } from "../net/crypto.ts";
import type { Client, Refusal } from "../net/http-server.ts";
import { closeCodes } from "../protocol/close-codes.ts";
import { paths } from "../protocol/version.ts";
import { PollTransport } from "./poll-transport.ts";
import { refuseGuestEntry, type TransportGuard } from "./transport-guard.ts";

/** How long a GET waits for frames, and how long a transport lives without one. ms */
export interface PollTimes {
  readonly wait: number;
  readonly patience: number;
}

const usualTimes: PollTimes = { wait: 20_000, patience: 30_000 };
const transportHeader = "Switchboard-Transport";

/** The native protocol over plain HTTP requests, for networks that block WebSocket: frames go as lines of JSON. */
export class HttpPoll {
  readonly #guard: TransportGuard;
  readonly #times: PollTimes;
  /** By the hash of the secret, so that the time of a lookup reveals nothing about the secret. */
  readonly #transports = new Map<string, PollTransport>();
  /** Stops the timer. Open transports stay. */
  readonly stop: () => void;

  constructor(guard: TransportGuard, times: PollTimes = usualTimes) {
    this.#guard = guard;
    this.#times = times;
    this.stop = every(Math.min(1_000, times.patience / 4), () => this.#sweep());
  }

  /** Answers requests to its path; undefined for all others. */
  fetch(request: Request, client: Client, path: string): Promise<Response> | undefined {
    return path === paths.http ? this.#answer(request, client) : undefined;
  }

  async #answer(request: Request, client: Client): Promise<Response> {
    const refusal =
      this.#guard.access.refuseStranger(request, client) ?? this.#guard.access.refuseForeignOrigin(request);
    if (refusal !== undefined) return refused(refusal);
    const response = await this.#serve(request, client);
    response.headers.set("Cache-Control", "no-store");
    const origin = request.headers.get("origin");
    if (origin !== null) {
      response.headers.set("Access-Control-Allow-Origin", origin);
      response.headers.set("Access-Control-Expose-Headers", `${transportHeader}, Retry-After`);
      response.headers.set("Vary", "Origin");
    }
    return response;
  }

  async #serve(request: Request, client: Client): Promise<Response> {
    if (request.method === "OPTIONS") return preflight();
    const authorization = request.headers.get("authorization");
    if (authorization === null) {
      if (request.method === "POST") return await this.#hello(request, client);
      return failure(401, closeCodes.unauthorized.code, "say hello by POST first");
    }
    const secret = /^Bearer ([\w-]{1,128})$/i.exec(authorization)?.[1];
    const transport = secret === undefined ? undefined : this.#transports.get(sha256(secret));
    if (transport === undefined) return failure(410, 1006, "no such transport");
    transport.requested();
    switch (request.method) {
      case "GET":
        return await this.#down(transport, request.signal);
      case "POST":
        return await this.#up(transport, request);
      case "DELETE":
        transport.leave();
        return new Response(null, { status: 204 });
      default:
        return new Response(null, { status: 405, headers: { Allow: "GET, POST, DELETE, OPTIONS" } });
    }
  }

  async #hello(request: Request, client: Client): Promise<Response> {
    const refusal = refuseGuestEntry(this.#guard, request, client);
    if (refusal !== undefined) return refused(refusal);
    const hello = await bodyOf(request);
    if (hello === undefined) return failure(400, closeCodes.protocolError.code, "the body did not arrive");
    const transport = new PollTransport(this.#guard, client, {
      guestOrigin: this.#guard.access.guestOrigin(request),
    });
    transport.receive(hello.trim());
    await transport.frames(undefined);
    const frames = transport.take();
    const { ended } = transport;
    if (frames === undefined)
      return failure(helloStatus(ended?.code ?? 1006), ended?.code ?? 1006, ended?.reason ?? "");
    const secret = random(32);
    this.#transports.set(sha256(secret), transport);
    return ndjson(frames, { [transportHeader]: secret });
  }

  async #down(transport: PollTransport, gone: AbortSignal): Promise<Response> {
    const mine = await transport.frames({ wait: this.#times.wait, gone });
    const frames = mine ? transport.take() : undefined;
    if (frames !== undefined) return ndjson(frames);
    return mine && transport.ended !== undefined
      ? failure(410, transport.ended.code, transport.ended.reason)
      : new Response(null, { status: 204 });
  }

  async #up(transport: PollTransport, request: Request): Promise<Response> {
    if (!transport.beginUp()) return failure(409, 0, "one POST at a time");
    try {
      const body = await bodyOf(request);
      if (body === undefined) return failure(400, 0, "the body did not arrive");
      transport.body(body.length);
      for (const line of lines(body)) {
        if (transport.ended !== undefined) break;
        if (line !== "") transport.receive(line);
      }
      await transport.acted();
    } finally {
      transport.endUp();
    }
    const { ended } = transport;
    return ended === undefined ? new Response(null, { status: 204 }) : failure(410, ended.code, ended.reason);
  }

  /** Ends transports without a GET for a while, and forgets ended ones after the time in which their client can learn of it. */
  #sweep(): void {
    const now = this.#guard.now();
    for (const [key, transport] of this.#transports) {
      if (transport.quietSince === undefined || now - transport.quietSince < this.#times.patience) continue;
      if (transport.ended === undefined) transport.lost(1006);
      this.#transports.delete(key);
    }
  }
}

/** The lines one by one: a body of nothing but line ends must not become a list of a million texts. */
function* lines(text: string): Iterable<string> {
  let at = 0;
  for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", at)) {
    yield text.slice(at, end);
    at = end + 1;
  }
  yield text.slice(at);
}

async function bodyOf(request: Request): Promise<string | undefined> {
  try {
    return await request.text();
  } catch {
    // The client left, or the body is too large.
    return undefined;
  }
}

function preflight(): Response {
  return new Response(null, {
    status: 204,
    headers: {
      "Access-Control-Allow-Methods": "GET, POST, DELETE",
      "Access-Control-Allow-Headers": "Authorization, Content-Type",
      "Access-Control-Max-Age": "600",
    },
  });
}

function ndjson(frames: readonly string[], headers: Record<string, string> = {}): Response {
  return new Response(`${frames.join("\n")}\n`, {
    headers: { "Content-Type": "application/x-ndjson", ...headers },
  });
}

function failure(status: number, close: number, reason: string): Response {
  return Response.json({ close, reason }, { status });
}

function refused(refusal: Refusal): Response {
  const { code } = refusal.status === 403 ? closeCodes.forbidden : closeCodes.overloaded;
  const response = failure(refusal.status, code, refusal.body);
  for (const [name, value] of Object.entries(refusal.headers ?? {})) response.headers.set(name, value);
  return response;
}

/** The HTTP status that fits a close code. */
function helloStatus(close: number): number {
  switch (close) {
    case closeCodes.unauthorized.code:
      return 401;
    case closeCodes.forbidden.code:
    case closeCodes.kicked.code:
      return 403;
    case closeCodes.helloTimeout.code:
      return 408;
    case closeCodes.frameTooLarge.code:
      return 413;
    case closeCodes.tooManyRequests.code:
      return 429;
    case closeCodes.badHello.code:
    case closeCodes.protocolError.code:
      return 400;
    default:
      return close >= 4300 ? 409 : 503;
  }
}
