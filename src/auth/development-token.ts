import { isId } from "../protocol/address.ts";
import { type WireError, wireError } from "../protocol/error-codes.ts";
import { fail, ok, type Result } from "../shared/result.ts";
import type { Identity } from "../signaling/ports.ts";
import { allGrants } from "./grant-claims.ts";

const prefix = "dev:";
const lifetime = 7 * 86_400_000;

/** True for what is a token in development mode only, such as `dev:alice`. */
export function isDevelopmentToken(token: string): boolean {
  return token.startsWith(prefix);
}

/** Alice's identity for `dev:alice`, with all grants. */
export function developmentIdentity(token: string, now: number): Result<Identity, WireError> {
  const user = token.slice(prefix.length);
  if (!isId(user)) return fail(wireError("unauthorized", "After dev: comes a user id."));
  return ok({ user, grants: allGrants, expires: now + lifetime, issuedAt: now, undated: true });
}
