import { after } from "../../net/clock.ts";
import { problemResponse } from "../../net/problem.ts";
import { connectUnix, type LocalStream } from "../../net/unix-socket.ts";
import { fail, ok, type Result } from "../../shared/result.ts";
import { mediaProblem } from "../http/problem.ts";
import type {
  LocalTransport,
  MediaFailure,
  MediaIdentity,
  OpenedPeer,
  PeerEvent,
  StreamInfo,
} from "../service.ts";
import type { SessionMedia, SessionPeer } from "../streams/session-media.ts";
import { type FromOwner, LineReader, lineOf, type ToOwner } from "./messages.ts";

export interface SharedStreamsOptions {
  /** The Unix socket of the process that has the media server. */
  readonly path: string;
  /** Whether a second publisher takes the place of the first one. */
  takesOver(stream: string): boolean;
  readonly observer: {
    changed(stream: StreamInfo): void;
    opened(peer: SessionPeer): void;
    ended(peer: SessionPeer, reason: string): void;
  };
}

/** How long until the process that has the media server is looked for again. ms */
const pause = 200;
/** Bytes of a response that wait for its client before no more are asked for. */
const mostWaiting = 262_144;
const away: MediaFailure = { kind: "full", retryAfter: 1 };

/** An answer, or undefined where the other process is gone. */
type Answered = (answer: FromOwner | undefined) => void;

interface Peer extends SessionPeer {
  readonly listeners: Set<(event: PeerEvent) => void>;
  connected: boolean;
}

/** The media server of another process of this machine, as this process's own: see {@link MediaShare}. */
export class SharedStreams implements SessionMedia {
  readonly #options: SharedStreamsOptions;
  readonly #streams = new Map<string, StreamInfo>();
  readonly #peers = new Map<string, Peer>();
  readonly #asked = new Map<number, Answered>();
  #link: LocalStream | undefined;
  #ref = 0;
  #stopped = false;
  #stopWaiting: () => void = () => {};

  constructor(options: SharedStreamsOptions) {
    this.#options = options;
    this.#connect();
  }

  /** True while the process that has the media server is there. */
  reachable = false;

  stop(): void {
    this.#stopped = true;
    this.#stopWaiting();
    this.#link?.destroy();
  }

