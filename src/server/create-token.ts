import { readGrants } from "../auth/grant-claims.ts";
import { signToken } from "../auth/sign-token.ts";
import { now, wallAhead } from "../net/clock.ts";
import { isId } from "../protocol/address.ts";
import type { Grants } from "../signaling/grants.ts";

/** What a token of the application says. */
export interface TokenRequest {
  readonly user: string;
  /** The only device that may use the token. */
  readonly device?: string;
  readonly grants?: Grants;
  readonly guest?: boolean;
  /** How long the token is valid, ms. Default: an hour. */
  readonly expiresIn?: number;
}

/** Signs a token with `tokens.secret`. Rejects when that is empty or a claim is invalid. */
export async function createToken(
  {
    tokens,
  }: { readonly tokens: { readonly secret: string; readonly issuer: string; readonly audience: string } },
  { user, device, grants = {}, guest = false, expiresIn = 3_600_000 }: TokenRequest,
): Promise<string> {
  if (tokens.secret === "") throw new Error("setting tokens.secret: needed to sign a token");
  if (!isId(user)) throw new Error("user: must be a user id");
  if (device !== undefined && !isId(device)) throw new Error("device: must be a device id");
  if (!(expiresIn >= 1_000)) throw new Error("expiresIn: must be 1,000 ms or more");
  const read = readGrants(grants);
  if (!read.ok) throw new Error(read.error);
  const lifetime = Math.floor(expiresIn / 1_000);
  return await signToken({ user, device, guest, grants: read.value, lifetime }, tokens, now() + wallAhead());
}
