import { expect, test } from "bun:test";
import type { PushRegistration } from "./registration.ts";
import { openWakeTicket, wakeTicket } from "./wake-ticket.ts";
import { type PushOutcome, type WakeAttempt, type WakeMessage, Wakes } from "./wakes.ts";

const subscription = { endpoint: "https://push.example/", keys: { p256dh: "p", auth: "a" } };
const web = (device: string): PushRegistration => ({
  ...{ user: "bob", device, at: 0, guest: false, grants: {} },
  target: { kind: "web", subscription },
});
const byApplication = (device: string): PushRegistration => ({
  ...web(device),
  target: { kind: "application", data: { apns: "token" } },
});
const sleeper = {
  ...{ session: "s_1", user: "bob", device: undefined, expires: 30_000 },
  from: { user: "alice", device: "laptop" },
};

function start(registrations: readonly PushRegistration[], outcomes: readonly Promise<PushOutcome>[] = []) {
  const seen = {
    pushed: [] as { readonly message: WakeMessage; readonly life: number }[],
    needed: [] as string[],
    attempts: [] as WakeAttempt[],
    gone: [] as string[],
  };
  let pushes = 0;
  const wakes = new Wakes({
    registered: async () => registrations,
    ticket: ({ device }, life) => `${device} for ${life}`,
    push: (_subscription, message, life) => {
      seen.pushed.push({ message, life });
      return outcomes[pushes++] ?? Promise.resolve({ ok: true });
    },
    needed: ({ device }) => seen.needed.push(device),
    attempted: (attempt) => seen.attempts.push(attempt),
    gone: ({ device }) => seen.gone.push(device),
    now: () => 0,
  });
  return { wakes, seen };
}

const failure = (gone?: boolean): PushOutcome => ({
  ok: false,
  failure: "410",
  ...(gone !== undefined && { gone }),
});

test("every registered device is sent the session, the caller, the time left and a ticket", async () => {
  const { wakes, seen } = start([web("phone"), byApplication("tablet")]);
  expect(await wakes.wake(sleeper)).toBe(true);
  const message = { session: "s_1", caller: "alice", left: 30_000, ticket: "phone for 30000" };
  expect(seen.pushed).toEqual([{ message, life: 30_000 }]);
  expect(seen.needed).toEqual(["tablet"]);
  expect(seen.attempts.map(({ device, kind, outcome }) => [device, kind, outcome.ok])).toContainEqual([
    "phone",
    "web",
    true,
  ]);
});

test("nobody is waited for where no device is registered, or not the one that is called", async () => {
  expect(await start([]).wakes.wake(sleeper)).toBe(false);
  const { wakes, seen } = start([web("phone")]);
  expect(await wakes.wake({ ...sleeper, device: "tablet" })).toBe(false);
  expect(seen.pushed).toEqual([]);
});

test("the first push that is taken counts; only when all have failed is nobody waited for", async () => {
  const never = new Promise<PushOutcome>(() => {});
  expect(await start([web("a"), web("b")], [never, Promise.resolve({ ok: true })]).wakes.wake(sleeper)).toBe(
    true,
  );
  const { wakes, seen } = start(
    [web("a"), web("b")],
    [Promise.resolve(failure(true)), Promise.resolve(failure())],
  );
  expect(await wakes.wake(sleeper)).toBe(false);
  expect(seen.gone).toEqual(["a"]);
  expect(seen.attempts.map(({ outcome }) => outcome.ok)).toEqual([false, false]);
});

test("a ticket signs its device in until the ring ends, and a session's ticket does not", () => {
  const seal = (text: string): string => `sealed:${text}`;
  const unseal = (text: string): string | undefined =>
    text.startsWith("sealed:") ? text.slice(7) : undefined;
  const ticket = wakeTicket({ ...web("phone"), grants: { call: ["alice"] } }, 1_000, 30_000, seal);
  const identity = openWakeTicket(ticket, 30_999, unseal);
  expect(identity).toMatchObject({
    user: "bob",
    device: "phone",
    grants: { call: ["alice"] },
    issuedAt: 1_000,
  });
  expect(openWakeTicket(ticket, 31_000, unseal)).toBe("expired");
  expect(openWakeTicket("wake.x", 0, unseal)).toBeUndefined();
  expect(openWakeTicket('wake.sealed:{"user":"bob","device":"phone"}', 0, unseal)).toBeUndefined();
});
