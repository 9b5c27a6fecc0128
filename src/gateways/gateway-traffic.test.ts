import { expect, test } from "bun:test";
import { defaultGatewayLimits } from "./gateway-limits.ts";
import { GatewayTraffic } from "./gateway-traffic.ts";

const limits = {
  ...defaultGatewayLimits,
  connections: 2,
  requestsPerSecond: 1,
  requestsBurst: 2,
  failuresPerMinute: 6,
  failuresBurst: 2,
};

test("holds so many connections, and forgets those that close", () => {
  const traffic = new GatewayTraffic<string>(limits);
  traffic.opened("one", 0);
  expect(traffic.full).toBe(false);
  traffic.opened("two", 0);
  expect([traffic.full, traffic.size, [...traffic.connections]]).toEqual([true, 2, ["one", "two"]]);
  traffic.closed("one");
  expect([traffic.full, traffic.size, traffic.has("one"), traffic.has("two")]).toEqual([
    false,
    1,
    false,
    true,
  ]);
});

test("each connection has a rate of its own", () => {
  const traffic = new GatewayTraffic<string>(limits);
  for (const connection of ["one", "two"]) traffic.opened(connection, 0);
  expect([traffic.overRate("one", 0), traffic.overRate("one", 0)]).toEqual([undefined, undefined]);
  expect(traffic.overRate("one", 0)).toBe(1);
  expect(traffic.overRate("two", 0)).toBeUndefined();
  expect(traffic.overRate("one", 1_000)).toBeUndefined();
  // Its rate ended with it.
  traffic.closed("one");
  expect(traffic.overRate("one", 1_000)).toBeUndefined();
});

test("an address whose credentials were refused too often has to wait; others don't", () => {
  const traffic = new GatewayTraffic<string>(limits);
  for (const _ of [1, 2]) {
    expect(traffic.credentialsAfter("192.0.2.1", 0)).toBe(0);
    traffic.credentialsRefused("192.0.2.1", 0);
  }
  expect(traffic.credentialsAfter("192.0.2.1", 0)).toBe(10);
  expect(traffic.credentialsAfter("192.0.2.1", 9_500)).toBe(1);
  expect(traffic.credentialsAfter("192.0.2.1", 10_000)).toBe(0);
  expect(traffic.credentialsAfter("192.0.2.2", 0)).toBe(0);
});

test("messages are counted by what became of them", () => {
  const traffic = new GatewayTraffic<string>(limits);
  traffic.count("taken");
  traffic.count("taken");
  traffic.count("limited");
  traffic.credentialsRefused("192.0.2.1", 0);
  expect(traffic.messages).toEqual({ taken: 2, malformed: 0, sent: 0, unauthorized: 1, limited: 1 });
});
