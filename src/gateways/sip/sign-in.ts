import type { GatewayPort } from "../../signaling/gateway-port.ts";
import type { Identity } from "../../signaling/ports.ts";
import type { GatewayTraffic } from "../gateway-traffic.ts";
import { Authenticator } from "./authenticator.ts";
import { parseAuthorization } from "./authorization.ts";
import type { DigestAlgorithm, DigestCrypto } from "./digest.ts";
import type { Flow } from "./flow.ts";
import { type HeaderEntry, makeResponse, type SipResponse } from "./message.ts";
import type { ServerTransaction } from "./server-transaction.ts";
import type { SipSettings } from "./settings.ts";

/** Who a username of the digest is. */
interface Known {
  readonly identity: Identity;
  /** Hex of `username:realm:password` hashed; several while one is replaced. */
  ha1(algorithm: DigestAlgorithm): readonly string[];
}

export interface SignInPorts {
  readonly crypto: DigestCrypto;
  /** Undefined for nobody. */
  identify(username: string, now: number): Known | undefined;
}

/** Proves who sends a request: a digest, or a token that is carried whole (RFC 8898). */
export class SignIn {
  readonly #core: GatewayPort;
  readonly #ports: SignInPorts;
  readonly #authenticator: Authenticator;
  readonly #traffic: GatewayTraffic<Flow>;

  constructor(core: GatewayPort, { realm }: SipSettings, ports: SignInPorts, traffic: GatewayTraffic<Flow>) {
    this.#core = core;
    this.#ports = ports;
    this.#traffic = traffic;
    this.#authenticator = new Authenticator({ realm, key: ports.crypto.random(32) }, ports.crypto);
  }

  /** Calls back with who it is; without proof the request is answered here. `status` is that of the challenge. */
  prove(
    transaction: ServerTransaction,
    status: 401 | 407,
    now: number,
    done: (identity: Identity, now: number) => void,
  ): void {
    const { request, flow } = transaction;
    const value = request.headers.get(status === 401 ? "Authorization" : "Proxy-Authorization");
    const other = request.headers.get(status === 401 ? "Proxy-Authorization" : "Authorization");
    const authorization = parseAuthorization(value ?? other ?? "");
    if (authorization === undefined) this.#challenge(transaction, status, false, now);
    else if (this.#traffic.credentialsAfter(flow.address, now) > 0) this.#busy(transaction, flow, now);
    else if (authorization.scheme === "bearer")
      this.#core.ports.verify(authorization.token, (result, later) => {
        if (!flow.open) return;
        if (result.ok && !this.#core.stale(result.value, later)) done(result.value, later);
        else if (!result.ok && result.error.temporary) transaction.respond(makeResponse(request, 503), later);
        else this.#refuse(transaction, status, later);
        this.#core.settle(later);
      });
    else {
      const known = this.#ports.identify(authorization.username, now);
      const verdict = this.#authenticator.check(
        request,
        authorization,
        (algorithm) => known?.ha1(algorithm) ?? [],
        now,
      );
      if (verdict === "stale") this.#challenge(transaction, status, true, now);
      else if (verdict === "refused" || known === undefined) this.#refuse(transaction, status, now);
      else if (this.#core.stale(known.identity, now)) transaction.respond(makeResponse(request, 403), now);
      else done(known.identity, now);
    }
  }

  #refuse(transaction: ServerTransaction, status: 401 | 407, now: number): void {
    this.#traffic.credentialsRefused(transaction.flow.address, now);
    this.#challenge(transaction, status, false, now);
  }

  #challenge(transaction: ServerTransaction, status: 401 | 407, stale: boolean, now: number): void {
    const headers = this.#authenticator.challenges(status, stale, now, transaction.flow.transport);
    transaction.respond(refusal(transaction, status, headers), now);
  }

  #busy(transaction: ServerTransaction, { address }: Flow, now: number): void {
    const seconds = this.#traffic.credentialsAfter(address, now);
    transaction.respond(refusal(transaction, 503, [["Retry-After", String(seconds)]]), now);
  }
}

function refusal(
  { request }: ServerTransaction,
  status: number,
  headers: readonly HeaderEntry[],
): SipResponse {
  return makeResponse(request, status, { toTag: `r${status}`, headers });
}
