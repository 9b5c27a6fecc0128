import { beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { HttpProblem } from "../../net/problem.ts";
import { fail, ok, type Result } from "../../shared/result.ts";
import type { AgreedCodec, PublishedTrack, ViewedTrack } from "../negotiated.ts";
import type {
  LocalTransport,
  MediaFailure,
  MediaIdentity,
  MediaService,
  OpenedPeer,
  PeerEvent,
  StreamInfo,
} from "../service.ts";
import { mediaOrigins } from "./cross-origin.ts";
import { MediaHttp } from "./media-http.ts";

const offer = (name: string): string =>
  readFileSync(new URL(`../../../test/support/media-offers/${name}.sdp`, import.meta.url), "utf8");

const vp8: AgreedCodec = {
  name: "vp8",
  payloadType: 96,
  clockRate: 90_000,
  parameters: "",
  nack: true,
  pli: true,
  fir: false,
  remb: true,
  transportFeedback: false,
};
const live: StreamInfo = {
  name: "lobby",
  live: true,
  viewers: 3,
  layers: [
    { rid: "l", bitrate: 0, framesPerSecond: 0, lost: 0 },
    { rid: "h", bitrate: 900_000, framesPerSecond: 30, width: 1280, height: 720, lost: 0 },
  ],
  codecs: { audio: { ...vp8, name: "opus", clockRate: 48_000, payloadType: 111 }, video: vp8 },
};

/** The media server's port, with answers that a test sets. */
class FakeMedia implements MediaService {
  info: StreamInfo | undefined = live;
  failure: MediaFailure | undefined;
  published: readonly PublishedTrack[] = [];
  viewed: readonly ViewedTrack[] = [];
  readonly calls: unknown[] = [];
  /** Called while a worker is asked. */
  whileOpening = (): void => {};
  readonly listeners = new Map<string, Set<(event: PeerEvent) => void>>();
  #count = 0;

  stream(): StreamInfo | undefined {
    return this.info;
  }
  async publish({
    tracks,
  }: Parameters<MediaService["publish"]>[0]): Promise<Result<OpenedPeer, MediaFailure>> {
    this.published = tracks;
    this.whileOpening();
    return this.#open();
  }
  async view({ tracks }: Parameters<MediaService["view"]>[0]): Promise<Result<OpenedPeer, MediaFailure>> {
    this.viewed = tracks;
    return this.#open();
  }
  async restart(id: string, remote: object): Promise<Result<LocalTransport, MediaFailure>> {
    this.calls.push(["restart", id, remote]);
    return this.failure === undefined ? ok(this.#transport()) : fail(this.failure);
  }
  prefer(id: string, wish: object): Result<undefined, MediaFailure> {
    this.calls.push(["prefer", id, wish]);
    return this.failure === undefined ? ok(undefined) : fail(this.failure);
  }
  /** The publisher that closed its connection first. */
  late: string | undefined;

  endLate(stream: string, id: string): boolean {
    return `${stream} ${id}` === this.late;
  }

  renew(id: string, { user }: MediaIdentity): void {
    this.calls.push(["renew", id, user]);
  }

  close(id: string): Result<undefined, MediaFailure> {
    this.calls.push(["close", id]);
    this.tell(id, { type: "ended", reason: "closed" });
    return ok(undefined);
  }
  listen(id: string, heard: (event: PeerEvent) => void): (() => void) | undefined {
    const heards = this.listeners.get(id);
    if (heards === undefined) return undefined;
    heard({ type: "active" });
    heard({ type: "viewers", count: live.viewers });
    heard({ type: "layers", layers: live.layers });
    heards.add(heard);
    return () => heards.delete(heard);
  }
  tell(id: string, event: PeerEvent): void {
    const heards = this.listeners.get(id);
    if (event.type === "ended") this.listeners.delete(id);
    for (const heard of [...(heards ?? [])]) heard(event);
  }
  #open(): Result<OpenedPeer, MediaFailure> {
    if (this.failure !== undefined) return fail(this.failure);
    const id = `unguessable-${++this.#count}`;
    this.listeners.set(id, new Set());
    return ok({ id, transport: this.#transport() });
  }
  #transport(): LocalTransport {
    const address = "192.0.2.1";
    return {
      ufrag: `uf${++this.#count}`,
      pwd: "0123456789abcdef01234567",
      fingerprint: `sha-256 ${Array(32).fill("0A").join(":")}`,
      candidates: [
        { protocol: "udp", address, port: 7800 },
        { protocol: "tcp", address, port: 7800 },
      ],
    };
  }
}

let media: FakeMedia;
let http: MediaHttp;
let refusal: HttpProblem | undefined;
let asked: string[];

beforeEach(() => {
  media = new FakeMedia();
  refusal = undefined;
  asked = [];
  let ssrc = 0;
  http = new MediaHttp({
    service: media,
    authenticate: async (_, stream, action) => {
      asked.push(`${action} ${stream}`);
      return refusal === undefined ? ok({ user: "alice", grants: {}, expires: 1 }) : fail(refusal);
    },
    iceServers: () => [
      {
        urls: ["stun:turn.example.com", "turn:turn.example.com?transport=tcp"],
        username: '1:a"b',
        credential: "c==",
      },
    ],
    allowsOrigin: mediaOrigins(false, ["https://*.example.com"]),
    // Twice the same: it must not be used twice.
    ssrc: () => (ssrc++ >> 1) + 1,
  });
});

async function send(
  method: string,
  path: string,
  body?: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  const answered = http.fetch(
    new Request(`https://media.test${path}`, { method, headers, ...(body === undefined ? {} : { body }) }),
  );
  if (answered === undefined) throw new Error(`${path} is not served`);
  return await answered;
}

const post = (path: string, body: string, headers: Record<string, string> = {}): Promise<Response> =>
  send("POST", path, body, { "Content-Type": "application/sdp", ...headers });
const patch = (path: string, body: string, headers: Record<string, string> = {}): Promise<Response> =>
  send("PATCH", path, body, { "Content-Type": "application/trickle-ice-sdpfrag", ...headers });

async function problem(response: Response): Promise<{ status: number; detail: string }> {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const document = (await response.json()) as { status: number; detail: string; title: string };
  expect(document.status).toBe(response.status);
  expect(document.title).not.toBe("Error");
  return document;
}

async function location(path: string, body: string): Promise<string> {
  const response = await post(path, body);
  expect(response.status).toBe(201);
  return response.headers.get("location") ?? "";
}

describe("POST", () => {
  test("WHIP opens a session: 201 with its URL, its ICE session, the answer and ICE servers", async () => {
    const response = await post("/whip/lobby", offer("chromium-simulcast"), { Authorization: "Bearer x" });
    expect(response.status).toBe(201);
    expect(asked).toEqual(["publish lobby"]);
    expect(response.headers.get("location")).toBe("/whip/lobby/unguessable-1");
    expect(response.headers.get("etag")).toBe('"uf2"');
    expect(response.headers.get("content-type")).toBe("application/sdp");
    expect(response.headers.get("accept-patch")).toBe("application/trickle-ice-sdpfrag");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("link")).toBe(
      '<stun:turn.example.com>; rel="ice-server"; username="1:a\\"b"; credential="c=="; credential-type="password", ' +
        '<turn:turn.example.com?transport=tcp>; rel="ice-server"; username="1:a\\"b"; credential="c=="; credential-type="password"',
    );
    expect(await response.text()).toContain("a=simulcast:recv l;m;h");
    expect(media.published.map(({ kind }) => kind)).toEqual(["audio", "video"]);
  });

  test("WHEP opens a session with links of its extensions, and SSRCs that differ", async () => {
    const response = await post("/whep/lobby", offer("chromium-view"));
    expect(response.status).toBe(201);
    expect(asked).toEqual(["view lobby"]);
    expect(response.headers.get("link")).toContain(
      '</whep/lobby/unguessable-1/events>; rel="urn:ietf:params:whep:ext:core:server-sent-events"; events="active,inactive,layers,viewercount,reconnect"',
    );
    expect(response.headers.get("link")).toContain(
      '</whep/lobby/unguessable-1/layer>; rel="urn:ietf:params:whep:ext:core:layer"',
    );
    const ssrcs = media.viewed.flatMap(({ ssrc, repairSsrc }) => [ssrc, repairSsrc]);
    expect(new Set(ssrcs).size).toBe(4);
    expect(await response.text()).toContain("a=sendonly");
  });

  test("names are percent-encoded in URLs", async () => {
    const at = await location("/whip/caf%C3%A9%20au%3F".replace("%20", "-"), offer("obs"));
    expect(at).toBe("/whip/caf%C3%A9-au%3F/unguessable-1");
    expect((await send("DELETE", at)).status).toBe(200);
  });

  const refusals: readonly (readonly [string, MediaFailure, number, string | null])[] = [
    ["the policy", { kind: "forbidden" }, 403, null],
    ["not live any more", { kind: "not-live", retryAfter: 2 }, 409, "2"],
    ["taken", { kind: "taken", retryAfter: 4.2 }, 409, "5"],
    ["full", { kind: "full", retryAfter: 0 }, 503, "1"],
  ];
  for (const [name, failure, status, wait] of refusals)
    test(`${name}: ${status}`, async () => {
      media.failure = failure;
      for (const response of [
        await post("/whip/lobby", offer("obs")),
        await post("/whep/lobby", offer("chromium-view")),
      ]) {
        expect(response.status).toBe(status);
        expect(response.headers.get("retry-after")).toBe(wait);
        expect(response.headers.get("location")).toBeNull();
        await problem(response);
      }
    });

  test("a stream that is not live: 409 with Retry-After, whether or not it ever was", async () => {
    for (const info of [undefined, { ...live, live: false }]) {
      media.info = info;
      const response = await post("/whep/lobby", offer("chromium-view"));
      expect([response.status, response.headers.get("retry-after")]).toEqual([409, "2"]);
    }
    expect(media.viewed).toEqual([]);
  });

  test("the offer's faults: 400, 406 and 422, each with what to change", async () => {
    expect((await problem(await post("/whip/lobby", "hello"))).status).toBe(400);
    const unbundled = offer("obs").replace(/a=group:BUNDLE.*\r\n/, "");
    expect(await problem(await post("/whip/lobby", unbundled))).toMatchObject({
      status: 422,
      detail: expect.stringContaining("max-bundle"),
    });
    media.info = { ...live, codecs: { video: { ...vp8, name: "av1" } } };
    expect((await problem(await post("/whep/lobby", offer("aiortc")))).status).toBe(406);
  });

  test("without permission: nothing of the body is looked at, nor whether the stream is live", async () => {
    refusal = { status: 401, detail: "no", headers: { "WWW-Authenticate": "Bearer" } };
    media.info = undefined;
    const response = await post("/whep/lobby", "nonsense");
    expect([response.status, response.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    await problem(response);
  });

  test("another media type: 415; a large body: 413, declared or not", async () => {
    const wrong = await post("/whip/lobby", "{}", { "Content-Type": "application/json" });
    expect([wrong.status, wrong.headers.get("accept-post")]).toEqual([415, "application/sdp"]);
    const typed = await post("/whip/lobby", offer("obs"), {
      "Content-Type": "Application/SDP; charset=utf-8",
    });
    expect(typed.status).toBe(201);
    expect((await post("/whip/lobby", "v".repeat(65_537))).status).toBe(413);
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent++;
        controller.enqueue(new Uint8Array(10_000));
      },
    });
    const request = new Request("https://media.test/whip/lobby", {
      method: "POST",
      body: endless,
      headers: { "Content-Type": "application/sdp" },
    });
    expect((await http.fetch(request))?.status).toBe(413);
    expect(sent).toBeLessThan(20);
  });

  test("a client that has gone meanwhile leaves no session", async () => {
    const gone = new AbortController();
    media.whileOpening = () => gone.abort();
    const answered = http.fetch(
      new Request("https://media.test/whip/lobby", {
        method: "POST",
        body: offer("obs"),
        headers: { "Content-Type": "application/sdp" },
        signal: gone.signal,
      }),
    );
    await answered;
    expect(media.calls).toEqual([["close", "unguessable-1"]]);
    expect((await send("DELETE", "/whip/lobby/unguessable-1")).status).toBe(404);
  });
});

