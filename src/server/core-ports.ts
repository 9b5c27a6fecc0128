import { developmentIdentity, isDevelopmentToken } from "../auth/development-token.ts";
import { type TokenRules, TokenVerifier } from "../auth/token-verifier.ts";
import { answerInPlace } from "../gateways/answer-on-behalf.ts";
import { wallAhead } from "../net/clock.ts";
import { random, Sealer, sha256 } from "../net/crypto.ts";
import { type WireError, wireError } from "../protocol/error-codes.ts";
import { isWakeTicket, openWakeTicket } from "../push/wake-ticket.ts";
import { fail, ok, type Result } from "../shared/result.ts";
import type { Identity, Ports, Remote } from "../signaling/ports.ts";
import { isGuestToken, openGuestToken } from "./guest-token.ts";
import type { GuestKeys } from "./publishable-keys.ts";

export interface PortRules {
  readonly tokens: TokenRules;
  /** Whether `dev:USER` is a token. */
  readonly dev: boolean;
  /** The first seals tickets, all of them open them. */
  readonly ticketKeys: readonly Uint8Array[];
  readonly iceServers: Ports["iceServers"];
  readonly now: Ports["now"];
  readonly emit: Ports["emit"];
  /** Asked first who a token speaks for; `done` is called with undefined for one that the keys of `tokens` are to verify. */
  readonly authenticate?:
    | ((token: string, done: (result: Result<Identity | undefined, WireError>) => void) => void)
    | undefined;
  readonly policy: Ports["policy"];
  /** The publishable keys that guests' tokens are of. */
  readonly guestKeys: Pick<GuestKeys, "byId" | "allows">;
}

/** The world, as the core sees it. Throws an Error where the public key of tokens is unusable. */
export function corePorts(rules: PortRules): Ports {
  const { now, emit } = rules;
  const tokens = new TokenVerifier(rules.tokens);
  const sealer = new Sealer(rules.ticketKeys);
  const woken = (token: string): Result<Identity, WireError> => {
    const identity = openWakeTicket(token, now() + wallAhead(), (sealed) => sealer.unseal(sealed));
    if (identity === "expired") return fail(wireError("token_expired", "The call is over."));
    return identity === undefined ? fail(wireError("unauthorized")) : ok(inOwnTime(identity));
  };
  const invited = (token: string, { guestOrigin }: Remote): Result<Identity, WireError> => {
    const opened = openGuestToken(token, now() + wallAhead(), (sealed) => sealer.unseal(sealed));
    if (opened === "expired") return fail(wireError("token_expired"));
    const key = opened && rules.guestKeys.byId(opened.key);
    if (opened === undefined || key === undefined) return fail(wireError("unauthorized"));
    if (guestOrigin !== undefined && !rules.guestKeys.allows(key, guestOrigin))
      return fail(wireError("unauthorized", "The token's key is not for pages of this origin."));
    return ok(inOwnTime(opened.identity));
  };
  return {
    now,
    wallAhead,
    answerFor: answerInPlace,
    verify: (token, done, remote = {}) => {
      if (isGuestToken(token)) {
        done(invited(token, remote), now());
        return;
      }
      if (remote.guestOrigin !== undefined) {
        done(fail(wireError("unauthorized", "Pages of this origin sign in with a guest's token.")), now());
        return;
      }
      if (rules.dev && isDevelopmentToken(token)) {
        done(developmentIdentity(token, now()), now());
        return;
      }
      if (isWakeTicket(token)) {
        done(woken(token), now());
        return;
      }
      const byKeys = () =>
        tokens
          .verify(token)
          .then((result) => {
            if (!result.ok && result.error.temporary)
              emit({ type: "fault", where: "tokens.jwksUrl", error: new Error(result.error.message) });
            done(result.ok ? ok(inOwnTime(result.value)) : result, now());
          })
          .catch((error: unknown) => emit({ type: "fault", where: "verify", error }));
      if (rules.authenticate === undefined) void byKeys();
      else
        rules.authenticate(token, (result) => {
          if (!result.ok) done(result, now());
          else if (result.value !== undefined) done(ok(result.value), now());
          else void byKeys();
        });
    },
    iceServers: rules.iceServers,
    random,
    jitter: Math.random,
    hash: sha256,
    seal: (text) => sealer.seal(text),
    unseal: (sealed) => sealer.unseal(sealed),
    emit,
    policy: rules.policy,
  };
}

/** Tokens have the time of the system's clock, which may have been set since the process began. */
function inOwnTime(identity: Identity): Identity {
  const ahead = wallAhead();
  return { ...identity, expires: identity.expires - ahead, issuedAt: identity.issuedAt - ahead };
}
