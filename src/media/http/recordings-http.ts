import { problemResponse } from "../../net/problem.ts";
import { isId } from "../../protocol/address.ts";
import { BucketError } from "../recordings/bucket.ts";
import type { StoredFragment } from "../recordings/mp4-index.ts";
import { joined, pieces } from "../recordings/range.ts";
import type { RecordingStore, StoredRecording } from "../recordings/store.ts";
import type { Thumbnails } from "../recordings/thumbnails.ts";
import { type AllowsOrigin, isPreflight, withCrossOrigin } from "./cross-origin.ts";
import type { Authenticate, Decide } from "./media-http.ts";

/** Recording on demand. */
export interface Recorders {
  live(stream: string): boolean;
  /** Why the stream is being recorded; undefined where it isn't. */
  recording(stream: string): "rule" | "demand" | undefined;
  /** False where nobody publishes the stream. */
  wantRecording(stream: string, wanted: boolean): boolean;
}

/** A recording that another node has. */
export interface RecordingElsewhere
  extends Pick<StoredRecording, "id" | "started" | "seconds" | "bytes" | "container"> {
  readonly node: string;
}

export interface RecordingsHttpPorts {
  readonly store: RecordingStore;
  /** What other nodes have, and those that don't answer. */
  elsewhere(
    stream: string,
    from: number,
    to: number,
  ): Promise<{ readonly recordings: readonly RecordingElsewhere[]; readonly partial: readonly string[] }>;
  readonly thumbnails: Thumbnails;
  readonly recorders: Recorders;
  readonly authenticate: Authenticate;
  readonly decide?: Decide;
  readonly allowsOrigin: AllowsOrigin;
  /** The path that everything is below, for URLs in answers; empty for none. */
  readonly base?: string;
}

const base = "/api/v1/recordings";
/** A segment of a playlist is at least so long. s */
const segmentTarget = 4;
const methods = ["GET", "HEAD", "POST", "DELETE"];
const types = { mp4: "video/mp4", webm: "video/webm" } as const;

/**
 * Recordings of a stream. For those who may view it, `GET /api/v1/recordings?stream=&from=&to=` lists them, with `format=mp4` it is the range
 * as one file, with `format=hls` a playlist; `GET /api/v1/recordings/ID.mp4?stream=` is one file, and `ID.jpg` a picture of it. Those who may
 * publish the stream start and stop a recording by POST and DELETE, and remove one by DELETE of its id.
 */
export class RecordingsHttp {
  readonly #ports: RecordingsHttpPorts;

  constructor(ports: RecordingsHttpPorts) {
    this.#ports = ports;
  }

  /** Answers requests to its paths; undefined for all others. */
  fetch(request: Request): Promise<Response> | undefined {
    const { pathname } = new URL(request.url);
    return isRecordingsPath(pathname) ? this.#answer(request, pathname) : undefined;
  }

