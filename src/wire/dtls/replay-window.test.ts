import { expect, test } from "bun:test";
import fc from "fast-check";
import { ReplayWindow } from "./replay-window.ts";

test("rule 23: each number counts once, and none that is 64 or more behind the highest", () => {
  const number = fc.oneof(fc.nat(200), fc.nat(2 ** 31 - 1), fc.maxSafeNat());
  fc.assert(
    fc.property(fc.array(number, { maxLength: 200 }), (numbers) => {
      const window = new ReplayWindow();
      const seen = new Set<number>();
      let highest = -1;
      for (const one of numbers) {
        expect(window.fresh(one)).toBe(!seen.has(one) && one > highest - 64);
        if (!window.fresh(one)) continue;
        window.mark(one);
        seen.add(one);
        highest = Math.max(highest, one);
        expect(window.fresh(one)).toBe(false);
      }
    }),
  );
});
