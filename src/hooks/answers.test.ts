import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readAuthenticate, readAuthorize } from "./answers.ts";

const now = 1_700_000_000_000;
const call = (answer: unknown) => readAuthorize(answer, "call", 100);

describe("an answer to authorize", () => {
  test("is yes, no, or no with a reason", () => {
    expect(call(true)).toEqual({ ok: true, value: { allow: true } });
    expect(call(false)).toMatchObject({ ok: true, value: { allow: false, error: { code: "forbidden" } } });
    expect(call({ allow: false, reason: "at night", retryAfter: 5 })).toMatchObject({
      value: { error: { code: "forbidden", message: "at night", retryAfter: 5 } },
    });
  });

  test("of a call is another target, more data, or a plan", () => {
    expect(call({ to: "carol/desk", data: { a: 1 } })).toEqual({
      ok: true,
      value: { allow: true, to: "carol/desk", data: { a: 1 } },
    });
    const plan = [
      { ring: ["bob"], for: 15e3 },
      { ring: ["carol/desk", "dave"], for: 2e4, group: "least-busy" },
    ];
    const steps = [
      { targets: [{ user: "bob" }], ms: 15_000, group: "all" },
      { targets: [{ user: "carol", device: "desk" }, { user: "dave" }], ms: 20_000, group: "least_busy" },
    ] as const;
    for (const answer of [plan, { ring: plan }])
      expect(call(answer)).toEqual({ ok: true, value: { allow: true, plan: steps } });
  });

  test("is nonsense otherwise, which the error explains", () => {
    const steps = (count: number) => Array.from({ length: count }, () => ({ ring: "bob", for: 1_000 }));
    for (const [answer, says] of [
      [undefined, "must"],
      [null, "must"],
      ["yes", "must"],
      [{}, "must"],
      [{ allowed: true }, "allowed"],
      [[], "must"],
      [{ to: "room:a" }, "no user"],
      [{ to: "bob", ring: steps(1) }, "one of them"],
      [{ to: "bob", reason: "x" }, "reason"],
      [{ data: "x".repeat(100) }, "at most 100 bytes"],
      [{ data: 1n }, "JSON"],
      [[{ ring: ["bob", "room:a"], for: 1_000 }], "no user"],
      [[{ ring: "bob", for: 999 }], "must"],
      [steps(17), "must"],
      [[{ ring: Array.from({ length: 65 }, () => "bob"), for: 1_000 }], "must"],
      [[0, 1].map(() => ({ ring: Array.from({ length: 40 }, () => "bob"), for: 1_000 })), "64 targets"],
    ] as const) {
      const read = call(answer);
      expect([answer, read.ok]).toEqual([answer, false]);
      expect(read.ok ? "" : read.error).toContain(says);
    }
    expect(readAuthorize({ to: "bob" }, "join", 100).ok).toBeFalse();
    expect(readAuthorize({ data: 1 }, "send", 100).ok).toBeFalse();
    expect(readAuthorize({ data: 1 }, "join", 100).ok).toBeTrue();
  });

  test("never throws, whatever it is", () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withNullPrototype: true }), (answer) => {
        for (const request of ["call", "join", "watch"] as const) readAuthorize(answer, request, 100);
        readAuthenticate(answer, now);
      }),
      { numRuns: 300 },
    );
  });
});

test("an answer to authenticate is an identity, or null", () => {
  expect(readAuthenticate(null, now)).toEqual({ ok: true, value: undefined });
  expect(readAuthenticate({ user: "alice", grants: { call: ["*"] }, expiresIn: 60_000 }, now)).toEqual({
    ok: true,
    value: {
      ...{ user: "alice", grants: { call: ["*"] }, expires: now + 60_000 },
      ...{ issuedAt: now, undated: true },
    },
  });
  expect(readAuthenticate({ user: "alice", issuedAt: 5 }, now)).toMatchObject({ value: { issuedAt: 5 } });
  for (const wrong of [
    undefined,
    true,
    {},
    { user: "a b" },
    { user: "a", grants: { call: ["a/b/c"] } },
    { user: "a", admin: 1 },
  ])
    expect([wrong, readAuthenticate(wrong, now).ok]).toEqual([wrong, false]);
});
