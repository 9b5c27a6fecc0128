import { random, Sealer, sha256 } from "../net/crypto.ts";
import type { CoreEvent } from "../signaling/events.ts";
import type { Ports } from "../signaling/ports.ts";
import { developmentIdentity, isDevelopmentToken } from "./development-token.ts";
import { type IceRules, iceServersFor } from "./ice-servers.ts";
import type { TokenVerifier } from "./token-verifier.ts";

export interface PortParts {
  readonly tokens: TokenVerifier;
  /** Whether `dev:USER` is a token. */
  readonly development: boolean;
  readonly ice: IceRules;
  /** Seals tickets. */
  readonly ticketKey: string;
  /** Unix time in ms. */
  now(): number;
  emit(event: CoreEvent): void;
}

/** The world, as the core sees it. */
export function corePorts({ tokens, development, ice, ticketKey, now, emit }: PortParts): Ports {
  const sealer = new Sealer(ticketKey);
  return {
    verify: (token, done) => {
      if (development && isDevelopmentToken(token)) {
        done(developmentIdentity(token, now()), now());
        return;
      }
      tokens
        .verify(token)
        .then((result) => done(result, now()))
        .catch((error: unknown) => emit({ type: "fault", where: "verify", error }));
    },
    iceServers: (user, device, at) => iceServersFor(ice, user, device, at),
    random,
    jitter: Math.random,
    hash: sha256,
    seal: (text) => sealer.seal(text),
    unseal: (sealed) => sealer.unseal(sealed),
    emit,
  };
}