describe("sessions", () => {
  const fragment = (ufrag: string, pwd = "p".repeat(24)): string =>
    `a=ice-ufrag:${ufrag}\r\na=ice-pwd:${pwd}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.9 1 typ host\r\n`;
  let at: string;
  beforeEach(async () => {
    at = await location("/whip/lobby", offer("obs"));
    asked = [];
  });

  test("trickled candidates: 204 without a tag; the URL is all that it takes", async () => {
    for (const body of [fragment("p2Fz"), "a=end-of-candidates\r\n"]) {
      const response = await patch(at, body);
      expect([response.status, response.headers.get("etag")]).toEqual([204, null]);
    }
    expect(media.calls).toEqual([]);
    expect(asked).toEqual([]);
  });

  test("an ICE restart: 200 with new credentials, all candidates and a new tag", async () => {
    const response = await patch(at, fragment("neww"), { "If-Match": "*" });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/trickle-ice-sdpfrag");
    const tag = response.headers.get("etag");
    expect(tag).toBe('"uf3"');
    const body = await response.text();
    expect(body).toStartWith("a=ice-ufrag:uf3\r\na=ice-pwd:0123456789abcdef01234567\r\n");
    expect(body).toContain("a=mid:0\r\na=candidate:1 1 udp 2130706431 192.0.2.1 7800 typ host\r\n");
    expect(body).toEndWith("tcptype passive\r\na=end-of-candidates\r\n");
    expect(media.calls).toEqual([["restart", "unguessable-1", { ufrag: "neww", pwd: "p".repeat(24) }]]);
    // What trickles now is of the new ICE session.
    expect((await patch(at, fragment("neww"), { "If-Match": tag ?? "" })).status).toBe(204);
  });

  test("If-Match: 412 for another ICE session, in no case required", async () => {
    expect((await patch(at, fragment("p2Fz"), { "If-Match": '"uf2"' })).status).toBe(204);
    expect((await patch(at, fragment("p2Fz"), { "If-Match": '"old", W/"uf2"' })).status).toBe(204);
    const stale = await patch(at, fragment("neww"), { "If-Match": '"old"' });
    expect((await problem(stale)).status).toBe(412);
    expect(media.calls).toEqual([]);
  });

  test("a credential that comes with PATCH renews the session; without one, or with a bad one, nothing changes", async () => {
    const trickle = (headers = {}) => patch(at, "a=end-of-candidates\r\n", headers);
    expect((await trickle()).status).toBe(204);
    expect((await trickle({ Authorization: "Bearer new" })).status).toBe(204);
    expect(media.calls).toEqual([["renew", "unguessable-1", "alice"]]);
    refusal = { status: 401, detail: "expired" };
    expect((await trickle({ Authorization: "Bearer old" })).status).toBe(204);
    expect(media.calls).toHaveLength(1);
  });

  test("fragments that are none, or half of a restart: 400; another type: 415", async () => {
    expect((await problem(await patch(at, "v=0\r\n"))).status).toBe(400);
    expect((await problem(await patch(at, "a=ice-ufrag:neww\r\n"))).status).toBe(400);
    expect((await problem(await patch(at, fragment("neww", "short")))).status).toBe(400);
    const wrong = await patch(at, "x", { "Content-Type": "application/sdp" });
    expect([wrong.status, wrong.headers.get("accept-patch")]).toEqual([
      415,
      "application/trickle-ice-sdpfrag",
    ]);
  });

  test("DELETE ends it: 200, then 404", async () => {
    expect((await send("DELETE", at, undefined, { "If-Match": '"old"' })).status).toBe(200);
    expect(media.calls).toEqual([["close", "unguessable-1"]]);
    expect((await send("DELETE", at)).status).toBe(404);
    expect((await patch(at, fragment("p2Fz"))).status).toBe(404);
  });

  test("DELETE of a publisher that has closed its connection first ends the stream: 200", async () => {
    media.late = "lobby unguessable-9";
    expect((await send("DELETE", "/whip/lobby/unguessable-9")).status).toBe(200);
    for (const other of [
      "/whep/lobby/unguessable-9",
      "/whip/other/unguessable-9",
      "/whip/lobby/unguessable-8",
    ])
      expect((await send("DELETE", other)).status).toBe(404);
  });

  test("a session that the server ends is forgotten", async () => {
    media.tell("unguessable-1", { type: "ended", reason: "kicked" });
    expect((await problem(await patch(at, fragment("p2Fz")))).status).toBe(404);
  });

  test("its URL is of one endpoint and one stream only", async () => {
    for (const other of [
      "/whep/lobby/unguessable-1",
      "/whip/other/unguessable-1",
      "/whip/lobby/unguessable-2",
    ])
      expect((await send("DELETE", other)).status).toBe(404);
    expect(media.calls).toEqual([]);
  });
});

