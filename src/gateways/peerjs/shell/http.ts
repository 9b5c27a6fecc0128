import { refusalResponse } from "../../../net/upgrade.ts";
import type { EntryGuard } from "../../../transports/transport-guard.ts";

/** What the HTTP part needs of the gateway. */
export interface HttpShell {
  /** An id that nobody has, for clients of that key. */
  newId(key: string): string;
  /** The keys that clients may name. */
  readonly keys: readonly string[];
  /** The ids of all clients; undefined where they are not told. */
  readonly ids: readonly string[] | undefined;
}

const banner = {
  name: "Switchboard",
  description: "A server for PeerJS clients.",
  website: "https://peerjs.com/",
};

/** `/peerjs/id` and `/peerjs/KEY/id`, the same with `peers`, and `/peerjs/`. */
const paths = /^\/peerjs(?:\/(?:([^/]{1,128})\/)?(id|peers)|\/?)$/;

/** `/KEY/id` and `/KEY/peers`, of clients without the option `path` that have a key of their own. */
const keyPaths = /^\/([^/]{1,128})\/(id|peers)$/;

/** Answers the HTTP requests of clients; undefined for every other one. Pages of allowed origins may read the answers (CORS). */
export function answerHttp(
  gateway: HttpShell,
  guard: EntryGuard,
  request: Request,
  pathname: string,
): Response | undefined {
  const [whole, key = "peerjs", what] = paths.exec(pathname) ?? ofKey(gateway, pathname);
  if (whole === undefined) return undefined;
  const refusal = guard.access.refuseOrigin(request);
  if (refusal !== undefined) return refusalResponse(refusal);
  const { method } = request;
  if (method === "OPTIONS") return answer(request, null, 204);
  if (method !== "GET" && method !== "HEAD") return answer(request, "Only GET is answered here.\n", 405);
  if (what === "id") return answer(request, gateway.newId(key), 200, "text/html; charset=utf-8");
  if (what === undefined) return answer(request, JSON.stringify(banner), 200, json);
  const { ids } = gateway;
  if (ids === undefined) return answer(request, "The setting peerjs.discovery is off.\n", 401);
  return answer(request, JSON.stringify(ids), 200, json);
}

function ofKey({ keys }: HttpShell, pathname: string): readonly (string | undefined)[] {
  const found = keyPaths.exec(pathname);
  return found !== null && keys.includes(found[1] ?? "") ? found : [];
}

const json = "application/json; charset=utf-8";

function answer(
  request: Request,
  body: string | null,
  status: number,
  type = "text/plain; charset=utf-8",
): Response {
  const headers = new Headers({
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    Vary: "Origin",
  });
  if (body !== null) headers.set("Content-Type", type);
  const origin = request.headers.get("origin");
  if (origin !== null) headers.set("Access-Control-Allow-Origin", origin);
  if (status === 204) headers.set("Access-Control-Allow-Methods", "GET, HEAD");
  return new Response(body, { status, headers });
}
