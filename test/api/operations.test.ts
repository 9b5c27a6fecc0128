import { afterAll, beforeAll, expect, test } from "bun:test";
import { type RunningServer, startServer } from "../support/server.ts";
import { answeredCall, signIn } from "../support/sign-in.ts";
import { type Ask, api } from "./support.ts";

let server: RunningServer;
let ask: Ask;

beforeAll(async () => {
  server = await startServer();
  ask = api(server);
}, 60_000);
afterAll(() => server?.stop());

/** A call from one user to another that is active. */
async function call(from: string, to: string) {
  const [caller, callee] = [await signIn(server, `dev:${from}`), await signIn(server, `dev:${to}`)];
  return { caller, callee, session: await answeredCall(caller, callee, to) };
}

test("users and devices are listed, shown and signed out", async () => {
  const phone = await signIn(server, "dev:ann", "phone");
  const laptop = await signIn(server, "dev:ann", "laptop");
  const user = await ask("GET", "/users/ann");
  expect(user.body.online).toBe(true);
  expect(user.body.devices.map(({ device }: { device: string }) => device).sort()).toEqual([
    "laptop",
    "phone",
  ]);
  expect((await ask("GET", "/users/nobody-here")).body).toEqual({
    user: "nobody-here",
    online: false,
    devices: [],
  });
  const device = await ask("GET", "/devices/ann/phone");
  expect(device.body).toMatchObject({
    user: "ann",
    device: "phone",
    protocol: "native",
    online: true,
    sessions: 0,
  });
  expect((await ask("GET", "/devices/ann/tablet")).status).toBe(404);
  expect((await ask("POST", "/devices/ann/phone/kick")).body).toEqual({ links: 1 });
  expect(await phone.closed()).toBe(4305);
  expect((await ask("POST", "/users/ann/kick")).body).toEqual({ links: 1 });
  expect(await laptop.closed()).toBe(4305);
});

test("a list comes in pages, each entry once, whatever comes and goes between them", async () => {
  const names = ["page-a", "page-b", "page-c", "page-d", "page-e"];
  for (const name of names) await signIn(server, `dev:${name}`);
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const query = cursor === undefined ? "" : `&cursor=${cursor}`;
    const { body } = await ask("GET", `/users?limit=2${query}`);
    expect(body.items.length).toBeLessThanOrEqual(2);
    seen.push(...body.items.map(({ user }: { user: string }) => user));
    if (cursor === undefined) await signIn(server, "dev:aaa-first");
    cursor = body.next;
  } while (cursor !== undefined);
  expect(seen.filter((name) => name.startsWith("page-"))).toEqual(names);
  expect(new Set(seen).size).toBe(seen.length);
  expect((await ask("GET", "/users?cursor=nonsense")).body).toMatchObject({ status: 400, field: "cursor" });
});

test("a call is seen with its legs, restarted, and hung up: both ends are told", async () => {
  const { caller, callee, session } = await call("cara", "carl");
  const listed = await ask("GET", "/sessions?user=carl&kind=call");
  expect(listed.body.items.map((one: { session: string }) => one.session)).toEqual([session]);
  const { body } = await ask("GET", `/sessions/${session}`);
  expect(body).toMatchObject({
    kind: "call",
    state: "active",
    from: "cara/phone",
    to: "carl",
    moving: false,
  });
  expect(body.legs.map(({ user, side, link }: Record<string, string>) => [user, side, link])).toEqual([
    ["cara", "caller", "live"],
    ["carl", "callee", "live"],
  ]);
  expect((await ask("POST", `/sessions/${session}/restart`)).status).toBe(202);
  const told = [caller, callee].map((one) => one.push("restart"));
  const [offerer, answerer] = await Promise.all(told);
  expect([offerer?.generation, offerer?.offer, answerer?.offer]).toEqual([2, true, false]);
  expect((await ask("DELETE", `/sessions/${session}`)).status).toBe(204);
  for (const one of [caller, callee]) expect((await one.push("ended")).reason).toBe("shutdown");
  expect((await ask("DELETE", `/sessions/${session}`)).status).toBe(404);
});

