import { parseAddress } from "../../protocol/address.ts";
import type { Identity } from "../../signaling/ports.ts";
import type { GatewayTraffic } from "../gateway-traffic.ts";
import { parseJid, unescapeLocal } from "./jid.ts";
import { saslPrep } from "./saslprep.ts";
import { parseClientFirst, parseVerifier, ScramExchange, type ScramName } from "./scram.ts";
import type { Mechanism } from "./settings.ts";
import type { Flow, XmppContext } from "./xmpp-context.ts";

/** Why sign-in fails (RFC 6120 §6.5). */
type SaslFailure =
  | "aborted"
  | "incorrect-encoding"
  | "invalid-authzid"
  | "invalid-mechanism"
  | "malformed-request"
  | "not-authorized"
  | "credentials-expired"
  | "temporary-auth-failure";

export type SaslOutcome =
  | { readonly challenge: string }
  | { readonly identity: Identity; readonly data: string | undefined }
  | { readonly failure: SaslFailure };

type Done = (outcome: SaslOutcome, now: number) => void;

/** How long a name may be that somebody wants to sign in by: a user, a slash and a device. */
const longestLogin = 257;

/**
 * Proves who a client is, for one stream: by SCRAM with a device secret, or by PLAIN with a device secret or a token. The user name is
 * `alice` or `alice/desk`. Texts are those of the SASL mechanisms, before base64.
 */
export class SignIn {
  readonly #context: XmppContext;
  readonly #traffic: GatewayTraffic<Flow>;
  readonly #flow: Flow;
  #exchange: { readonly scram: ScramExchange; readonly identity: Identity | undefined } | undefined;

  constructor(context: XmppContext, traffic: GatewayTraffic<Flow>, flow: Flow) {
    this.#context = context;
    this.#traffic = traffic;
    this.#flow = flow;
  }

  /** A client begins, with what it has to say first. Calls back now or later. */
  begin(mechanism: string, initial: string, now: number, done: Done): void {
    this.#exchange = undefined;
    const known = this.#context.mechanisms.find((one) => one === mechanism);
    if (known === undefined) done({ failure: "invalid-mechanism" }, now);
    else if (this.#traffic.credentialsAfter(this.#flow.address, now) > 0)
      done({ failure: "temporary-auth-failure" }, now);
    else if (known === "PLAIN") this.#plain(initial, now, done);
    else done(this.#scramFirst(known, initial, now), now);
  }

  /** The client answers a challenge. */
  answer(response: string, now: number, done: Done): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    if (exchange === undefined) {
      done({ failure: "malformed-request" }, now);
      return;
    }
    const proven = exchange.scram.finish(response);
    if (proven.ok && exchange.identity !== undefined)
      done(this.#proven(exchange.identity, now, proven.value), now);
    else if (!proven.ok && proven.error === "malformed") done({ failure: "malformed-request" }, now);
    else done(this.#refused(now), now);
  }

  /** The client gives up. */
  abort(): void {
    this.#exchange = undefined;
  }

  #scramFirst(mechanism: Mechanism, initial: string, now: number): SaslOutcome {
    const { crypto, core } = this.#context;
    const name = mechanism.slice("SCRAM-".length) as ScramName;
    const first = parseClientFirst(initial);
    if (first === undefined) return { failure: "malformed-request" };
    const login = loginOf(first.username);
    if (login === undefined || !isOwn(first.authzid, login)) return { failure: "invalid-authzid" };
    const account = this.#context.identify(login, now);
    const kept = account?.scram(name);
    const verifier = kept === undefined ? undefined : parseVerifier(kept, crypto);
    // Without an account the exchange goes on, so that nobody learns which logins there are.
    const scram = new ScramExchange(
      name,
      first,
      verifier ?? this.#noVerifier(name, login),
      core.ports.random(18),
      crypto,
    );
    this.#exchange = { scram, identity: verifier === undefined ? undefined : account?.identity };
    return { challenge: scram.challenge };
  }

  /** What no proof fits, with the same salt each time. */
  #noVerifier(name: ScramName, login: string) {
    const { crypto } = this.#context;
    const salt = crypto.hmac("SHA-256", this.#context.saltKey, login).subarray(0, 16);
    const storedKey = new Uint8Array(name === "SHA-1" ? 20 : 32);
    return { iterations: 4_096, salt: crypto.toBase64(salt), storedKey, serverKey: storedKey };
  }

  /** `authzid NUL authcid NUL password` (RFC 4616). */
  #plain(initial: string, now: number, done: Done): void {
    const [authzid = "", authcid = "", password = "", ...more] = initial.split("\u0000");
    if (authcid === "" || password === "" || more.length > 0) {
      done({ failure: "malformed-request" }, now);
      return;
    }
    const login = loginOf(authcid);
    if (login === undefined || !isOwn(authzid, login)) {
      done({ failure: "invalid-authzid" }, now);
      return;
    }
    const secret = saslPrep(password);
    const account = this.#context.identify(login, now);
    if (secret === undefined) done(this.#refused(now), now);
    else if (account?.matches(secret) === true) done(this.#proven(account.identity, now), now);
    else this.#token(secret, login, done);
  }

  #token(token: string, login: string, done: Done): void {
    const { core } = this.#context;
    const [user, device] = login.split("/", 2);
    core.ports.verify(token, (result, later) => {
      if (!this.#flow.open) return;
      if (!result.ok && result.error.temporary) done({ failure: "temporary-auth-failure" }, later);
      else if (!result.ok) done(this.#refused(later, result.error.code === "token_expired"), later);
      else {
        const { value } = result;
        const fits = value.user === user && (device === undefined || (value.device ?? device) === device);
        const identity = device === undefined ? value : { ...value, device };
        done(fits ? this.#proven(identity, later) : this.#refused(later), later);
      }
      core.settle(later);
    });
  }

  #proven(identity: Identity, now: number, data?: string): SaslOutcome {
    return this.#context.core.stale(identity, now) ? this.#refused(now, true) : { identity, data };
  }

  #refused(now: number, expired = false): SaslOutcome {
    this.#traffic.credentialsRefused(this.#flow.address, now);
    return { failure: expired ? "credentials-expired" : "not-authorized" };
  }
}

/** `alice` or `alice/desk`. Clients take the local part of the JID, which may be escaped, and some the JID itself. */
function loginOf(username: string): string | undefined {
  const plain = username.includes("@") ? (parseJid(username)?.local ?? "") : username;
  const login = saslPrep(unescapeLocal(plain)) ?? "";
  const kind = login.length > longestLogin ? undefined : parseAddress(login)?.kind;
  return kind === "user" || kind === "device" ? login : undefined;
}

/** True when somebody acts as nobody else. */
function isOwn(authzid: string, login: string): boolean {
  if (authzid === "") return true;
  const user = unescapeLocal(parseJid(authzid)?.local ?? authzid);
  return user === login || user === login.split("/", 1)[0];
}
