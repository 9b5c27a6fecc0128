import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { freePort } from "../support/free-port.ts";
import { owned } from "./bench-process.ts";
import { datachannelJoins } from "./datachannel-joins.ts";
import type { FanJob } from "./media-fan.ts";
import { firstFrame, joins, live, type Way, ways } from "./media-live.ts";
import type { Figures } from "./scenarios.ts";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
/** Packets of a frame, which one message of the kernel's holds. */
export const burst = 4;
const fanViewers = 200;
const otherStreams = 5;

export interface MediaBenchSize {
  readonly runs: number;
  /** Of CPU time, flat out. */
  readonly flatOut: number;
  /** Viewers of one worker at LiveKit's shape, and for how long, s. */
  readonly viewers: number;
  readonly paced: number;
  /** As many as the goal says. */
  readonly many: number;
  readonly joins: number;
  readonly firstFrames: number;
  /** The same by ICE-TCP: a worker takes 100 connections of an address. */
  readonly firstFramesTcp: number;
  /** Viewers of Janus. */
  readonly janus: number;
}

/** The runs of each subject. Without a C compiler there is no `limit`. */
export interface MediaFigures {
  readonly limit: { readonly sendmmsg: readonly Figures[]; readonly gso: readonly Figures[] } | undefined;
  readonly flatOut: Readonly<Record<Way, readonly Figures[]>>;
  readonly paced: Readonly<Record<Way, readonly Figures[]>>;
  readonly many: readonly Figures[];
  /** Beside five other streams, and beside five that are packaged and recorded. */
  readonly others: Readonly<Record<"forwarded" | "packaged", readonly Figures[]>>;
  readonly joins: Readonly<Record<Way, readonly Figures[]>>;
  /** The same at node-datachannel. */
  readonly datachannel: readonly Figures[];
  readonly firstFrame: readonly Figures[];
  readonly firstFrameTcp: readonly Figures[];
  /** Empty where Janus is missing. */
  readonly janus: readonly Figures[];
}