describe("methods and paths", () => {
  test("405 with what is allowed", async () => {
    const at = await location("/whep/lobby", offer("chromium-view"));
    const rows: readonly (readonly [string, string, string])[] = [
      ["/whip/lobby", "POST, OPTIONS", "GET PUT DELETE PATCH"],
      [at, "PATCH, DELETE, OPTIONS", "GET PUT POST"],
      [`${at}/events`, "GET, POST, OPTIONS", "PUT DELETE"],
      [`${at}/layer`, "POST, DELETE, OPTIONS", "GET PATCH"],
    ];
    for (const [path, allowed, methods] of rows)
      for (const method of methods.split(" ")) {
        const response = await send(method, path);
        expect([path, method, response.status, response.headers.get("allow")]).toEqual([
          path,
          method,
          405,
          allowed,
        ]);
      }
  });

  test("404 for paths that name no stream; other paths are left to others", async () => {
    for (const path of [
      "/whip",
      "/whip/",
      "/whip/a%2Fb",
      "/whip/a%",
      "/whip/a%20b",
      "/whep/a/b/c",
      "/whip/a/b/events",
      "/whep/a/b/c/d",
    ])
      expect([path, (await send("POST", path)).status]).toEqual([path, 404]);
    for (const path of ["/", "/whipped/x", "/a/whip/b"])
      expect(http.fetch(new Request(`https://media.test${path}`))).toBeUndefined();
  });

  test("OPTIONS: what is accepted; ICE servers for those who are permitted", async () => {
    const response = await send("OPTIONS", "/whip/lobby");
    expect([response.status, response.headers.get("accept-post")]).toEqual([204, "application/sdp"]);
    expect(response.headers.get("link")).toContain('rel="ice-server"');
    refusal = { status: 401, detail: "no" };
    const stranger = await send("OPTIONS", "/whep/lobby");
    expect([stranger.status, stranger.headers.get("link")]).toEqual([204, null]);
    const at = await location("/whep/lobby", offer("chromium-view")).catch(() => "");
    expect(at).toBe("");
  });
});

