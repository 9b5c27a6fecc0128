import { beforeEach, describe, expect, test } from "bun:test";
import { PlaylistChecker } from "../../../test/media/support/hls-check.ts";
import { keyframePayloads, pps, sps } from "../../../test/support/h264-pictures.ts";
import { fail, ok } from "../../shared/result.ts";
import { HlsStreams } from "../hls/hls-streams.ts";
import type { AgreedCodec } from "../negotiated.ts";
import { h264Format } from "../package/h264.ts";
import { initSegment } from "../package/init-segment.ts";
import type { VideoFormat } from "../package/sample-format.ts";
import { Segmenter } from "../package/segmenter.ts";
import type { StreamInfo } from "../service.ts";
import { HlsHttp } from "./hls-http.ts";

const format = h264Format(sps, pps) as VideoFormat;
const video = { name: "h264" } as AgreedCodec;

/** A server of HLS without a packager: the test says which pictures come. */
class World {
  time = 1_000_000;
  info: StreamInfo | undefined = { name: "lobby", live: true, viewers: 0, layers: [], codecs: { video } };
  wanted: (string | boolean)[] = [];
  readonly streams: HlsStreams;
  readonly http: HlsHttp;
  #take = 0;
  #pictures = 0;
  #segmenter: Segmenter | undefined;
  readonly #timers = new Set<() => void>();

  constructor(dvr = 0, bytes = 1e9, transcodes = false) {
    const now = () => this.time;
    const after = (_: number, due: () => void) => {
      this.#timers.add(due);
      return () => this.#timers.delete(due);
    };
    let ids = 0;
    this.streams = new HlsStreams(
      {
        ...{ now, after, stream: () => this.info, random: () => `id${++ids}` },
        want: (name, wanted) => {
          this.wanted.push(name, wanted);
          if (!wanted) return undefined;
          this.#begin(++this.#take);
          return this.#take;
        },
      },
      { seconds: dvr, bytes, sounds: 1, transcodes, ladder: () => [] },
    );
    this.http = new HlsHttp({
      ...{ streams: this.streams, now, after },
      allowsOrigin: () => true,
      authenticate: async (request) =>
        new URL(request.url).searchParams.get("token") === "bad"
          ? fail({ status: 401, detail: "no" })
          : ok({ user: "a", grants: {}, expires: 0 }),
    });
  }

