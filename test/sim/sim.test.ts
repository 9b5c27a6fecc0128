import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { operations } from "./operation-cost.ts";
import { busyHour, spread } from "./population.ts";
import { report } from "./report.ts";
import { scaleOf } from "./scale.ts";

describe("what an operation costs the backplane", () => {
  test("nothing within one node", () => {
    expect(operations.localCall()).toMatchObject({ sent: 0, delivered: 0, interest: 0 });
  });

  // The computation goes on from the first two in a straight line.
  test("goes up in a straight line with the nodes that are concerned", () => {
    const straight = (measure: (n: number) => { sent: number; delivered: number }) => {
      const [one, two, four] = [measure(1), measure(2), measure(4)];
      expect(four.sent - two.sent).toBe(2 * (two.sent - one.sent));
      expect(four.delivered - two.delivered).toBe(2 * (two.delivered - one.delivered));
    };
    straight((n) => operations.presence(1, n));
    straight((n) => operations.presence(n, 1));
    straight((n) => operations.watch(n));
    straight((n) => operations.message(n, true));
    straight((n) => operations.call(n));
  });

  test("a presence change goes to the nodes that want it, and to no other", () => {
    expect(operations.presence(2, 3).delivered).toBe(1 + 3);
  });
});

describe("at scale", () => {
  test("the same seed gives the same users, another one nearly the same means", () => {
    const one = spread(busyHour, 100, 1);
    expect(spread(busyHour, 100, 1)).toEqual(one);
    expect(spread(busyHour, 100, 2).followers / one.followers).toBeCloseTo(1, 1);
  });

  test("one node needs no backplane", () => {
    expect(scaleOf(busyHour, 1, operations)).toMatchObject({
      totalSent: 0,
      totalDelivered: 0,
      subscriptions: 0,
    });
  });

  test("docs/scaling.md shows what is computed; npm run sim -- --record writes it", () => {
    const page = readFileSync(new URL("../../docs/scaling.md", import.meta.url), "utf8");
    const shown = /<!-- computed -->\n([\s\S]*)\n<!-- end -->/.exec(page)?.[1];
    expect(shown).toBe(report());
  });
});