  async #answer(request: Request, pathname: string): Promise<Response> {
    const answer = this.#serve(request, pathname).catch((error: unknown) => {
      if (error instanceof BucketError) return unreachable();
      throw error;
    });
    return withCrossOrigin(request, await answer, this.#ports.allowsOrigin);
  }

  async #serve(request: Request, pathname: string): Promise<Response> {
    if (isPreflight(request)) return new Response(null, { status: 204 });
    const action = request.method === "GET" || request.method === "HEAD" ? "view" : "publish";
    if (!methods.includes(request.method))
      return problemResponse({
        status: 405,
        detail: `Use one of ${methods.join(", ")}.`,
        headers: { Allow: methods.join(", ") },
      });
    const query = new URL(request.url).searchParams;
    const stream = query.get("stream") ?? "";
    if (!isId(stream)) return badRequest("The parameter stream must name a stream.");
    const identity = await this.#ports.authenticate(request, stream, action);
    if (!identity.ok) return problemResponse(identity.error);
    const refusal = await this.#ports.decide?.(identity.value, stream, action === "view" ? "hls" : "whip");
    if (refusal !== undefined) return problemResponse(refusal);
    if (action === "publish") return await this.#change(request.method, stream, pathname);
    if (pathname !== base) return await this.#file(request, stream, pathname.slice(base.length + 1));
    const [from, to] = [timeOf(query.get("from"), 0), timeOf(query.get("to"), Number.MAX_SAFE_INTEGER)];
    if (from === undefined || to === undefined || from > to)
      return badRequest("from and to must be times, such as 2026-01-31T12:00:00Z, in this order.");
    const found = await this.#ports.store.list(stream, from, to);
    switch (query.get("format") ?? "json") {
      case "json":
        return await this.#listed(stream, from, to, found);
      case "mp4":
        return (await this.#range(found, from, to)) ?? (await this.#missing(stream, from, to));
      case "hls":
        return (await this.#playlist(found, from, to, query)) ?? (await this.#missing(stream, from, to));
      default:
        return badRequest("format must be json, mp4 or hls.");
    }
  }

  async #listed(
    stream: string,
    from: number,
    to: number,
    found: readonly StoredRecording[],
  ): Promise<Response> {
    const { recorders, base = "" } = this.#ports;
    const { recordings, partial } = await this.#ports.elsewhere(stream, from, to);
    // A folder that nodes share has them for this one too.
    const own = new Set(found.map(({ id }) => id));
    const elsewhere = recordings.filter(({ id }) => !own.has(id));
    return Response.json({
      live: recorders.live(stream),
      recording: recorders.recording(stream) ?? "off",
      recordings: found.map((one) => shown(one, stream, base)),
      elsewhere: elsewhere.map(({ node, ...one }) => ({ node, ...timed(one) })),
      ...(partial.length > 0 && { partial }),
    });
  }

  async #file(request: Request, stream: string, name: string): Promise<Response> {
    const [, id = "", container] = /^(\w{1,40})\.(mp4|webm|jpg)$/.exec(name) ?? [];
    const recording = await this.#ports.store.find(stream, id);
    if (recording !== undefined && container === "jpg") return await this.#picture(request, recording);
    if (recording === undefined) return await this.#missing(stream, 0, Number.MAX_SAFE_INTEGER, id);
    if (recording.container !== container) return unknown();
    const { bytes } = recording;
    const headers = new Headers({
      "Content-Type": types[recording.container],
      "Accept-Ranges": "bytes",
      "Cache-Control": "private, max-age=60",
    });
    const range = rangeOf(request.headers.get("range"), bytes);
    if (range === "unsatisfiable") {
      headers.set("Content-Range", `bytes */${bytes}`);
      return new Response(null, { status: 416, headers });
    }
    const { first, last } = range ?? { first: 0, last: bytes - 1 };
    headers.set("Content-Length", `${last - first + 1}`);
    if (range !== undefined) headers.set("Content-Range", `bytes ${first}-${last}/${bytes}`);
    const empty = request.method === "HEAD" || bytes === 0;
    const body = empty ? null : await this.#ports.store.read(recording, first, last);
    return new Response(body, { status: range === undefined ? 200 : 206, headers });
  }

  /** A JPEG of the moment `at`, in seconds from the beginning. */
  async #picture(request: Request, recording: StoredRecording): Promise<Response> {
    const at = new URL(request.url).searchParams.get("at") ?? "0";
    if (!/^\d{1,7}(\.\d{1,3})?$/.test(at)) return badRequest("at must be a number of seconds.");
    const picture = await this.#ports.thumbnails.of(recording, Number(at));
    if (picture === undefined)
      return problemResponse({
        status: 404,
        detail: "There is no picture of that moment. Pictures are made by ffmpeg, which must be installed.",
      });
    return new Response(request.method === "HEAD" ? null : (picture as BodyInit), {
      headers: { "Content-Type": "image/jpeg", "Cache-Control": "private, max-age=3600" },
    });
  }

  /** POST begins to record the stream, DELETE ends that; with an id, DELETE removes the recording. */
  async #change(method: string, stream: string, pathname: string): Promise<Response> {
    const { store, recorders } = this.#ports;
    const [, id] = /^\/(\w{1,40})(?:\.\w+)?$/.exec(pathname.slice(base.length)) ?? [];
    if (pathname !== base) {
      const recording = id === undefined ? undefined : await store.find(stream, id);
      if (recording === undefined) return unknown();
      if (method !== "DELETE")
        return problemResponse({
          status: 405,
          detail: "Use DELETE.",
          headers: { Allow: "GET, HEAD, DELETE" },
        });
      if (recording.open)
        return problemResponse({ status: 409, detail: "The recording is still going on. Stop it first." });
      await store.remove(recording);
      return new Response(null, { status: 204 });
    }
    if (recorders.recording(stream) === "rule" && method === "DELETE")
      return problemResponse({
        status: 409,
        detail: "The stream is recorded because media.record lists it. Change the setting to stop that.",
      });
    if (!recorders.wantRecording(stream, method === "POST") && method === "POST")
      return problemResponse({ status: 409, detail: "The stream is not live: there is nothing to record." });
    return Response.json({ recording: recorders.recording(stream) ?? "off" });
  }

  /** Says that nothing of that time is here, or no recording of that id, and which nodes have it. */
  async #missing(stream: string, from: number, to: number, id?: string): Promise<Response> {
    const { recordings } = await this.#ports.elsewhere(stream, from, to);
    const fitting = recordings.filter((one) => id === undefined || one.id === id);
    const nodes = [...new Set(fitting.map(({ node }) => node))];
    if (nodes.length === 0) return id === undefined ? nothing() : unknown();
    const has = nodes.length === 1 ? `The node ${nodes[0]} has` : `The nodes ${nodes.join(", ")} have`;
    return problemResponse({ status: 404, detail: `${has} it, and this node does not: ask there.` });
  }

  /** The range as one MP4: the fragments of all files behind one header, moved to where they belong. Undefined where there are none. */
  async #range(
    recordings: readonly StoredRecording[],
    from: number,
    to: number,
  ): Promise<Response | undefined> {
    const found = await pieces(this.#ports.store, recordings, from, to);
    const [first] = found;
    if (first === undefined) return undefined;
    const other = found.find(({ index }) => !same(index.header, first.index.header));
    if (other !== undefined) {
      const at = new Date(other.recording.started).toISOString();
      return problemResponse({
        status: 409,
        detail: `The picture changes at ${at}, which one MP4 can't hold. Ask for the time up to then, or for format=hls.`,
      });
    }
    return new Response(joined(this.#ports.store, found), {
      headers: { "Content-Type": types.mp4, "Content-Disposition": 'attachment; filename="recording.mp4"' },
    });
  }

  async #playlist(
    recordings: readonly StoredRecording[],
    from: number,
    to: number,
    query: URLSearchParams,
  ): Promise<Response | undefined> {
    const found = await pieces(this.#ports.store, recordings, from, to);
    if (found.length === 0) return undefined;
    const passed = new URLSearchParams({ stream: query.get("stream") ?? "" });
    const token = query.get("token");
    if (token !== null) passed.set("token", token);
    const lines: string[] = [];
    let longest = 1;
    for (const [at, { recording, index, fragments }] of found.entries()) {
      const uri = `recordings/${recording.id}.mp4?${passed}`;
      if (at > 0) lines.push("#EXT-X-DISCONTINUITY");
      lines.push(`#EXT-X-MAP:URI="${uri}",BYTERANGE="${index.header.length}@0"`);
      lines.push(
        `#EXT-X-PROGRAM-DATE-TIME:${new Date(recording.started + (fragments[0]?.start ?? 0) * 1_000).toISOString()}`,
      );
      for (const segment of segmentsOf(fragments)) {
        longest = Math.max(longest, Math.round(segment.duration));
        const range = `#EXT-X-BYTERANGE:${segment.end - segment.at}@${segment.at}`;
        lines.push(`#EXTINF:${segment.duration.toFixed(3)},`, range, uri);
      }
    }
    const head = [
      "#EXTM3U",
      "#EXT-X-VERSION:7",
      "#EXT-X-PLAYLIST-TYPE:VOD",
      `#EXT-X-TARGETDURATION:${longest}`,
    ];
    return new Response(`${[...head, ...lines, "#EXT-X-ENDLIST"].join("\n")}\n`, {
      headers: { "Content-Type": "application/vnd.apple.mpegurl" },
    });
  }
}

