import { afterAll, beforeAll, expect, test } from "bun:test";
import { type RunningServer, startServer } from "../support/server.ts";
import { signIn } from "../support/sign-in.ts";
import { type Ask, api } from "./support.ts";

let server: RunningServer;
let ask: Ask;

beforeAll(async () => {
  server = await startServer();
  ask = api(server);
}, 60_000);
afterAll(() => server?.stop());

/** A call that rings and is hung up by the caller. */
async function call(from: string, to: string): Promise<string> {
  const [caller, callee] = [await signIn(server, `dev:${from}`), await signIn(server, `dev:${to}`)];
  const { session } = await caller.ok("call", { to });
  await callee.push("incoming");
  await caller.ok("hangup", { session });
  await callee.push("ended");
  return String(session);
}

/** What the answer shows once the record is stored. */
async function eventually(path: string, there: (body: { items: object[] }) => boolean) {
  for (;;) {
    const { body } = await ask("GET", path);
    if (there(body)) return body;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test("records are searched by user and cause, shown with ladder and diagnosis, exported and erased", async () => {
  const before = Date.now() - 1_000;
  const sessions = [await call("ann", "bob"), await call("ann", "cat"), await call("dan", "bob")];
  const ofAnn = await eventually("/records?user=ann", ({ items }) => items.length === 2);
  expect(ofAnn.items.map(({ session }: { session: string }) => session)).toEqual([sessions[1], sessions[0]]);
  const { cause, reason } = ofAnn.items[0];
  expect((await ask("GET", `/records?user=ann&cause=${cause}&reason=${reason}`)).body.items).toHaveLength(2);
  expect((await ask("GET", "/records?user=ann&cause=no_such")).body.items).toEqual([]);
  expect((await ask("GET", `/records?to=${before}`)).body.items).toEqual([]);
  const first = (await ask("GET", "/records?limit=2")).body;
  const rest = (await ask("GET", `/records?limit=2&cursor=${first.next}`)).body;
  expect([...first.items, ...rest.items].map(({ session }) => session).sort()).toEqual([...sessions].sort());
  expect((await ask("GET", "/records?cursor=!")).body).toMatchObject({ status: 400, field: "cursor" });

  const { body } = await ask("GET", `/records/${sessions[0]}`);
  expect(body).toMatchObject({ session: sessions[0], state: "ended", caller: { user: "ann" } });
  expect(body.ladder.map(({ type }: { type: string }) => type)).toContain("incoming");
  expect(body.diagnosis[0].code).toBe(cause);
  expect((await ask("GET", "/records/none")).status).toBe(404);

  const exported = (await ask("GET", "/users/bob/records")).body.items;
  expect(exported.map(({ session }: { session: string }) => session)).toEqual([sessions[2], sessions[0]]);
  expect(exported[0].ladder.length).toBeGreaterThan(0);
  expect((await ask("DELETE", "/users/bob/records")).body).toEqual({ records: 2 });
  expect((await ask("GET", "/users/bob/records")).body.items).toEqual([]);
  expect((await ask("GET", `/records/${sessions[0]}`)).status).toBe(404);
  expect((await ask("GET", "/records")).body.items).toHaveLength(1);
}, 60_000);

test("every act stands in the audit, also one that was refused", async () => {
  await ask("POST", "/users/nobody/kick");
  await ask("DELETE", "/sessions/none");
  const acts = (body: { items: { act?: string }[] }) => body.items.map(({ act }) => act);
  const { items } = await eventually("/audit", (body) => acts(body).includes("endSession"));
  expect(items).toContainEqual(
    expect.objectContaining({
      actor: "dev:admin",
      act: "kickUser",
      subject: "/users/nobody/kick",
      detail: "200",
    }),
  );
  expect(items).toContainEqual(expect.objectContaining({ act: "endSession", detail: "404" }));
});

test("without records it says so", async () => {
  const none = await startServer({ config: { records: { enabled: false } } });
  try {
    expect((await api(none)("GET", "/records")).body).toMatchObject({ status: 409, code: "not_configured" });
  } finally {
    await none.stop();
  }
}, 60_000);
