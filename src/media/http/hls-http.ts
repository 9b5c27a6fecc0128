import { type HttpProblem, problemResponse } from "../../net/problem.ts";
import { isId } from "../../protocol/address.ts";
import type { HlsStream } from "../hls/hls-stream.ts";
import type { HlsFailure, HlsStreams } from "../hls/hls-streams.ts";
import { mediaPlaylist, multivariantPlaylist, parseQuery, targetDuration } from "../hls/playlist.ts";
import type { Rendition } from "../hls/rendition.ts";
import { concat } from "../package/boxes.ts";
import { type AllowsOrigin, isPreflight, withCrossOrigin } from "./cross-origin.ts";
import type { Authenticate, Decide } from "./media-http.ts";

export interface HlsHttpPorts {
  readonly streams: HlsStreams;
  readonly authenticate: Authenticate;
  /** Asked with each request for the multivariant playlist. */
  readonly decide?: Decide;
  readonly allowsOrigin: AllowsOrigin;
  now(): number;
  after(ms: number, due: () => void): () => void;
}

const playlistType = "application/vnd.apple.mpegurl";
/** Whoever waits for a part waits so long at most (RFC 8216bis §6.2.5.2), ms. */
const patience = 3 * targetDuration * 1_000;
/** Requests that wait for a part of one rendition. */
const mostWaiting = 20_000;
/** How long caches keep what never changes, and what is new in a moment; s. */
const [forever, moment] = [3_600, 1];

/** Stands for the query behind each address in a playlist that is made once for all who ask. */
const place = "\u0000";

interface Target {
  readonly stream: string;
  /** Of the packaging; undefined for the multivariant playlist. */
  readonly id: string | undefined;
  readonly file: string;
}

/** HLS and low-latency HLS (RFC 8216bis) at `/hls/NAME/index.m3u8`, for those who may view the stream by WHEP. */
export class HlsHttp {
  readonly #ports: HlsHttpPorts;

  constructor(ports: HlsHttpPorts) {
    this.#ports = ports;
  }

  /** Answers requests to its paths; undefined for all others. */
  fetch(request: Request): Promise<Response> | undefined {
    const { pathname } = new URL(request.url);
    return isHlsPath(pathname) ? this.#answer(request, pathname) : undefined;
  }

  async #answer(request: Request, pathname: string): Promise<Response> {
    const response = await this.#serve(request, pathname);
    return withCrossOrigin(request, response, this.#ports.allowsOrigin);
  }

  async #serve(request: Request, pathname: string): Promise<Response> {
    if (isPreflight(request)) return new Response(null, { status: 204 });
    if (request.method !== "GET" && request.method !== "HEAD")
      return problemResponse({ status: 405, detail: "Use GET or HEAD.", headers: { Allow: "GET, HEAD" } });
    const target = readTarget(pathname);
    if (target === undefined) return notFound("The path names no stream: use /hls/NAME/index.m3u8.");
    const identity = await this.#ports.authenticate(request, target.stream, "view");
    if (!identity.ok) return problemResponse(identity.error);
    const refusal =
      target.id === undefined ? await this.#ports.decide?.(identity.value, target.stream, "hls") : undefined;
    if (refusal !== undefined) return problemResponse(refusal);
    const parameters = new URL(request.url).searchParams;
    const token = parameters.get("token");
    const visible = token === null && !request.headers.has("authorization") ? "public" : "private";
    const query = token === null ? "" : `?token=${encodeURIComponent(token)}`;
    if (target.id === undefined) return await this.#multivariant(target.stream, query, visible);
    const stream = this.#ports.streams.find(target.stream, target.id);
    if (stream === undefined)
      return notFound("The stream is no longer packaged under this address. Load index.m3u8 again.");
    const [, name = "", rest = ""] = /^([av]\d{1,2})(.*)$/.exec(target.file) ?? [];
    const rendition = stream.renditions.get(name);
    if (rendition === undefined) return notFound("The stream has no such rendition.");
    if (rest === ".m3u8") return await this.#playlist(stream, rendition, parameters, query, visible);
    return await this.#media(rendition, rest, visible);
  }

  async #multivariant(name: string, query: string, visible: string): Promise<Response> {
    const opened = await this.#ports.streams.open(name);
    if (!opened.ok) return problemResponse(problemOf(opened.error));
    const { id, renditions } = opened.value;
    const text = multivariantPlaylist([...renditions.values()], id, query);
    return answer(text, playlistType, visible, moment);
  }

  async #playlist(
    stream: HlsStream,
    rendition: Rendition,
    parameters: URLSearchParams,
    query: string,
    visible: string,
  ): Promise<Response> {
    const asked = parseQuery(parameters);
    if (typeof asked === "string") return problemResponse({ status: 400, detail: asked });
    const { segment, part, skip } = asked;
    const [first] = rendition.segments;
    if (segment === undefined) {
      // Players take a playlist without a whole segment for an empty one.
      const whole = (): boolean => first === undefined || rendition.has(first.number, undefined);
      const there = await this.#wait(rendition, whole);
      if (there !== undefined) return problemResponse(there);
    } else {
      // Two segments ahead is as far as anybody who has read the playlist would ask (§6.2.5.2).
      if (!rendition.ended && segment > (rendition.newest?.number ?? 0) + 2)
        return problemResponse({ status: 400, detail: "_HLS_msn is too far ahead of the playlist." });
      const there = await this.#wait(rendition, () => rendition.has(segment, part));
      if (there !== undefined) return problemResponse(there);
    }
    const text = rendition.rendered(skip, () =>
      mediaPlaylist(rendition, stream.renditions.values(), place, skip),
    );
    return answer(
      text.replaceAll(place, query),
      playlistType,
      visible,
      segment === undefined ? moment : targetDuration,
    );
  }

  /** An init segment, a segment, or a part: for the one that comes next it waits. */
  async #media(rendition: Rendition, rest: string, visible: string): Promise<Response> {
    const type = rendition.kind === "video" ? "video/mp4" : "audio/mp4";
    const [, init] = /^-i(\d{1,6})\.mp4$/.exec(rest) ?? [];
    if (init !== undefined) {
      const bytes = rendition.init(Number(init))?.bytes;
      return bytes === undefined ? gone() : answer(bytes, type, visible, forever);
    }
    const [, number, index] = /^-(\d{1,10})(?:\.(\d{1,4}))?\.m4s$/.exec(rest) ?? [];
    if (number === undefined) return notFound("There is no such file.");
    const wanted = Number(number);
    if (index === undefined) {
      const segment = rendition.segment(wanted);
      if (segment === undefined || !segment.done) return gone();
      return answer(concat(segment.parts.map(({ bytes }) => bytes)), type, visible, forever);
    }
    const hinted = { segment: rendition.newest, part: Number(index) };
    const next =
      wanted === hinted.segment?.number
        ? hinted.part <= hinted.segment.parts.length
        : wanted === (hinted.segment?.number ?? 0) + 1 && hinted.part === 0;
    if (next) {
      const there = await this.#wait(rendition, () => rendition.has(wanted, hinted.part));
      if (there !== undefined) return problemResponse(there);
    }
    const bytes = rendition.segment(wanted)?.parts[hinted.part]?.bytes;
    return bytes === undefined ? gone() : answer(bytes, type, visible, forever);
  }

  /** Waits until it holds; a problem says that it took too long, or that too many wait. */
  async #wait(rendition: Rendition, holds: () => boolean): Promise<HttpProblem | undefined> {
    const due = this.#ports.now() + patience;
    while (!holds()) {
      const left = due - this.#ports.now();
      if (rendition.waiting >= mostWaiting || left <= 0)
        return { status: 503, detail: "The part has not come in time.", headers: { "Retry-After": "1" } };
      let cancel = (): void => {};
      const late = new Promise<void>((resolve) => {
        cancel = this.#ports.after(left, resolve);
      });
      await Promise.race([rendition.next(), late]);
      cancel();
    }
    return undefined;
  }
}

