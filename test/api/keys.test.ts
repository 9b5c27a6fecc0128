import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { command } from "../support/command.ts";
import { freePort } from "../support/free-port.ts";
import { startServer } from "../support/server.ts";
import { signIn } from "../support/sign-in.ts";
import { api } from "./support.ts";

const secret = "a secret of tokens with 32 characters";

async function inFolder(task: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "switchboard-api-"));
  try {
    await task(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(folder: string, ...args: string[]): string {
  const ran = command(args, { SWITCHBOARD_STATE_FOLDER: folder, SWITCHBOARD_TOKENS_SECRET: secret });
  if (ran.code !== 0) throw new Error(ran.err);
  return ran.out.trim();
}

test(
  "the API comes to the main port with the first key, and a revoked or ended key is refused at once",
  () =>
    inFolder(async (folder) => {
      await using server = await started({ dev: false, tokens: { secret }, stateFolder: folder });
      expect((await fetch(`${server.url}/api/v1/users`)).status).toBe(404);
      const key = run(folder, "api-key", "shop", "--role", "look");
      expect(key).toMatch(/^sbk_[\w-]{32}$/);
      const ask = api(server, key);
      expect((await ask("GET", "/users")).status).toBe(200);
      expect((await ask("POST", "/users/ann/kick")).body).toMatchObject({
        status: 403,
        scope: "devices:write",
      });
      expect((await ask("GET", "/api-keys")).status).toBe(403);
      const full = api(server, run(folder, "api-key", "full", "--for", "1h"));
      // A key gives no more than it has.
      const { body } = await full("POST", "/api-keys", {
        name: "more",
        scopes: ["keys:write", "devices:read"],
      });
      const more = await api(server, body.key)("POST", "/api-keys", { name: "x", scopes: ["server:write"] });
      expect(more.status).toBe(403);
      const { body: token } = await full("POST", "/tokens", {
        user: "ann",
        grants: { call: ["bob"] },
        lifetime: 60,
      });
      const ann = await signIn(server, token.token);
      await ann.fails("forbidden", "call", { to: "carl" });
      const [id = ""] =
        run(folder, "api-key", "--list")
          .split("\n")
          .find((line) => line.includes("look") || line.includes("shop"))
          ?.split(" ") ?? [];
      run(folder, "api-key", "--revoke", id);
      expect((await ask("GET", "/users")).status).toBe(401);
      expect((await api(server, "dev:admin")("GET", "/users")).status).toBe(401);
    }),
  60_000,
);

test(
  "with admin.port the API is there and not on the main port",
  () =>
    inFolder(async (folder) => {
      const port = await freePort();
      const config = { dev: false, tokens: { secret }, stateFolder: folder, admin: { port } };
      await using server = await started(config);
      const key = run(folder, "api-key", "shop");
      expect(
        (await fetch(`${server.url}/api/v1/users`, { headers: { Authorization: `Bearer ${key}` } })).status,
      ).toBe(404);
      expect((await api({ url: `http://127.0.0.1:${port}` }, key)("GET", "/statistics")).status).toBe(200);
      expect((await api({ url: `http://127.0.0.1:${port}` }, "sbk_no")("GET", "/statistics")).status).toBe(
        401,
      );
    }),
  60_000,
);

test("dev:admin is for development mode, and for this server's own pages", async () => {
  await using server = await started({});
  const from = (origin: string) => api(server)("GET", "/users", undefined, { Origin: origin });
  expect((await from(server.url)).status).toBe(200);
  expect((await from("http://localhost:1")).status).toBe(403);
  for (const key of ["dev:admin2", "dev:alice", "DEV:ADMIN"])
    expect((await api(server, key)("GET", "/users")).status).toBe(401);
});

test(
  "after a crash a repeat gets the first answer, or is refused, and is not executed again",
  () =>
    inFolder(async (folder) => {
      const config = { stateFolder: folder };
      const key = { "Idempotency-Key": "one" };
      const first = await startServer({ config });
      const sent = await api(first)("POST", "/messages", { to: "ann", body: 1 }, key);
      expect(sent.status).toBe(200);
      await first.kill();
      await using second = await started(config);
      const ann = await signIn(second, "dev:ann");
      expect((await api(second)("POST", "/messages", { to: "ann", body: 1 }, key)).body).toEqual(sent.body);
      expect((await api(second)("POST", "/messages", { to: "ann", body: 2 }, key)).status).toBe(422);
      await api(second)("POST", "/messages", { to: "ann", body: "last" });
      await ann.push("message", { body: "last" });
      expect(ann.frames.filter(({ type }) => type === "message")).toHaveLength(1);
    }),
  60_000,
);

async function started(config: object) {
  const server = await startServer({ config });
  return { ...server, [Symbol.asyncDispose]: () => server.stop() };
}
