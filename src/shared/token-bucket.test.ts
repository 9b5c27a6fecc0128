import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { TokenBucket, TokenBuckets } from "./token-bucket.ts";

const taken = (times: number, take: () => boolean): number =>
  Array.from({ length: times }, take).filter(Boolean).length;

describe("TokenBucket", () => {
  test("gives the burst at once, then the rate", () => {
    const bucket = new TokenBucket(10, 5, 1_000);
    expect(taken(20, () => bucket.take(1_000))).toBe(5);
    expect(bucket.retryAfter(1_000)).toBe(100);
    expect(bucket.take(1_099)).toBe(false);
    expect(bucket.take(1_100)).toBe(true);
    expect(taken(20, () => bucket.take(1_400))).toBe(3);
    expect(taken(20, () => bucket.take(99_000))).toBe(5);
  });

  test("retryAfter is 0 while there is a token", () => {
    const bucket = new TokenBucket(1, 2, 0);
    bucket.take(0);
    expect(bucket.retryAfter(0)).toBe(0);
  });

  test("slow rates work: one a minute", () => {
    const bucket = new TokenBucket(1 / 60, 1, 0);
    expect(bucket.take(0)).toBe(true);
    expect(bucket.retryAfter(0)).toBe(60_000);
    expect(bucket.take(59_999)).toBe(false);
    expect(bucket.take(60_000)).toBe(true);
  });

  test("a clock that is set back locks nobody out for long", () => {
    const bucket = new TokenBucket(10, 5, 1_000_000);
    bucket.take(1_000_000);
    expect(bucket.retryAfter(0)).toBeLessThanOrEqual(100);
  });

  test("never gives more than burst + rate × time, and retryAfter tells the truth", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 50 }),
        fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 300, size: "max" }),
        (perSecond, burst, waits) => {
          const bucket = new TokenBucket(perSecond, burst, 0);
          let now = 0;
          let count = 0;
          for (const wait of waits) {
            now += wait;
            const after = bucket.retryAfter(now);
            const took = bucket.take(now);
            expect(took).toBe(after === 0);
            if (took) count++;
            expect(count).toBeLessThanOrEqual(burst + (perSecond * now) / 1_000 + 0.1);
          }
          now += bucket.retryAfter(now);
          expect(bucket.take(now)).toBe(true);
        },
      ),
    );
  });
});

describe("TokenBuckets", () => {
  test("each key has its own", () => {
    const buckets = new TokenBuckets(1, 2, 100);
    expect(taken(5, () => buckets.take("a", 0))).toBe(2);
    expect(taken(5, () => buckets.take("b", 0))).toBe(2);
    expect(buckets.retryAfter("a", 0)).toBe(1_000);
    expect(buckets.retryAfter("c", 0)).toBe(0);
  });

  test("forgets full buckets as others are used", () => {
    const buckets = new TokenBuckets(1, 2, 100_000);
    for (let n = 0; n < 1_000; n++) buckets.take(`k${n}`, 0);
    expect(buckets.size).toBe(1_000);
    for (let n = 0; n < 1_000; n++) buckets.take("one", 10_000 + n * 1_000);
    expect(buckets.size).toBe(1);
  });

  test("never keeps more than its maximum", () => {
    const buckets = new TokenBuckets(1, 2, 10);
    for (let n = 0; n < 1_000; n++) {
      buckets.take(`k${n}`, 0);
      expect(buckets.size).toBeLessThanOrEqual(10);
    }
  });
});