  #begin(take: number): void {
    this.#pictures = 0;
    this.#segmenter = new Segmenter("video", {
      format: ({ name: codec }, init) =>
        this.streams.received(
          { type: "init", take, rendition: "v0", kind: "video", init, codec, width: 320, height: 240 },
          initSegment([format]),
        ),
      part: ({ bytes, ...part }) =>
        this.streams.received(
          { type: "part", take, rendition: "v0", ...part, wall: Math.round(part.start * 1_000) },
          bytes,
        ),
    });
  }

  /** So many seconds of 30 pictures each come. */
  pass(seconds: number): void {
    const [, slice] = keyframePayloads(60);
    for (let n = 0; n < seconds * 30; n++, this.#pictures++) {
      const key = this.#pictures % 60 === 0;
      const time = 900_000 + this.#pictures * 3_000;
      this.#segmenter?.add({ data: slice as Uint8Array, key, format, time });
    }
  }

  /** The first part of sound comes. */
  sound(): void {
    const sound = { take: this.#take, rendition: "a0", init: 0 } as const;
    const format = { kind: "audio", codec: "opus", width: 0, height: 0 } as const;
    this.streams.received({ ...sound, ...format, type: "init" }, new Uint8Array(1));
    const part = { segment: 0, part: 0, start: 0, duration: 0.2, independent: true, last: true } as const;
    this.streams.received(
      { ...sound, ...part, type: "part", discontinuity: false, wall: 0 },
      new Uint8Array(1),
    );
  }

  /** The newest picture stands for so many pictures more. */
  stand(pictures: number): void {
    this.#pictures += pictures;
  }

  interrupt(): void {
    this.#segmenter?.interrupt();
  }

  /** All that was to happen later happens. */
  expire(): void {
    this.time += 60_000;
    for (const due of [...this.#timers]) due();
  }

  get(path: string, method = "GET"): Promise<Response> {
    return this.http.fetch(new Request(`http://x${path}`, { method })) as Promise<Response>;
  }

  /** The address of the first rendition's playlist, once there are pictures. */
  async open(): Promise<string> {
    const asked = this.get("/hls/lobby/index.m3u8");
    await settle();
    this.pass(3);
    await settle();
    this.expire();
    const text = await (await asked).text();
    return `/hls/lobby/${/^[^#]+\.m3u8/m.exec(text)?.[0]}`;
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await Promise.resolve();
}

let world: World;
beforeEach(() => {
  world = new World();
});

describe("the first request", () => {
  test("starts packaging and waits for the first part; without requests packaging ends", async () => {
    const address = await world.open();
    expect(world.wanted).toEqual(["lobby", true]);
    expect(address).toBe("/hls/lobby/id1/v0.m3u8");
    world.streams.tick();
    expect(world.streams.size).toBe(0);
    expect(world.wanted.slice(2)).toEqual(["lobby", false]);
    expect((await world.get(address)).status).toBe(404);
  });

  test("is told why there is nothing: not live, another codec, nothing that comes", async () => {
    world.info = undefined;
    expect((await world.get("/hls/lobby/index.m3u8")).status).toBe(404);
    world.info = {
      name: "lobby",
      live: true,
      viewers: 0,
      layers: [],
      codecs: { video: { ...video, name: "vp8" } },
    };
    const refused = await world.get("/hls/lobby/index.m3u8");
    expect(refused.status).toBe(406);
    expect(((await refused.json()) as { detail: string }).detail).toContain("VP8");
    world = new World();
    const waits = world.get("/hls/lobby/index.m3u8");
    await settle();
    world.expire();
    expect((await waits).status).toBe(503);
  });

  test("isn't told of sound alone while the publisher sends pictures: they may take long to be made", async () => {
    world = new World(0, 1e9, true);
    const layer = { rid: "", bitrate: 500_000, width: 320, height: 240, framesPerSecond: 30, lost: 0 };
    world.info = {
      ...(world.info as StreamInfo),
      layers: [layer],
      codecs: { video: { name: "vp9" } as AgreedCodec },
    };
    const asked = world.get("/hls/lobby/index.m3u8");
    await settle();
    world.sound();
    await settle();
    world.expire();
    expect((await asked).status).toBe(503);
    world.pass(3);
    const again = world.get("/hls/lobby/index.m3u8");
    await settle();
    world.expire();
    expect(await (await again).text()).toContain("avc1");
  });
});

test("a publisher that has begun just now and sends no keyframe is told of, whatever its sound does", async () => {
  const asked = world.get("/hls/lobby/index.m3u8");
  await settle();
  const layer = { rid: "", bitrate: 20_000, framesPerSecond: 25, lost: 0 };
  world.info = { ...(world.info as StreamInfo), layers: [layer] };
  world.sound();
  await settle();
  world.expire();
  const answer = await asked;
  expect(answer.status).toBe(503);
  expect(((await answer.json()) as { detail: string }).detail).toContain("keyframe");
});

test("B-frames are told of for as long as it is the same publisher", async () => {
  await world.open();
  const fault = { type: "fault", fault: "reordered", codec: "h264" } as const;
  world.streams.received({ ...fault, take: 1 }, new Uint8Array(0));
  for (let n = 0; n < 3; n++) expect((await world.get("/hls/lobby/index.m3u8")).status).toBe(406);
  expect(world.wanted).toEqual(["lobby", true]);
  world.info = { ...(world.info as StreamInfo), codecs: { video: { ...video } } };
  expect(await world.open()).toBe("/hls/lobby/id2/v0.m3u8");
});

describe("a playlist", () => {
  test("holds to RFC 8216bis, part by part, over discontinuities and segments that leave", async () => {
    const address = await world.open();
    const checker = new PlaylistChecker();
    for (let n = 0; n < 200; n++) {
      world.pass(0.2);
      if (n === 70 || n === 140) world.interrupt();
      checker.take(await (await world.get(address)).text());
    }
    expect(checker.findings).toEqual([]);
  });

  test("keeps players half a second behind, further while one part is long, and forgets that part with its segment", async () => {
    const address = await world.open();
    const says = async (): Promise<(string | undefined)[]> => {
      const text = await (await world.get(`${address}?_HLS_msn=0`)).text();
      return [/PART-HOLD-BACK=([\d.]+)/, /PART-TARGET=([\d.]+)/].map((tag) => tag.exec(text)?.[1]);
    };
    expect(await says()).toEqual(["0.5", "0.2"]);
    world.stand(15);
    world.pass(1);
    const [holdBack, target] = (await says()).map(Number);
    expect(target).toBeGreaterThan(0.3);
    expect(holdBack).toBeCloseTo(2 * (target ?? 0));
    world.pass(12);
    expect(await says()).toEqual(["0.5", "0.2"]);
  });

  test("blocks until the part is there, and answers all who wait", async () => {
    const address = await world.open();
    const last = readLast(await (await world.get(address)).text());
    const query = `?_HLS_msn=${last.segment}&_HLS_part=${last.part + 1}`;
    const waiting = Promise.all(Array.from({ length: 1_000 }, () => world.get(`${address}${query}`)));
    await settle();
    world.pass(0.4);
    for (const answer of await waiting) expect(answer.status).toBe(200);
    const hinted = world.get(`${address.replace(".m3u8", "")}-${last.segment}.${last.part + 3}.m4s`);
    await settle();
    world.pass(0.4);
    expect((await hinted).status).toBe(200);
  });

  test("asked for 100,000 times at once lets 20,000 wait, tells the others to come again, and answers all", async () => {
    const address = await world.open();
    const last = readLast(await (await world.get(address)).text());
    const query = `?_HLS_msn=${last.segment}&_HLS_part=${last.part + 1}`;
    const asked = Array.from({ length: 100_000 }, () => world.get(`${address}${query}`));
    await settle();
    world.pass(0.4);
    const statuses = new Map<number, number>();
    for (const { status, headers } of await Promise.all(asked)) {
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status === 503) expect(headers.get("retry-after")).toBe("1");
    }
    expect([...statuses].sort()).toEqual([
      [200, 20_000],
      [503, 80_000],
    ]);
    expect((await world.get(`${address}${query}`)).status).toBe(200);
  });

  test("is not waited for beyond reason, nor asked for what makes no sense", async () => {
    const address = await world.open();
    for (const query of [
      "_HLS_msn=99",
      "_HLS_msn=-1",
      "_HLS_msn=x",
      "_HLS_part=1",
      "_HLS_msn=1&_HLS_part=1e9",
    ])
      expect([query, (await world.get(`${address}?${query}`)).status]).toEqual([query, 400]);
    const last = readLast(await (await world.get(address)).text());
    const late = world.get(`${address}?_HLS_msn=${last.segment + 1}`);
    await settle();
    world.expire();
    expect((await late).status).toBe(503);
  });

  test("leaves out old segments where it is asked to, and keeps what the window holds", async () => {
    world = new World(60);
    const address = await world.open();
    world.pass(90);
    const whole = await (await world.get(address)).text();
    const delta = await (await world.get(`${address}?_HLS_skip=YES`)).text();
    const skipped = Number(/SKIPPED-SEGMENTS=(\d+)/.exec(delta)?.[1]);
    expect(skipped).toBeGreaterThan(10);
    const count = (text: string) => text.match(/#EXTINF/g)?.length ?? 0;
    expect(count(delta)).toBe(count(whole) - skipped);
    expect(count(whole)).toBeGreaterThanOrEqual(30);
    expect(count(whole)).toBeLessThan(34);
    const small = new World(60, 40_000);
    const other = await small.open();
    small.pass(90);
    expect(count(await (await small.get(other)).text())).toBeLessThan(15);
  });

  test("passes the token on, says what caches may do, and ends with the stream", async () => {
    const address = await world.open();
    const open = await world.get(address);
    expect(open.headers.get("cache-control")).toBe("public, max-age=1");
    const signed = await world.get(`${address}?token=view.1.x`);
    expect(signed.headers.get("cache-control")).toBe("private, max-age=1");
    const text = await signed.text();
    for (const [, uri] of text.matchAll(/URI="([^"]+)"/g)) expect(uri).toEndWith("?token=view.1.x");
    expect((await world.get(`${address}?token=bad`)).status).toBe(401);
    const [, map] = /MAP:URI="([^"]+)"/.exec(text) ?? [];
    const init = await world.get(new URL(map ?? "", `http://x${address}`).pathname);
    expect(init.headers.get("cache-control")).toBe("public, max-age=3600");
    expect(init.headers.get("content-type")).toBe("video/mp4");
    const stream = world.streams.find("lobby", "id1");
    world.streams.over("lobby");
    expect([...(stream?.renditions.values() ?? [])].every(({ ended }) => ended)).toBe(true);
  });
});

test("addresses that name nothing are told so", async () => {
  await world.open();
  for (const path of [
    ...[
      "/hls",
      "/hls/..%2f/index.m3u8",
      "/hls/%zz/index.m3u8",
      "/hls/a:b/index.m3u8",
      "/hls/lobby/id1/v9.m3u8",
    ],
    ...[
      "/hls/lobby/id1/v0-99.m4s",
      "/hls/lobby/id1/v0-i9.mp4",
      "/hls/lobby/id1/v0-0.99.m4s",
      "/hls/lobby/other/v0.m3u8",
    ],
  ])
    expect([path, (await world.get(path)).status]).toEqual([path, 404]);
  expect((await world.get("/hls/lobby/index.m3u8", "POST")).status).toBe(405);
});

/** The newest part of a playlist. */
function readLast(text: string): { segment: number; part: number } {
  const [, segment, part] = [...text.matchAll(/#EXT-X-PART:.*-(\d+)\.(\d+)\.m4s/g)].at(-1) ?? [];
  return { segment: Number(segment), part: Number(part) };
}