describe("CORS", () => {
  const origin = "https://app.example.com";

  test("a preflight is answered without a token, and tells of no ICE servers", async () => {
    refusal = { status: 401, detail: "no" };
    const response = await send("OPTIONS", "/whep/lobby/anything", undefined, {
      Origin: origin,
      "Access-Control-Request-Method": "PATCH",
      "Access-Control-Request-Headers": "authorization, if-match",
    });
    expect(response.status).toBe(204);
    expect(response.headers.get("access-control-allow-origin")).toBe(origin);
    expect(response.headers.get("access-control-allow-methods")).toContain("PATCH");
    expect(response.headers.get("access-control-allow-headers")).toContain("If-Match");
    expect(response.headers.get("link")).toBeNull();
    expect(asked).toEqual([]);
  });

  test("answers and refusals can be read by allowed origins, and what a client needs is exposed", async () => {
    for (const body of [offer("obs"), "nonsense"]) {
      const response = await post("/whip/lobby", body, { Origin: origin });
      expect(response.headers.get("access-control-allow-origin")).toBe(origin);
      for (const name of ["Location", "ETag", "Link", "Retry-After"])
        expect(response.headers.get("access-control-expose-headers")).toContain(name);
      expect(response.headers.get("vary")).toContain("Origin");
    }
  });

  test("not by others", async () => {
    const response = await post("/whip/lobby", offer("obs"), { Origin: "https://evil.test" });
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
    const preflight = await send("OPTIONS", "/whip/lobby", undefined, {
      Origin: "https://evil.test",
      "Access-Control-Request-Method": "POST",
    });
    expect(preflight.headers.get("access-control-allow-origin")).toBeNull();
  });

  test("development: pages of this machine, at any port", () => {
    const allows = mediaOrigins(true, ["https://app.example.com"]);
    const told = (one: string): boolean => allows(one, "localhost:8080");
    expect(["http://localhost:3000", "http://127.0.0.1:1", "https://[::1]"].map(told)).toEqual([
      true,
      true,
      true,
    ]);
    expect(
      ["https://app.example.com", "null", "http://localhost.evil.test", "capacitor://localhost"].map(told),
    ).toEqual([false, false, false, false]);
  });

  test("`self` is the host that was asked for", () => {
    const allows = mediaOrigins(false, ["self"]);
    expect(allows("https://media.test", "media.test")).toBe(true);
    expect(allows("https://other.test", "media.test")).toBe(false);
  });
});

