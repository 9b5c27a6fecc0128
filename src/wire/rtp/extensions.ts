import { readU16, writeU16 } from "../bytes.ts";
import type { RtpHeader } from "./packet.ts";

const oneByteProfile = 0xbede;
const twoByteProfile = 0x1000;

/**
 * The value of a header extension element, a view into the packet. Undefined where it isn't there or the elements are malformed
 * (RFC 8285 §4.2, §4.3). Never throws.
 */
export function findExtension(packet: Uint8Array, header: RtpHeader, id: number): Uint8Array | undefined {
  const { extensionProfile: profile, extensionAt, extensionBytes } = header;
  const end = extensionAt + extensionBytes;
  if (profile === oneByteProfile) {
    for (let at = extensionAt; at < end; ) {
      const byte = packet[at] ?? 0;
      at++;
      if (byte === 0) continue;
      if (byte >>> 4 === 15) return undefined;
      const length = (byte & 0x0f) + 1;
      if (at + length > end) return undefined;
      if (byte >>> 4 === id) return packet.subarray(at, at + length);
      at += length;
    }
  } else if (profile !== undefined && (profile & 0xfff0) === twoByteProfile) {
    for (let at = extensionAt; at < end; ) {
      const element = packet[at] ?? 0;
      at++;
      if (element === 0) continue;
      const length = packet[at] ?? 0;
      at++;
      if (at + length > end) return undefined;
      if (element === id) return packet.subarray(at, at + length);
      at += length;
    }
  }
  return undefined;
}

/** The value of an element that is text, such as mid or rid (RFC 8852 §3.1); undefined where it isn't there or isn't ASCII. */
export function findTextExtension(packet: Uint8Array, header: RtpHeader, id: number): string | undefined {
  const value = findExtension(packet, header, id);
  if (value === undefined || value.length > 16) return undefined;
  let text = "";
  for (const byte of value) {
    if (byte < 0x21 || byte > 0x7e) return undefined;
    text += String.fromCharCode(byte);
  }
  return text;
}

/** One element to write: an id from 1 to 14 and 1 to 16 bytes. */
export interface ExtensionElement {
  readonly id: number;
  readonly value: Uint8Array;
}

/**
 * Writes an extension of one-byte elements behind a fixed header and answers how many bytes it took. Throws a RangeError for an
 * id or a length that has no one-byte form: that is a fault of the caller.
 */
export function writeExtensions(
  target: Uint8Array,
  at: number,
  elements: readonly ExtensionElement[],
): number {
  let end = at + 4;
  for (const { id, value } of elements) {
    if (id < 1 || id > 14 || value.length < 1 || value.length > 16)
      throw new RangeError(`header extension ${id} of ${value.length} bytes has no one-byte form`);
    target[end] = (id << 4) | (value.length - 1);
    target.set(value, end + 1);
    end += 1 + value.length;
  }
  while ((end - at) % 4 !== 0) {
    target[end] = 0;
    end++;
  }
  writeU16(target, at, oneByteProfile);
  writeU16(target, at + 2, (end - at) / 4 - 1);
  return end - at;
}

/** The transport-wide sequence number (draft-holmer-rmcat-transport-wide-cc-extensions-01 §2); undefined for another length. */
export function transportSequence(value: Uint8Array | undefined): number | undefined {
  return value === undefined || value.length < 2 ? undefined : readU16(value, 0);
}