/** True for the paths of HLS. */
export function isHlsPath(pathname: string): boolean {
  return /^\/hls(\/|$)/.test(pathname);
}

function readTarget(pathname: string): Target | undefined {
  const [, written = "", id, file = ""] =
    /^\/hls\/([^/]+)\/(?:([\w-]{1,32})\/)?([\w.-]{1,40})$/.exec(pathname) ?? [];
  let stream: string;
  try {
    stream = decodeURIComponent(written);
  } catch {
    return undefined;
  }
  if (!isId(stream) || (id === undefined && file !== "index.m3u8")) return undefined;
  return { stream, id, file };
}

function answer(body: string | Uint8Array, type: string, visible: string, seconds: number): Response {
  return new Response(body as BodyInit, {
    headers: { "Content-Type": type, "Cache-Control": `${visible}, max-age=${seconds}` },
  });
}

/** A part that may come yet must not be remembered as missing. */
function gone(): Response {
  return notFound("There is no such segment, or it is no longer kept.");
}

function notFound(detail: string): Response {
  return problemResponse({ status: 404, detail });
}

function problemOf(failure: HlsFailure): HttpProblem {
  switch (failure.kind) {
    case "not-live":
      return {
        status: 404,
        detail: "The stream is not live. Try again later.",
        headers: { "Retry-After": "2" },
      };
    case "unavailable":
      return {
        status: 503,
        detail: "The stream can't be packaged now. Try again later.",
        headers: { "Retry-After": "2" },
      };
    case "no-picture":
      return {
        status: 503,
        detail: "No keyframe of the publisher's picture has come yet. Try again later.",
        headers: { "Retry-After": "2" },
      };
    case "codec":
      return {
        status: 406,
        detail: `HLS takes H.264 and AV1, and the publisher sends ${failure.codec.toUpperCase()}. View by WHEP, or list the stream in media.hlsStreams, so that its publisher is asked for H.264. Where the system has ffmpeg, and media.transcode is true, H.264 is made of it.`,
      };
    case "transcoder":
      return {
        status: 503,
        detail: `HLS takes H.264 and AV1, the publisher sends ${failure.codec.toUpperCase()}, and it can't be made H.264 now: ${failure.reason}. View by WHEP, or try again later.`,
        headers: { "Retry-After": "5" },
      };
    case "reordered":
      return {
        status: 406,
        detail:
          "The publisher sends B-frames, which HLS from WebRTC does not take. Turn them off in its encoder.",
      };
  }
}
