import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { WorkerReport } from "../../src/media/control.ts";
import { MediaWorker } from "../../src/media/fleet/media-worker.ts";
import { PackagerProcess } from "../../src/media/fleet/packager-process.ts";
import { owned, residentBytes } from "./bench-process.ts";
import { publishedTracks, shape } from "./media-source.ts";
import { type BenchViewer, type Network, openViewers } from "./media-viewers.ts";
import type { Figures } from "./scenarios.ts";
import { median } from "./table.ts";

/** How packets are sealed and sent. */
export const ways = ["portable", "sendmmsg", "gso"] as const;
export type Way = (typeof ways)[number];

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** µs of CPU of all threads of a process. */
export function cpu(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => {
    const [spent = "0"] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ");
    return sum + Number(spent) / 1_000;
  }, 0);
}

const sleep = (seconds: number) => Bun.sleep(seconds * 1_000);

/** A worker in a process of its own, and the viewers that it may refuse. */
export interface Subject {
  readonly worker: MediaWorker;
  readonly pid: number;
  readonly viewers: Map<number, BenchViewer>;
  /** Called once a publisher is connected. */
  published: (peer: number) => void;
  /** Takes the worker's reports. */
  report: (report: WorkerReport) => void;
  /** Called for a peer that the worker knows by now, and for one that it refuses, beside the viewers. */
  opened?: (peer: number) => void;
  refused?: (peer: number) => void;
}

/** Until a stream at this rate keeps as many packets as it ever will. s */
const keptSeconds = 14;

/** A viewer's packets a second. */
const packetsOfShape = shape.frames * 4.5 + shape.sounds;

/** Numbers of viewers at the worker are higher than those of publishers. */
const firstViewer = 10;

/** `relay`: the Unix socket of the worker, where somebody is to take streams from it. */
export async function startWorker(way: Way, relay = ""): Promise<Subject> {
  const viewers = new Map<number, BenchViewer>();
  const heard: Omit<Subject, "worker" | "pid" | "viewers"> = { report: () => {}, published: () => {} };
  const limits = { publishers: 10, viewers: 200_000, packetsPerSecond: 1e9, publisherBitrate: 20_000_000 };
  const worker = await MediaWorker.start(
    { bun: process.execPath, module: at("../../src/media/worker/main.ts") },
    {
      ...{ listen: ["127.0.0.1"], port: 0, portable: way === "portable", segments: way === "gso" },
      ...{ relay, limits },
    },
    (message) => {
      if (message.type === "refused") {
        viewers.get(message.peer)?.refused();
        heard.refused?.(message.peer);
      } else if (message.type === "opened") {
        viewers.get(message.peer)?.opened();
        heard.opened?.(message.peer);
      }
      if (message.type === "report") heard.report(message.report);
      if (message.type === "connected" && message.peer < firstViewer) heard.published(message.peer);
    },
    (reason) => {
      throw new Error(reason);
    },
  );
  return Object.assign(heard, { worker, pid: worker.pid ?? 0, viewers });
}

/** Starts a publisher; ends it. */
export async function startPublisher(subject: Subject, peer = 1, stream = "bench"): Promise<() => void> {
  const { worker } = subject;
  const program = [at("media-publisher.ts"), `${peer - 1}`];
  const child = spawn(process.execPath, program, { stdio: ["pipe", "pipe", "inherit"] });
  owned(child);
  const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  const transport = JSON.parse(value ?? "{}");
  const published = new Promise<void>((done) => {
    subject.published = (number) => number === peer && done();
  });
  worker.post({ type: "publish", peer, stream, transport, tracks: publishedTracks });
  const { udpPort: port, fingerprint } = worker.started;
  child.stdin.write(`${JSON.stringify({ port, fingerprint })}\n`);
  await published;
  return () => void child.kill("SIGKILL");
}

/** Other streams of a worker that is measured: nobody views them. */
export interface OtherStreams {
  readonly count: number;
  /** They are packaged for HLS and recorded. */
  readonly packaged: boolean;
}

/** Has other streams published to the worker; ends them. */
async function startOthers(subject: Subject, folder: string, others: OtherStreams): Promise<() => void> {
  const [relay, socket] = [join(folder, "worker.sock"), join(folder, "packager.sock")];
  const packager = await PackagerProcess.listen({
    ...{ bun: process.execPath, module: at("../../src/media/packager/main.ts"), socket },
    ...{ ffmpeg: "", hlsAac: false, transcoders: 0, hardware: false },
    recordings: { folder: join(folder, "recordings"), seconds: 3_600, bytes: 2 ** 31 },
    heard: () => {},
    died: (reason) => {
      throw new Error(reason);
    },
  });
  const stops: (() => void)[] = [];
  for (let n = 0; n < others.count; n++) {
    const stream = `other-${n}`;
    stops.push(await startPublisher(subject, 2 + n, stream));
    if (!others.packaged) continue;
    const wanted = { hls: true, ladder: [], renditions: [], record: true };
    const from = { from: relay, tracks: publishedTracks, publisher: stream };
    packager.post({ type: "take", take: n + 1, stream, ...from, ...wanted });
  }
  return () => {
    for (const stop of stops) stop();
    void packager.stop();
  };
}

