import { readU16, writeU16 } from "../bytes.ts";

/** An address, 4 or 16 bytes, and a port. */
export interface TransportAddress {
  readonly address: Uint8Array;
  readonly port: number;
}

/** Address families of STUN (RFC 8489 §14.1). */
export const family = { ipv4: 0x01, ipv6: 0x02 } as const;
export type Family = (typeof family)[keyof typeof family];

export function familyOf(address: Uint8Array): Family {
  return address.length === 4 ? family.ipv4 : family.ipv6;
}

/** The value of MAPPED-ADDRESS and ALTERNATE-SERVER (RFC 8489 §14.1). */
export function encodeAddress(from: TransportAddress): Uint8Array {
  const value = new Uint8Array(4 + from.address.length);
  value[1] = familyOf(from.address);
  writeU16(value, 2, from.port);
  value.set(from.address, 4);
  return value;
}

/** The inverse; undefined for an unknown family or a length that is not the family's. */
export function decodeAddress(value: Uint8Array): TransportAddress | undefined {
  const length = value[1] === family.ipv4 ? 8 : value[1] === family.ipv6 ? 20 : 0;
  if (length === 0 || value.length !== length) return undefined;
  return { address: value.slice(4), port: readU16(value, 2) };
}

/** The value of XOR-MAPPED-ADDRESS and its like (RFC 8489 §14.2): the same, XORed with cookie and transaction. */
export function encodeXorAddress(from: TransportAddress, transactionId: Uint8Array): Uint8Array {
  return mask(encodeAddress(from), transactionId);
}

/** The inverse; undefined for what {@link decodeAddress} doesn't take. */
export function decodeXorAddress(value: Uint8Array, transactionId: Uint8Array): TransportAddress | undefined {
  return value.length > 20 ? undefined : decodeAddress(mask(value.slice(), transactionId));
}

const cookie = Uint8Array.of(0x21, 0x12, 0xa4, 0x42);

function mask(value: Uint8Array, transactionId: Uint8Array): Uint8Array {
  for (let at = 2; at < value.length; at++) {
    const key = at < 4 ? cookie[at - 2] : at < 8 ? cookie[at - 4] : transactionId[at - 8];
    value[at] = (value[at] ?? 0) ^ (key ?? 0);
  }
  return value;
}
