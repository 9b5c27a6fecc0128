import { describe, expect, test } from "bun:test";
import { effectivePolicy, ruleFor, windowRefusal } from "./room-policy.ts";

const room = (name: string) => ({ kind: "room", name }) as const;

describe("ruleFor", () => {
  const rules = [
    { match: "room:visit-*", lobby: true },
    { match: "room:visit-1", size: 2 },
    { match: "room:*", size: 50 },
  ];
  test("the first match counts, whole", () => {
    expect(ruleFor(rules, room("visit-1"))).toEqual({ lobby: true });
    expect(ruleFor(rules, room("other"))).toEqual({ size: 50 });
    expect(ruleFor([{ match: "stream:*", size: 1 }], room("other"))).toEqual({});
  });
});

describe("effectivePolicy", () => {
  test("what is not set is the rule's", () => {
    expect(effectivePolicy({ lobby: true, size: 5 }, { closes: 9 }, 100)).toEqual({
      lobby: true,
      size: 5,
      closes: 9,
    });
    expect(effectivePolicy({ lobby: true }, { lobby: false }, 100)).toEqual({ lobby: false });
  });
  test("a room can be made smaller, not larger", () => {
    expect(effectivePolicy({ size: 5 }, { size: 3 }, 100).size).toBe(3);
    expect(effectivePolicy({ size: 5 }, { size: 9 }, 100).size).toBe(5);
    expect(effectivePolicy({}, { size: 900 }, 100).size).toBe(100);
  });
  test("fields that this version does not know are not told on", () => {
    expect(effectivePolicy({}, { lobby: true, color: "red" } as never, 100)).toEqual({ lobby: true });
  });
});

describe("windowRefusal", () => {
  test("is there outside the window only, and tells when it opens", () => {
    const policy = { opens: 10, closes: 20 };
    expect(windowRefusal(policy, 9)).toMatchObject({ code: "room_closed", retryAfter: 1 });
    expect(windowRefusal(policy, 10)).toBeUndefined();
    expect(windowRefusal(policy, 19)).toBeUndefined();
    expect(windowRefusal(policy, 20)).toMatchObject({ code: "room_closed" });
    expect(windowRefusal(policy, 20)?.retryAfter).toBeUndefined();
    expect(windowRefusal({}, 0)).toBeUndefined();
  });
});
