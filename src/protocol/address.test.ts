import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Address, formatAddress, isId, parseAddress } from "./address.ts";

/** Any id: from plain names to letters, marks and signs of any script. */
const anyId = fc.oneof(
  fc.stringMatching(/^[a-z0-9._@-]{1,12}$/),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).filter(isId),
);

const anyAddress: fc.Arbitrary<Address> = fc.oneof(
  fc.record({ kind: fc.constant("user" as const), user: anyId }),
  fc.record({ kind: fc.constant("device" as const), user: anyId, device: anyId }),
  fc.record({ kind: fc.constantFrom("room" as const, "stream" as const), name: anyId }),
);

describe("isId", () => {
  test.each(["a", "alice", "alice@example.org", "Ünï-çødé", "李", "😀", "a".repeat(128), "😀".repeat(128)])(
    "%p is one",
    (text) => expect(isId(text)).toBe(true),
  );

  test.each([
    "",
    " ",
    "a b",
    "a\tb",
    "a\n",
    "a/b",
    "a:b",
    "a*",
    "*",
    "a\u0000",
    "a\u007f",
    "a\u0085",
    "a\u00a0b",
    "a\u200bb",
    "a\u2028b",
    "a\u202eb",
    "\ufeffa",
    "\ud800",
    "a\udc00b",
    "a".repeat(129),
    "😀".repeat(129),
  ])("%p is none", (text) => expect(isId(text)).toBe(false));
});

describe("parseAddress", () => {
  test("knows the four kinds", () => {
    expect(parseAddress("alice")).toEqual({ kind: "user", user: "alice" });
    expect(parseAddress("alice/phone")).toEqual({ kind: "device", user: "alice", device: "phone" });
    expect(parseAddress("room:standup")).toEqual({ kind: "room", name: "standup" });
    expect(parseAddress("stream:lobby-cam")).toEqual({ kind: "stream", name: "lobby-cam" });
  });

  test.each([
    "",
    "/",
    "alice/",
    "/phone",
    "a/b/c",
    "room:",
    "room:a/b",
    "room:a:b",
    "Room:a",
    "sip:a",
    ":a",
    "user:a",
    "alice:phone",
    "alice phone",
    "alice/*",
    "*",
  ])("%p is no address", (text) => expect(parseAddress(text)).toBeUndefined());

  test("is the inverse of formatAddress", () => {
    fc.assert(
      fc.property(anyAddress, (address) => {
        expect(parseAddress(formatAddress(address))).toEqual(address);
      }),
    );
  });

  test("takes a text as itself or not at all", () => {
    const texts = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({ unit: fc.constantFrom("a", "/", ":", "*", " ", "room", "stream") }),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const address = parseAddress(text);
        return address === undefined || formatAddress(address) === text;
      }),
      { numRuns: 1_000 },
    );
  });
});