describe("layer", () => {
  test("a choice goes to the media server, DELETE takes it back", async () => {
    const at = `${await location("/whep/lobby", offer("chromium-view"))}/layer`;
    const json = { "Content-Type": "application/json" };
    const wishes = [
      { mediaId: "1", encodingId: "h", maxTemporalLayerId: 1 },
      { temporalLayerId: 0, maxTemporalLayerId: 2 },
      { maxHeight: 360, maxBitrate: 500_000 },
    ];
    for (const wish of wishes) expect((await send("POST", at, JSON.stringify(wish), json)).status).toBe(200);
    expect((await send("DELETE", at)).status).toBe(200);
    expect(media.calls).toEqual([
      ["prefer", "unguessable-1", { rid: "h", temporal: 1 }],
      ["prefer", "unguessable-1", { temporal: 0 }],
      ["prefer", "unguessable-1", { height: 360, bitrate: 500_000 }],
      ["prefer", "unguessable-1", {}],
    ]);
    for (const wrong of [
      "",
      "[]",
      "null",
      "{}",
      '{"encodingId":1}',
      '{"encodingId":"a b"}',
      '{"maxHeight":-1}',
      '{"maxHeight":1e999}',
    ])
      expect((await problem(await send("POST", at, wrong, json))).status).toBe(400);
    expect((await send("POST", at, "{}")).status).toBe(415);
    media.failure = { kind: "unknown" };
    expect((await send("DELETE", at)).status).toBe(404);
  });
});

