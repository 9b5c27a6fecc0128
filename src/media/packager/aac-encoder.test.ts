import { expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { aacSamples } from "../package/adts.ts";
import { opusFormat } from "../package/opus.ts";
import type { TimedFrame } from "../package/track-reader.ts";
import { AacEncoder } from "./aac-encoder.ts";

const ffmpeg = Bun.which("ffmpeg") ?? "";

/** Packets of 20 ms of a tone, as ffmpeg's Ogg holds them. */
function tone(seconds: number): Uint8Array[] {
  const ogg = execFileSync(ffmpeg, [
    ...["-v", "error", "-f", "lavfi", "-i", `sine=frequency=440:duration=${seconds}`],
    ...["-c:a", "libopus", "-ac", "2", "-ar", "48000", "-f", "ogg", "-page_duration", "20000", "-"],
  ]);
  const packets: Uint8Array[] = [];
  for (let at = 0; at + 27 <= ogg.length; ) {
    const lacing = ogg.subarray(at + 27, at + 27 + (ogg[at + 26] ?? 0));
    at += 27 + lacing.length;
    let length = 0;
    for (const part of lacing) {
      length += part;
      if (part === 255) continue;
      packets.push(Uint8Array.from(ogg.subarray(at, at + length)));
      at += length;
      length = 0;
    }
  }
  // Its two headers.
  return packets.slice(2);
}

test.skipIf(ffmpeg === "")(
  "one encoder goes on behind a gap and for another publisher; between publishers nothing is made",
  async () => {
    const made: TimedFrame[] = [];
    const encoder = new AacEncoder(
      ffmpeg,
      (frame) => made.push(frame),
      () => 0,
    );
    const packets = tone(4);
    let next = 0;
    const send = (from: number, count: number): void => {
      for (let n = 0; n < count; n++)
        encoder.add({
          data: packets[next++] ?? new Uint8Array(),
          key: true,
          format: opusFormat,
          time: from + n * 960,
        });
    };
    const until = async (time: number): Promise<void> => {
      const end = Date.now() + 20_000;
      while ((made.at(-1)?.time ?? 0) < time && Date.now() < end) await Bun.sleep(10);
      expect(made.at(-1)?.time).toBeGreaterThanOrEqual(time);
    };
    send(480_000, 50);
    await until(480_000 + 40 * 960);
    // A second in which nothing came is silence.
    send(480_000 + 100 * 960, 50);
    await until(480_000 + 140 * 960);
    // Frames follow each other, whatever came.
    for (const [n, { time }] of made.entries()) expect(time).toBe((made[0]?.time ?? 0) + n * aacSamples);
    const before = made.length;
    encoder.pause();
    const second = 480_000 + 250 * 960;
    send(second, 50);
    await until(second + 40 * 960);
    const others = made.slice(before);
    expect(others[0]?.time).toBeGreaterThanOrEqual(second);
    expect(others[0]?.time).toBeLessThan(second + aacSamples);
    for (const [n, { time }] of others.entries()) expect(time).toBe((others[0]?.time ?? 0) + n * aacSamples);
    encoder.stop();
  },
  60_000,
);

test("an encoder that is silent while sound comes gives way to another one, and one that has nothing to do does not", async () => {
  const folder = mkdtempSync(join(tmpdir(), "switchboard-aac-"));
  const [program, starts] = [join(folder, "hangs"), join(folder, "starts")];
  writeFileSync(program, `#!/bin/sh\necho start >> ${starts}\nexec sleep 60\n`);
  chmodSync(program, 0o755);
  let now = 0;
  const encoder = new AacEncoder(
    program,
    () => {},
    () => now,
  );
  const add = (seconds: number): void => {
    for (const end = now + seconds * 1_000; now < end; now += 20)
      encoder.add({ data: Uint8Array.of(0xfc), key: true, format: opusFormat, time: now * 48 });
  };
  const started = async (count: number): Promise<void> => {
    const end = Date.now() + 20_000;
    const read = (): number => (existsSync(starts) ? readFileSync(starts, "utf8").length / 6 : 0);
    for (; read() < count && Date.now() < end; add(0.02)) await Bun.sleep(10);
    expect(read()).toBe(count);
  };
  try {
    add(15);
    await started(1);
    // The publisher sends nothing for a while, which is no fault of the encoder.
    now += 9_000;
    add(15);
    await started(1);
    // The other one begins once the process of the first has gone.
    add(11);
    await started(2);
  } finally {
    encoder.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