  /** All streams. */
  get streams(): StreamInfo[] {
    return [...this.#streams.values()];
  }

  stream(name: string): StreamInfo | undefined {
    return this.#streams.get(name);
  }

  refusal(role: "publish" | "view", name: string): MediaFailure | undefined {
    if (!this.reachable) return away;
    const live = this.#streams.get(name)?.live === true;
    if (role === "view") return live ? undefined : { kind: "not-live", retryAfter: 2 };
    return live && !this.#options.takesOver(name) ? { kind: "taken", retryAfter: 5 } : undefined;
  }

  publish(request: Parameters<SessionMedia["publish"]>[0]): Promise<Result<OpenedPeer, MediaFailure>> {
    const { stream, tracks, transport, identity } = request;
    return this.#open("publisher", request, (ref) => ({
      t: "publish",
      ...{ ref, stream, tracks, transport, identity: shared(identity) },
    }));
  }

  view(request: Parameters<SessionMedia["view"]>[0]): Promise<Result<OpenedPeer, MediaFailure>> {
    const { stream, tracks, transport, identity } = request;
    return this.#open("viewer", request, (ref) => ({
      t: "view",
      ...{ ref, stream, tracks, transport, identity: shared(identity) },
    }));
  }

  async restart(
    id: string,
    remote: { readonly ufrag: string; readonly pwd: string },
  ): Promise<Result<LocalTransport, MediaFailure>> {
    const answer = await this.#ask((ref) => ({ t: "restart", ref, id, remote }));
    if (answer?.t === "restarted") return ok(answer.local);
    return fail(answer?.t === "refused" ? answer.failure : { kind: "unknown" });
  }

  prefer(id: string, wish: Parameters<SessionMedia["prefer"]>[1]): Result<undefined, MediaFailure> {
    this.#say({ t: "prefer", id, wish });
    return ok(undefined);
  }

  close(id: string): Result<undefined, MediaFailure> {
    const peer = this.#peers.get(id);
    if (peer === undefined) return fail({ kind: "unknown" });
    this.#say({ t: "close", id });
    // The end of the client's connection may be on its way from there: then it is too late to close the peer.
    if (peer.role === "publisher") this.endLate(peer.stream.name, id);
    return ok(undefined);
  }

  endLate(stream: string, id: string): boolean {
    this.#say({ t: "late", stream, id });
    return true;
  }

  lose(id: string, reason: string): void {
    this.#say({ t: "close", id, reason });
  }

  listen(id: string, heard: (event: PeerEvent) => void): (() => void) | undefined {
    const peer = this.#peers.get(id);
    if (peer === undefined) return undefined;
    peer.listeners.add(heard);
    if (peer.connected) heard({ type: "connected" });
    return () => peer.listeners.delete(heard);
  }

  /** Has the other process answer a request for the media server. `address`: what its client counts by. */
  async forward(request: Request, address: string): Promise<Response> {
    let body: string;
    try {
      body = await request.text();
    } catch {
      return problemResponse({ status: 400, detail: "The body did not arrive." });
    }
    const { url, method, headers } = request;
    let ref = 0;
    const response = await new Promise<Response | undefined>((resolve) => {
      const answered = answerTo(resolve, {
        more: () => this.#say({ t: "more", ref }),
        gone: () => {
          this.#asked.delete(ref);
          this.#say({ t: "gone", ref });
        },
      });
      ref = this.#send(answered, (ref) => ({
        t: "request",
        ...{ ref, url, method, headers: [...headers], body, address },
      }));
      request.signal.addEventListener("abort", () => this.#say({ t: "gone", ref }), { once: true });
    });
    return response ?? problemResponse(mediaProblem(away));
  }

  async #open(
    role: SessionPeer["role"],
    { stream, identity }: { readonly stream: string; readonly identity: MediaIdentity },
    question: (ref: number) => ToOwner,
  ): Promise<Result<OpenedPeer, MediaFailure>> {
    // Noted as it comes: what is said of the peer next is right behind.
    return await new Promise((resolve) => {
      this.#send((answer) => {
        if (answer?.t !== "opened") {
          resolve(fail(answer?.t === "refused" ? answer.failure : away));
          return;
        }
        const { id } = answer.peer;
        const peer: Peer = {
          ...{ id, role, identity, stream: { name: stream } },
          ...{ listeners: new Set(), connected: false },
        };
        this.#peers.set(id, peer);
        this.#options.observer.opened(peer);
        resolve(ok(answer.peer));
      }, question);
    });
  }

  #connect(): void {
    const reader = new LineReader<FromOwner>();
    const link = connectUnix(this.#options.path, {
      data: (chunk) => {
        this.reachable = true;
        if (!reader.push(chunk, (message) => this.#heard(message))) link.destroy();
      },
      closed: () => this.#lost(),
    });
    this.#link = link;
  }

  /** The other process is gone with all streams: its next run takes its place. */
  #lost(): void {
    this.reachable = false;
    for (const answered of [...this.#asked.values()]) answered(undefined);
    this.#asked.clear();
    for (const id of [...this.#peers.keys()]) this.#ended(id, "worker");
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    for (const info of streams)
      this.#options.observer.changed({ ...info, live: false, viewers: 0, layers: [] });
    if (!this.#stopped) this.#stopWaiting = after(pause, () => this.#connect());
  }

  #heard(message: FromOwner): void {
    switch (message.t) {
      case "hello":
        break;
      case "stream":
        if (message.over) this.#streams.delete(message.info.name);
        else this.#streams.set(message.info.name, message.info);
        this.#options.observer.changed(message.info);
        break;
      case "connected": {
        const peer = this.#peers.get(message.id);
        if (peer === undefined) break;
        peer.connected = true;
        for (const heard of [...peer.listeners]) heard({ type: "connected" });
        break;
      }
      case "ended":
        this.#ended(message.id, message.reason);
        break;
      case "opened":
      case "restarted":
      case "refused":
      case "end": {
        const answered = this.#asked.get(message.ref);
        this.#asked.delete(message.ref);
        answered?.(message);
        break;
      }
      default:
        this.#asked.get(message.ref)?.(message);
    }
  }

  #ended(id: string, reason: string): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    this.#peers.delete(id);
    for (const heard of [...peer.listeners]) heard({ type: "ended", reason });
    this.#options.observer.ended(peer, reason);
  }

  #ask(question: (ref: number) => ToOwner): Promise<FromOwner | undefined> {
    return new Promise((resolve) => this.#send(resolve, question));
  }

  #send(answered: Answered, question: (ref: number) => ToOwner): number {
    this.#ref += 1;
    const ref = this.#ref;
    if (!this.reachable) {
      answered(undefined);
      return ref;
    }
    this.#asked.set(ref, answered);
    this.#say(question(ref));
    return ref;
  }

  #say(message: ToOwner): void {
    if (this.reachable) this.#link?.write(lineOf(message));
  }
}

/** Makes a response of what the other process says. `more`: its client takes one more chunk; `gone`: it reads no further. */
function answerTo(
  resolve: (response: Response | undefined) => void,
  { more, gone }: { more(): void; gone(): void },
): Answered {
  let body: ReadableStreamDefaultController<Uint8Array> | undefined;
  const end = (): void => {
    try {
      body?.close();
    } catch {
      // The client was faster.
    }
    body = undefined;
  };
  return (answer) => {
    if (answer?.t === "head") {
      const { status, headers } = answer;
      const bodiless = status === 204 || status === 304;
      const stream = new ReadableStream<Uint8Array>(
        {
          start: (controller) => {
            body = controller;
          },
          pull: () => {
            if (body !== undefined) more();
          },
          cancel: () => {
            body = undefined;
            gone();
          },
        },
        { highWaterMark: mostWaiting, size: (chunk) => chunk?.length ?? 0 },
      );
      const pairs = headers.map(([name, value]): [string, string] => [name, value]);
      resolve(new Response(bodiless ? null : stream, { status, headers: pairs }));
    } else if (answer?.t === "chunk") {
      body?.enqueue(Buffer.from(answer.data, "base64"));
    } else {
      end();
      resolve(undefined);
    }
  };
}

function shared({ expires, ...rest }: MediaIdentity): Omit<MediaIdentity, "expires"> & { expires?: number } {
  return Number.isFinite(expires) ? { ...rest, expires } : rest;
}