describe("events", () => {
  async function open(path: string): Promise<{ next: () => Promise<string>; cancel: () => Promise<void> }> {
    const response = await send("GET", path);
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
    const reader = response.body?.getReader();
    if (reader === undefined) throw new Error("no body");
    const decoder = new TextDecoder();
    const next = async (): Promise<string> => {
      const { done, value } = await reader.read();
      return done ? "end" : decoder.decode(value);
    };
    return { next, cancel: () => reader.cancel() };
  }

  test("first what is, then what happens, in the form of the extension; the end closes the stream", async () => {
    const at = await location("/whep/lobby", offer("chromium-view"));
    const { next } = await open(`${at}/events`);
    expect(await next()).toBe("event: active\ndata: {}\n\n");
    expect(await next()).toBe('event: viewercount\ndata: {"viewercount":3}\n\n');
    expect(await next()).toBe(
      `event: layers\ndata: ${JSON.stringify({
        1: {
          active: [{ id: "h", simulcastIdx: 1, bitrate: 900_000, width: 1280, height: 720 }],
          inactive: [{ id: "l", simulcastIdx: 0, bitrate: 0 }],
          layers: [{ encodingId: "h", simulcastIdx: 1, bitrate: 900_000, width: 1280, height: 720 }],
        },
      })}\n\n`,
    );
    const id = "unguessable-1";
    media.tell(id, { type: "inactive" });
    expect(await next()).toBe("event: inactive\ndata: {}\n\n");
    media.tell(id, { type: "viewers", count: 4 });
    expect(await next()).toBe('event: viewercount\ndata: {"viewercount":4}\n\n');
    media.tell(id, { type: "layers", layers: [] });
    expect(await next()).toBe('event: layers\ndata: {"1":{"active":[],"inactive":[],"layers":[]}}\n\n');
    media.tell(id, { type: "ended", reason: "stopping" });
    expect(await next()).toBe('event: reconnect\ndata: {"reason":"stopping"}\n\n');
    expect(await next()).toBe("end");
  });

  test("POST chooses events; unknown names are left out", async () => {
    const at = `${await location("/whep/lobby", offer("chromium-view"))}/events`;
    const json = { "Content-Type": "application/json" };
    const response = await send("POST", at, '["viewercount","nonsense","inactive"]', json);
    expect([response.status, response.headers.get("location")]).toEqual([
      201,
      `${at}?events=inactive,viewercount`,
    ]);
    const { next } = await open(response.headers.get("location") ?? "");
    expect(await next()).toStartWith("event: viewercount\n");
    media.tell("unguessable-1", { type: "active" });
    media.tell("unguessable-1", { type: "inactive" });
    expect(await next()).toStartWith("event: inactive\n");
    for (const wrong of ["", "{}", "[1]"]) expect((await send("POST", at, wrong, json)).status).toBe(400);
  });

  test("at most four at a time; one that the client gives up makes room", async () => {
    const at = `${await location("/whep/lobby", offer("chromium-view"))}/events`;
    const streams = [await open(at), await open(at), await open(at), await open(at)];
    const full = await send("GET", at);
    expect([full.status, full.headers.get("retry-after")]).toEqual([503, "5"]);
    await streams[0]?.cancel();
    // Three event streams, and the session itself.
    expect(media.listeners.get("unguessable-1")?.size).toBe(4);
    await open(at);
  });

  test("a client that does not read is cut off, and holds no more than its bound", async () => {
    const at = `${await location("/whep/lobby", offer("chromium-view"))}/events`;
    const { next } = await open(at);
    for (let count = 0; count < 10_000; count++) media.tell("unguessable-1", { type: "viewers", count });
    expect(media.listeners.get("unguessable-1")?.size).toBe(1);
    let bytes = 0;
    for (let text = await next(); text !== "end"; text = await next()) bytes += text.length;
    expect(bytes).toBeLessThan(70_000);
  });
});
