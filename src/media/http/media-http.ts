import { type HttpProblem, problemResponse } from "../../net/problem.ts";
import { readBody } from "../../net/read-body.ts";
import { isId } from "../../protocol/address.ts";
import type { IceServer } from "../../protocol/values.ts";
import type { Result } from "../../shared/result.ts";
import { formatFragment, fragmentType, parseFragment } from "../../wire/sdp/fragment.ts";
import type { CodecName } from "../negotiated.ts";
import { answerPublisher, answerViewer, formatCandidate } from "../sdp/answer.ts";
import { isIcePwd, isIceUfrag, type MediaOffer, parseOffer } from "../sdp/offer.ts";
import { noneTwice, publishedTracks, viewedTracks } from "../sdp/tracks.ts";
import type { LocalTransport, MediaFailure, MediaIdentity, MediaService, OpenedPeer } from "../service.ts";
import { type AllowsOrigin, isPreflight, withCrossOrigin } from "./cross-origin.ts";
import { eventStream } from "./event-stream.ts";
import { chooseLayer } from "./layer-choice.ts";
import { extensionLinks, iceServerLinks } from "./link-header.ts";
import { mediaProblem } from "./problem.ts";
import { type HttpSession, HttpSessions } from "./sessions.ts";

/** Says who sends a request, and that they may do this with the stream of that name. */
export type Authenticate = (
  request: Request,
  stream: string,
  action: "publish" | "view",
) => Promise<Result<MediaIdentity, HttpProblem>>;

/** Asked before somebody who may publish or view does: undefined lets in. */
export type Decide = (
  identity: MediaIdentity,
  stream: string,
  endpoint: "whip" | "whep" | "hls",
) => Promise<HttpProblem | undefined>;

export interface MediaHttpPorts {
  readonly service: MediaService;
  readonly authenticate: Authenticate;
  readonly decide?: Decide;
  /** What a client is told of in `Link`. */
  iceServers(identity: MediaIdentity): readonly IceServer[];
  readonly allowsOrigin: AllowsOrigin;
  /** A random SSRC, from 1 to 2^32 − 1. */
  ssrc(): number;
}

export interface MediaHttpOptions {
  /** Codecs that answers to publishers of the stream put first, best first. Empty: the publisher's own order. */
  codecs?(stream: string): readonly CodecName[];
  /** What publishers are asked to keep their video to, bits per second. */
  readonly publisherBitrate?: number;
  /** The path that everything is below, for URLs in answers; empty for none. */
  readonly base?: string;
}

const sdpType = "application/sdp";
/** How long a viewer of a stream that was never live is told to wait. Seconds. */
const notLiveWait = 2;

type Endpoint = "whip" | "whep";

/** What a URL names. */
interface Target {
  readonly endpoint: Endpoint;
  readonly stream: string;
  readonly id: string | undefined;
  readonly extension: "events" | "layer" | undefined;
}

/**
 * WHIP (RFC 9725) at `/whip/NAME` and WHEP (draft-ietf-wish-whep) at `/whep/NAME`. Who may reach the server at all was decided before.
 * A session's URL is unguessable: whoever knows it may change and end the session.
 */
export class MediaHttp {
  readonly #ports: MediaHttpPorts;
  readonly #options: MediaHttpOptions;
  readonly #sessions: HttpSessions;

  constructor(ports: MediaHttpPorts, options: MediaHttpOptions = {}) {
    this.#ports = ports;
    this.#options = options;
    this.#sessions = new HttpSessions(ports.service);
  }

  /** Answers requests to its paths; undefined for all others. */
  fetch(request: Request, address = ""): Promise<Response> | undefined {
    const { pathname } = new URL(request.url);
    return isMediaPath(pathname) ? this.#answer(request, pathname, address) : undefined;
  }

  async #answer(request: Request, pathname: string, address: string): Promise<Response> {
    const response = await this.#serve(request, pathname, address);
    return withCrossOrigin(request, response, this.#ports.allowsOrigin);
  }

