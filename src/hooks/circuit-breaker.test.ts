import { expect, test } from "bun:test";
import { CircuitBreaker } from "./circuit-breaker.ts";

const opened = (at: number): CircuitBreaker => {
  const breaker = new CircuitBreaker();
  for (let n = 0; n < 5; n++) {
    expect(breaker.admits(at)).toBeTrue();
    breaker.failed(at);
  }
  return breaker;
};

test("five failures in a row open it, and a success between begins the count anew", () => {
  const breaker = new CircuitBreaker();
  for (let n = 0; n < 4; n++) breaker.failed(0);
  breaker.succeeded();
  for (let n = 0; n < 4; n++) breaker.failed(0);
  expect(breaker.state).toBe("closed");
  breaker.failed(0);
  expect([breaker.state, breaker.admits(999)]).toEqual(["open", false]);
});

test("after the pause one probe is let through, whose outcome decides", () => {
  const breaker = opened(0);
  expect([breaker.admits(1_000), breaker.admits(1_000), breaker.state]).toEqual([true, false, "half-open"]);
  breaker.failed(1_100);
  expect([breaker.admits(3_099), breaker.admits(3_100)]).toEqual([false, true]);
  breaker.succeeded();
  expect([breaker.state, breaker.admits(3_100), breaker.admits(3_100)]).toEqual(["closed", true, true]);
});

test("failures of what was under way when it opened don't lengthen the pause, which has an end", () => {
  const breaker = opened(0);
  for (let n = 0; n < 100; n++) breaker.failed(500);
  expect(breaker.admits(1_000)).toBeTrue();
  let now = 1_000;
  for (let n = 0; n < 20; n++) {
    breaker.failed(now);
    now += 30_000;
    expect(breaker.admits(now)).toBeTrue();
  }
});
