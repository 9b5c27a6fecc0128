import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";
import { connect } from "../../src/client/index.ts";
import { createSwitchboard } from "../../src/main.ts";
import type { Client } from "../conformance/client.ts";
import { endWithUs } from "../support/end-with-us.ts";
import { installPeers } from "../support/peers.ts";
import { findRuntime, runtimePath } from "../support/runtimes.ts";
import { signIn } from "../support/sign-in.ts";

const peers = installPeers();
const hosts = ["node", "express", "fastify", "hono"] as const;
const node = findRuntime("node") === undefined ? [] : hosts.map((kind) => ["node", kind] as const);
const all = [...node, ...[...hosts, "bun", "hono-bun"].map((kind) => ["bun", kind] as const)];

/** Starts a host; answers its address, and how it is told to close. */
async function start(runtime: "node" | "bun", kind: string) {
  const program = fileURLToPath(new URL("./host.ts", import.meta.url));
  const child = spawn(runtimePath(runtime), [program, kind, peers], { stdio: ["pipe", "pipe", "inherit"] });
  endWithUs(child);
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const lines = createInterface({ input: child.stdout });
  const line = await new Promise<string>((resolve, reject) => {
    lines.once("line", resolve);
    void exited.then((code) => reject(new Error(`the host ended with ${code}`)));
  });
  const { port } = JSON.parse(line) as { port: number };
  return { port, exited, close: () => child.stdin.write("close\n"), kill: () => child.kill("SIGKILL") };
}

function spoken(url: string, protocol?: string): Promise<WebSocket> {
  const socket = new WebSocket(url, protocol === undefined ? [] : [protocol]);
  return new Promise((resolve, reject) => {
    socket.addEventListener("open", () => resolve(socket));
    socket.addEventListener("close", ({ code }) => reject(new Error(`closed: ${code}`)));
  });
}

async function echoed(socket: WebSocket): Promise<string> {
  const heard = new Promise<string>((resolve) =>
    socket.addEventListener("message", ({ data }) => resolve(String(data))),
  );
  socket.send("hello");
  const text = await heard;
  socket.close();
  return text;
}

describe.each(all)("on %s, in a server of %s", (runtime, kind) => {
  let host: Awaited<ReturnType<typeof start>>;
  let url = "";
  const device = (user: string): Promise<Client> => signIn({ url: `${url}/rtc` }, `dev:${user}`);

  beforeAll(async () => {
    host = await start(runtime, kind);
    url = `http://127.0.0.1:${host.port}`;
  }, 60_000);
  afterAll(() => host.kill());

  test("requests below the path are ours, and the others the host's", async () => {
    expect(await (await fetch(`${url}/hello`)).text()).toBe("host");
    expect(await (await fetch(`${url}/rtc/health/live`)).json()).toMatchObject({ status: "live" });
    expect((await fetch(`${url}/rtc`, { redirect: "manual" })).headers.get("location")).toBe("/rtc/");
    expect(await (await fetch(`${url}/rtc/`)).text()).toContain('src="/rtc/index-');
    expect(await (await fetch(`${url}/rtc/live/camera`)).text()).toContain('src="/rtc/live-');
    expect((await fetch(`${url}/rtc/client.js`)).headers.get("content-type")).toContain("javascript");
    expect((await fetch(`${url}/rtc/ws`)).status).toBe(426);
    const hello = {
      type: "hello",
      token: "dev:poll",
      device: { id: "d" },
      instance: "instance-1",
      attempt: 1,
    };
    const welcome = await fetch(`${url}/rtc/link`, { method: "POST", body: JSON.stringify(hello) });
    expect(await welcome.text()).toContain('"type":"welcome"');
  });

  test("devices call each other as the application decides; the WebSocket server beside goes on", async () => {
    const [alice, bob, mallory] = [await device("alice"), await device("bob"), await device("mallory")];
    const { ok } = await alice.request("call", { to: "support" });
    const { session } = await bob.expect("incoming", ({ type }) => type === "incoming");
    expect(ok.session).toBe(session);
    const { error } = await mallory.request("call", { to: "bob" });
    expect(error).toMatchObject({ code: "forbidden", message: "not you" });
    const sdk = connect({ url: `${url}/rtc`, token: "dev:carol" });
    await sdk.ready;
    await sdk.close();
    (await spoken(`${url.replace("http", "ws")}/rtc/sip`, "sip")).close();
    if (kind === "express") {
      const { io } = createRequire(`${peers}/package.json`)("socket.io-client");
      const socket = io(url, { transports: ["websocket"], reconnection: false });
      socket.emit("say", "hello");
      expect(await new Promise((resolve) => socket.on("said", resolve))).toBe("echo hello");
      socket.close();
    } else expect(await echoed(await spoken(`${url.replace("http", "ws")}/other`))).toBe("echo hello");
  });

  test("when the host closes, devices are sent away and the process ends", async () => {
    host.close();
    expect(await host.exited).toBe(0);
  }, 30_000);
});

test("without a path its addresses and the console are at the root, and everything else is the host's", async () => {
  const switchboard = await createSwitchboard({
    ...{ listen: false, dev: true, drain: 100, log: { level: "error", format: "json" } },
    ...{ turn: { embedded: false }, media: { enabled: false } },
  });
  const server = createServer((_request, response) => response.end("host"));
  new WebSocketServer({ server }).on("connection", (ws) =>
    ws.on("message", (data) => ws.send(`echo ${data}`)),
  );
  switchboard.attach(server);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const text = async (path: string): Promise<string> => (await fetch(url + path)).text();
  try {
    for (const path of [
      "/",
      "/hello",
      "/live/camera",
      "/broadcast",
      "/hls-of-mine",
      "/icon.svg",
      "/consoles",
    ])
      expect([path, await text(path)]).toEqual([path, "host"]);
    for (const path of [
      "/client.js",
      "/client-push.js",
      "/live.js",
      "/hls.js",
      "/hls/camera/index.m3u8",
      "/whep/camera",
    ])
      expect([path, await text(path)]).not.toEqual([path, "host"]);
    expect(await echoed(await spoken(`${url.replace("http", "ws")}/`))).toBe("echo hello");
    const parts = [...(await text("/console")).matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(
      ([, path = ""]) => path,
    );
    expect(parts.length).toBeGreaterThan(1);
    for (const path of parts) {
      const response = await fetch(url + path);
      expect([path, response.status, (await response.text()) === "host"]).toEqual([path, 200, false]);
    }
  } finally {
    server.close();
    await switchboard.stop();
  }
}, 30_000);

test("a Bun.serve that stops before it was asked anything ends the switchboard, too", async () => {
  const heard: string[] = [];
  const switchboard = await createSwitchboard({
    ...{ listen: false, path: "/rtc", dev: true, drain: 100, log: { level: "error", format: "json" } },
    ...{ turn: { embedded: false }, media: { enabled: false } },
    observers: [({ type }) => heard.push(type)],
  });
  const server = Bun.serve({
    ...{ port: 0, hostname: "127.0.0.1" },
    fetch: (request, host) => switchboard.fetch(request, host) ?? new Response("host"),
    websocket: switchboard.websocket(),
  });
  switchboard.attach(server);
  await server.stop();
  expect(heard).toContain("node.down");
});
