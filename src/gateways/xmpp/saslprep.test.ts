import { expect, test } from "bun:test";
import { saslPrep } from "./saslprep.ts";

test.each([
  // RFC 4013 §3.
  ["I\u00adX", "IX"],
  ["user", "user"],
  ["USER", "USER"],
  ["\u00aa", "a"],
  ["\u2168", "IX"],
  ["\u0007", undefined],
  ["\u06271", undefined],
  // The tables, each once.
  ["", ""],
  ["a\u00a0b\u3000c", "a b c"],
  ["\ufefftoken", "token"],
  ["\u0627\u0628", "\u0627\u0628"],
  ["\u0627a\u0628", undefined],
  ["\u06271\u0628", "\u06271\u0628"],
  ["\ue000", undefined],
  ["\ufffe", undefined],
  ["\ud800", undefined],
  ["\u2028", undefined],
  ["\u{e0041}", undefined],
  ["\ufffd", undefined],
])("%j is prepared as %j", (text, prepared) => {
  expect(saslPrep(text)).toBe(prepared);
});
