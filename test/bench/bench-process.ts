import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { freePort } from "../support/free-port.ts";
import { NatsServer } from "../support/nats-server.ts";
import type { Job, Line } from "./generator.ts";
import { benchSecret } from "./switchboard-device.ts";

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
/** No bound. */
export const many = 10_000_000;

/** A load by one machine, from one address, is far over what one client may do: the limits that bound clients are off. */
const limits = {
  requestsPerSecond: many,
  requestsBurst: many,
  bytesPerSecond: many * 100,
  bytesBurst: many * 100,
  connectsPerSecond: many,
  connectsBurst: many,
  httpRequestsPerSecond: many,
  httpRequestsBurst: many,
  floodsPerMinute: many,
  floodsBurst: many,
  callsPerMinute: many,
  callsBurst: many,
  ringsPerPair: many,
  linksPerAddress: 200_000,
  openTransports: 200_000,
};

export interface BenchServer {
  readonly name: "switchboard" | "gateway" | "peerjs" | "bare" | "sip";
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/**
 * Starts our server as `npm start` does, on Bun, with tokens; its log goes to a file. `settings` may be made of the folder that is
 * removed when it stops.
 */
export async function startOurs(settings: object | ((folder: string) => object) = {}): Promise<BenchServer> {
  const folder = mkdtempSync(join(tmpdir(), "switchboard-bench-"));
  const port = await freePort();
  const config = join(folder, "switchboard.json");
  writeFileSync(
    config,
    JSON.stringify({
      host: "127.0.0.1",
      port,
      tokens: { secret: benchSecret },
      log: { format: "json" },
      limits,
      // Its ports are for one server of a machine. What it costs the others has a scenario of its own.
      media: { enabled: false },
      ...(typeof settings === "function" ? settings(folder) : settings),
    }),
  );
  const log = openSync(join(folder, "log"), "w");
  const child = spawn(process.execPath, [at("src/cli.ts"), "serve", "--config", config], {
    stdio: ["ignore", log, log],
  });
  const server = await running("switchboard", child, port);
  return {
    ...server,
    stop: () => server.stop().then(() => rmSync(folder, { recursive: true, force: true })),
  };
}

export interface BenchCluster {
  readonly nodes: readonly BenchServer[];
  stop(): Promise<void>;
}

/** Starts so many nodes of ours on a NATS of their own; one node stands alone, without it. */
export async function startCluster(count: number): Promise<BenchCluster> {
  const nats = count > 1 ? await NatsServer.start() : undefined;
  const nodes: BenchServer[] = [];
  for (let n = 1; n <= count; n++) {
    const joined = nats && { node: `n${n}`, nats: { url: [nats.url] }, ticketKey: benchSecret };
    nodes.push(await startOurs({ turn: { embedded: false }, ...joined }));
  }
  // Until each has heard the others.
  if (nats !== undefined) await Bun.sleep(2_500);
  return {
    nodes,
    stop: async () => {
      await Promise.all(nodes.map((node) => node.stop()));
      await nats?.kill();
    },
  };
}

/** Starts ours for clients of PeerJS: any id and token, as at the PeerJS server. */
export function startGateway(): Promise<BenchServer> {
  const bounds = {
    connections: 200_000,
    requestsPerSecond: many,
    requestsBurst: many,
    aliveTimeout: 3_600_000,
  };
  const bytes = { bytesPerSecond: many * 100, bytesBurst: many * 100 };
  return startOurs({ dev: true, turn: { embedded: false }, peerjs: { limits: { ...bounds, ...bytes } } });
}

/** Starts the PeerJS server as its users do: its own command, on Node. */
export async function startPeerjs(): Promise<BenchServer> {
  const port = await freePort();
  const args = [at("node_modules/peer/dist/bin/peerjs.js"), "--port", `${port}`, "--host", "127.0.0.1"];
  const more = ["--concurrent_limit", "50000", "--alive_timeout", "3600000"];
  return startProgram("peerjs", "node", [...args, ...more], port);
}

/** Starts what stands for the floor: Bun's server without a protocol. */
export async function startBare(): Promise<BenchServer> {
  const port = await freePort();
  return startProgram("bare", process.execPath, [at("test/bench/bare-relay.ts"), `${port}`], port);
}

/** Starts another server, which listens on this port. */
export function startProgram(
  name: BenchServer["name"],
  program: string,
  args: readonly string[],
  port: number,
): Promise<BenchServer> {
  return running(name, spawn(program, args, { stdio: "ignore" }), port);
}

/** Runs the generator in a process of its own; tells when the time that counts begins and ends. */
export function generate(
  job: Job,
  hear: (event: "measuring" | "measured", pid: number) => void,
): Promise<Record<string, number>> {
  const { child, done } = startGenerator(job, hear);
  return done.finally(() => child.kill("SIGKILL"));
}

/** The same, but it is up to the caller to end it. */
export function startGenerator(job: Job, hear: (event: "measuring" | "measured", pid: number) => void) {
  const child = spawn(process.execPath, [at("test/bench/generator.ts"), JSON.stringify(job)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  owned(child);
  const done = new Promise<Record<string, number>>((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (text) => {
      const line = JSON.parse(text) as Line;
      if (line.event === "result") resolve(line.values);
      else hear(line.event, child.pid ?? 0);
    });
    child.once("exit", (code) => reject(new Error(`the generator ended with ${code}`)));
  });
  return { child, done };
}

/** CPU time that a process has used, s. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Memory that a process holds, bytes. */
export function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1_024;
}

/** Whatever ends this process ends what it has started. */
const children = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));

/** Ends the process when this one ends. */
export function owned(child: ChildProcess): ChildProcess {
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

async function running(name: BenchServer["name"], child: ChildProcess, port: number): Promise<BenchServer> {
  const exited = new Promise<void>((resolve) => owned(child).once("exit", () => resolve()));
  for (let tries = 0; !(await answers(port)); tries++) {
    if (tries > 200 || child.exitCode !== null) throw new Error(`${name} does not listen`);
    await Bun.sleep(50);
  }
  return {
    name,
    port,
    pid: child.pid ?? 0,
    stop: () => {
      child.kill("SIGKILL");
      return exited;
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
