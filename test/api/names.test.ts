import { afterAll, beforeAll, expect, test } from "bun:test";
import { type RunningServer, startServer } from "../support/server.ts";
import { signIn } from "../support/sign-in.ts";
import { api } from "./support.ts";

let server: RunningServer;
beforeAll(async () => {
  server = await startServer();
}, 60_000);
afterAll(() => server?.stop());

const html = '<img src=x onerror="alert(1)">';
const family = "👨‍👩‍👧‍👦";

test("names that hold HTML or bidi marks are text, and those that are too long are refused", async () => {
  const ask = api(server);
  for (const [user, name, shown] of [
    ["html", html, html],
    ["bidi", "abc\u202egnp.exe", "abcgnp.exe"],
    // Of seven code points each: 18 fit into 128.
    ["emoji", family.repeat(18), family.repeat(18)],
  ] as const) {
    await signIn(server, `dev:${user}`, "phone", { device: { id: "phone", name } });
    const { status, headers, body } = await ask("GET", `/devices/${user}/phone`);
    expect([status, headers.get("content-type"), body.name]).toEqual([200, "application/json", shown]);
  }
  // Those of gateways, which have no such limit, are cut: src/shared/person-name.test.ts.
  const more = { device: { id: "phone", name: family.repeat(170) } };
  await expect(signIn(server, "dev:long", "phone", more)).rejects.toThrow("4306");
});

test("data that holds them arrives as it was sent", async () => {
  const ask = api(server);
  const ann = await signIn(server, "dev:ann");
  const body = { html, bidi: "\u202e", emoji: family.repeat(170) };
  expect((await ask("POST", "/messages", { to: "ann", body })).body).toEqual({ delivered: 1 });
  expect((await ann.push("message")).body).toEqual(body);
});
