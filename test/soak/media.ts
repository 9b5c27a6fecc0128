// The media server under joins and leaves, and with its processes killed: npm run soak -- media --help
import { parseArgs } from "node:util";
import wrtc from "@roamhq/wrtc";
import { connect, type Viewing } from "../../src/client/index.ts";
import { residentBytes } from "../bench/bench-process.ts";
import { freePort } from "../support/free-port.ts";
import { workersOf } from "../support/media-workers.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { MediaPeer } from "./media-peer.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    joins: { type: "string", default: "10000" },
    viewers: { type: "string", default: "200" },
    sdk: { type: "string", default: "5" },
    workers: { type: "string", default: "2" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(`The media server under joins and leaves, then with its processes killed: npm run soak -- media [options] [joins] [kills]

  --joins N     viewers that join and leave, one after the other in eight lanes (default 10000)
  --viewers N   viewers that stay while a worker, and then the server, is killed (default 200)
  --sdk N       viewers among them that are clients of the SDK (default 5)
  --workers N   media workers (default 2)`);
  process.exit(0);
}
const wanted = (name: string): boolean => positionals.length === 0 || positionals.includes(name);

/** One machine does what many do: what bounds one client is off. */
const many = 10_000_000;
const limits = {
  ...{ requestsPerSecond: many, requestsBurst: many, connectsPerSecond: many, connectsBurst: many },
  ...{ httpRequestsPerSecond: many, httpRequestsBurst: many, floodsPerMinute: many, floodsBurst: many },
};
const [port, mediaPort] = [await freePort(), await freePort(Number(values.workers))];
const start = (): Promise<RunningServer> =>
  startServer({
    config: {
      ...{ port, limits, log: { format: "json", level: "warn" } },
      media: {
        port: mediaPort,
        workers: Number(values.workers),
        limits: { peersPerAddress: many, peersPerUser: many },
      },
    },
    args: ["--log.level", "info"],
  });
let server = await start();
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const url = `http://127.0.0.1:${port}`;
let failed = false;

const publisher = new MediaPeer(url, "soak", "publish");
await publisher.open(30_000);
const publishing = publisher.stay();

if (wanted("joins")) await joins(Number(values.joins));
if (wanted("kills")) await kills(Number(values.viewers), Number(values.sdk));

await publisher.close();
await publishing;
await server.stop();
process.exit(failed ? 1 : 0);

/** Joins and leaves, and what they leave behind. */
async function joins(count: number): Promise<void> {
  const processes = [
    { name: "server", pid: server.pid, samples: [] as number[] },
    ...workersOf(server.pid).map((pid, n) => ({ name: `worker ${n + 1}`, pid, samples: [] as number[] })),
  ];
  let [done, refused] = [0, 0];
  const took: number[] = [];
  const began = performance.now();
  const lane = async (): Promise<void> => {
    while (done < count) {
      done += 1;
      const viewer = new MediaPeer(url, "soak", "view");
      const at = performance.now();
      await viewer.open(20_000);
      took.push(performance.now() - at);
      refused += viewer.refusals;
      if ((await viewer.close()) !== 200) failed = true;
      if (done % Math.ceil(count / 100) === 0)
        for (const one of processes) one.samples.push(residentBytes(one.pid) / 2 ** 20);
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  const seconds = (performance.now() - began) / 1_000;
  took.sort((one, other) => one - other);
  const share = (part: number) => Math.round(took[Math.floor(part * (took.length - 1))] ?? 0);
  console.log(
    `${done} joins and leaves in ${Math.round(seconds)} s, ${refused} refused; join to first picture p50 ${share(0.5)} ms, p99 ${share(0.99)} ms`,
  );
  console.log("process    MB at each tenth of the run");
  for (const { name, samples } of processes) {
    const tenths = Array.from(
      { length: 10 },
      (_, n) => samples[Math.floor(((n + 1) * samples.length) / 10) - 1] ?? 0,
    );
    const mean = (some: readonly number[]) => some.reduce((sum, one) => sum + one, 0) / some.length;
    // What a heap takes moves up and down by as much. It must not rise for ever.
    const rises = mean(tenths.slice(-2)) > 1.25 * mean(tenths.slice(2, 5));
    if (count >= 10_000 && rises) failed = true;
    const cells = tenths.map((one) => `${Math.round(one)}`.padEnd(5)).join("");
    console.log(`${name.padEnd(11)}${cells}${rises ? "rises" : "flat"}`);
  }
}

/** A worker and then the server are killed under viewers who stay. */
async function kills(count: number, sdk: number): Promise<void> {
  const viewers = Array.from({ length: count }, () => new MediaPeer(url, "soak", "view"));
  for (let n = 0; n < count; n += 20)
    await Promise.all(viewers.slice(n, n + 20).map((one) => one.open(30_000)));
  const staying = viewers.map((one) => one.stay());
  const clients = Array.from({ length: sdk }, (_, n) =>
    connect({
      ...{ url, token: `dev:sdk${n}` },
      rtc: { RTCPeerConnection: wrtc.RTCPeerConnection, MediaStream: wrtc.MediaStream },
    }),
  );
  const viewings = await Promise.all(clients.map((client) => client.view("soak")));
  const received = new Map<Viewing, number>();
  /** How many of each kind get video just now. */
  const working = async (): Promise<[light: number, sdk: number]> => {
    let live = 0;
    for (const viewing of viewings) {
      const packets = await packetsOf(viewing);
      if (viewing.state === "live" && packets > 0 && packets !== received.get(viewing)) live += 1;
      received.set(viewing, packets);
    }
    return [viewers.filter((one) => one.works).length, live];
  };
  const allBack = async (what: string, since: number): Promise<void> => {
    const back: (number | undefined)[] = [undefined, undefined];
    for (const end = performance.now() + 90_000; performance.now() < end; await sleep(50)) {
      const now = await working();
      for (const n of [0, 1])
        if (now[n] !== [count, sdk][n]) back[n] = undefined;
        else back[n] ??= performance.now() - since;
      if (back.every((ms) => ms !== undefined && performance.now() - since > ms + 1_000)) break;
    }
    if (back.includes(undefined)) failed = true;
    const told = (ms: number | undefined) =>
      ms === undefined ? "not all" : `after ${(ms / 1_000).toFixed(1)} s`;
    console.log(
      `${what}: all ${count} WHEP viewers back ${told(back[0])}, all ${sdk} of the SDK ${told(back[1])}`,
    );
  };
  await allBack("at first", performance.now());
  for (const [n, pid] of workersOf(server.pid).entries()) {
    process.kill(pid, "SIGKILL");
    const at = performance.now();
    await sleep(500);
    await allBack(`worker ${n + 1} of ${values.workers} killed`, at);
  }
  const at = performance.now();
  await server.kill();
  server = await start();
  console.log(
    `server killed, and started again: it listens after ${((performance.now() - at) / 1_000).toFixed(1)} s`,
  );
  await allBack("server killed", at);
  for (const client of clients) await client.close();
  const left = await Promise.all(viewers.map((one) => one.close()));
  if (left.some((status) => status !== 200)) failed = true;
  await Promise.all(staying);
}

/** Packets of video that came over a viewing's connection. */
async function packetsOf(viewing: Viewing): Promise<number> {
  const { pc } = viewing as unknown as { pc?: RTCPeerConnection };
  let packets = 0;
  const reports = (await pc?.getStats().catch(() => undefined)) as unknown as
    | Map<string, Record<string, unknown>>
    | undefined;
  for (const report of reports?.values() ?? [])
    if (report.type === "inbound-rtp" && report.kind === "video") packets += Number(report.packetsReceived);
  return packets;
}
