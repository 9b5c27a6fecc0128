import { describe, expect, test } from "bun:test";
import { grantNames } from "./grants.ts";
import { may } from "./permissions.ts";

const alice = { user: "alice", grants: {} };

describe("may", () => {
  test("without a grant: only call, send to and watch oneself", () => {
    for (const name of grantNames) {
      const own = name === "call" || name === "send" || name === "watch";
      expect(may(alice, name, "alice")).toBe(own);
      expect(may(alice, name, "alice/phone")).toBe(own);
      expect(may(alice, name, "bob")).toBe(false);
      expect(may(alice, name, "room:alice")).toBe(false);
      expect(may(alice, name, "stream:alice")).toBe(false);
    }
  });

  test("with a grant: what it covers, and no other verb", () => {
    const guest = { user: "guest", grants: { call: ["bob"], join: ["room:visit-*"] } };
    expect(may(guest, "call", "bob")).toBe(true);
    expect(may(guest, "call", "bob/phone")).toBe(true);
    expect(may(guest, "watch", "bob")).toBe(false);
    expect(may(guest, "call", "bobby")).toBe(false);
    expect(may(guest, "join", "room:visit-7")).toBe(true);
    expect(may(guest, "moderate", "room:visit-7")).toBe(false);
  });

  test("what is no address is nobody's", () => {
    expect(may({ user: "alice", grants: { call: ["*"] } }, "call", "a b")).toBe(false);
    expect(may({ user: "", grants: { call: ["*"] } }, "call", "")).toBe(false);
  });
});
