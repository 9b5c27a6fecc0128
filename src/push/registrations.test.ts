import { expect, test } from "bun:test";
import { type PushRegistration, readRegistration, subscriptionFault } from "./registration.ts";
import { PushRegistrations, type RegistrationLine } from "./registrations.ts";

const registration = (user: string, device: string, at = 0): PushRegistration => ({
  ...{ user, device, at, guest: false, grants: { call: ["*"] } },
  target: { kind: "application" },
});

function start(limits: Partial<{ perUser: number; all: number; life: number }> = {}) {
  const lines: RegistrationLine[] = [];
  const registrations = new PushRegistrations({ perUser: 2, all: 4, life: 1_000, ...limits }, (line) =>
    lines.push(line),
  );
  return { registrations, lines };
}

test("a device has one registration, and the newest counts", () => {
  const { registrations } = start();
  registrations.put(registration("bob", "phone", 1));
  registrations.put(registration("bob", "phone", 2));
  expect(registrations.of("bob", 2).map(({ at }) => at)).toEqual([2]);
  expect(registrations.size).toBe(1);
});

test("of a user's devices the oldest makes room, and of all nobody does", () => {
  const { registrations } = start();
  for (const device of ["a", "b", "a", "c"]) registrations.put(registration("bob", device));
  expect(registrations.of("bob", 0).map(({ device }) => device)).toEqual(["a", "c"]);
  expect(registrations.put(registration("carol", "a"))).toBe(true);
  expect(registrations.put(registration("dave", "a"))).toBe(true);
  expect(registrations.put(registration("erin", "a"))).toBe(false);
  expect(registrations.size).toBe(4);
});

test("a registration that is not renewed ends", () => {
  const { registrations } = start();
  registrations.put(registration("bob", "phone", 0));
  expect(registrations.of("bob", 1_000)).toHaveLength(1);
  expect(registrations.of("bob", 1_001)).toEqual([]);
});

test("what the lines say is restored, in their order", () => {
  const first = start();
  first.registrations.put(registration("bob", "phone"));
  first.registrations.put(registration("bob", "tablet"));
  first.registrations.put(registration("carol", "phone"));
  first.registrations.remove("bob", "phone");
  expect(first.registrations.removeUser("carol")).toBe(1);
  const second = start();
  second.registrations.restore(first.lines, 0);
  expect([...second.registrations.all(0)]).toEqual([registration("bob", "tablet")]);
  expect(second.lines).toEqual([]);
});

test("what a file or another node has is checked", () => {
  const one = registration("bob", "phone");
  expect(readRegistration(JSON.parse(JSON.stringify(one)))).toEqual(one);
  expect(readRegistration({ ...one, target: { kind: "web", subscription: {} } })).toBeUndefined();
  expect(readRegistration({ ...one, grants: { call: "*" } })).toBeUndefined();
  expect(readRegistration(null)).toBeUndefined();
});

test("a subscription that no push service would take is refused in words", () => {
  const keys = {
    p256dh: Buffer.concat([Buffer.of(4), Buffer.alloc(64, 7)]).toString("base64url"),
    auth: Buffer.alloc(16, 1).toString("base64url"),
  };
  const endpoint = "https://push.example/x";
  expect(subscriptionFault({ endpoint, keys })).toBeUndefined();
  expect(subscriptionFault({ endpoint: "x", keys })).toContain("endpoint");
  expect(subscriptionFault({ endpoint: "ftp://push.example/", keys })).toContain("endpoint");
  expect(subscriptionFault({ endpoint: "https://u:p@push.example/", keys })).toContain("endpoint");
  const compressed = Buffer.concat([Buffer.of(2), Buffer.alloc(64)]).toString("base64url");
  expect(subscriptionFault({ endpoint, keys: { ...keys, p256dh: compressed } })).toContain("p256dh");
});
