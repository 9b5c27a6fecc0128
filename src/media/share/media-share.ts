import { type LocalStream, listenUnix } from "../../net/unix-socket.ts";
import type { MediaIdentity, StreamInfo } from "../service.ts";
import type { MediaPeer } from "../streams/media-peer.ts";
import type { MediaStreams } from "../streams/media-streams.ts";
import type { StreamObserver } from "../streams/ports.ts";
import { type FromOwner, LineReader, lineOf, type SharedIdentity, type ToOwner } from "./messages.ts";

export interface MediaShareOptions {
  readonly streams: MediaStreams;
  /** Answers a request to WHIP, WHEP, HLS, or for recordings. `address`: what its client counts by. */
  fetch(request: Request, address: string): Promise<Response> | undefined;
}

/** Bytes that may wait for a process that doesn't read, and that one chunk of an answer has. */
const [mostBuffered, chunkBytes] = [16 << 20, 65_536];

/**
 * The one media server of a machine, for other processes that serve the same port: they forward requests for it, and open the
 * peers of their native clients, which have their sessions there.
 */
export class MediaShare implements StreamObserver {
  readonly #options: MediaShareOptions;
  readonly #guests = new Set<Guest>();
  #stop: () => void = () => {};

  constructor(options: MediaShareOptions) {
    this.#options = options;
  }

  /** Rejects with an Error where the path can't be used. */
  async listen(path: string): Promise<void> {
    this.#stop = await listenUnix(path, (stream) => {
      const guest = new Guest(stream, this.#options);
      this.#guests.add(guest);
      const reader = new LineReader<ToOwner>();
      return {
        data: (chunk) => {
          if (!reader.push(chunk, (message) => guest.heard(message))) stream.destroy();
        },
        closed: () => {
          this.#guests.delete(guest);
          guest.left();
        },
      };
    });
  }

  /** True for a peer whose session is at another process. */
  has({ identity }: MediaPeer): boolean {
    return [...this.#guests].some((guest) => guest.owns(identity));
  }

  changed(info: StreamInfo): void {
    for (const guest of this.#guests) guest.changed(info);
  }

  ended(peer: MediaPeer, reason: string): void {
    for (const guest of this.#guests) guest.ended(peer, reason);
  }

  stop(): void {
    this.#stop();
  }
}

/** A request that is being answered. */
interface Asked {
  readonly gone: AbortController;
  /** The client takes one more chunk. */
  more(): void;
}

/** A process that shares this media server. */
class Guest {
  readonly #stream: LocalStream;
  readonly #options: MediaShareOptions;
  readonly #identities = new WeakSet<MediaIdentity>();
  /** The peers of its clients. */
  readonly #peers = new Set<string>();
  readonly #requests = new Map<number, Asked>();

  constructor(stream: LocalStream, options: MediaShareOptions) {
    this.#stream = stream;
    this.#options = options;
    this.#say({ t: "hello" });
    for (const { info } of options.streams.streams) this.changed(info);
  }

  owns(identity: MediaIdentity): boolean {
    return this.#identities.has(identity);
  }

  changed(info: StreamInfo): void {
    this.#say({ t: "stream", info, over: this.#options.streams.stream(info.name) === undefined });
  }

  ended({ id }: MediaPeer, reason: string): void {
    if (this.#peers.delete(id)) this.#say({ t: "ended", id, reason });
  }

  /** The process is gone, and its clients' sessions with it. They come back by another one. */
  left(): void {
    for (const { gone } of this.#requests.values()) gone.abort();
    for (const id of [...this.#peers]) this.#options.streams.lose(id, "failed");
  }

  heard(message: ToOwner): void {
    const { streams } = this.#options;
    switch (message.t) {
      case "publish":
      case "view":
        void this.#open(message);
        break;
      case "restart":
        void this.#restart(message);
        break;
      case "prefer":
        if (this.#peers.has(message.id)) streams.prefer(message.id, message.wish);
        break;
      case "close":
        if (!this.#peers.has(message.id)) break;
        if (message.reason === undefined) streams.close(message.id);
        else streams.lose(message.id, message.reason);
        break;
      case "late":
        streams.endLate(message.stream, message.id);
        break;
      case "request":
        void this.#serve(message);
        break;
      case "more":
        this.#requests.get(message.ref)?.more();
        break;
      case "gone":
        this.#requests.get(message.ref)?.gone.abort();
    }
  }

  async #open(message: Extract<ToOwner, { t: "publish" | "view" }>): Promise<void> {
    const { streams } = this.#options;
    const { ref, stream, transport } = message;
    const identity = identityOf(message.identity);
    this.#identities.add(identity);
    const opened =
      message.t === "publish"
        ? await streams.publish({ stream, identity, transport, tracks: message.tracks })
        : await streams.view({ stream, identity, transport, tracks: message.tracks });
    if (!opened.ok) {
      this.#say({ t: "refused", ref, failure: opened.error });
      return;
    }
    const { id } = opened.value;
    this.#peers.add(id);
    this.#say({ t: "opened", ref, peer: opened.value });
    const stop = streams.listen(id, ({ type }) => {
      if (type === "connected") this.#say({ t: "connected", id });
    });
    if (stop === undefined) this.#say({ t: "ended", id, reason: "failed" });
  }

  async #restart({ ref, id, remote }: Extract<ToOwner, { t: "restart" }>): Promise<void> {
    const restarted = await this.#options.streams.restart(id, remote);
    if (restarted.ok) this.#say({ t: "restarted", ref, local: restarted.value });
    else this.#say({ t: "refused", ref, failure: restarted.error });
  }

  async #serve({
    ref,
    url,
    method,
    headers,
    body,
    address,
  }: Extract<ToOwner, { t: "request" }>): Promise<void> {
    const gone = new AbortController();
    // The client is asked whether it takes more; it may have said so before.
    let wanted = 0;
    let wake = (): void => {};
    const more = (): void => {
      wanted++;
      wake();
    };
    gone.signal.addEventListener("abort", () => wake());
    this.#requests.set(ref, { gone, more });
    const mayGoOn = async (): Promise<boolean> => {
      while (wanted === 0 && !gone.signal.aborted)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      wanted--;
      return !gone.signal.aborted;
    };
    try {
      const request = new Request(url, {
        method,
        headers: headers.map(([name, value]): [string, string] => [name, value]),
        signal: gone.signal,
        ...(body !== "" && { body }),
      });
      const response = (await this.#options.fetch(request, address)) ?? new Response(null, { status: 404 });
      this.#say({ t: "head", ref, status: response.status, headers: [...response.headers] });
      for await (const bytes of response.body ?? []) {
        for (let at = 0; at < bytes.length && (await mayGoOn()); at += chunkBytes) {
          const chunk = Buffer.from(bytes.subarray(at, at + chunkBytes));
          this.#say({ t: "chunk", ref, data: chunk.toString("base64") });
        }
        if (gone.signal.aborted) break;
      }
    } catch {
      if (!gone.signal.aborted) this.#say({ t: "head", ref, status: 500, headers: [] });
    } finally {
      this.#requests.delete(ref);
      this.#say({ t: "end", ref });
    }
  }

  #say(message: FromOwner): void {
    if (this.#stream.buffered > mostBuffered) this.#stream.destroy();
    else this.#stream.write(lineOf(message));
  }
}

function identityOf({ expires = Number.POSITIVE_INFINITY, ...rest }: SharedIdentity): MediaIdentity {
  return { ...rest, expires };
}
