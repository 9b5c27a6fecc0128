import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RecordingsHttp } from "../../src/media/http/recordings-http.ts";
import { h264Format } from "../../src/media/package/h264.ts";
import { opusFormat } from "../../src/media/package/opus.ts";
import { Recording } from "../../src/media/package/recording.ts";
import type { VideoFormat } from "../../src/media/package/sample-format.ts";
import { Bucket } from "../../src/media/recordings/bucket.ts";
import { indexPath, type RecordingFacts, recordingFolder } from "../../src/media/recordings/facts.ts";
import { RecordingStore } from "../../src/media/recordings/store.ts";
import { Thumbnails } from "../../src/media/recordings/thumbnails.ts";
import { Uploads } from "../../src/media/recordings/uploads.ts";
import { ok } from "../../src/shared/result.ts";
import { pps, sps } from "../support/h264-pictures.ts";
import { runtimesFor } from "../support/runtimes.ts";
import { startServer } from "../support/server.ts";
import { until } from "../support/until.ts";
import { BucketServer } from "./support/bucket-server.ts";

const started = Date.now() - 3_600_000;
const megabyte = 1 << 20;

/** The bytes of a recording with so many seconds, of which each has so many bytes. */
function recorded(seconds: number, bytes: number): Uint8Array {
  const video = h264Format(sps, pps) as VideoFormat;
  const picture = (at: number) => ({
    ...{ data: new Uint8Array(bytes / 10).fill(at), key: at % 10 === 0, format: video, time: at * 9_000 },
  });
  const recording = new Recording(picture(0), true);
  const pieces = [recording.header];
  for (let at = 0; at < seconds * 10; at++) {
    const sound = { data: Uint8Array.of(0xfc), key: true, format: opusFormat, time: at * 4_800 };
    const piece = [recording.picture(picture(at)), recording.sound(sound)].find((one) => one !== undefined);
    if (piece !== undefined) pieces.push(piece);
  }
  const last = recording.finish();
  return Buffer.concat(last === undefined ? pieces : [...pieces, last]);
}

