import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatAddress, parseAddress } from "./address.ts";
import { covers, isAddressPattern } from "./address-pattern.ts";

const allows = (pattern: string, text: string) => {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`no address: ${text}`);
  return covers([pattern], address);
};

describe("isAddressPattern", () => {
  test.each([
    "*",
    "alice",
    "al*",
    "alice/phone",
    "alice/*",
    "*/phone",
    "a*/p*",
    "room:*",
    "room:visit-*",
    "room:a",
    "stream:*",
    "stream:cam",
  ])("%p is one", (text) => expect(isAddressPattern(text)).toBe(true));

  test.each([
    "",
    "**",
    "a*b",
    "*a",
    "alice/",
    "/phone",
    "a/b/c",
    "room:",
    "room:a/b",
    "room:**",
    "room:*a",
    "user:a",
    "a b",
    "a:b",
    "/",
    "*/*/*",
  ])("%p is none", (text) => expect(isAddressPattern(text)).toBe(false));
});

describe("covers", () => {
  test("a star covers every user and device, no room and no stream", () => {
    expect(allows("*", "alice")).toBe(true);
    expect(allows("*", "alice/phone")).toBe(true);
    expect(allows("*", "room:a")).toBe(false);
    expect(allows("*", "stream:a")).toBe(false);
  });

  test("a user covers the user and each device of it, and nobody whose name begins alike", () => {
    expect(allows("alice", "alice")).toBe(true);
    expect(allows("alice", "alice/phone")).toBe(true);
    expect(allows("alice", "alicea")).toBe(false);
    expect(allows("alice", "alic")).toBe(false);
    expect(allows("al*", "alice/phone")).toBe(true);
    expect(allows("al*", "bob")).toBe(false);
  });

  test("a device covers only that device", () => {
    expect(allows("alice/phone", "alice/phone")).toBe(true);
    expect(allows("alice/phone", "alice/tablet")).toBe(false);
    expect(allows("alice/phone", "alice")).toBe(false);
    expect(allows("alice/*", "alice/phone")).toBe(true);
    expect(allows("alice/*", "alice")).toBe(false);
    expect(allows("*/door", "bob/door")).toBe(true);
  });

  test("a scheme covers its own kind only", () => {
    expect(allows("room:*", "room:a")).toBe(true);
    expect(allows("room:visit-*", "room:visit-7")).toBe(true);
    expect(allows("room:visit-*", "room:visit")).toBe(false);
    expect(allows("room:*", "stream:a")).toBe(false);
    expect(allows("room:*", "alice")).toBe(false);
    expect(allows("stream:a", "stream:a")).toBe(true);
    expect(allows("room", "room:a")).toBe(false);
  });

  test("what is absent, empty or no pattern covers nothing", () => {
    const alice = { kind: "user", user: "alice" } as const;
    expect(covers(undefined, alice)).toBe(false);
    expect(covers([], alice)).toBe(false);
    expect(covers(["", "bob", "alice/", "room:*"], alice)).toBe(false);
    expect(covers(["bob", "alice"], alice)).toBe(true);
  });
});

describe("whatever the patterns", () => {
  const id = fc.string({ unit: fc.constantFrom("a", "b", "é"), minLength: 1, maxLength: 4 });
  const address = fc.oneof(
    id.map((user) => ({ kind: "user", user }) as const),
    fc.tuple(id, id).map(([user, device]) => ({ kind: "device", user, device }) as const),
    fc
      .tuple(fc.constantFrom("room" as const, "stream" as const), id)
      .map(([kind, name]) => ({ kind, name }) as const),
  );
  const anyPattern = fc.string({ unit: fc.constantFrom("a", "b", "é", "*", "/", ":", "room:", "stream:") });

  test("an address is a pattern of itself", () => {
    fc.assert(
      fc.property(address, (a) => isAddressPattern(formatAddress(a)) && covers([formatAddress(a)], a)),
    );
  });

  test("a text that is no pattern covers nothing", () => {
    fc.assert(
      fc.property(anyPattern, address, (text, a) => isAddressPattern(text) || !covers([text], a)),
      { numRuns: 5_000 },
    );
  });

  test("a longer prefix covers no more than a shorter one", () => {
    fc.assert(
      fc.property(id, fc.nat(3), address, (text, cut, a) => {
        const shorter = `${text.slice(0, cut)}*`;
        return !covers([`${text}*`], a) || covers([shorter], a);
      }),
    );
  });

  test("more patterns never cover less", () => {
    fc.assert(
      fc.property(fc.array(anyPattern), anyPattern, address, (patterns, more, a) => {
        return !covers(patterns, a) || covers([...patterns, more], a);
      }),
    );
  });

  test("no user pattern reaches a room or a stream, and the other way round", () => {
    fc.assert(
      fc.property(anyPattern, address, (text, a) => {
        const scheme = text.startsWith("room:") ? "room" : text.startsWith("stream:") ? "stream" : "user";
        const kind = a.kind === "device" ? "user" : a.kind;
        return scheme === kind || !covers([text], a);
      }),
    );
  });
});
