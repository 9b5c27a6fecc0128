import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HlsStreams } from "../../src/media/hls/hls-streams.ts";
import { HlsHttp } from "../../src/media/http/hls-http.ts";
import type { AgreedCodec, PublishedTrack } from "../../src/media/negotiated.ts";
import { PackagerFrames, packagerFrame } from "../../src/media/packager/frames.ts";
import { Recorder } from "../../src/media/packager/recorder.ts";
import { TakenStream } from "../../src/media/packager/taken-stream.ts";
import type { FromPackager } from "../../src/media/packaging.ts";
import { FrameWriter, packetOf, RelayReader } from "../../src/media/relay/frames.ts";
import { ok } from "../../src/shared/result.ts";
import { chromiumPath } from "../browser/support/browser.ts";
import { keyframePayloads, slicePayloads } from "../support/h264-pictures.ts";
import { glassToGlass } from "./glass-to-glass.ts";

// Measures HLS and recordings: `bun test/bench/hls.ts [seconds of media]`. The CPU that packaging one stream of 2 Mbit/s takes, and recording it, how
// many requests for parts the server answers from memory, and in Chromium how old the picture is by each way.
const seconds = Number(process.argv[2] ?? 60);
const [framesPerSecond, frameBytes, packetBytes] = [30, 8_333, 1_200];
const codec = (name: "h264" | "opus", payloadType: number, clockRate: number): AgreedCodec => ({
  ...{ name, payloadType, clockRate, parameters: "", nack: false, pli: true, fir: false },
  ...{ remb: false, transportFeedback: false },
});
const track = (kind: "video" | "audio", agreed: AgreedCodec, ssrc: number): PublishedTrack => ({
  ...{ kind, mid: kind, codecs: [agreed], rids: [], ssrcs: [ssrc], repairs: [], extensions: {} },
});
const tracks = [
  track("video", codec("h264", 96, 90_000), 11),
  track("audio", codec("opus", 111, 48_000), 12),
];

/** Frames of the relay with all packets of a stream, by the ms in which they come. */
function packets(): Uint8Array[] {
  const sequences = { video: 0, audio: 0 };
  const writer = new FrameWriter();
  const packet = (kind: "video" | "audio", timestamp: number, marker: boolean, payload: Uint8Array): void => {
    const index = sequences[kind]++;
    const bytes = new Uint8Array(12 + payload.length);
    const view = new DataView(bytes.buffer);
    bytes[0] = 0x80;
    bytes[1] = (kind === "video" ? 96 : 111) | (marker ? 0x80 : 0);
    view.setUint16(2, index & 0xffff);
    view.setUint32(4, timestamp);
    view.setUint32(8, kind === "video" ? 11 : 12);
    bytes.set(payload, 12);
    writer.rtp({ packet: bytes, index });
  };
  const chunks: Uint8Array[] = [];
  for (let ms = 0; ms < seconds * 1_000; ms += 20) {
    packet("audio", (ms * 48) >>> 0, false, Uint8Array.of(0xfc, ...new Uint8Array(160)));
    for (let n = Math.ceil((ms * framesPerSecond) / 1_000); (n * 1_000) / framesPerSecond < ms + 20; n++) {
      const key = n % (2 * framesPerSecond) === 0;
      const payloads = key ? keyframePayloads(2_000) : [];
      for (let left = frameBytes; left > 0; left -= packetBytes)
        payloads.push(...slicePayloads(Math.min(left, packetBytes)));
      for (const [at, payload] of payloads.entries())
        packet("video", (n * 90_000) / framesPerSecond, at === payloads.length - 1, payload);
    }
    chunks.push(writer.take());
  }
  return chunks;
}

