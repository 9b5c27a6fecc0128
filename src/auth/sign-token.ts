import { SignJWT } from "jose";
import type { Grants } from "../signaling/grants.ts";

/** What a token says. */
export interface TokenClaims {
  readonly user: string;
  readonly device?: string | undefined;
  readonly guest?: boolean | undefined;
  readonly grants: Grants;
  /** Seconds. */
  readonly lifetime: number;
}

/** Signs a token with the shared secret (HS256). `wall`: Unix ms. */
export async function signToken(
  { user, device, guest, grants, lifetime }: TokenClaims,
  {
    secret,
    issuer,
    audience,
  }: { readonly secret: string; readonly issuer: string; readonly audience: string },
  wall: number,
): Promise<string> {
  const issuedAt = Math.floor(wall / 1_000);
  const claims = {
    grants,
    ...(device === undefined ? {} : { device }),
    ...(guest === true ? { guest } : {}),
  };
  return await new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setSubject(user)
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + lifetime)
    .sign(new TextEncoder().encode(secret));
}
