import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { attribute, comprehensionRequired } from "./attribute-type.ts";
import {
  decodeAddressFamily,
  decodeChannelNumber,
  decodeEvenPort,
  decodeIcmp,
  decodeLifetime,
  decodeRequestedTransport,
  decodeUnknownAttributes,
  encodeAddressFamily,
  encodeChannelNumber,
  encodeEvenPort,
  encodeIcmp,
  encodeLifetime,
  encodeRequestedTransport,
  encodeUnknownAttributes,
} from "./attribute-values.ts";
import {
  decodeAddressErrorCode,
  decodeErrorCode,
  encodeAddressErrorCode,
  encodeErrorCode,
} from "./error-code.ts";
import { type MessageClass, messageType, splitMessageType } from "./message-type.ts";
import { decodeNonceCookie, encodeNonceCookie } from "./nonce-cookie.ts";
import { decodePasswordAlgorithms, encodePasswordAlgorithms } from "./password-algorithms.ts";
import { decodeText, encodeText } from "./text.ts";
import {
  decodeAddress,
  decodeXorAddress,
  encodeAddress,
  encodeXorAddress,
  type TransportAddress,
} from "./transport-address.ts";

const u8 = fc.nat(0xff);
const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffffffff);
const bytes = (least: number, most = least) => fc.uint8Array({ minLength: least, maxLength: most });
const transaction = Uint8Array.from({ length: 12 }, (_, index) => index * 17 + 3);
const address: fc.Arbitrary<TransportAddress> = fc.record({
  address: fc.oneof(bytes(4), bytes(16)),
  port: u16,
});

interface Codec<T> {
  readonly values: fc.Arbitrary<T>;
  readonly encode: (value: T) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => T | undefined;
}
const codec = <T>(values: fc.Arbitrary<T>, encode: Codec<T>["encode"], decode: Codec<T>["decode"]) =>
  ({ values, encode, decode }) as Codec<unknown>;

const code = fc.integer({ min: 300, max: 699 });
const codecs: Readonly<Record<string, Codec<unknown>>> = {
  "MAPPED-ADDRESS": codec(address, encodeAddress, decodeAddress),
  "XOR-*-ADDRESS": codec(
    address,
    (value) => encodeXorAddress(value, transaction),
    (value) => decodeXorAddress(value, transaction),
  ),
  "ERROR-CODE": codec(
    fc.record({ code, reason: fc.string({ unit: "grapheme" }) }),
    (value) => encodeErrorCode(value.code, value.reason),
    decodeErrorCode,
  ),
  "ADDRESS-ERROR-CODE": codec(
    fc.record({ family: fc.constantFrom(1, 2), code, reason: fc.constant("") }),
    (value) => encodeAddressErrorCode(value.family, value.code),
    decodeAddressErrorCode,
  ),
  LIFETIME: codec(u32, encodeLifetime, decodeLifetime),
  "CHANNEL-NUMBER": codec(u16, encodeChannelNumber, decodeChannelNumber),
  "REQUESTED-TRANSPORT": codec(u8, encodeRequestedTransport, decodeRequestedTransport),
  "REQUESTED-ADDRESS-FAMILY": codec(u8, encodeAddressFamily, decodeAddressFamily),
  "EVEN-PORT": codec(fc.boolean(), encodeEvenPort, decodeEvenPort),
  "UNKNOWN-ATTRIBUTES": codec(fc.array(u16), encodeUnknownAttributes, decodeUnknownAttributes),
  ICMP: codec(fc.record({ type: fc.nat(127), code: fc.nat(511), data: u32 }), encodeIcmp, decodeIcmp),
  "PASSWORD-ALGORITHMS": codec(
    fc.array(fc.record({ number: u16, parameters: bytes(0, 9) })),
    encodePasswordAlgorithms,
    decodePasswordAlgorithms,
  ),
  "nonce cookie": codec(
    fc.record({ passwordAlgorithms: fc.boolean(), usernameAnonymity: fc.boolean() }),
    (value) => encodeText(encodeNonceCookie(value)),
    (value) => decodeNonceCookie(decodeText(value) ?? ""),
  ),
  "USERNAME, REALM, NONCE, SOFTWARE": codec(fc.string({ unit: "grapheme" }), encodeText, decodeText),
};

describe("attributes, both ways", () => {
  for (const [name, { values, encode, decode }] of Object.entries(codecs)) {
    test(`${name}: what was encoded is decoded`, () => {
      fc.assert(fc.property(values, (value) => expect(decode(encode(value))).toEqual(value)));
    });
    test(`${name}: any bytes are decoded to a value or refused, never thrown at`, () => {
      fc.assert(
        fc.property(bytes(0, 40), (value) => {
          const found = decode(value);
          if (found !== undefined && name !== "ERROR-CODE")
            expect(encode(found).length).toBeLessThanOrEqual(48);
        }),
      );
    });
  }

  test("wrong lengths are refused", () => {
    for (const decode of [decodeLifetime, decodeChannelNumber, decodeRequestedTransport, decodeAddressFamily])
      for (const length of [0, 1, 3, 5, 8]) expect(decode(new Uint8Array(length))).toBeUndefined();
    expect(decodeEvenPort(new Uint8Array(0))).toBeUndefined();
    expect(decodeAddress(Uint8Array.of(0, 1, 0, 0, 1, 2, 3))).toBeUndefined();
    expect(decodeAddress(Uint8Array.of(0, 2, 0, 0, 1, 2, 3, 4))).toBeUndefined();
    expect(decodeAddress(Uint8Array.of(0, 3, 0, 0, 1, 2, 3, 4))).toBeUndefined();
    expect(decodeXorAddress(new Uint8Array(60_000), transaction)).toBeUndefined();
    expect(decodePasswordAlgorithms(Uint8Array.of(0, 1, 0, 1))).toBeUndefined();
    expect(decodeErrorCode(Uint8Array.of(0, 0, 2, 1))).toBeUndefined();
    expect(decodeErrorCode(Uint8Array.of(0, 0, 4, 100))).toBeUndefined();
  });
});

test("message types: every method with every class", () => {
  for (let method = 0; method < 0x1000; method++)
    for (const one of ["request", "indication", "success", "error"] as MessageClass[]) {
      const type = messageType(method, one);
      expect(type).toBeLessThan(0x4000);
      expect(splitMessageType(type)).toEqual({ method, class: one });
    }
  expect(messageType(3, "request")).toBe(0x0003);
  expect(messageType(3, "success")).toBe(0x0103);
  expect(messageType(9, "error")).toBe(0x0119);
  expect(messageType(6, "indication")).toBe(0x0016);
});

test("optional types are those from 0x8000", () => {
  expect(comprehensionRequired(attribute.useCandidate)).toBe(true);
  expect(comprehensionRequired(attribute.software)).toBe(false);
});
