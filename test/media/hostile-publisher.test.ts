import { describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Recorder } from "../../src/media/packager/recorder.ts";
import { TakenStream } from "../../src/media/packager/taken-stream.ts";
import type { FromPackager } from "../../src/media/packaging.ts";
import { recordingFolder } from "../../src/media/recordings/facts.ts";
import { readIndex } from "../../src/media/recordings/mp4-index.ts";
import { keyframePayloads, pps, slicePayloads, sps } from "../support/h264-pictures.ts";
import { PackagedPublisher } from "../support/packaged-publisher.ts";

type Told<T extends FromPackager["type"]> = Extract<FromPackager, { type: T }>;

/** A stream that is made into HLS, and recorded where a folder is given. */
function packaged(folder?: string) {
  const told: FromPackager[] = [];
  const stream = new TakenStream(1, false, (message) => told.push(message));
  stream.hls = true;
  const publisher = new PackagedPublisher(stream);
  const of = <T extends FromPackager["type"]>(type: T): Told<T>[] =>
    told.filter((one): one is Told<T> => one.type === type);
  const video = () => of("part").filter(({ rendition }) => rendition === "v0");
  let recorder: Recorder | undefined;
  if (folder !== undefined) {
    const rules = { folder, seconds: 3_600, bytes: 2 ** 31 };
    const kinds = { sound: true, picture: true };
    recorder = new Recorder(
      stream,
      "show",
      kinds,
      rules,
      (message) => told.push(message),
      () => publisher.now,
    );
    stream.sink = recorder;
  }
  return { publisher, of, video, recorder };
}

/** A keyframe whose parameter sets name another level, as another size would: another format for players and files. */
function otherKeyframe(level: number): Uint8Array[] {
  const changed = sps.slice();
  changed[3] = level;
  const [, ...rest] = keyframePayloads();
  return [Uint8Array.of(0x78, 0, changed.length, ...changed, 0, pps.length, ...pps), ...rest];
}

