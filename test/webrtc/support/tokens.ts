import { SignJWT } from "jose";

const secret = "a secret for the tests, long enough";
const [issuer, audience] = ["tests", "switchboard"];

/** Settings of a server outside of development mode, whose tokens are made by {@link token}. */
export const strict = { dev: false, tokens: { secret, issuer, audience }, allowedOrigins: ["*"] };

/** A token that lives for so many seconds. */
export function token(
  user: string,
  grants: Record<string, readonly string[]>,
  seconds = 3_600,
): Promise<string> {
  const now = Math.floor(Date.now() / 1_000);
  return new SignJWT({ grants })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(user)
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt(now)
    .setExpirationTime(now + seconds)
    .sign(new TextEncoder().encode(secret));
}
