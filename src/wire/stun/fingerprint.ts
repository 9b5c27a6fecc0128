import { readU32, writeU32 } from "../bytes.ts";
import { attribute } from "./attribute-type.ts";
import type { StunMessage } from "./message.ts";
import type { MessageWriter } from "./writer.ts";

const xor = 0x5354554e;

/** Adds FINGERPRINT (RFC 8489 §14.7), which must be the last attribute. */
export function addFingerprint(writer: MessageWriter): void {
  const end = writer.length;
  const value = writer.reserve(attribute.fingerprint, 4);
  writeU32(value, 0, (crc32(writer.bytes().subarray(0, end)) ^ xor) >>> 0);
}

/** False when the message has a wrong FINGERPRINT; undefined when it has none. */
export function checkFingerprint(message: StunMessage): boolean | undefined {
  const found = message.find(attribute.fingerprint);
  if (found === undefined) return undefined;
  if (found.value.length !== 4) return false;
  const expected = (crc32(message.bytes.subarray(0, found.offset)) ^ xor) >>> 0;
  return readU32(found.value, 0) === expected;
}

const table = Int32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
  return rest;
});

/** CRC-32 as in ITU-T V.42, unsigned. */
export function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 0xff] ?? 0);
  return ~crc >>> 0;
}
