import { createPublicKey, type KeyObject } from "node:crypto";
import { createRemoteJWKSet, decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from "jose";
import { isId } from "../protocol/address.ts";
import { type WireError, wireError } from "../protocol/error-codes.ts";
import { fail, ok, type Result } from "../shared/result.ts";
import type { Identity } from "../signaling/ports.ts";
import { readGrants } from "./grant-claims.ts";

/** What tokens must be signed with and say. Empty texts are absent. */
export interface TokenRules {
  readonly secret: string;
  /** PEM. */
  readonly publicKey: string;
  readonly jwksUrl: string;
  readonly issuer: string;
  readonly audience: string;
}

/** Difference of clocks that is forgiven, s. It never prolongs a link: that ends with the token's `exp` by the server's own clock. */
const clockTolerance = 30;
/** The last moment that a Date can hold. s */
const lastMoment = 8.64e12;
const jwksTimes = { timeoutDuration: 5_000, cooldownDuration: 10_000, cacheMaxAge: 600_000 };
/** What keys of a JWK Set may sign with; a key that names its algorithm signs with that one only. */
const jwksAlgorithms = ["EdDSA", "Ed25519", "ES256", "RS256"];

/** A JWS in compact form (RFC 7515 §7.1); base64url has no padding there (§2). */
const compact = /^[\w-]+\.[\w-]+\.[\w-]+$/;

type Verify = (token: string) => Promise<{ payload: JWTPayload }>;

/** Verifies JWTs. Each key verifies its own algorithm and no other; `jku`, `x5u` and `jwk` of a token mean nothing. */
export class TokenVerifier {
  /** Algorithm → who verifies it. */
  readonly #verifiers = new Map<string, Verify>();

  /** Throws an Error where the public key is unusable. */
  constructor(rules: TokenRules) {
    const claims = {
      issuer: rules.issuer,
      audience: rules.audience,
      requiredClaims: ["sub", "exp", "aud", "iss"],
      clockTolerance,
    };
    if (rules.jwksUrl !== "") {
      const keys = createRemoteJWKSet(new URL(rules.jwksUrl), jwksTimes);
      for (const algorithm of jwksAlgorithms)
        this.#verifiers.set(algorithm, (token) =>
          jwtVerify(token, keys, { ...claims, algorithms: [algorithm] }),
        );
    }
    if (rules.publicKey !== "") {
      const key = createPublicKey(rules.publicKey);
      for (const algorithm of algorithmsOf(key))
        this.#verifiers.set(algorithm, (token) =>
          jwtVerify(token, key, { ...claims, algorithms: [algorithm] }),
        );
    }
    if (rules.secret !== "") {
      const key = new TextEncoder().encode(rules.secret);
      this.#verifiers.set("HS256", (token) => jwtVerify(token, key, { ...claims, algorithms: ["HS256"] }));
    }
  }

  /** Who the token speaks for. */
  async verify(token: string): Promise<Result<Identity, WireError>> {
    const verify = compact.test(token) ? this.#verifiers.get(algorithmOf(token)) : undefined;
    if (verify === undefined) return refused("The token is no JWT with an algorithm that a key here is for.");
    try {
      return identity((await verify(token)).payload);
    } catch (error) {
      return fail(explain(error));
    }
  }
}

function identity(claims: JWTPayload): Result<Identity, WireError> {
  const { sub, exp, iat, device, guest } = claims;
  // Nothing but the signature was checked: whoever signs may have put anything in there.
  if (typeof sub !== "string" || !isId(sub)) return refused("The token's sub is no user id.");
  if (!isMoment(exp)) return refused("The token's exp is no time.");
  if (iat !== undefined && !isMoment(iat)) return refused("The token's iat is no time.");
  if (device !== undefined && (typeof device !== "string" || !isId(device)))
    return refused("The token's device is no device id.");
  if (guest !== undefined && typeof guest !== "boolean")
    return refused("The token's guest is neither true nor false.");
  const grants = readGrants(claims.grants);
  if (!grants.ok) return refused(grants.error);
  return ok({
    user: sub,
    ...(device === undefined ? {} : { device }),
    grants: grants.value,
    ...(guest === true ? { guest } : {}),
    expires: exp * 1_000,
    issuedAt: (iat ?? 0) * 1_000,
  });
}

/** A NumericDate (RFC 7519 §2) that a Date can hold. JSON's 1e999 is an infinite number. */
function isMoment(claim: unknown): claim is number {
  return typeof claim === "number" && Math.abs(claim) <= lastMoment;
}

/** RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2 */
function algorithmsOf(key: KeyObject): readonly string[] {
  switch (key.asymmetricKeyType) {
    case "ed25519":
      return ["EdDSA", "Ed25519"];
    case "rsa":
      return ["RS256"];
    case "ec":
      if (key.asymmetricKeyDetails?.namedCurve === "prime256v1") return ["ES256"];
  }
  throw new Error("must be an Ed25519, an EC P-256 or an RSA key");
}

function algorithmOf(token: string): string {
  try {
    return decodeProtectedHeader(token).alg ?? "";
  } catch {
    return "";
  }
}

function explain(error: unknown): WireError {
  if (error instanceof errors.JWTExpired) return wireError("token_expired");
  if (
    error instanceof errors.JWTClaimValidationFailed &&
    error.claim === "nbf" &&
    isMoment(error.payload.nbf)
  )
    return wireError("unauthorized", "The token's nbf is in the future: compare the clocks.");
  if (error instanceof errors.JWTClaimValidationFailed)
    return wireError("unauthorized", `The token's ${error.claim} is missing or not the one wanted here.`);
  if (error instanceof errors.JWSSignatureVerificationFailed)
    return wireError("unauthorized", "The token's signature is not of a key known here.");
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
    return wireError("unauthorized", "The token names no key of the JWK Set.");
  // The set was not fetched: no answer, or one that is no set of keys.
  const unfetched = error instanceof errors.JOSEError && error.code === errors.JOSEError.code;
  if (
    unfetched ||
    error instanceof errors.JWKSTimeout ||
    error instanceof errors.JWKSInvalid ||
    !(error instanceof errors.JOSEError)
  )
    return wireError("temporary", "The keys of tokens can't be fetched now.", 2_000);
  return wireError("unauthorized");
}

function refused(message: string): { readonly ok: false; readonly error: WireError } {
  return fail(wireError("unauthorized", message));
}
