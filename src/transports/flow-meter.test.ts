import { describe, expect, test } from "bun:test";
import { type FlowBreach, FlowMeter, FlowRates, messagesPerRequest } from "./flow-meter.ts";

const limits = {
  requestsPerSecond: 5,
  requestsBurst: 10,
  bytesPerSecond: 1_000,
  bytesBurst: 2_000,
  sendBuffer: 100,
};

function start() {
  const breaches: FlowBreach[] = [];
  const rates = new FlowRates(limits, (breach) => breaches.push(breach));
  return { meter: new FlowMeter(rates, 0), rates, breaches };
}

describe("messages", () => {
  test("a burst, then a rate", () => {
    const { meter, breaches } = start();
    const burst = limits.requestsBurst * messagesPerRequest;
    for (let n = 0; n < burst; n++) expect(meter.message(1, 0)).toBe(true);
    const perMessage = 1_000 / (limits.requestsPerSecond * messagesPerRequest);
    for (let n = 1; n <= 100; n++) expect(meter.framed(n * perMessage)).toBe(true);
    expect(breaches).toEqual([]);
    expect(meter.framed(100 * perMessage)).toBe(false);
    expect(breaches).toEqual(["requestsPerSecond"]);
  });

  test("empty ones count too", () => {
    const { meter } = start();
    let taken = 0;
    while (meter.message(0, 0)) taken++;
    expect(taken).toBe(limits.requestsBurst * messagesPerRequest);
  });
});

test("bytes: a burst, then a rate, in messages and in pieces of a stream alike", () => {
  const { meter, breaches } = start();
  expect(meter.message(1_500, 0)).toBe(true);
  expect(meter.bytes(500, 0)).toBe(true);
  expect(meter.bytes(100, 100)).toBe(true);
  expect(meter.bytes(2, 100)).toBe(false);
  expect(breaches).toEqual(["bytesPerSecond"]);
});

test("bytes that wait", () => {
  const { meter, breaches } = start();
  expect(meter.waiting(100)).toBe(true);
  expect(meter.waiting(101)).toBe(false);
  expect(breaches).toEqual(["sendBuffer"]);
});

test("who went over a bound stays out, and is told of once", () => {
  const { meter, breaches } = start();
  expect(meter.waiting(101)).toBe(false);
  const later = 1_000_000;
  expect([meter.message(1, later), meter.framed(later), meter.bytes(1, later), meter.waiting(0)]).toEqual([
    false,
    false,
    false,
    false,
  ]);
  expect(breaches).toHaveLength(1);
});

test("each connection for itself", () => {
  const { meter, rates } = start();
  while (meter.framed(0));
  expect(new FlowMeter(rates, 0).framed(0)).toBe(true);
});