test("a user's end of a call moves to another device of the user", async () => {
  const { callee, session } = await call("dora", "dan");
  const tablet = await signIn(server, "dev:dan", "tablet");
  expect((await ask("POST", `/sessions/${session}/move`, { user: "dan", device: "none" })).status).toBe(404);
  expect((await ask("POST", `/sessions/${session}/move`, { user: "eve", device: "tablet" })).status).toBe(
    404,
  );
  expect((await ask("POST", `/sessions/${session}/move`, { user: "dan", device: "tablet" })).status).toBe(
    202,
  );
  const incoming = await tablet.push("incoming");
  expect(incoming).toMatchObject({ session, movedFrom: "phone" });
  // Of two that move it at once one is told that the other does.
  const second = await ask("POST", `/sessions/${session}/move`, { user: "dan", device: "tablet" });
  expect([second.status, second.body.code]).toEqual([409, "wrong_state"]);
  expect((await ask("GET", `/sessions/${session}`)).body.moving).toBe(true);
  await tablet.ok("decline", { session });
  expect((await ask("GET", `/sessions/${session}`)).body.moving).toBe(false);
  await callee.ok("hangup", { session });
});

test("messages reach users, devices and rooms", async () => {
  const emma = await signIn(server, "dev:emma");
  const body = { order: [1, "two", null] };
  expect((await ask("POST", "/messages", { to: "emma", body })).body).toEqual({ delivered: 1 });
  const heard = await emma.push("message");
  expect(heard).toMatchObject({ body, from: { user: "server", device: "server" } });
  expect((await ask("POST", "/messages", { to: "nobody", body })).body).toEqual({ delivered: 0 });
  expect((await ask("POST", "/messages", { to: "room:empty", body })).status).toBe(404);
  await emma.ok("join", { room: "room:hall" });
  expect((await ask("POST", "/messages", { to: "room:hall", from: "shop", body: 7 })).body).toEqual({
    delivered: 1,
  });
  const second = await emma.push("message", { body: 7 });
  expect(second.from).toMatchObject({ user: "shop" });
  const large = "x".repeat(40_000);
  expect((await ask("POST", "/messages", { to: "emma", body: large })).status).toBe(413);
});

test("a room is shown with its lobby; members are admitted, removed, and sent home", async () => {
  const doctor = await signIn(server, "dev:doctor");
  const patient = await signIn(server, "dev:patient");
  await doctor.ok("join", { room: "room:visit" });
  await patient.ok("join", { room: "room:visit" });
  const { body } = await ask("GET", "/rooms/visit");
  expect(body.members).toMatchObject([
    { user: "doctor", state: "joined" },
    { user: "patient", state: "joined" },
  ]);
  const { member } = body.members[1];
  expect((await ask("POST", `/rooms/visit/members/${member}/remove`)).status).toBe(204);
  expect(await patient.push("room_ended")).toMatchObject({ reason: "refused" });
  expect((await ask("POST", `/rooms/visit/members/${member}/admit`)).status).toBe(409);
  expect((await ask("POST", "/rooms/visit/close")).status).toBe(204);
  expect(await doctor.push("room_ended")).toMatchObject({ reason: "closed" });
  expect((await ask("GET", "/rooms/visit")).status).toBe(404);
});

test("a request is executed once under its Idempotency-Key", async () => {
  const fay = await signIn(server, "dev:fay");
  const key = { "Idempotency-Key": "order-17" };
  const first = await ask("POST", "/messages", { to: "fay", body: 1 }, key);
  expect((await ask("POST", "/messages", { to: "fay", body: 1 }, key)).body).toEqual(first.body);
  expect((await ask("POST", "/messages", { to: "fay", body: 2 }, key)).status).toBe(422);
  await ask("POST", "/messages", { to: "fay", body: "last" });
  await fay.push("message", { body: "last" });
  expect(fay.frames.filter(({ type }) => type === "message").map(({ body }) => body)).toEqual([1, "last"]);
  const secret = { "Idempotency-Key": "key-1" };
  const wanted = { name: "a", scopes: ["server:read"] };
  expect((await ask("POST", "/api-keys", wanted, secret)).status).toBe(201);
  expect((await ask("POST", "/api-keys", wanted, secret)).status).toBe(409);
});