/** Viewers of one worker at LiveKit's shape, with reports, REMB and a repeat a second each. */
export async function live(
  way: Way,
  viewers: number,
  seconds: number,
  others: OtherStreams = { count: 0, packaged: false },
): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), "switchboard-bench-"));
  const subject = await startWorker(way, others.count === 0 ? "" : join(folder, "worker.sock"));
  const { worker, pid, viewers: opened } = subject;
  const stopPublisher = await startPublisher(subject);
  const stopOthers = others.count === 0 ? () => {} : await startOthers(subject, folder, others);
  // The first have warmed the worker up, and what the stream keeps for all of them is there: neither is counted as memory of a viewer.
  const warmUp = Math.floor(viewers / 4);
  const all = await openViewers(worker, opened, warmUp, firstViewer, 8);
  let next = 0;
  // Each once a second, spread over it.
  const feedback = setInterval(() => {
    for (const end = next + viewers / 100; next < end; next++) all[next % viewers]?.feedback();
  }, 10);
  await sleep(keptSeconds);
  const memoryBefore = residentBytes(pid);
  all.push(...(await openViewers(worker, opened, viewers - warmUp, firstViewer + warmUp, 8)));
  // Until each has found its layer, and the code that all of them run is compiled: a worker has done that after a minute of its days.
  await sleep(15);
  // By what the worker says at two moments of its own: the viewers of one process, which read everything, may be slower than it is.
  const received = { packets: packetsOf(all), at: performance.now() };
  const reports = await reportsOf(subject, seconds);
  clearInterval(feedback);
  const [before, after] = [reports[0], reports.at(-1)];
  const grown = (of: (report: WorkerReport) => number | undefined) =>
    ((after && of(after)) ?? Number.NaN) - ((before && of(before)) ?? Number.NaN);
  const passed = grown(({ at }) => at) / 1_000;
  const used = grown(({ cpu }) => cpu);
  const packets = grown(({ counters }) => counters.udp_sent);
  const messages = grown(({ counters }) => counters.udp_messages);
  const share = used / 1e6 / passed;
  const lag = reports.map(({ lag: value }) => ({ value }));
  const receivedPerSecond =
    (packetsOf(all) - received.packets) / ((performance.now() - received.at) / 1_000) / viewers;
  const figures = {
    cpu: used / packets,
    share,
    // What a core carries at 75 %, if the cost of a packet stays the same, with all packets for everybody.
    viewers: (viewers * 0.75 * Math.min(1, packets / passed / viewers / packetsOfShape)) / share,
    packetsPerViewer: packets / passed / viewers,
    receivedPerViewer: receivedPerSecond,
    perMessage: packets / messages,
    lag: median(lag, "value"),
    worstLag: Math.max(...lag.map(({ value }) => value)),
    memory: (residentBytes(pid) - memoryBefore) / (viewers - warmUp),
    opened: all.reduce((sum, { peer }) => sum + peer.rtp.length, 0),
  };
  stopOthers();
  await end(worker, all, stopPublisher);
  rmSync(folder, { recursive: true, force: true });
  if (figures.opened === 0) throw new Error("no packet could be opened");
  return figures;
}

/** Viewers that join one after the other, some at a time, while a publisher is there. */
export async function joins(way: Way, count: number): Promise<Figures> {
  const { worker, pid, viewers: opened } = await startWorker(way);
  const warmUp = await openViewers(worker, opened, 100, firstViewer, 8);
  await sleep(1);
  let before = { cpu: 0, own: 0, memory: 0, at: 0 };
  const viewers = await openViewers(worker, opened, count, 1_000, 8, {
    opened: () => {
      before = {
        cpu: cpu(pid),
        own: cpu(process.pid),
        memory: residentBytes(pid),
        at: performance.now(),
      };
    },
  });
  const seconds = (performance.now() - before.at) / 1_000;
  const generator = (cpu(process.pid) - before.own) / count;
  const used = cpu(pid) - before.cpu;
  await sleep(1);
  const memory = (residentBytes(pid) - before.memory) / count;
  await end(worker, [...warmUp, ...viewers], () => {});
  return { joins: count / seconds, cpu: used / count, generator, memory };
}

/** From the first step of a viewer to its first packet of a picture, one after the other. ms */
export async function firstFrame(way: Way, count: number, network: Network = "udp"): Promise<Figures> {
  const subject = await startWorker(way);
  const { worker, viewers: opened } = subject;
  const stopPublisher = await startPublisher(subject);
  await openViewers(worker, opened, 20, firstViewer, 1, { network });
  await sleep(1);
  const viewers = await openViewers(worker, opened, count, 1_000, 1, { network });
  const deadline = performance.now() + 5_000;
  while (viewers.some(({ firstVideoAt }) => firstVideoAt === undefined) && performance.now() < deadline)
    await sleep(0.01);
  const sorted = viewers.map(({ times }) => times.firstVideo).sort((one, other) => one - other);
  await end(worker, viewers, stopPublisher);
  return {
    p50: sorted[Math.floor(count / 2)] ?? Number.NaN,
    p99: sorted[Math.floor(count * 0.99)] ?? Number.NaN,
  };
}

/** All that the worker reports in so many seconds. */
async function reportsOf(subject: Subject, seconds: number): Promise<WorkerReport[]> {
  const reports: WorkerReport[] = [];
  await new Promise<void>((done) => {
    subject.report = (report) => {
      reports.push(report);
      if ((report.at ?? 0) - (reports[0]?.at ?? 0) >= 1_000 * seconds) done();
    };
  });
  subject.report = () => {};
  return reports;
}

function packetsOf(viewers: readonly BenchViewer[]): number {
  return viewers.reduce((sum, { packets }) => sum + packets, 0);
}

async function end(worker: MediaWorker, viewers: readonly BenchViewer[], stopPublisher: () => void) {
  stopPublisher();
  for (const viewer of viewers) viewer.close();
  await worker.stop();
}
