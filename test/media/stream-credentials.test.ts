import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { command } from "../support/command.ts";
import { type RunningServer, startServer } from "../support/server.ts";

const secret = "a secret of tokens with 32 characters";
const offer = (name: string): string =>
  readFileSync(new URL(`../support/media-offers/${name}.sdp`, import.meta.url), "utf8");

let folder: string;
let server: RunningServer;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "switchboard-media-"));
  const config = { dev: false, tokens: { secret }, stateFolder: folder, media: { port: 0, workers: 1 } };
  server = await startServer({ config });
}, 60_000);
afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the command with the settings of the server, and gives what it prints. */
function run(...args: string[]): string {
  const ran = command(args, { SWITCHBOARD_STATE_FOLDER: folder, SWITCHBOARD_TOKENS_SECRET: secret });
  if (ran.code !== 0) throw new Error(ran.err);
  return ran.out.trim();
}

function post(path: string, name: string, token?: string): Promise<Response> {
  return fetch(new URL(path, server.url), {
    method: "POST",
    body: offer(name),
    headers: {
      "Content-Type": "application/sdp",
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    },
  });
}

test("a stream key publishes its stream; revoked, it is refused at once and ends its session", async () => {
  const key = run("stream-key", "lobby");
  const opened = await post("/whip/lobby", "obs", key);
  expect(opened.status).toBe(201);
  const session = new URL(opened.headers.get("location") ?? "", server.url);
  expect((await post("/whip/other", "obs", key)).status).toBe(403);
  expect((await post("/whep/lobby", "chromium-view", key)).status).toBe(403);
  expect(run("stream-key", "lobby", "--revoke")).toBe("Revoked 1 key of lobby.");
  expect((await post("/whip/lobby", "obs", key)).status).toBe(401);
  const trickle = (): Promise<Response> =>
    fetch(session, {
      method: "PATCH",
      body: "a=end-of-candidates\r\n",
      headers: { "Content-Type": "application/trickle-ice-sdpfrag" },
    });
  const deadline = Date.now() + 15_000;
  let status = (await trickle()).status;
  while (status !== 404 && Date.now() < deadline) {
    await Bun.sleep(100);
    status = (await trickle()).status;
  }
  expect(status).toBe(404);
}, 60_000);

test("a signed link publishes or views its stream, and nothing else", async () => {
  const link = new URL(run("stream-link", "studio", "--publish", "--for", "5m", "--url", server.url));
  const path = link.pathname + link.search;
  expect((await post(path, "ffmpeg")).status).toBe(201);
  expect((await post(path.replace("studio", "lobby"), "ffmpeg")).status).toBe(401);
  const view = new URL(run("stream-link", "nobody", "--view", "--for", "5m", "--url", server.url));
  const waits = await post(view.pathname + view.search, "chromium-view");
  expect([waits.status, waits.headers.get("retry-after")]).toEqual([409, "2"]);
  expect((await post("/whep/nobody", "chromium-view")).status).toBe(401);
}, 60_000);

test("a token publishes what its grants cover", async () => {
  const token = run("token", "--user", "alice", "--grant", "publish=stream:alice-*");
  expect((await post("/whip/alice-desk", "chromium-simulcast", token)).status).toBe(201);
  expect((await post("/whip/bob", "chromium-simulcast", token)).status).toBe(403);
}, 60_000);
