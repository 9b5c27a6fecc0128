import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunningServer, startServer } from "../support/server.ts";
import { signIn } from "../support/sign-in.ts";
import { api } from "./support.ts";

let folder: string;
let server: RunningServer;
const start = async (): Promise<void> => {
  server = await startServer({ config: { stateFolder: folder } });
};
const ask: ReturnType<typeof api> = (...request) => api(server)(...request);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "switchboard-rooms-"));
  await start();
}, 60_000);
afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A device that has not the grant to moderate. */
const patient = (user: string) => signIn(server, `dev:${user}`);

test("a room that is opened before anybody is in has its window, its size and its lobby", async () => {
  const opens = Date.now() + 3_600_000;
  const later = await ask("PUT", "/rooms/later", { opens, closes: opens + 1_000 });
  expect([later.status, later.body]).toEqual([
    200,
    { room: "room:later", policy: { opens, closes: opens + 1_000 } },
  ]);
  // Nobody is in.
  expect((await ask("GET", "/rooms/later")).body).toMatchObject({ ...later.body, members: [] });
  expect((await ask("POST", "/rooms/later/close")).status).toBe(204);
  expect((await ask("GET", "/rooms/never")).status).toBe(404);
  const ann = await patient("ann");
  expect((await ann.request("join", { room: "room:later" })).error.code).toBe("room_closed");
  await ask("PUT", "/rooms/later", {});
  await ann.ok("join", { room: "room:later" });

  await ask("PUT", "/rooms/small", { size: 1 });
  await ann.ok("join", { room: "room:small" });
  const ben = await patient("ben");
  expect((await ben.request("join", { room: "room:small" })).error.code).toBe("room_full");
  // Those who are in hear of other rules, and of the end.
  await ask("PUT", "/rooms/small", { size: 2 });
  await ben.ok("join", { room: "room:small" });
  expect((await ask("GET", "/rooms/small")).body.policy).toEqual({ size: 2 });
  await ask("PUT", "/rooms/small", { closes: Date.now() });
  for (const one of [ann, ben])
    expect(await one.push("room_ended", { room: "room:small" })).toMatchObject({ reason: "closed" });
  expect((await ben.request("join", { room: "room:small" })).error.code).toBe("room_closed");
});

test("wrong rules are refused, and name the field", async () => {
  for (const [field, rules] of [
    ["closes", { opens: 2_000, closes: 1_000 }],
    ["size", { size: 0 }],
    ["lobbi", { lobbi: true }],
  ] as const) {
    const refused = await ask("PUT", "/rooms/x", rules);
    expect([refused.status, refused.body.field]).toEqual([400, field]);
  }
  expect((await ask("PUT", "/rooms/a%2Fb", {})).status).toBe(400);
});

test("rules outlive a restart", async () => {
  await ask("PUT", "/rooms/kept", { size: 1 });
  await server.stop();
  await start();
  await (await patient("cat")).ok("join", { room: "room:kept" });
  expect((await (await patient("dan")).request("join", { room: "room:kept" })).error.code).toBe("room_full");
}, 60_000);