const chunks = packets();
const bits = (chunks.reduce((sum, { length }) => sum + length, 0) * 8) / seconds;
let heard: (message: FromPackager, bytes: Uint8Array) => void = () => {};
const reader = new PackagerFrames();
let written = 0;
const stream = new TakenStream(1, false, (message, bytes) => {
  const frame = packagerFrame(message, bytes);
  written += frame.length;
  reader.push(frame, (told, body) => heard(told, body));
});
stream.hls = true;
const http = new HlsStreams(
  {
    ...{ now: () => performance.now(), random: () => "bench", want: () => 1, after: () => () => {} },
    stream: () => ({ name: "x", live: true, viewers: 0, layers: [], codecs: {} }),
  },
  { seconds: 0, bytes: 1e9, sounds: 1, transcodes: false, ladder: () => [] },
);
heard = (message, bytes) => http.received(message, bytes);
const opened = http.open("x");
/** The share of a core that the stream takes to read all packets. */
async function shareOf(taken: TakenStream): Promise<number> {
  const before = process.cpuUsage();
  taken.setPublisher(tracks, { buffered: 0, rtp: () => false, rtcp: () => {} }, 0);
  const relay = new RelayReader();
  for (const [at, chunk] of chunks.entries()) {
    relay.push(chunk, ({ body }) => {
      const packet = packetOf(body);
      if (packet !== undefined) taken.publisherRtp(packet, at * 20);
    });
    taken.tick(at * 20);
    // What was written since goes to the disk.
    if (at % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  taken.end();
  await (taken.sink as Recorder | undefined)?.stop();
  const spent = process.cpuUsage(before);
  return (spent.user + spent.system) / 1_000_000 / seconds;
}

const share = await shareOf(stream);
await opened;
console.log(
  `packaging ${(bits / 1e6).toFixed(2)} Mbit/s: ${(share * 100).toFixed(2)} % of a core (${(written / seconds / 1_000).toFixed(0)} kB/s out)`,
);

const folder = mkdtempSync(join(tmpdir(), "switchboard-bench-"));
const recorded = new TakenStream(2, false, () => {});
const rules = { folder, seconds: 3_600, bytes: 2 ** 31 };
const kinds = { sound: true, picture: true };
recorded.sink = new Recorder(
  recorded,
  "x",
  kinds,
  rules,
  () => {},
  () => 0,
);
const recording = await shareOf(recorded);
const [kept = ""] = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
  name.endsWith(".mp4"),
);
const bytes = statSync(join(folder, kept)).size;
rmSync(folder, { recursive: true });
console.log(
  `recording it: ${(recording * 100).toFixed(2)} % of a core (${(bytes / seconds / 1_000).toFixed(0)} kB/s on disk)`,
);

const served = new HlsHttp({
  streams: http,
  authenticate: async () => ok({ user: "a", grants: {}, expires: 0 }),
  allowsOrigin: () => true,
  now: () => performance.now(),
  after: () => () => {},
});
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch: (request) => served.fetch(request) ?? new Response(null, { status: 404 }),
});
const text = await (await fetch(`${server.url}hls/x/bench/v0.m3u8`)).text();
const [, part = ""] = [...text.matchAll(/#EXT-X-PART:.*URI="([^"]+)"/g)].at(-1) ?? [];
const load = `const end = Date.now() + 8000; let n = 0; await Promise.all(Array.from({ length: 64 }, async () => { while (Date.now() < end) { await (await fetch(${JSON.stringify(`${server.url}hls/x/bench/${part}`)})).arrayBuffer(); n++; } })); console.log(n);`;
const start = process.cpuUsage();
const child = Bun.spawn([process.execPath, "-e", load], { stdout: "pipe" });
const requests = Number(await new Response(child.stdout).text());
const cpu = process.cpuUsage(start);
const core = (cpu.user + cpu.system) / 1_000_000;
console.log(
  `parts from memory: ${Math.round(requests / core)} requests per second and core (${requests} in 8 s)`,
);
await server.stop(true);
if (chromiumPath !== null) await glassToGlass(Math.min(10, seconds));
process.exit();
