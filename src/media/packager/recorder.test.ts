import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PackagedPublisher } from "../../../test/support/packaged-publisher.ts";
import { RecordingStore, type StoredRecording } from "../recordings/store.ts";
import { Recorder } from "./recorder.ts";
import { TakenStream } from "./taken-stream.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "switchboard-recorder-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** What there is of 20 s of a stream with a keyframe every 2 s, oldest first. */
async function recorded(rules: {
  readonly seconds: number;
  readonly bytes: number;
}): Promise<StoredRecording[]> {
  const stream = new TakenStream(1, false, () => {});
  const publisher = new PackagedPublisher(stream);
  const kinds = { sound: true, picture: true };
  const now = () => publisher.now;
  const recorder = new Recorder(stream, "show", kinds, { folder, ...rules }, () => {}, now);
  stream.sink = recorder;
  publisher.send(20);
  await recorder.stop();
  return await new RecordingStore(folder).all();
}

test("a file ends with the first keyframe after its time or its size, and the next one begins there", async () => {
  const byTime = await recorded({ seconds: 5, bytes: 2 ** 31 });
  expect(byTime.map(({ seconds }) => Math.round(seconds))).toEqual([6, 6, 6, 2]);
  for (const [at, { started, seconds }] of byTime.entries()) {
    const next = byTime[at + 1];
    if (next !== undefined) expect(Math.abs(next.started - started - seconds * 1_000)).toBeLessThan(100);
  }
  rmSync(folder, { recursive: true });
  const [whole] = await recorded({ seconds: 3_600, bytes: 2 ** 31 });
  const bytes = whole?.bytes ?? 0;
  rmSync(folder, { recursive: true });
  const bySize = await recorded({ seconds: 3_600, bytes: bytes / 4 });
  expect(bySize.length).toBeGreaterThanOrEqual(3);
  expect(bySize.reduce((sum, { seconds }) => sum + seconds, 0)).toBeGreaterThan(19);
});

test("recordings go by their age, and the oldest ones where all together are too large", async () => {
  const all = await recorded({ seconds: 3, bytes: 2 ** 31 });
  expect(all.length).toBe(5);
  const store = new RecordingStore(folder);
  const left = async (): Promise<readonly string[]> => (await store.all()).map(({ id }) => id);
  const ids = all.map(({ id }) => id);
  await store.trim(all[2]?.started ?? 0, 2 ** 31);
  expect(await left()).toEqual(ids.slice(2));
  await store.trim(0, (all[3]?.bytes ?? 0) + (all[4]?.bytes ?? 0));
  expect(await left()).toEqual(ids.slice(3));
});
