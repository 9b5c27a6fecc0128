import { decodeText, encodeText } from "./text.ts";

/** Error codes (RFC 8489 §14.8, RFC 8656 §19, RFC 8445 §7.3.1.1). */
export const errorCode = {
  tryAlternate: 300,
  badRequest: 400,
  unauthenticated: 401,
  forbidden: 403,
  unknownAttribute: 420,
  allocationMismatch: 437,
  staleNonce: 438,
  addressFamilyNotSupported: 440,
  wrongCredentials: 441,
  unsupportedTransport: 442,
  peerAddressFamilyMismatch: 443,
  allocationQuotaReached: 486,
  roleConflict: 487,
  serverError: 500,
  insufficientCapacity: 508,
} as const;

export interface ErrorCode {
  readonly code: number;
  readonly reason: string;
}

/** The value of ERROR-CODE. No reason phrase unless one is given: each of its bytes would be amplification. */
export function encodeErrorCode(code: number, reason = ""): Uint8Array {
  const text = encodeText(reason);
  const value = new Uint8Array(4 + text.length);
  value[2] = Math.floor(code / 100);
  value[3] = code % 100;
  value.set(text, 4);
  return value;
}

export function decodeErrorCode(value: Uint8Array): ErrorCode | undefined {
  const hundreds = (value[2] ?? 0) & 7;
  const rest = value[3] ?? 0;
  const reason = decodeText(value.subarray(4));
  if (value.length < 4 || hundreds < 3 || hundreds > 6 || rest > 99 || reason === undefined) return undefined;
  return { code: hundreds * 100 + rest, reason };
}

/** The value of ADDRESS-ERROR-CODE (RFC 8656 §18.12): which family of a dual allocation failed, and why. */
export function encodeAddressErrorCode(family: number, code: number): Uint8Array {
  const value = encodeErrorCode(code);
  value[0] = family;
  return value;
}

export function decodeAddressErrorCode(
  value: Uint8Array,
): (ErrorCode & { readonly family: number }) | undefined {
  const error = decodeErrorCode(value);
  return error && { ...error, family: value[0] ?? 0 };
}