describe("recordings in a bucket", () => {
  let server: BucketServer;
  let folder: string;
  beforeAll(async () => {
    server = await BucketServer.start();
  }, 120_000);
  afterAll(() => server?.stop());
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "switchboard-uploads-"));
    server.requests.length = 0;
    server.cutAfter = Number.POSITIVE_INFINITY;
    server.answer = undefined;
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  let count = 0;
  /** Writes a recording as the packager leaves it: complete, or as a killed process does. */
  function write(stream: string, bytes: Uint8Array, seconds: number | undefined): string {
    const id = `recording${String(++count).padStart(12, "0")}`;
    const path = join(folder, recordingFolder(stream), id);
    mkdirSync(join(folder, recordingFolder(stream)), { recursive: true });
    const facts: RecordingFacts = { id, stream, started, container: "mp4", codecs: ["avc1.42c015", "opus"] };
    const ended = seconds === undefined ? {} : { seconds, bytes: bytes.length };
    writeFileSync(`${path}.json`, JSON.stringify({ ...facts, ...ended }));
    writeFileSync(`${path}.mp4`, bytes);
    const old = Date.now() / 1_000 - 3_600;
    if (seconds === undefined) utimesSync(`${path}.mp4`, old, old);
    return id;
  }

  /** What a server has of it. `retries` holds the attempts that wait. */
  function node(settings: typeof server.settings = server.settings) {
    const bucket = new Bucket(settings);
    const store = new RecordingStore(folder, bucket);
    const [retries, told]: [(() => void)[], (string | undefined)[]] = [[], []];
    const after = (_: number, task: () => void) => {
      retries.push(task);
      return () => {};
    };
    const uploads = new Uploads({ store, bucket, after, changed: (failure) => void told.push(failure) });
    const http = new RecordingsHttp({
      elsewhere: async () => ({ recordings: [], partial: [] }),
      ...{ store, thumbnails: new Thumbnails(store, ""), allowsOrigin: () => true },
      recorders: { live: () => false, recording: () => undefined, wantRecording: () => false },
      authenticate: async () => ok({ user: "a", grants: {}, expires: 0 }),
    });
    const get = async (path: string, init: RequestInit = {}): Promise<Response> =>
      (await http.fetch(new Request(`http://x/api/v1/recordings${path}`, init))) ?? new Response();
    return { store, uploads, retries, told, get };
  }
  const bytesOf = async (response: Response): Promise<Buffer> => Buffer.from(await response.arrayBuffer());

  test("a file is uploaded, its copy goes when there is no room, and it is replayed from the bucket, whole, in ranges and in time", async () => {
    const bytes = recorded(6, 40_000);
    const id = write("show", bytes, 6);
    const { store, uploads, get } = node();
    // Where it isn't uploaded yet, no lack of room takes it away.
    await store.trim(0, 1);
    expect((await store.find("show", id))?.local).toBe(true);
    const before = await (await get("?stream=show&format=hls")).text();
    const range = `?stream=show&format=mp4&from=${started + 2_000}&to=${started + 4_000}`;
    const part = await bytesOf(await get(range));
    uploads.add("show", id);
    await until(() => uploads.state.uploaded === 1, 10_000);
    expect(uploads.state).toEqual({
      waiting: 0,
      uploaded: 1,
      bytes: bytes.length,
      failed: 0,
      failure: undefined,
    });
    await store.trim(0, 1);
    const gone = await store.find("show", id);
    expect(gone).toMatchObject({ local: false, seconds: 6, bytes: bytes.length });
    expect(existsSync(gone?.path ?? "")).toBe(false);

    const listed = (await (await get("?stream=show")).json()) as { recordings: object[] };
    expect(listed.recordings).toMatchObject([{ id, local: false, uploaded: true }]);
    expect(await bytesOf(await get(`/${id}.mp4?stream=show`))).toEqual(Buffer.from(bytes));
    const middle = await get(`/${id}.mp4?stream=show`, { headers: { Range: "bytes=100-299" } });
    expect(middle.status).toBe(206);
    expect(await bytesOf(middle)).toEqual(Buffer.from(bytes.subarray(100, 300)));
    const ranges: [string, number][] = [
      ["bytes=9-3", 416],
      [`bytes=${bytes.length}-`, 416],
      ["bytes=-0", 416],
      ["bytes=-5", 206],
      ["bytes=0-99999999999999", 206],
      ["bytes=0-1,5-6", 200],
      ["bytes=9999999999999999999999-", 200],
      ["lines=1-2", 200],
      ["bytes=..%2f-", 200],
    ];
    for (const [header, status] of ranges) {
      const answer = await get(`/${id}.mp4?stream=show`, { headers: { Range: header } });
      expect([header, answer.status]).toEqual([header, status]);
      await answer.body?.cancel();
    }
    expect(await (await get("?stream=show&format=hls")).text()).toBe(before);
    expect(part.length).toBeGreaterThan(60_000);
    expect(await bytesOf(await get(range))).toEqual(part);

    expect((await get(`/${id}?stream=show`, { method: "DELETE" })).status).toBe(204);
    expect(server.requests.at(-1)).toStartWith("DELETE /kept/from-here/");
    expect(await store.all()).toEqual([]);
    expect(readdirSync(join(folder, recordingFolder("show")))).toEqual([]);
  }, 60_000);

  test("a long file goes in parts: after an outage and a restart it goes on with the part where it stopped", async () => {
    const bytes = recorded(10, 2 * megabyte);
    const id = write("show", bytes, undefined);
    const first = node();
    // The beginning of the upload and the first part get through.
    server.cutAfter = 2;
    await first.uploads.scan();
    await until(() => first.told.length === 1, 10_000);
    expect(first.told[0]).not.toContain("S3RVER");
    expect(first.uploads.state.waiting).toBe(1);
    expect((await first.store.find("show", id))?.uploaded).toBeUndefined();
    first.retries.shift()?.();
    await until(() => first.uploads.state.failed === 2, 10_000);
    // It was told once, however often it failed.
    expect(first.told.length).toBe(1);
    first.uploads.stop();

    server.requests.length = 0;
    server.cutAfter = Number.POSITIVE_INFINITY;
    const second = node();
    await second.uploads.scan();
    await until(() => second.uploads.state.uploaded === 1, 20_000);
    const parts = server.requests.flatMap((request) => /partNumber=(\d+)/.exec(request)?.[1] ?? []);
    expect(parts).toEqual(["2", "3"]);
    await second.store.trim(0, 1);
    expect((await second.store.find("show", id))?.local).toBe(false);
    expect(existsSync(indexPath((await second.store.find("show", id))?.path ?? ""))).toBe(true);
    const whole = await bytesOf(await second.get(`/${id}.mp4?stream=show`));
    expect(Buffer.compare(whole, bytes)).toBe(0);
  }, 60_000);

  test("a bucket that is gone, refuses or redirects is told in words without a secret, and its recordings are kept", async () => {
    const id = write("show", recorded(2, 10_000), 2);
    const elsewhere = "HTTP/1.1 307 x\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    const cases: [object, string | undefined, RegExp][] = [
      [{ bucket: "gone" }, undefined, /^404 NoSuchBucket$/],
      [{ accessKeyId: "nobody" }, undefined, /^403 InvalidAccessKeyId$/],
      [{}, elsewhere, /^307 redirects are not followed$/],
      [{ endpoint: "http://127.0.0.1:1" }, undefined, /^(ECONNREFUSED|ConnectionRefused)$/],
      [{}, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", /^the object is not as long as the file$/],
    ];
    for (const [settings, answer, words] of cases) {
      server.answer = answer;
      const { uploads, store, told, retries } = node({ ...server.settings, ...settings });
      await uploads.scan();
      await until(() => told.length > 0, 10_000);
      expect(told[0]).toMatch(words);
      expect(retries.length).toBe(1);
      await store.trim(0, 1);
      expect((await store.find("show", id))?.local).toBe(true);
      uploads.stop();
    }
    server.answer = undefined;
    const { uploads, store, get } = node();
    await uploads.scan();
    await until(() => uploads.state.uploaded === 1, 10_000);
    await store.trim(0, 1);
    server.cutAfter = 0;
    for (const path of [`/${id}.mp4?stream=show`, `/${id}?stream=show`]) {
      const method = path.includes(".mp4") ? "GET" : "DELETE";
      expect((await get(path, { method })).status).toBe(503);
    }
    // What the bucket can't be rid of now is not forgotten.
    expect((await store.find("show", id))?.uploaded).toBeNumber();
  }, 60_000);

  test.each(runtimesFor("uploads"))(
    "a server on %s uploads what it finds, and says how that goes without saying the secret",
    async (runtime) => {
      const bytes = recorded(2, 20_000);
      const id = write("show", bytes, 2);
      const media = { enabled: true, port: 0, workers: 1, recordings: { folder }, s3: server.settings };
      const running = await startServer({ runtime, config: { media } });
      try {
        const listed = async () =>
          (
            (await (await fetch(`${running.url}/api/v1/recordings?stream=show`)).json()) as {
              recordings: { uploaded: boolean }[];
            }
          ).recordings;
        while ((await listed())[0]?.uploaded !== true) await Bun.sleep(50);
        rmSync(join(folder, recordingFolder("show"), `${id}.mp4`));
        const replayed = await fetch(`${running.url}/api/v1/recordings/${id}.mp4?stream=show`);
        expect(Buffer.compare(await bytesOf(replayed), bytes)).toBe(0);
        const health = await (await fetch(`${running.url}/health/ready`)).text();
        expect(health).toContain('"uploads":{"waiting":0,"state":"up"}');
        const metrics = await (await fetch(`${running.url}/metrics`)).text();
        expect(metrics).toMatch(/media_uploads_total\{event="uploaded"\} 1/);
        expect([...running.logs, health, metrics].join("\n")).not.toContain("S3RVER");
      } finally {
        await running.stop();
      }
    },
    60_000,
  );
});
