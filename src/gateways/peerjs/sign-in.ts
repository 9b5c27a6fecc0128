import { isId } from "../../protocol/address.ts";
import type { WireError } from "../../protocol/error-codes.ts";
import type { Result } from "../../shared/result.ts";
import type { Grants } from "../../signaling/grants.ts";
import type { Identity } from "../../signaling/ports.ts";
import type { GatewayTraffic } from "../gateway-traffic.ts";
import { onlyDevice } from "./client.ts";
import type { Notice } from "./frames.ts";
import type { Flow, PeerjsContext } from "./peerjs-context.ts";

/** What a client says of itself as it connects. */
export interface Credentials {
  readonly key: string;
  /** Its id: the user as whom others call it. */
  readonly id: string;
  readonly token: string;
  /** The origin of its page, where that may connect as a guest's alone. */
  readonly guestOrigin?: string | undefined;
}

/** Somebody who signed in. */
export interface SignedIn {
  readonly identity: Identity;
  /** Two sign-ins with the same owner may take each other's place. */
  readonly owner: string;
}

/** The owner where everybody who signs in as the user may take the client's place. */
export const anyOfUser = "user";

/** Whom a login of a device secret stands for. */
interface Account {
  readonly identity: Identity;
  /** True when this is the secret. */
  matches(secret: string): boolean;
}

export interface SignInPorts {
  /** Development mode: any id with any token. */
  readonly dev: boolean;
  readonly guestGrants: Grants;
  /** The account of `alice` or `alice/desk`; undefined for nobody. */
  identify(login: string, now: number): Account | undefined;
}

const badToken: Notice = { error: "Invalid token provided" };
/** A JWT, or the token of a publishable key's guest. */
const signedToken = /^(?:[\w-]+\.[\w-]+\.[\w-]+|guest\.[\w-]+)$/;
/** How long somebody without a token that ends is signed in. ms */
const lifetime = 7 * 86_400_000;

/**
 * Proves who a client is: by a JWT or the token of a publishable key's guest, by a device secret (`SECRET` or `DEVICE:SECRET`), as a guest, or, in development mode, by nothing. Its id
 * is always its user.
 */
export class SignIn {
  readonly #context: PeerjsContext;
  readonly #ports: SignInPorts;
  readonly #traffic: GatewayTraffic<Flow>;

  constructor(context: PeerjsContext, ports: SignInPorts, traffic: GatewayTraffic<Flow>) {
    this.#context = context;
    this.#ports = ports;
    this.#traffic = traffic;
  }

  /** Calls back with who it is, or with what to tell the client; now or later. */
  prove(
    credentials: Credentials,
    flow: Flow,
    now: number,
    done: (result: SignedIn | Notice, now: number) => void,
  ): void {
    const { key, id, token } = credentials;
    const { settings } = this.#context;
    const refuse = (notice: Notice, later: number): void => {
      this.#traffic.credentialsRefused(flow.address, later);
      done(notice, later);
    };
    if (id === "" || token === "" || key === "") {
      done({ error: "No id, token, or key supplied to websocket server" }, now);
      return;
    }
    if (!isId(id)) {
      done({ error: "The id may have no spaces, and none of / : *" }, now);
      return;
    }
    if (this.#traffic.credentialsAfter(flow.address, now) > 0) {
      done({ error: "Too many refused tokens came from this address; try again later" }, now);
      return;
    }
    if (!settings.keys.includes(key)) {
      refuse("INVALID-KEY", now);
      return;
    }
    if (signedToken.test(token) || (this.#ports.dev && token.startsWith("dev:"))) {
      this.#verify(credentials, done, refuse);
      return;
    }
    const known = credentials.guestOrigin === undefined ? this.#known(credentials, now) : undefined;
    if (known === undefined) refuse(badToken, now);
    else if (this.#isStale(known.identity, now)) refuse(badToken, now);
    else done(known, now);
  }

  #isStale(identity: Identity, now: number): boolean {
    return this.#context.core.stale(identity, now, identity.device ?? onlyDevice);
  }

  #verify(
    { id, token, guestOrigin }: Credentials,
    done: (result: SignedIn, now: number) => void,
    refuse: (notice: Notice, now: number) => void,
  ): void {
    const { core } = this.#context;
    const proved = (result: Result<Identity, WireError>, later: number): void => {
      if (!result.ok) refuse(result.error.temporary ? { error: result.error.message } : badToken, later);
      else if (this.#isStale(result.value, later)) refuse(badToken, later);
      else if (result.value.user !== id) refuse("ID-TAKEN", later);
      else done({ identity: result.value, owner: anyOfUser }, later);
      core.settle(later);
    };
    core.ports.verify(token, proved, { guestOrigin });
  }

  #known({ key, id, token }: Credentials, now: number): SignedIn | undefined {
    const { core, settings } = this.#context;
    if (this.#ports.dev) {
      const account = this.#ports.identify(id, now);
      return account && { identity: account.identity, owner: core.ports.hash(token) };
    }
    const [device, secret] = token.includes(":") ? token.split(":", 2) : [undefined, token];
    const login = device === undefined ? id : `${id}/${device}`;
    const account = this.#ports.identify(login, now);
    if (account?.matches(secret ?? "") === true) return { identity: account.identity, owner: anyOfUser };
    if (!settings.guestKeys.includes(key) || !id.startsWith(settings.guestPrefix)) return undefined;
    const { guestGrants: grants } = this.#ports;
    // Kicked guests stay away: whatever they bring, nobody has given it to them anew.
    const identity = { user: id, grants, guest: true, expires: now + lifetime, issuedAt: now, undated: true };
    return { identity, owner: core.ports.hash(token) };
  }
}
