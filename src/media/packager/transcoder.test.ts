import { afterAll, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { TimedFrame } from "../package/track-reader.ts";
import { EncoderChoice, type H264Encoder, software, workingEncoder } from "./h264-encoder.ts";
import { Transcoder, TranscoderPool } from "./transcoder.ts";

const ffmpeg = Bun.which("ffmpeg") ?? "";
const folder = mkdtempSync(join(tmpdir(), "switchboard-transcoder-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Ten pictures a second, each fourth a keyframe: what ffmpeg makes of a test pattern. */
function pictures(count: number, codec: "vp8" | "vp9" = "vp8"): TimedFrame[] {
  const args = ["-v", "error", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=10", "-frames:v", `${count}`];
  const encoder = [
    "-c:v",
    codec === "vp8" ? "libvpx" : "libvpx-vp9",
    "-deadline",
    "realtime",
    "-cpu-used",
    "8",
  ];
  const ivf = execFileSync("ffmpeg", [
    ...args,
    ...encoder,
    "-g",
    "4",
    "-lag-in-frames",
    "0",
    "-f",
    "ivf",
    "-",
  ]);
  const frames: TimedFrame[] = [];
  for (let at = 32; at + 12 <= ivf.length; ) {
    const length = ivf.readUInt32LE(at);
    const data = Uint8Array.from(ivf.subarray(at + 12, at + 12 + length));
    const n = frames.length;
    const none = new Uint8Array();
    const format = {
      kind: "video",
      codec,
      width: 160,
      height: 120,
      configuration: none,
      name: codec,
    } as const;
    // Not quite regular, and far from 0.
    frames.push({ data, key: n % 4 === 0, format, time: 900_000 + n * 9_000 + (n % 3) * 90 });
    at += 12 + length;
  }
  return frames;
}

/** A program that stands in for ffmpeg and misbehaves. */
function program(name: string, script: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

interface Made {
  readonly transcoder: Transcoder;
  readonly frames: TimedFrame[];
  readonly heights: number[];
  readonly reasons: string[];
  readonly pool: TranscoderPool;
  now: number;
  wanted: number;
}

function make(path: string, most = 1, encoder: H264Encoder = software): Made {
  const choice = new EncoderChoice(() => encoder);
  const pool = new TranscoderPool(most);
  const made: Made = {
    ...{ frames: [], heights: [], reasons: [], pool, now: 0, wanted: 0 },
    transcoder: new Transcoder({
      ...{ program: path, pool, now: () => made.now, encoders: choice },
      frame: (frame, height) => {
        made.frames.push(frame);
        made.heights.push(height);
      },
      wantKeyframe: () => made.wanted++,
      failed: (reason) => made.reasons.push(reason),
    }),
  };
  return made;
}

/** How many processes of this one run the program. Linux only. */
function children(program: string): number {
  return readdirSync("/proc").filter((id) => {
    try {
      const status = /^\d+$/.test(id) ? readFileSync(`/proc/${id}/status`, "utf8") : "";
      return (
        status.includes(`\nPPid:\t${process.pid}\n`) && status.startsWith(`Name:\t${basename(program)}\n`)
      );
    } catch {
      // It has ended meanwhile.
      return false;
    }
  }).length;
}

async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`never: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test.skipIf(ffmpeg === "").each(["vp8", "vp9"] as const)(
  "each picture of %s comes back as H.264 at once, at its time, and keyframes as such",
  async (codec) => {
    const made = make(ffmpeg);
    const sent = pictures(12, codec);
    made.transcoder.add(sent[1] as TimedFrame);
    expect(made.wanted).toBe(1);
    for (const [n, frame] of sent.entries()) {
      made.transcoder.add(frame);
      // No later picture is needed for this one to come.
      await until(() => made.frames.length === n + 1);
    }
    expect(made.frames.map(({ time }) => time)).toEqual(sent.map(({ time }) => time));
    expect(made.frames.map(({ key }) => key)).toEqual(sent.map(({ key }) => key));
    expect(made.frames[0]?.format).toMatchObject({ codec: "h264", width: 160, height: 120 });
    made.transcoder.stop();
    // Its process counts until it has gone.
    expect(made.pool.take()).toBe(false);
    await until(() => made.pool.take());
  },
);

test.skipIf(ffmpeg === "")("another size begins another encoder, and its pictures follow", async () => {
  const made = make(ffmpeg);
  const [first, second] = pictures(2);
  if (first === undefined || second === undefined) throw new Error("no pictures");
  made.transcoder.add(first);
  await until(() => made.frames.length === 1);
  const wider = {
    ...first,
    time: second.time,
    format: { ...first.format, width: 176, height: 144 },
  } as TimedFrame;
  made.transcoder.add(wider);
  // The former one was killed just now, and is still there.
  if (process.platform === "linux") expect(children(ffmpeg)).toBe(1);
  await until(() => made.frames.length === 2);
  expect(made.frames[1]).toMatchObject({ time: second.time, key: true });
  made.transcoder.stop();
});

test.skipIf(ffmpeg === "")(
  "a program that crashes, hangs, floods or speaks nonsense is ended, and told of after three times",
  async () => {
    const [key] = pictures(1);
    if (key === undefined) throw new Error("no picture");
    const programs = {
      crashes: program("crashes", "exit 1"),
      floods: program("floods", "exec yes x >&2"),
      nonsense: program("nonsense", "exec yes nonsense"),
      hangs: program("hangs", "exec sleep 60"),
      missing: join(folder, "missing"),
    };
    for (const [name, path] of Object.entries(programs)) {
      const made = make(path);
      for (let n = 0; n < 4 && made.reasons.length === 0; n++) {
        made.now += 100_000;
        made.transcoder.add(key);
        if (name === "hangs" || name === "floods") {
          // It takes what it is given, and is silent.
          made.now += 9_000;
          made.transcoder.tick();
        }
        await until(() => made.pool.take());
        made.pool.free();
      }
      expect([name, made.reasons.length]).toEqual([name, 1]);
      expect(made.reasons[0]).toMatch(/^ffmpeg (ended by itself|makes no pictures)$/);
      // It isn't started again at once.
      made.transcoder.add(key);
      expect(made.pool.take()).toBe(true);
    }
  },
);

test.skipIf(ffmpeg === "")(
  "one encoder makes several sizes, and another set of them begins another one",
  async () => {
    const made = make(ffmpeg);
    const sent = pictures(5);
    for (const [n, frame] of sent.slice(0, 4).entries()) {
      made.transcoder.add(frame, [0, 60, 30]);
      await until(() => made.frames.length === 3 * (n + 1));
    }
    for (const height of [0, 60, 30]) {
      const those = made.frames.filter((_, n) => made.heights[n] === height);
      expect(those.map(({ time }) => time)).toEqual(sent.slice(0, 4).map(({ time }) => time));
      expect(those[0]?.format).toMatchObject({ height: height || 120, width: ((height || 120) * 160) / 120 });
    }
    made.transcoder.add(sent[4] as TimedFrame, [60]);
    await until(() => made.frames.length === 13);
    expect(made.heights.at(-1)).toBe(60);
    made.transcoder.stop();
  },
);

test("beyond the pool's bound there is none, which is said", () => {
  const made = make("/bin/false", 0);
  made.transcoder.add({
    ...{ data: new Uint8Array(1), key: true, time: 0 },
    format: {
      kind: "video",
      codec: "vp8",
      width: 16,
      height: 16,
      configuration: new Uint8Array(),
      name: "vp8",
    },
  });
  expect(made.reasons).toEqual(["as many streams are transcoded as may be"]);
});

test("the first encoder of hardware that encodes a picture is taken, else software", async () => {
  const vaapi = program("vaapi", 'case "$*" in *h264_vaapi*) exit 0;; *h264_v4l2m2m*) exit 0;; esac; exit 1');
  expect((await workingEncoder(vaapi)).name).toBe("h264_vaapi");
  expect(await workingEncoder(program("none", "exit 1"))).toBe(software);
  expect(await workingEncoder(join(folder, "missing"))).toBe(software);
});

test.skipIf(ffmpeg === "")("an encoder of hardware that fails gives way to software", async () => {
  const [key] = pictures(1);
  if (key === undefined) throw new Error("no picture");
  const busy = { ...software, name: "no_such_encoder" };
  const made = make(ffmpeg, 1, busy);
  // It is given pictures, and none comes back.
  made.transcoder.add(key);
  await until(() => made.pool.take());
  made.pool.free();
  made.now += 100_000;
  made.transcoder.add(key);
  await until(() => made.frames.length === 1);
  made.transcoder.stop();
});
