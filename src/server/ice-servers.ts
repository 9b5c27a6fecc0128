import { hmacSha1 } from "../net/crypto.ts";
import type { IceServer } from "../protocol/values.ts";

/** A TURN server, or several behind one secret, and the URLs that a device is told of it. */
export interface TurnService {
  readonly secret: string;
  urls(device: string): readonly string[];
}

export interface IceRules {
  /** Told as they are. */
  readonly iceServers: readonly IceServer[];
  /** Life of a TURN credential, ms. */
  readonly ttl: number;
  /** Undefined where there is none, or none yet. */
  turn(): TurnService | undefined;
}

/** Part of its life after which a credential is replaced. */
const renewAfter = 0.75;

/**
 * ICE servers for one device. TURN credentials follow draft-uberti-behave-turn-rest-00 §2.2: the user name is the
 * expiry and who it is for, the password its HMAC-SHA1 by the secret that the TURN server knows as well. A guest's name ends in
 * `/guest`, by which our TURN server knows what it may take.
 */
export function iceServersFor(
  { iceServers, ttl, turn }: IceRules,
  { user, id, guest }: { readonly user: string; readonly id: string; readonly guest: boolean },
  now: number,
): { readonly servers: IceServer[]; readonly renewAt?: number } {
  const servers = [...iceServers];
  const service = turn();
  if (service === undefined) return { servers };
  const device = `${user}/${id}`;
  const username = `${Math.floor((now + ttl) / 1_000)}:${device}${guest ? "/guest" : ""}`;
  const urls = [...service.urls(device)];
  servers.push({ urls, username, credential: hmacSha1(service.secret, username) });
  return { servers, renewAt: now + ttl * renewAfter };
}
