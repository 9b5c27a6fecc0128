import { hmacSha1 } from "../net/crypto.ts";
import type { IceServer } from "../protocol/values.ts";

/** A device, as far as its ICE servers depend on it. */
export interface IceDevice {
  readonly user: string;
  readonly id: string;
  readonly guest: boolean;
}

/** ICE servers as a device is told of them. */
export interface ToldIceServers {
  readonly servers: readonly IceServer[];
  /** When it is to be told again, since credentials expire. Unix ms; undefined: never. */
  readonly renewAt?: number;
}

/** Part of its life after which a credential is replaced. */
const renewAfter = 0.75;

/**
 * A TURN server, with credentials for one device that live for `ttl` ms. They follow draft-uberti-behave-turn-rest-00 §2.2: the user
 * name is the expiry and the device, the password its HMAC-SHA1 by the secret that the TURN server knows as well. A guest's name ends
 * in `/guest`, by which our TURN server knows what it may take. `ahead`: how far the system's clock, which TURN servers go by, is
 * ahead of `now`, ms.
 */
export function turnServerFor(
  { user, id, guest }: IceDevice,
  how: {
    readonly secret: string;
    readonly urls: readonly string[];
    readonly ttl: number;
    readonly ahead?: number;
  },
  now: number,
): ToldIceServers {
  const { secret, urls, ttl, ahead = 0 } = how;
  const username = `${Math.floor((now + ahead + ttl) / 1_000)}:${user}/${id}${guest ? "/guest" : ""}`;
  return {
    servers: [{ urls: [...urls], username, credential: hmacSha1(secret, username) }],
    renewAt: now + ttl * renewAfter,
  };
}

/** All of them, in order; to be told again when the first has to be. */
export function joinIceServers(told: readonly ToldIceServers[]): {
  readonly servers: IceServer[];
  readonly renewAt?: number;
} {
  const servers = told.flatMap((one) => one.servers);
  const times = told.flatMap(({ renewAt = [] }) => renewAt);
  return times.length === 0 ? { servers } : { servers, renewAt: Math.min(...times) };
}
