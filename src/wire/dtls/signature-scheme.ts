import type { PublicKey } from "./certificate.ts";
import type { SignatureScheme } from "./crypto.ts";

/** Numbers of the schemes (RFC 8446 §4.2.3), best first. */
const schemes: readonly (readonly [number: number, SignatureScheme, PublicKey["type"]])[] = [
  [0x0403, "ecdsaP256", "p256"],
  [0x0804, "rsaPss", "rsa"],
  [0x0401, "rsaPkcs1", "rsa"],
];

/** ECDSA with P-256 and SHA-256: what our own certificate signs with. */
export const ownScheme = 0x0403;

/** What we take and offer. */
export const signatureSchemes: readonly number[] = schemes.map(([number]) => number);

/** The scheme of that number, where a key of the type may use it. */
export function schemeFor(number: number, type: PublicKey["type"]): SignatureScheme | undefined {
  return schemes.find((one) => one[0] === number && one[2] === type)?.[1];
}
