import {
  type BenchServer,
  cpuSeconds,
  generate,
  residentBytes,
  startBare,
  startCluster,
  startGateway,
  startGenerator,
  startOurs,
  startPeerjs,
} from "./bench-process.ts";
import type { Job } from "./generator.ts";

/** Figures of one run, by name. */
export type Figures = Record<string, number>;

export interface BenchTimes {
  readonly warmUp: number;
  readonly measure: number;
  /** Idle links of the memory figure. */
  readonly links: number;
  /** How long memory may settle, s. */
  readonly settle: number;
}

const start = { switchboard: () => startOurs(), gateway: startGateway, peerjs: startPeerjs, bare: startBare };

/** Whose relaying is measured, in turns. */
export const relayServers = ["switchboard", "peerjs", "bare"] as const;

/** Whose clients of PeerJS are measured. */
export const peerjsServers = ["gateway", "peerjs"] as const;

/** Relay with so many devices and messages in flight: rate, latency, and what both processes cost. */
export function relay(
  server: keyof typeof start,
  devices: number,
  inFlight: number,
  times: BenchTimes,
): Promise<Figures> {
  return timed({ server, scenario: "relay", devices, inFlight, ...times });
}

/** Relay A at our server, with an idle media server or without one. */
export async function relayBesideMedia(media: boolean, times: BenchTimes): Promise<Figures> {
  const server = await startOurs({ media: media ? { enabled: true, port: 0 } : { enabled: false } });
  const job = { server: "switchboard", scenario: "relay", devices: 1_000, inFlight: 1 } as const;
  try {
    return await measured({ ...job, ...times, ports: [server.port] }, [server]);
  } finally {
    await server.stop();
  }
}

export function setup(times: BenchTimes): Promise<Figures> {
  return timed({ server: "switchboard", scenario: "setup", devices: 400, rate: 200, ...times });
}

export function fanout(times: BenchTimes): Promise<Figures> {
  return timed({ server: "switchboard", scenario: "fanout", devices: 160, rate: 50, ...times });
}

export function resume(times: BenchTimes): Promise<Figures> {
  return timed({ server: "switchboard", scenario: "resume", devices: 200, rate: 100, ...times });
}

/** Memory of a server with idle links, less what it held before, by link. A first load has warmed it up. */
export async function idle(name: keyof typeof start, times: BenchTimes): Promise<Figures> {
  const server = await start[name]();
  try {
    const job = { server: name, ports: [server.port], scenario: "idle", warmUp: 0, measure: 0 } as const;
    await hold({ ...job, devices: 200 }, () => Bun.sleep(500));
    const before = await settled(server.pid, times.settle);
    let after = 0;
    await hold({ ...job, devices: times.links }, async () => {
      after = await settled(server.pid, times.settle);
    });
    return { bytesPerLink: (after - before) / times.links, before, after };
  } finally {
    await server.stop();
  }
}

async function timed(
  job: Omit<Job, "ports" | "server"> & { readonly server: keyof typeof start },
): Promise<Figures> {
  const server = await start[job.server]();
  try {
    return await measured({ ...job, ports: [server.port] }, [server]);
  } finally {
    await server.stop();
  }
}

/** The same across so many nodes of ours; CPU is that of all nodes. */
export async function across(nodes: number, job: Omit<Job, "ports" | "server">): Promise<Figures> {
  const cluster = await startCluster(nodes);
  try {
    const ports = cluster.nodes.map(({ port }) => port);
    return await measured({ ...job, server: "switchboard", ports }, cluster.nodes);
  } finally {
    await cluster.stop();
  }
}

/** Runs the generator against what listens on the ports, and takes the CPU time of both. */
export async function measured(job: Job, servers: readonly BenchServer[]): Promise<Figures> {
  const cpu = { server: 0, generator: 0, seconds: 0 };
  const values = await generate(job, (event, generatorPid) => {
    const sign = event === "measuring" ? -1 : 1;
    for (const { pid } of servers) cpu.server += sign * cpuSeconds(pid);
    cpu.generator += sign * cpuSeconds(generatorPid);
    cpu.seconds += (sign * performance.now()) / 1_000;
  });
  return { ...values, serverCpu: cpu.server / cpu.seconds, generatorCpu: cpu.generator / cpu.seconds };
}

/** Keeps a load of idle devices while `during` runs. */
async function hold(job: Job, during: () => Promise<void>): Promise<void> {
  let connected: () => void = () => {};
  const ready = new Promise<void>((resolve) => {
    connected = resolve;
  });
  const { child, done } = startGenerator(job, connected);
  await Promise.race([ready, done]);
  await during();
  done.catch(() => undefined);
  child.kill("SIGKILL");
  await Bun.sleep(1_000);
}

/** The least memory that the process holds within some seconds: garbage is collected when there is time. */
async function settled(pid: number, seconds: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let n = 0; n < seconds * 2; n++) {
    await Bun.sleep(500);
    least = Math.min(least, residentBytes(pid));
  }
  return least;
}
