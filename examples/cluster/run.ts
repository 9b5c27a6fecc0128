// npx bun examples/cluster/run.ts
// NATS and three nodes on this machine, in development mode. Ctrl-C ends all of them.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const natsPort = 4_333;
const nodes = [
  { name: "n1", port: 8_081 },
  { name: "n2", port: 8_082 },
  { name: "n3", port: 8_083 },
];
const switchboard = fileURLToPath(new URL("../../bin/switchboard.mjs", import.meta.url));

if (spawnSync("nats-server", ["--version"]).error !== undefined) {
  console.error(`This example needs nats-server on the PATH: one program, no configuration.
  Debian, Ubuntu   apt install nats-server
  macOS            brew install nats-server
  all others       https://github.com/nats-io/nats-server/releases`);
  process.exit(1);
}

const env = {
  ...process.env,
  NATS_URL: `nats://127.0.0.1:${natsPort}`,
  // The same on every node; a real cluster keeps it, so that calls outlive a restart.
  SWITCHBOARD_TICKET_KEY: randomBytes(32).toString("base64url"),
};
const running = new Set<ChildProcess>();

start("nats", "nats-server", ["-a", "127.0.0.1", "-p", String(natsPort)]);
for (const { name, port } of nodes) {
  const ports = ["--port", String(port), "--turn.udp-port", "0", "--turn.tcp-port", "0"];
  start(name, process.execPath, [
    switchboard,
    "serve",
    "--dev",
    "--node",
    name,
    ...ports,
    "--drain",
    "3000",
    "--log.format",
    "pretty",
  ]);
}
console.log(`Open ${nodes.map(({ port }) => `http://localhost:${port}`).join(", ")}: sign in at one, call from another.
Try what a cluster is for: kill -9 a node, or NATS, in the middle of a call.`);

for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => end(signal));

/** Each line of it is shown with its name before. */
function start(name: string, program: string, args: readonly string[]): void {
  // A group of its own: else the terminal's Ctrl-C would reach it twice, and the second time means "at once".
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  running.add(child);
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on("line", (line) => console.log(`${name.padEnd(5)}${line}`));
  child.on("exit", (code, signal) => {
    running.delete(child);
    console.log(`${name.padEnd(5)}ended (${signal ?? code})`);
  });
  console.log(`${name.padEnd(5)}process ${child.pid}`);
}

/** The nodes first, NATS when they have left. */
function end(signal: NodeJS.Signals): void {
  const [nats, ...others] = running;
  for (const child of others) child.kill(signal);
  const timer = setInterval(() => {
    if (running.size > 1) return;
    clearInterval(timer);
    nats?.kill(signal);
  }, 50);
}
