import { hmacSha1 } from "../net/crypto.ts";
import type { IceServer } from "../protocol/values.ts";

export interface IceRules {
  /** Told as they are. */
  readonly iceServers: readonly IceServer[];
  /** TURN servers with a shared secret; `ttl` in ms. */
  readonly turn: { readonly urls: readonly string[]; readonly secret: string; readonly ttl: number };
}

/** Part of its life after which a credential is replaced. */
const renewAfter = 0.75;

/**
 * ICE servers for one device. TURN credentials follow draft-uberti-behave-turn-rest-00 §2.2: the user name is the
 * expiry and who it is for, the password its HMAC-SHA1 by the secret that the TURN server knows as well.
 */
export function iceServersFor(
  rules: IceRules,
  user: string,
  device: string,
  now: number,
): { readonly servers: IceServer[]; readonly renewAt?: number } {
  const servers = [...rules.iceServers];
  const { urls, secret, ttl } = rules.turn;
  if (urls.length === 0) return { servers };
  const username = `${Math.floor((now + ttl) / 1_000)}:${user}/${device}`;
  servers.push({ urls: [...urls], username, credential: hmacSha1(secret, username) });
  return { servers, renewAt: now + ttl * renewAfter };
}
