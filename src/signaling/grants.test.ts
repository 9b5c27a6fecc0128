import { describe, expect, test } from "bun:test";
import { type GrantName, grantNames, permits } from "./grants.ts";

describe("permits", () => {
  test("what is absent is denied, and so is an empty list", () => {
    for (const name of grantNames) {
      expect(permits({}, name, "alice")).toBe(false);
      expect(permits({ [name]: [] }, name, "alice")).toBe(false);
    }
  });

  test("one grant never stands for another", () => {
    for (const name of grantNames) {
      const others = grantNames.filter((other) => other !== name);
      expect(permits({ [name]: ["*"] }, name, "alice")).toBe(true);
      for (const other of others) expect(permits({ [name]: ["*"] }, other, "alice")).toBe(false);
    }
  });

  const cases: [pattern: string, covered: string[], not: string[]][] = [
    ["*", ["alice", "alice/phone"], ["room:a", "stream:a"]],
    ["alice", ["alice", "alice/phone"], ["alicea", "alic", "Alice", "room:alice"]],
    ["team-*", ["team-", "team-a", "team-a/phone"], ["team", "room:team-a"]],
    ["alice/*", ["alice/phone"], ["alice", "bob/phone"]],
    ["*/camera", ["alice/camera", "bob/camera"], ["alice", "alice/camera2"]],
    ["alice/phone", ["alice/phone"], ["alice", "alice/phone2"]],
    ["room:*", ["room:a"], ["alice", "stream:a"]],
    ["room:visit-*", ["room:visit-1"], ["room:visit", "stream:visit-1", "visit-1"]],
    ["stream:lobby", ["stream:lobby"], ["stream:lobby2", "room:lobby"]],
  ];
  for (const [pattern, covered, not] of cases) {
    test(`${pattern} covers ${covered.join(", ")} and not ${not.join(", ")}`, () => {
      for (const address of covered) expect(permits({ call: [pattern] }, "call", address)).toBe(true);
      for (const address of not) expect(permits({ call: [pattern] }, "call", address)).toBe(false);
    });
  }

  test("text that is no address is covered by nothing", () => {
    for (const text of [
      "",
      " ",
      "a b",
      "a/b/c",
      "room:",
      "room:a/b",
      "pipe:x",
      "a:b",
      "*",
      "alice/*",
      "a\u0000",
    ])
      for (const name of grantNames as readonly GrantName[])
        expect(permits({ [name]: ["*", "room:*", "stream:*", "*/*", text] }, name, text)).toBe(false);
  });

  test("an address may come parsed", () => {
    expect(permits({ join: ["room:a"] }, "join", { kind: "room", name: "a" })).toBe(true);
  });
});
