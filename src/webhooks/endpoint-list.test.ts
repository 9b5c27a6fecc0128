import { expect, test } from "bun:test";
import { areEndpoints, EndpointList, type KeptEndpoint, keysOf } from "./endpoint-list.ts";

const secret = (byte: number): string => `whsec_${Buffer.alloc(24, byte).toString("base64")}`;
const endpoint = (id: string, more: Partial<KeptEndpoint> = {}): KeptEndpoint => ({
  ...{ id, url: `https://${id}.example/`, secrets: [{ secret: secret(1) }], created: 1, changed: 1 },
  ...more,
});

test("nodes that merge each other's lists agree, whatever the order, and what was removed stays so", () => {
  const [one, other] = [new EndpointList(), new EndpointList()];
  one.merge([endpoint("a"), endpoint("b")], 1);
  other.merge(one.all(1), 1);
  one.merge([one.remove("a", 5) as KeptEndpoint], 5);
  other.merge([other.rotate("b", secret(2), 100, 6) as KeptEndpoint], 6);
  const [ones, others] = [one.all(7), other.all(7)];
  expect(one.merge(others, 7)).toBe(true);
  expect(other.merge(ones, 7)).toBe(true);
  expect(one.merge(other.all(7), 7)).toBe(false);
  for (const list of [one, other]) {
    expect(list.live().map(({ id, changed }) => [id, changed])).toEqual([["b", 6]]);
    expect(list.get("a")).toBeUndefined();
  }
  expect(JSON.stringify(one.all(7)[0])).not.toContain("whsec_");
});

test("during a rotation both secrets sign, then the new one alone", () => {
  const list = new EndpointList();
  list.merge([endpoint("a")], 1);
  const rotated = list.rotate("a", secret(2), 100, 50) as KeptEndpoint;
  expect([keysOf(rotated, 100).length, keysOf(rotated, 150).length]).toEqual([2, 1]);
  expect(keysOf(rotated, 150)[0]?.[0]).toBe(2);
});

test("what is no list of endpoints is none", () => {
  for (const value of [null, {}, [1], [endpoint("a", { id: "../x" })], [{ id: "a" }]])
    expect(areEndpoints(value)).toBe(false);
  expect(areEndpoints([endpoint("a", { removed: true, secrets: [] })])).toBe(true);
});
