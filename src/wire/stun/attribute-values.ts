import { readU16, readU32, writeU16, writeU32 } from "../bytes.ts";

/** LIFETIME, seconds (RFC 8656 §18.2). */
export function encodeLifetime(seconds: number): Uint8Array {
  const value = new Uint8Array(4);
  writeU32(value, 0, seconds);
  return value;
}

export function decodeLifetime(value: Uint8Array): number | undefined {
  return value.length === 4 ? readU32(value, 0) : undefined;
}

/** CHANNEL-NUMBER (RFC 8656 §18.1). */
export function encodeChannelNumber(channel: number): Uint8Array {
  const value = new Uint8Array(4);
  writeU16(value, 0, channel);
  return value;
}

export function decodeChannelNumber(value: Uint8Array): number | undefined {
  return value.length === 4 ? readU16(value, 0) : undefined;
}

/** REQUESTED-TRANSPORT: an IP protocol number, 17 for UDP, 6 for TCP (RFC 8656 §18.8). */
export function encodeRequestedTransport(protocol: number): Uint8Array {
  return Uint8Array.of(protocol, 0, 0, 0);
}

export function decodeRequestedTransport(value: Uint8Array): number | undefined {
  return value.length === 4 ? value[0] : undefined;
}

/** REQUESTED-ADDRESS-FAMILY and ADDITIONAL-ADDRESS-FAMILY (RFC 8656 §18.6, §18.11). */
export function encodeAddressFamily(family: number): Uint8Array {
  return Uint8Array.of(family, 0, 0, 0);
}

export function decodeAddressFamily(value: Uint8Array): number | undefined {
  return value.length === 4 ? value[0] : undefined;
}

/** EVEN-PORT: whether the next port is to be reserved too (RFC 8656 §18.7). */
export function encodeEvenPort(reserveNext: boolean): Uint8Array {
  return Uint8Array.of(reserveNext ? 0x80 : 0);
}

export function decodeEvenPort(value: Uint8Array): boolean | undefined {
  return value.length === 1 ? ((value[0] ?? 0) & 0x80) !== 0 : undefined;
}

/** UNKNOWN-ATTRIBUTES (RFC 8489 §14.9). */
export function encodeUnknownAttributes(types: readonly number[]): Uint8Array {
  const value = new Uint8Array(types.length * 2);
  for (const [index, type] of types.entries()) writeU16(value, index * 2, type);
  return value;
}

export function decodeUnknownAttributes(value: Uint8Array): number[] | undefined {
  if (value.length % 2 !== 0) return undefined;
  return Array.from({ length: value.length / 2 }, (_, index) => readU16(value, index * 2));
}

/** ICMP: what a router told about a datagram of the relay (RFC 8656 §18.13). */
export interface Icmp {
  readonly type: number;
  readonly code: number;
  readonly data: number;
}

export function encodeIcmp(icmp: Icmp): Uint8Array {
  const value = new Uint8Array(8);
  writeU16(value, 2, (icmp.type << 9) | icmp.code);
  writeU32(value, 4, icmp.data);
  return value;
}

export function decodeIcmp(value: Uint8Array): Icmp | undefined {
  if (value.length !== 8) return undefined;
  const word = readU16(value, 2);
  return { type: word >> 9, code: word & 0x1ff, data: readU32(value, 4) };
}