/** True for the paths of recordings. */
export function isRecordingsPath(pathname: string): boolean {
  return pathname === base || pathname.startsWith(`${base}/`);
}

/** Fragments of one file as segments of a playlist. A segment begins with a keyframe if one comes in time. */
function segmentsOf(fragments: readonly StoredFragment[]): { at: number; end: number; duration: number }[] {
  const segments: { at: number; end: number; duration: number }[] = [];
  for (const { at, end, duration, key } of fragments) {
    const last = segments.at(-1);
    const full = last !== undefined && last.duration >= (key ? segmentTarget - 1 : 2 * segmentTarget);
    if (last === undefined || full) segments.push({ at, end, duration });
    else {
      last.end = end;
      last.duration += duration;
    }
  }
  return segments;
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

function shown(
  { id, started, seconds, bytes, container, codecs, local, uploaded }: StoredRecording,
  stream: string,
  before: string,
): object {
  return {
    ...timed({ id, started, seconds, bytes, container }),
    ...{ codecs, local, uploaded: uploaded !== undefined },
    url: `${before}${base}/${id}.${container}?stream=${encodeURIComponent(stream)}`,
    picture: `${before}${base}/${id}.jpg?stream=${encodeURIComponent(stream)}`,
  };
}

function timed({
  id,
  started,
  seconds,
  bytes,
  container,
}: Pick<StoredRecording, "id" | "started" | "seconds" | "bytes" | "container">): object {
  return {
    id,
    from: new Date(started).toISOString(),
    to: new Date(started + seconds * 1_000).toISOString(),
    ...{ seconds: Math.round(seconds * 1_000) / 1_000, bytes, container },
  };
}

/** Unix time in ms of an ISO date or of a number of ms. */
function timeOf(text: string | null, otherwise: number): number | undefined {
  if (text === null || text === "") return otherwise;
  const time = /^\d{1,15}$/.test(text) ? Number(text) : Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

/** One range of bytes (RFC 9110 §14.1.2). Several of them, or nonsense, are no range: the whole file is sent. */
function rangeOf(
  header: string | null,
  size: number,
): { readonly first: number; readonly last: number } | "unsatisfiable" | undefined {
  const [, from = "", to = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? "") ?? [];
  if (from === "" && to === "") return undefined;
  const first = from === "" ? Math.max(0, size - Number(to)) : Number(from);
  const last = from === "" || to === "" ? size - 1 : Math.min(size - 1, Number(to));
  return first > last || first >= size ? "unsatisfiable" : { first, last };
}

function unknown(): Response {
  return problemResponse({ status: 404, detail: "The stream has no such recording." });
}

function unreachable(): Response {
  return problemResponse({
    status: 503,
    detail: "The recording is in a bucket that doesn't answer as it should. Try again later.",
    headers: { "Retry-After": "30" },
  });
}

function nothing(): Response {
  return problemResponse({ status: 404, detail: "Nothing was recorded in that time." });
}

function badRequest(detail: string): Response {
  return problemResponse({ status: 400, detail });
}
