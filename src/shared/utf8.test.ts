import { expect, test } from "bun:test";
import fc from "fast-check";
import { longerThan } from "./utf8.ts";

test("agrees with the encoder on every text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 0, max: 40 }), (text, limit) => {
      expect(longerThan(text, limit)).toBe(new TextEncoder().encode(text).length > limit);
    }),
  );
});
