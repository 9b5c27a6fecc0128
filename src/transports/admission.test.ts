import { expect, test } from "bun:test";
import type { Limits } from "../protocol/limits.ts";
import { Admission } from "./admission.ts";

const limits = {
  connectsPerSecond: 2,
  connectsBurst: 3,
  linksPerAddress: 5,
  floodsPerMinute: 30,
  floodsBurst: 4,
  httpRequestsPerSecond: 10,
  httpRequestsBurst: 20,
};
const at = (address: string) => ({ address, peer: address });

function start() {
  const bit: (keyof Limits)[] = [];
  return { admission: new Admission(limits, (limit) => bit.push(limit)), bit };
}

test("a burst, then a rate; each address for itself", () => {
  const { admission, bit } = start();
  for (let i = 0; i < 3; i++) expect(admission.refuse(at("192.0.2.1"), 0)).toBeUndefined();
  const refusal = admission.refuse(at("192.0.2.1"), 0);
  expect(refusal?.status).toBe(429);
  expect(refusal?.headers).toEqual({ "Retry-After": "1" });
  expect(bit).toEqual(["connectsPerSecond"]);
  expect(admission.refuse(at("192.0.2.2"), 0)).toBeUndefined();
  expect(admission.refuse(at("192.0.2.1"), 500)).toBeUndefined();
  expect(admission.refuse(at("192.0.2.1"), 500)).toBeDefined();
});

test("an IPv6 customer is one, whatever the address in its /64", () => {
  const { admission } = start();
  for (const address of ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:1"])
    expect(admission.refuse(at(address), 0)).toBeUndefined();
  expect(admission.refuse(at("2001:db8::3"), 0)).toBeDefined();
  expect(admission.refuse(at("2001:db8:0:1::3"), 0)).toBeUndefined();
});

test("so many at a time, and room again when one leaves", () => {
  const { admission, bit } = start();
  const client = at("192.0.2.1");
  for (let i = 0; i < 5; i++) admission.entered(client);
  expect(admission.refuse(client, 0)?.status).toBe(429);
  expect(bit).toEqual(["linksPerAddress"]);
  admission.left(client);
  expect(admission.refuse(client, 0)).toBeUndefined();
});

test("requests have a rate of their own", () => {
  const { admission, bit } = start();
  for (let i = 0; i < 20; i++) expect(admission.refuseRequest(at("192.0.2.1"), 0)).toBeUndefined();
  expect(admission.refuseRequest(at("192.0.2.1"), 0)).toMatchObject({
    status: 429,
    headers: { "Retry-After": "1" },
  });
  expect(bit).toEqual(["httpRequestsPerSecond"]);
  expect(admission.refuse(at("192.0.2.1"), 0)).toBeUndefined();
  expect(admission.refuseRequest(at("192.0.2.1"), 100)).toBeUndefined();
});

test("who floods again and again must wait before the next transport, and nobody else", () => {
  const { admission } = start();
  for (let i = 0; i < 3; i++) admission.flooded(at("192.0.2.1"), 0);
  expect(admission.refuse(at("192.0.2.1"), 0)).toBeUndefined();
  admission.flooded(at("192.0.2.1"), 0);
  expect(admission.refuse(at("192.0.2.1"), 0)).toMatchObject({
    status: 429,
    headers: { "Retry-After": "2" },
  });
  expect(admission.refuse(at("192.0.2.2"), 0)).toBeUndefined();
  expect(admission.refuse(at("192.0.2.1"), 2_000)).toBeUndefined();
});
