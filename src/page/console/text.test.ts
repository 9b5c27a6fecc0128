import { expect, test } from "bun:test";
import { clip, plain } from "./text.ts";

test("direction marks are shown by their numbers, and letters of every script stay", () => {
  expect(plain("abc\u202egnp.exe\u202c \u2067x\u2069")).toBe("abc[U+202E]gnp.exe[U+202C] [U+2067]x[U+2069]");
  expect(plain("مرحبا שלום 👩‍👩‍👧 e\u0301")).toBe("مرحبا שלום 👩‍👩‍👧 e\u0301");
});

test("a long text is cut between graphemes, and says so", () => {
  expect(clip("👩‍👩‍👧".repeat(500), 3)).toBe(`${"👩‍👩‍👧".repeat(3)}…`);
  expect(clip("short", 8)).toBe("short");
  const stacked = `x${"\u0301".repeat(4_000)}`;
  const cut = clip(stacked, 8);
  expect(cut.length).toBeLessThan(200);
  expect(cut).toEndWith("…");
});