  async #serve(request: Request, pathname: string, address: string): Promise<Response> {
    if (isPreflight(request)) return new Response(null, { status: 204 });
    const target = readTarget(pathname);
    if (target === undefined)
      return problemResponse({
        status: 404,
        detail: "The path names no stream: use /whip/NAME or /whep/NAME.",
      });
    if (target.id === undefined) return await this.#serveEndpoint(request, target, address);
    const session = this.#sessions.find(target.endpoint, target.stream, target.id);
    // A publisher that closes its connection first has no session any more, and ends its stream all the same.
    const late = session === undefined && request.method === "DELETE" && target.endpoint === "whip";
    if (late && this.#ports.service.endLate(target.stream, target.id))
      return new Response(null, { status: 200 });
    if (session === undefined) return problemResponse(mediaProblem({ kind: "unknown" }));
    if (target.extension === "events") return eventStream(request, session, this.#ports.service);
    if (target.extension === "layer") return await chooseLayer(request, session, this.#ports.service);
    return await this.#serveSession(request, session);
  }

  async #serveEndpoint(request: Request, target: Target, address: string): Promise<Response> {
    switch (request.method) {
      case "POST":
        return await this.#open(request, target, address);
      case "OPTIONS":
        return await this.#describe(request, target);
      default:
        return wrongMethod("POST, OPTIONS");
    }
  }

  /** OPTIONS outside of CORS: what is accepted, and ICE servers for those who may have them (RFC 9725 §4.6). */
  async #describe(request: Request, { endpoint, stream }: Target): Promise<Response> {
    const headers = new Headers({ "Accept-Post": sdpType, Allow: "POST, OPTIONS" });
    const identity = await this.#ports.authenticate(request, stream, actionOf(endpoint));
    if (identity.ok) appendLinks(headers, iceServerLinks(this.#ports.iceServers(identity.value)));
    return new Response(null, { status: 204, headers });
  }

  async #open(request: Request, { endpoint, stream }: Target, address: string): Promise<Response> {
    const known = await this.#ports.authenticate(request, stream, actionOf(endpoint));
    if (!known.ok) return problemResponse(known.error);
    const refusal = await this.#ports.decide?.(known.value, stream, endpoint);
    if (refusal !== undefined) return problemResponse(refusal);
    const identity = { ...known, value: { ...known.value, ...(address !== "" && { address }) } };
    const body = await readBody(request, sdpType);
    if (!body.ok) return problemResponse(body.error);
    const offer = parseOffer(body.value);
    if (!offer.ok) return problemResponse(offer.error);
    const open = endpoint === "whip" ? this.#publish : this.#view;
    const opened = await open.call(this, offer.value, stream, identity.value);
    if (!opened.ok) return problemResponse(opened.error);
    const { peer, answer } = opened.value;
    // The client went away meanwhile: it never learns the session's URL.
    if (request.signal.aborted) {
      this.#ports.service.close(peer.id);
      return problemResponse({ status: 400, detail: "The client has gone." });
    }
    const path = `${this.#options.base ?? ""}/${endpoint}/${encodeURIComponent(stream)}/${peer.id}`;
    const used = offer.value.media.filter(({ rejected, kind }) => !rejected && kind !== "other");
    const etag = etagOf(peer.transport);
    this.#sessions.add({
      id: peer.id,
      endpoint,
      stream,
      mid: used[0]?.mid ?? "0",
      videoMid: used.find(({ kind }) => kind === "video")?.mid,
      etag,
      remoteUfrag: offer.value.transport.ufrag,
      listeners: 0,
    });
    const headers = new Headers({
      "Content-Type": sdpType,
      Location: path,
      ETag: etag,
      "Accept-Patch": fragmentType,
    });
    appendLinks(headers, iceServerLinks(this.#ports.iceServers(identity.value)));
    if (endpoint === "whep") appendLinks(headers, extensionLinks(path));
    return new Response(answer, { status: 201, headers });
  }

  async #publish(offer: MediaOffer, stream: string, identity: MediaIdentity): Promise<Opened> {
    const tracks = publishedTracks(offer, this.#options.codecs?.(stream));
    if (!tracks.ok) return tracks;
    const { transport } = offer;
    const peer = await this.#ports.service.publish({ stream, identity, tracks: tracks.value, transport });
    return opened(peer, (local) =>
      answerPublisher(offer, tracks.value, local, this.#options.publisherBitrate),
    );
  }

  async #view(offer: MediaOffer, stream: string, identity: MediaIdentity): Promise<Opened> {
    const info = this.#ports.service.stream(stream);
    if (info === undefined || !info.live)
      return { ok: false, error: mediaProblem({ kind: "not-live", retryAfter: notLiveWait }) };
    const tracks = viewedTracks(
      offer,
      info.codecs,
      noneTwice(() => this.#ports.ssrc()),
    );
    if (!tracks.ok) return tracks;
    const { transport } = offer;
    const peer = await this.#ports.service.view({ stream, identity, tracks: tracks.value, transport });
    return opened(peer, (local) => answerViewer(offer, tracks.value, local));
  }

  async #serveSession(request: Request, session: HttpSession): Promise<Response> {
    switch (request.method) {
      case "PATCH":
        return await this.#patch(request, session);
      case "DELETE": {
        const closed = this.#ports.service.close(session.id);
        this.#sessions.forget(session.id);
        return closed.ok ? new Response(null, { status: 200 }) : problemResponse(mediaProblem(closed.error));
      }
      case "OPTIONS":
        return new Response(null, {
          status: 204,
          headers: { "Accept-Patch": fragmentType, Allow: "PATCH, DELETE, OPTIONS" },
        });
      default:
        return wrongMethod("PATCH, DELETE, OPTIONS");
    }
  }

  /** A credential that comes along may be a newer one than that of the beginning. The URL does without any. */
  async #renew(request: Request, { id, stream, endpoint }: HttpSession): Promise<void> {
    if (!request.headers.has("authorization")) return;
    const identity = await this.#ports.authenticate(request, stream, actionOf(endpoint));
    if (identity.ok) this.#ports.service.renew(id, identity.value);
  }

