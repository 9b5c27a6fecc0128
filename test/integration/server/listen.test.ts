import { afterAll, beforeAll, expect, test } from "bun:test";
import { type ChildProcess, spawn } from "node:child_process";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { verifyWebhook } from "../../../src/application/index.ts";
import { command } from "../../support/command.ts";
import { endWithUs } from "../../support/end-with-us.ts";
import { commandLine, runtimePath } from "../../support/runtimes.ts";
import { type RunningServer, startServer } from "../../support/server.ts";
import { signIn } from "../../support/sign-in.ts";
import { until } from "../../support/until.ts";

const secret = `whsec_${Buffer.alloc(24, 3).toString("base64")}`;
const heard: string[] = [];
let server: RunningServer;
let receiver: Server;
let listening: ChildProcess;
let printed = "";

beforeAll(async () => {
  receiver = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    const { type, data } = await verifyWebhook(body, request.headers, secret);
    heard.push(`${type} ${(data as { user: string }).user}`);
    response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const forward = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
  server = await startServer();
  const args = ["listen", "--forward", forward, "--events", "user.online", "--secret", secret];
  listening = spawn(runtimePath("bun"), [commandLine("bun"), ...args, "--port", String(server.port)], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env.PATH },
  });
  endWithUs(listening);
  for (const output of [listening.stdout, listening.stderr])
    output?.on("data", (text) => {
      printed += text;
    });
}, 90_000);
afterAll(async () => {
  listening.kill();
  receiver.close();
  await server.stop();
});

test("events of the server come to a program of this machine, signed, also after the server was restarted", async () => {
  const names = ["ann", "ben"];
  for (const name of names) {
    // It is not known when it has connected: somebody comes until that is heard.
    for (let n = 0; !heard.some((one) => one.startsWith(`user.online ${name}`)); n++) {
      await signIn(server, `dev:${name}${n}`);
      await new Promise((done) => setTimeout(done, 300));
    }
    await until(() => printed.includes("user.online → 204"), 20_000);
    if (name === "ben") break;
    const { port } = server;
    await server.kill();
    await until(() => printed.includes("no server answers at "), 20_000);
    server = await startServer({ config: { port } });
  }
  expect(printed).toContain(` answers\n`);
}, 90_000);

test("a wrong command line is named, and a server that refuses ends it", () => {
  const wrong = command(["listen", "--forward", "nonsense"]);
  expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining("--forward")]);
  const key = command([
    "listen",
    "--forward",
    "http://127.0.0.1:1/",
    "--port",
    String(server.port),
    "--key",
    "sbk_no",
  ]);
  expect([key.code, key.err]).toEqual([1, expect.stringContaining("refuses")]);
}, 60_000);
