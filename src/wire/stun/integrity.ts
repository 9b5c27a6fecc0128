import { writeU16 } from "../bytes.ts";
import { attribute } from "./attribute-type.ts";
import type { StunCrypto } from "./crypto.ts";
import { headerBytes, type StunMessage } from "./message.ts";
import type { MessageWriter } from "./writer.ts";

/** Which of the two integrity attributes. */
export type IntegrityKind = "sha1" | "sha256";

const kinds = {
  sha1: { type: attribute.messageIntegrity, bytes: 20 },
  sha256: { type: attribute.messageIntegritySha256, bytes: 32 },
} as const;

/** Adds MESSAGE-INTEGRITY or MESSAGE-INTEGRITY-SHA256 (RFC 8489 §14.5, §14.6); only FINGERPRINT may follow. */
export function addIntegrity(
  writer: MessageWriter,
  kind: IntegrityKind,
  key: Uint8Array,
  crypto: StunCrypto,
): void {
  const { type, bytes } = kinds[kind];
  const end = writer.length;
  const value = writer.reserve(type, bytes);
  const message = writer.bytes();
  value.set(hmac(kind, key, [message.subarray(0, end)], crypto));
}

/**
 * True when the message has this attribute, with the whole HMAC (a truncated MESSAGE-INTEGRITY-SHA256, which the RFC leaves
 * to the application to take, is refused), made with this key.
 */
export function checkIntegrity(
  message: StunMessage,
  kind: IntegrityKind,
  key: Uint8Array,
  crypto: StunCrypto,
): boolean {
  const { type, bytes } = kinds[kind];
  const found = message.find(type);
  if (found === undefined || found.value.length !== bytes) return false;
  // The header's length is as if the message ended with this attribute.
  const header = message.bytes.slice(0, headerBytes);
  writeU16(header, 2, found.offset + 4 + bytes - headerBytes);
  const parts = [header, message.bytes.subarray(headerBytes, found.offset)];
  return crypto.equal(found.value, hmac(kind, key, parts, crypto));
}

function hmac(
  kind: IntegrityKind,
  key: Uint8Array,
  parts: readonly Uint8Array[],
  crypto: StunCrypto,
): Uint8Array {
  return kind === "sha1" ? crypto.hmacSha1(key, parts) : crypto.hmacSha256(key, parts);
}
