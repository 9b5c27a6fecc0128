import { describe, expect, test } from "bun:test";
import { wordsOf } from "./watching.ts";

describe("a viewer who is refused", () => {
  const titleOf = (withToken: boolean): string =>
    wordsOf({ state: "refused", refusal: { status: 401, detail: "", withToken } }, "lobby").title;

  test("is told to find a link, or that the one at hand doesn't work", () => {
    expect(titleOf(false)).toBe("lobby is not public");
    expect(titleOf(true)).toBe("That link or token doesn’t work");
  });
});
