import { isLocalUrl, isLoopback } from "../net/client-address.ts";
import type { Client, Refusal } from "../net/http-server.ts";
import { type OriginRule, parseOriginRule } from "../net/origin-rule.ts";
import { refusalResponse } from "../net/upgrade.ts";

export interface AccessRules {
  /** Development mode: this machine only. */
  readonly development: boolean;
  /** Origins whose pages may connect, as {@link parseOriginRule} reads them. */
  readonly allowedOrigins: readonly string[];
  /** True for an origin whose pages may connect as guests. */
  readonly allowsGuests?: (origin: string) => boolean;
}

/** Headers in which proxies and content delivery networks name their client or themselves. */
const forwardingHeader =
  /^(via|x-real-ip|(x-(original-)?)?forwarded(-.*)?|x-client-ip|x-cluster-client-ip|(cf|fastly)-(connecting|client)-ip|true-client-ip)$/;

/** Who may talk to this server at all, before any token is checked. */
export class AccessPolicy {
  readonly #development: boolean;
  readonly #origins: readonly OriginRule[];
  readonly #allowsGuests: (origin: string) => boolean;

  constructor({ development, allowedOrigins, allowsGuests = () => false }: AccessRules) {
    this.#development = development;
    this.#allowsGuests = allowsGuests;
    this.#origins = allowedOrigins.flatMap((text) => parseOriginRule(text) ?? []);
  }

  /** In development mode, refuses requests that do not come from this machine. For all requests. */
  refuseStranger(request: Request, client: Client): Refusal | undefined {
    if (!this.#development) return undefined;
    const why = strangeness(request, client);
    return why === undefined ? undefined : stranger(why);
  }

  /** In development mode, refuses connections from other machines. For ports that take no HTTP. */
  refusePeer(client: Client): Refusal | undefined {
    return this.#development && !isLoopback(client.peer) ? stranger(foreign(client)) : undefined;
  }

  /** The response of {@link refuseStranger}. */
  answerStranger(request: Request, client: Client): Response | undefined {
    const refusal = this.refuseStranger(request, client);
    return refusal === undefined ? undefined : refusalResponse(refusal);
  }

  /** Refuses pages of origins that are not allowed. Clients other than browsers send no Origin, and are allowed. */
  refuseOrigin(request: Request): Refusal | undefined {
    const origin = request.headers.get("origin");
    if (origin === null || this.#allows(origin, request)) return undefined;
    return {
      status: 403,
      body: `Pages of ${origin} may not connect; the setting allowedOrigins lists those that may.`,
    };
  }

  /** The same for an entrance that guests have: their pages may connect, and {@link guestOrigin} says which those are. */
  refuseForeignOrigin(request: Request): Refusal | undefined {
    return this.guestOrigin(request) === undefined ? this.refuseOrigin(request) : undefined;
  }

  /** The origin of a page that may connect as a guest's alone. */
  guestOrigin(request: Request): string | undefined {
    const origin = request.headers.get("origin");
    if (origin === null || this.#allows(origin, request)) return undefined;
    return this.#allowsGuests(origin) ? origin : undefined;
  }

  #allows(origin: string, request: Request): boolean {
    // The Origin is of this machine, as was checked before. In development its port does not matter.
    if (this.#development) return true;
    const host = request.headers.get("host");
    return this.#origins.some((allows) => allows(origin, host));
  }
}

function stranger(why: string): Refusal {
  return {
    status: 403,
    body: `Development mode serves this machine only: ${why}. To serve others, set token keys and leave --dev out.`,
  };
}

function foreign(client: Client): string {
  return `the connection comes from ${client.peer}`;
}

function strangeness(request: Request, client: Client): string | undefined {
  if (!isLoopback(client.peer)) return foreign(client);
  const header = [...request.headers.keys()].find((name) => forwardingHeader.test(name));
  if (header !== undefined) return `a proxy forwarded the request (header ${header})`;
  const host = request.headers.get("host");
  if (host === null || !isHostField(host) || !isLocalUrl(`http://${host}`))
    return `the Host header is ${host ?? "missing"}`;
  const origin = request.headers.get("origin");
  if (origin !== null && !isLocalUrl(origin)) return `the Origin header is ${origin}`;
  return undefined;
}

/** RFC 9110 §7.2: a host and a port. A URL parser would find either in much else. */
function isHostField(text: string): boolean {
  return /^([a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/i.test(text);
}