  /** Candidates of the client, which an ICE-lite server has no use for, or an ICE restart (RFC 9725 §4.3). */
  async #patch(request: Request, session: HttpSession): Promise<Response> {
    await this.#renew(request, session);
    const body = await readBody(request, fragmentType);
    if (!body.ok) return problemResponse(body.error);
    const match = request.headers.get("if-match");
    if (match !== null && !matches(match, session.etag))
      return problemResponse({
        status: 412,
        detail:
          "If-Match names another ICE session than the current one. Send the ETag of the last answer, or *.",
      });
    const fragment = parseFragment(body.value);
    if (fragment === undefined)
      return problemResponse({
        status: 400,
        detail: "The body is not a trickle ICE fragment (RFC 8840 §9).",
      });
    const { ufrag, pwd } = fragment;
    if (ufrag === undefined || ufrag === session.remoteUfrag) return new Response(null, { status: 204 });
    if (pwd === undefined || !isIceUfrag(ufrag) || !isIcePwd(pwd))
      return problemResponse({
        status: 400,
        detail: "The fragment has a new a=ice-ufrag, but a=ice-pwd is missing, or one of them is malformed.",
      });
    const restarted = await this.#ports.service.restart(session.id, { ufrag, pwd });
    if (!restarted.ok) return problemResponse(mediaProblem(restarted.error));
    session.remoteUfrag = ufrag;
    session.etag = etagOf(restarted.value);
    return new Response(restartFragment(restarted.value, session.mid), {
      status: 200,
      headers: { "Content-Type": fragmentType, ETag: session.etag },
    });
  }
}

/** True for the paths of WHIP and WHEP. */
export function isMediaPath(pathname: string): boolean {
  return /^\/wh[ie]p(\/|$)/.test(pathname);
}

type Opened = Result<{ readonly peer: OpenedPeer; readonly answer: string }, HttpProblem>;

function opened(peer: Result<OpenedPeer, MediaFailure>, answer: (local: LocalTransport) => string): Opened {
  if (!peer.ok) return { ok: false, error: mediaProblem(peer.error) };
  return { ok: true, value: { peer: peer.value, answer: answer(peer.value.transport) } };
}

function readTarget(pathname: string): Target | undefined {
  const [, endpoint, written = "", id, extension] =
    /^\/(whip|whep)\/([^/]+)(?:\/([\w-]{1,128})(?:\/(events|layer))?)?\/?$/.exec(pathname) ?? [];
  let stream: string;
  try {
    stream = decodeURIComponent(written);
  } catch {
    return undefined;
  }
  if (!isId(stream) || (extension !== undefined && endpoint !== "whep")) return undefined;
  return {
    endpoint: endpoint as Endpoint,
    stream,
    id,
    extension: extension as Target["extension"],
  };
}

function actionOf(endpoint: Endpoint): "publish" | "view" {
  return endpoint === "whip" ? "publish" : "view";
}

function wrongMethod(allowed: string): Response {
  return problemResponse({ status: 405, detail: `Use one of ${allowed}.`, headers: { Allow: allowed } });
}

/** An entity tag of the ICE session. Our ufrag differs in each. */
function etagOf({ ufrag }: LocalTransport): string {
  return `"${ufrag}"`;
}

/** RFC 9110 §13.1.1; a weak tag is let through, since proxies weaken tags. */
function matches(header: string, etag: string): boolean {
  return header.split(",").some((one) => one.trim() === "*" || one.trim().replace(/^W\//, "") === etag);
}

function appendLinks(headers: Headers, links: readonly string[]): void {
  for (const link of links) headers.append("Link", link);
}

function restartFragment({ ufrag, pwd, candidates }: LocalTransport, mid: string): string {
  return formatFragment({
    ufrag,
    pwd,
    complete: true,
    candidates: candidates.map((one, index) => ({ candidate: formatCandidate(one, index), sdpMid: mid })),
  });
}