describe("a publisher that", () => {
  test("changes its codec is told of, and its sound goes on; when it comes back, so do its pictures", () => {
    const { publisher, of, video } = packaged();
    publisher.send(4);
    const before = video().length;
    expect(before).toBeGreaterThan(15);
    // A keyframe of VP8 of 320 × 240 (RFC 7741 §4.2, RFC 6386 §9.1).
    const vp8 = [Uint8Array.of(0x10, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 64, 1, 240, 0, ...new Uint8Array(40))];
    for (let n = 0; n < 25; n++) {
      publisher.picture(vp8, publisher.now, "vp8");
      for (let half = 0; half < 2; half++) {
        publisher.sound();
        publisher.pass(20);
      }
    }
    expect(of("fault")[0]).toMatchObject({ fault: "transcoder", codec: "vp8" });
    const sound = of("part").filter(({ rendition }) => rendition === "a0");
    expect(sound.at(-1)?.start).toBeGreaterThan(14.5);
    const until = video().length;
    publisher.send(4);
    expect(video().length).toBeGreaterThan(until + 8);
  });

  test("changes its format with every picture makes parts that are whole, and few files", async () => {
    const folder = mkdtempSync(join(tmpdir(), "switchboard-hostile-"));
    try {
      const { publisher, of, video, recorder } = packaged(folder);
      for (let n = 0; n < 1_000; n++) {
        publisher.picture(otherKeyframe(10 + (n % 2)));
        for (let slice = 0; slice < 2; slice++) {
          publisher.pass(300);
          publisher.picture(slicePayloads());
        }
        publisher.pass(300);
      }
      await recorder?.stop();
      expect(of("init").length).toBeGreaterThanOrEqual(1_000);
      for (const part of video().slice(0, -1)) if (part.part === 0) expect(part.independent).toBe(true);
      const files = readdirSync(join(folder, recordingFolder("show"))).filter((name) =>
        name.endsWith(".mp4"),
      );
      expect(files.length).toBeGreaterThan(10);
      // 15 minutes of that: a file each 10 s at most, and a few at the beginning.
      expect(files.length).toBeLessThan(150);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("sets its clock to and fro by hours: media time goes on as before, and no part is longer than it may be", () => {
    const { publisher, of, video } = packaged();
    const hour = 3_600_000;
    for (const shift of [0, 5 * hour, -7 * hour, 12.4 * hour, 60_000, 0]) publisher.send(4, shift);
    const parts = video();
    for (const [at, part] of parts.entries()) {
      expect(part.duration).toBeLessThanOrEqual(1.0001);
      const next = parts[at + 1];
      if (next !== undefined) expect(next.start).toBeGreaterThanOrEqual(part.start + part.duration - 0.001);
    }
    const sounds = of("part").filter(({ rendition }) => rendition === "a0");
    for (const list of [parts, sounds]) {
      const [first, last] = [list[0], list.at(-1)];
      expect(Math.abs((last?.start ?? 0) - (first?.start ?? 0) - 24)).toBeLessThan(2);
    }
  });

  test("sends no sound for a while is silent for so long: its parts follow each other without a hole", () => {
    const { publisher, of } = packaged();
    publisher.send(2);
    for (let n = 0; n < 125; n++) {
      publisher.picture(n % 50 === 0 ? keyframePayloads() : slicePayloads());
      publisher.pass(40);
    }
    publisher.send(2);
    const sounds = of("part").filter(({ rendition }) => rendition === "a0");
    for (const [at, part] of sounds.entries())
      expect(sounds[at + 1]?.start ?? part.start + part.duration).toBeCloseTo(part.start + part.duration, 3);
    const last = sounds.at(-1);
    expect((last?.start ?? 0) + (last?.duration ?? 0) - (sounds[0]?.start ?? 0)).toBeGreaterThan(8.5);
  });

  test("counts time ten times too fast, or not at all, costs no more than its packets", () => {
    for (const rate of [10, 0]) {
      const { publisher, video } = packaged();
      const begun = publisher.now;
      for (let n = 0; n < 1_000; n++) {
        publisher.picture(n % 50 === 0 ? keyframePayloads() : slicePayloads(), begun + n * 40 * rate);
        publisher.pass(40);
      }
      expect(video().length).toBeLessThanOrEqual(1_000);
      for (const part of video()) expect(part.duration).toBeLessThanOrEqual(1.2);
    }
  });

  test("sends B-frames is told of", () => {
    const { publisher, of } = packaged();
    publisher.picture(keyframePayloads());
    for (let n = 1; n < 60; n++) {
      // Shown in the order 2, 1, 4, 3, …
      publisher.picture(slicePayloads(), publisher.now + (n % 2 === 1 ? 80 : 0));
      publisher.pass(40);
    }
    expect(of("fault")[0]).toMatchObject({ fault: "reordered", codec: "h264" });
  });

  test("never sends a keyframe is asked for one now and then, and nothing is kept of it", () => {
    const { publisher, of, video } = packaged();
    for (let n = 0; n < 1_500; n++) {
      publisher.picture(slicePayloads());
      publisher.pass(40);
    }
    expect(video()).toEqual([]);
    expect(of("fault")).toEqual([]);
    expect(publisher.heard).toBeGreaterThan(10);
    // Two a second, and reports.
    expect(publisher.heard).toBeLessThan(60 * 6);
  });
});

/** A folder on a disk of 2 MB. Undefined where this user can't mount one. */
function smallDisk(): { folder: string; unmount(): void } | undefined {
  const folder = mkdtempSync(join(tmpdir(), "switchboard-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], { stdio: "ignore" });
  } catch {
    rmSync(folder, { recursive: true });
    return undefined;
  }
  const unmount = (): void => {
    execFileSync("umount", ["-l", folder]);
    rmSync(folder, { recursive: true });
  };
  return { folder, unmount };
}
const disk = smallDisk();

test.skipIf(disk === undefined)(
  "a full disk ends the recording in words; what is on it plays, HLS goes on, and recording begins again once there is room",
  async () => {
    if (disk === undefined) return;
    const { folder, unmount } = disk;
    try {
      const { publisher, of, video, recorder } = packaged(folder);
      const slices = Array.from({ length: 50 }, () => slicePayloads(1_200)).flat();
      const large = () => publisher.picture([...keyframePayloads(), ...slices]);
      const until = async (holds: () => boolean): Promise<void> => {
        while (!holds()) {
          large();
          publisher.pass(40);
          await new Promise((resolve) => setImmediate(resolve));
        }
      };
      await until(() => of("recording-failed").length > 0);
      expect(of("recording-failed")[0]).toMatchObject({
        stream: "show",
        reason: expect.stringContaining("ENOSPC"),
      });
      const parts = video().length;
      const [file = ""] = readdirSync(join(folder, recordingFolder("show"))).filter((name) =>
        name.endsWith(".mp4"),
      );
      const path = join(folder, recordingFolder("show"), file);
      const index = await readIndex(path);
      expect(index?.fragments.length).toBeGreaterThan(0);
      expect(index?.fragments.at(-1)?.end).toBeLessThanOrEqual(readFileSync(path).length);
      publisher.send(1);
      expect(video().length).toBeGreaterThan(parts + 3);

      rmSync(path);
      publisher.pass(10_000);
      const begun = of("recording").length;
      await until(() => of("recording").length > begun);
      await recorder?.stop();
      const ended = of("recording").filter(({ state }) => state === "ended");
      expect(ended.length).toBe(1);
    } finally {
      unmount();
    }
  },
);