/** Measures the media path: flat out beside what the kernel allows, then a worker at a real pace. In turns, so that all meet what else goes on. */
export async function benchMedia(size: MediaBenchSize): Promise<MediaFigures> {
  const folder = mkdtempSync(join(tmpdir(), "switchboard-bench-"));
  const limit = buildLimit(folder);
  if (limit === undefined) console.log("media: no C compiler (cc): not measured beside the kernel's limit");
  const byWay = (): Record<Way, Figures[]> => ({ portable: [], sendmmsg: [], gso: [] });
  const figures = {
    limit: limit === undefined ? undefined : { sendmmsg: [] as Figures[], gso: [] as Figures[] },
    ...{
      flatOut: byWay(),
      paced: byWay(),
      many: [] as Figures[],
      others: { forwarded: [] as Figures[], packaged: [] as Figures[] },
      joins: byWay(),
      datachannel: [] as Figures[],
      firstFrame: [] as Figures[],
      firstFrameTcp: [] as Figures[],
      janus: [] as Figures[],
    },
  };
  const note = (name: string, into: Figures[] | undefined, run: Figures): void => {
    into?.push(run);
    const text = Object.entries(run).map(([key, value]) => `${key} ${value.toPrecision(4)}`);
    console.log(`media ${name}: ${text.join(", ")}`);
  };
  try {
    for (let run = 0; run < size.runs; run++) {
      const port = await freePort();
      const sink = limit === undefined ? undefined : startSink(limit, port);
      await sink?.ready;
      if (limit !== undefined)
        for (const mode of ["sendmmsg", "gso"] as const)
          note(`limit ${mode}`, figures.limit?.[mode], flood(limit, mode, port, size.flatOut));
      for (const way of ways)
        note(`flat out ${way}`, figures.flatOut[way], await fan(way, port, size.flatOut));
      sink?.stop();
      for (const way of ways)
        note(`paced ${way}`, figures.paced[way], await live(way, size.viewers, size.paced));
      note("many", figures.many, await live("gso", size.many, size.paced));
      for (const kind of ["forwarded", "packaged"] as const) {
        const others = { count: otherStreams, packaged: kind === "packaged" };
        const run = await live("gso", size.viewers, size.paced, others);
        note(`beside ${otherStreams} streams, ${kind}`, figures.others[kind], run);
      }
      for (const way of ["portable", "gso"] as const)
        note(`joins ${way}`, figures.joins[way], await joins(way, size.joins));
      note("joins node-datachannel", figures.datachannel, await datachannelJoins(size.joins));
      note("first frame", figures.firstFrame, await firstFrame("gso", size.firstFrames));
      const byTcp = await firstFrame("gso", size.firstFramesTcp, "tcp");
      note("first frame by ICE-TCP", figures.firstFrameTcp, byTcp);
      const theirs = await janus(size.janus, size.paced);
      if (theirs !== undefined) note("Janus", figures.janus, theirs);
      else if (run === 0)
        console.log("media: not beside Janus: Debian's package janus or ip netns is missing");
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return figures;
}

/** The path of the compiled `limit.c`; undefined without a compiler. */
function buildLimit(folder: string): string | undefined {
  const program = join(folder, "limit");
  const { status } = spawnSync("cc", ["-O2", "-o", program, at("limit.c")], { stdio: "ignore" });
  return status === 0 ? program : undefined;
}

/** Takes what is sent flat out, so that buffers don't fill: more than any run takes. */
function startSink(limit: string, port: number): { readonly ready: Promise<void>; stop(): void } {
  const child = spawn(limit, ["sink", `${port}`, "600"], { stdio: ["ignore", "pipe", "inherit"] });
  owned(child);
  const ready = new Promise<void>((resolve) => child.stdout.once("data", () => resolve()));
  return { ready, stop: () => void child.kill("SIGKILL") };
}

function flood(limit: string, mode: "sendmmsg" | "gso", port: number, seconds: number): Figures {
  const words = ["send", mode, `${port}`, `${fanViewers}`, `${seconds}`, `${burst}`];
  const { stdout, status } = spawnSync(limit, words, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) throw new Error(`limit ${mode} ended with ${status}`);
  return JSON.parse(stdout);
}

async function fan(way: Way, port: number, seconds: number): Promise<Figures> {
  const job: FanJob = { way, viewers: fanViewers, burst, port, seconds };
  const child = spawn(process.execPath, [at("media-fan.ts"), JSON.stringify(job)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  owned(child);
  const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  if (value === undefined) throw new Error("the fan-out ended without a result");
  const { cpu, user, packets, perMessage, lost } = JSON.parse(value);
  return { cpu, user, packets, perMessage, lost };
}

/** Janus at the same shape; undefined where it is missing, or no network namespace can be made: it takes no loopback address. */
async function janus(viewers: number, seconds: number): Promise<Figures | undefined> {
  // Its exit status is 1 even so.
  if (spawnSync("janus", ["--version"], { stdio: "ignore" }).error !== undefined) return undefined;
  const [space, address] = [`sbbench${process.pid}`, "10.77.0.1"];
  const ip = (words: string) => execFileSync("ip", words.split(" "), { stdio: "pipe" });
  try {
    ip(`netns add ${space}`);
    ip(`-n ${space} link set lo up`);
    ip(`-n ${space} link add v0 type veth peer name v1`);
    ip(`-n ${space} addr add ${address}/24 dev v0`);
    ip(`-n ${space} link set v0 up`);
    ip(`-n ${space} link set v1 up`);
  } catch {
    spawnSync("ip", ["netns", "del", space], { stdio: "ignore" });
    return undefined;
  }
  try {
    const program = [process.execPath, at("media-janus.ts"), JSON.stringify({ viewers, seconds, address })];
    const child = spawn("ip", ["netns", "exec", space, ...program], { stdio: ["ignore", "pipe", "inherit"] });
    owned(child);
    const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
    if (value === undefined) throw new Error("the run of Janus ended without a result");
    return JSON.parse(value);
  } finally {
    ip(`netns del ${space}`);
  }
}
