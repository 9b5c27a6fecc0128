import { isLocalUrl } from "../../net/client-address.ts";
import { parseOriginRule } from "../../net/origin-rule.ts";

/** Whether pages of an origin may read answers. `host`: the Host header of the request. */
export type AllowsOrigin = (origin: string, host: string | null) => boolean;

const exposed = "Location, ETag, Link, Retry-After, Accept-Post, Accept-Patch, WWW-Authenticate";
const day = 86_400;

/** True for a preflight of CORS, which carries no token. */
export function isPreflight(request: Request): boolean {
  return request.method === "OPTIONS" && request.headers.has("access-control-request-method");
}

/** The same response, readable for the page that asked, if its origin is allowed. */
export function withCrossOrigin(request: Request, response: Response, allows: AllowsOrigin): Response {
  const { headers } = response;
  if (!headers.has("Cache-Control")) headers.set("Cache-Control", "no-store");
  headers.append("Vary", "Origin");
  const origin = request.headers.get("origin");
  if (origin === null || !allows(origin, request.headers.get("host"))) return response;
  headers.set("Access-Control-Allow-Origin", origin);
  headers.set("Access-Control-Expose-Headers", exposed);
  // A page of any allowed origin may load it, also where the server's other answers are for its own pages.
  headers.set("Cross-Origin-Resource-Policy", "cross-origin");
  if (isPreflight(request)) {
    headers.set("Access-Control-Allow-Methods", "POST, PATCH, DELETE, GET, OPTIONS");
    headers.set(
      "Access-Control-Allow-Headers",
      "Authorization, Content-Type, If-Match, Last-Event-ID, Range",
    );
    headers.set("Access-Control-Max-Age", `${day}`);
  }
  return response;
}

/**
 * Which pages may use WHIP and WHEP: in development mode those of this machine, else those that the rules allow, which are entries of
 * `media.origins`.
 */
export function mediaOrigins(development: boolean, entries: readonly string[]): AllowsOrigin {
  const rules = entries.flatMap((entry) => parseOriginRule(entry) ?? []);
  return (origin, host) => (development ? isOfThisMachine(origin) : rules.some((rule) => rule(origin, host)));
}

function isOfThisMachine(origin: string): boolean {
  return /^https?:/i.test(origin) && isLocalUrl(origin);
}
