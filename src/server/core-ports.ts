import { developmentIdentity, isDevelopmentToken } from "../auth/development-token.ts";
import { type TokenRules, TokenVerifier } from "../auth/token-verifier.ts";
import { random, Sealer, sha256 } from "../net/crypto.ts";
import type { CoreEvent } from "../signaling/events.ts";
import type { Ports } from "../signaling/ports.ts";
import { type IceRules, iceServersFor } from "./ice-servers.ts";

export interface PortRules {
  readonly ice: IceRules;
  readonly tokens: TokenRules;
  /** Whether `dev:USER` is a token. */
  readonly dev: boolean;
  /** Seals tickets; empty: a random one. */
  readonly ticketKey: string;
}

/** The world, as the core sees it. Throws an Error where the public key of tokens is unusable. */
export function corePorts(rules: PortRules, now: () => number, emit: (event: CoreEvent) => void): Ports {
  const tokens = new TokenVerifier(rules.tokens);
  const sealer = new Sealer(rules.ticketKey || random(32));
  return {
    now,
    verify: (token, done) => {
      if (rules.dev && isDevelopmentToken(token)) {
        done(developmentIdentity(token, now()), now());
        return;
      }
      tokens
        .verify(token)
        .then((result) => {
          if (!result.ok && result.error.temporary)
            emit({ type: "fault", where: "tokens.jwksUrl", error: new Error(result.error.message) });
          done(result, now());
        })
        .catch((error: unknown) => emit({ type: "fault", where: "verify", error }));
    },
    iceServers: (device, at) => iceServersFor(rules.ice, device, at),
    random,
    jitter: Math.random,
    hash: sha256,
    seal: (text) => sealer.seal(text),
    unseal: (sealed) => sealer.unseal(sealed),
    emit,
  };
}
