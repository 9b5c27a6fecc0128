// Call set-up at 200 calls a second, without a hook, with `authorize` as a function, and over HTTP: from `call` until the callee's `accept` is answered.
// Run by `npm run bench -- --only hooks`. Each server, and the application of the last, is a process of its own.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Client } from "../conformance/client.ts";
import { endWithUs } from "../support/end-with-us.ts";
import { signIn } from "../support/sign-in.ts";

const rate = 200;
const [warmUp, measured] = process.argv.includes("--quick") ? [500, 1_000] : [2_000, 10_000];
/** A user may call 60 times a minute. */
const pairs = 400;
const self = fileURLToPath(import.meta.url);
const secret = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;

const [role, hooksUrl = ""] = process.argv.slice(2);
if (role === "server") await serve();
else if (role === "application") answer();
else await measure();

async function serve(): Promise<void> {
  const { createSwitchboard } = await import("../../src/main.ts");
  const server = await createSwitchboard({
    ...{ port: 0, host: "127.0.0.1", dev: true, page: false, log: { level: "error" } },
    // All load comes from one address.
    limits: { connectsPerSecond: 1e6, connectsBurst: 1e6, linksPerAddress: 1e6, openTransports: 1e6 },
    ...{ turn: { embedded: false }, media: { enabled: false }, sip: { enabled: false } },
    ...(hooksUrl.startsWith("http") && { hooks: { url: hooksUrl, secret } }),
    ...(hooksUrl === "function" && { authorize: async ({ to }) => to !== "mallory" }),
  });
  console.log(server.url);
}

function answer(): void {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      await request.json();
      return Response.json(true);
    },
  });
  console.log(server.url.href);
}

async function start(...args: string[]): Promise<{ line: string; end: () => void }> {
  const child = spawn(process.execPath, [self, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  endWithUs(child);
  const line = await new Promise<string>((resolve) =>
    createInterface({ input: child.stdout }).once("line", resolve),
  );
  return { line, end: () => void child.kill() };
}

async function measure(): Promise<void> {
  const application = await start("application");
  for (const [name, hook] of [
    ["no hook", "none"],
    ["a function", "function"],
    ["over HTTP", application.line],
  ] as const) {
    const server = await start("server", hook);
    const times = await load(server.line);
    server.end();
    const at = (share: number) => times[Math.floor(times.length * share)]?.toFixed(2);
    console.log(`${name}: ${times.length} calls, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`);
  }
  application.end();
}

async function load(url: string): Promise<number[]> {
  const people: (readonly [Client, Client])[] = [];
  for (let n = 0; n < pairs; n++)
    people.push([await signIn({ url }, `dev:caller-${n}`), await signIn({ url }, `dev:callee-${n}`)]);
  const times: number[] = [];
  const calls: Promise<void>[] = [];
  const began = performance.now();
  for (let n = 0; n < ((warmUp + measured) / 1_000) * rate; n++) {
    const due = began + (n * 1_000) / rate;
    const wait = due - performance.now();
    if (wait > 0) await Bun.sleep(wait);
    const pair = people[n % pairs];
    if (pair !== undefined)
      calls.push(
        call(...pair).then((took) => {
          if (due - began >= warmUp) times.push(took);
        }),
      );
  }
  await Promise.all(calls);
  return times.sort((one, other) => one - other);
}

async function call(caller: Client, callee: Client): Promise<number> {
  const from = performance.now();
  const to = callee.welcome?.user;
  const placed = caller.ok("call", { to });
  const { session } = await callee.expect("incoming", ({ type }) => type === "incoming");
  const accepted = callee.ok("accept", { session });
  await placed;
  const { device } = await caller.expect("accepted", ({ type }) => type === "accepted");
  void caller.ok("confirm", { session, device });
  await accepted;
  const took = performance.now() - from;
  await caller.ok("hangup", { session });
  await callee.expect("ended", ({ type }) => type === "ended");
  return took;
}
