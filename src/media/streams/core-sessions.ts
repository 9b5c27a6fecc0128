import type { WireReason } from "../../protocol/end-reasons.ts";
import { type WireError, wireError } from "../../protocol/error-codes.ts";
import type { StreamEnd, StreamHost, StreamState } from "../../signaling/stream/stream-host.ts";
import type { StreamRole } from "../../signaling/stream/stream-part.ts";
import type { StreamSession } from "../../signaling/stream/stream-session.ts";
import type { StreamServer } from "../../signaling/stream/streams.ts";
import type { MediaFailure, MediaIdentity, StreamInfo } from "../service.ts";
import { NativeEnd, type NativeEndHost } from "./native-end.ts";
import type { StreamObserver } from "./ports.ts";
import type { SessionMedia, SessionPeer } from "./session-media.ts";
import type { StreamOffers } from "./stream-offers.ts";

export interface CoreSessionsOptions {
  readonly offers: StreamOffers;
  /** True where anybody may view the stream, without a grant. */
  isPublic(stream: string): boolean;
}

/** The part of the core that takes a media server. */
export interface StreamCore {
  streamServer(host: StreamHost): StreamServer;
}

/**
 * Joins the streams of the media server to the core: every publisher and viewer has a session there. Native clients open theirs
 * by `publish` and `view`; for a client of WHIP or WHEP it is made, with a device that no directory lists. What ends one side ends
 * the other. Give it to the media server as observer, then {@link join} both.
 */
export class CoreSessions implements StreamHost, StreamObserver {
  readonly #options: CoreSessionsOptions;
  /** The sessions of peers. */
  readonly #sessions = new Map<string, StreamSession>();
  /** Native sessions whose peer is about to open, by the identity that it is opened with. */
  readonly #opening = new Map<MediaIdentity, NativeEnd>();
  #joined:
    | { readonly media: SessionMedia; readonly server: StreamServer; readonly host: NativeEndHost }
    | undefined;

  constructor(options: CoreSessionsOptions) {
    this.#options = options;
  }

  /** Starts. Throws where the core has a media server already. */
  join(media: SessionMedia, core: StreamCore): StreamServer {
    const server = core.streamServer(this);
    const host: NativeEndHost = {
      ...{ media, server, offers: this.#options.offers },
      opening: (identity, end) => {
        this.#opening.set(identity, end);
        return () => this.#opening.delete(identity);
      },
      close: (peer, reason) => this.#close(peer, reason),
    };
    this.#joined = { media, server, host };
    return server;
  }

  // StreamHost

  refusal(role: StreamRole, stream: string): WireError | undefined {
    const failure = this.#joined?.media.refusal(role, stream);
    return failure && failureError(failure);
  }

  isPublic(stream: string): boolean {
    return this.#options.isPublic(stream);
  }

  stream(name: string): StreamState | undefined {
    const info = this.#joined?.media.stream(name);
    return info && stateOf(info);
  }

  begin(session: StreamSession, now: number): StreamEnd {
    if (this.#joined === undefined) throw new Error("the core asks for a stream before it is joined");
    return new NativeEnd(session, this.#joined.host, now);
  }

  // StreamObserver

  changed({ name }: StreamInfo): void {
    this.#joined?.server.changed(name, this.#now);
  }

  opened(peer: SessionPeer): void {
    const { identity, id } = peer;
    const native = this.#opening.get(identity);
    const session = native?.session ?? this.#attach(peer);
    if (session === undefined) return;
    this.#sessions.set(id, session);
    if (native !== undefined) return;
    const media = this.#joined?.media;
    media?.listen(id, ({ type }) => {
      if (type === "connected") session.connected(this.#now);
    });
  }

  ended(peer: SessionPeer, reason: string): void {
    const session = this.#sessions.get(peer.id);
    this.#sessions.delete(peer.id);
    if (session === undefined || session.over) return;
    const over = (now: number): void => {
      if (reason === "closed") session.left(now);
      else if (!session.over) session.end(endReasons[reason] ?? "failed", now, reason.slice(0, 128));
    };
    // A client that closes says so at its link as well, on another way: whether it meant to end the stream is known then.
    const says = reason === peerClosed && session.role === "publish" && session.client.gateway === undefined;
    if (says) this.#joined?.server.deadlines.add(this.#now + lastWords, over);
    else over(this.#now);
  }

  /** Makes the device and the session of a client of WHIP or WHEP. */
  #attach(peer: SessionPeer): StreamSession | undefined {
    const { identity, role, stream } = peer;
    const { user, device, name, grants, guest = false } = identity;
    const server = this.#joined?.server;
    return server?.attach(
      {
        ...{ user, device, name, grants, guest, stream: stream.name },
        role: role === "publisher" ? "publish" : "view",
      },
      {
        deliver: (push, now) => {
          if (push.type === "ended") server.deadlines.add(now, () => this.#close(peer, push.reason));
        },
      },
      this.#now,
    );
  }

  /** The core has ended the session: its peer ends. */
  #close({ id, role, stream }: Omit<SessionPeer, "identity">, reason: WireReason): void {
    this.#sessions.delete(id);
    const media = this.#joined?.media;
    // Only one that has gone by mistake is waited for.
    if (role === "publisher" && !deliberate.has(reason)) media?.lose(id, reason);
    else if (media?.close(id).ok === false) media.endLate(stream.name, id);
  }

  get #now(): number {
    return this.#joined?.server.ports.now() ?? 0;
  }
}

/** The reason of a peer whose connection the client has closed, and how long its link may take to say why, in ms. */
const [peerClosed, lastWords] = ["closed by the peer", 1_000] as const;

/** Reasons after which no publisher is expected back. */
const deliberate: ReadonlySet<WireReason> = new Set<WireReason>([
  "hangup",
  "cancelled",
  "closed",
  "forbidden",
]);

/** How a session ends whose peer has ended so. What isn't here is a failure, and the client may come back. */
const endReasons: Readonly<Record<string, WireReason>> = {
  replaced: "replaced",
  kicked: "forbidden",
  expired: "forbidden",
  ended: "stream_over",
  "publisher lost": "stream_over",
};

function failureError(failure: MediaFailure): WireError {
  const retryAfter = "retryAfter" in failure ? failure.retryAfter * 1_000 : undefined;
  switch (failure.kind) {
    case "not-live":
      return wireError("not_live", undefined, retryAfter);
    case "taken":
      return wireError("stream_taken", undefined, retryAfter);
    case "full":
      return wireError("media_full", undefined, retryAfter);
    case "forbidden":
      return wireError("forbidden");
    case "unknown":
      return wireError("temporary");
  }
}

function stateOf({ live, viewers, layers }: StreamInfo): StreamState {
  return {
    live,
    viewers,
    layers: layers.map(({ rid, bitrate, framesPerSecond, width, height }) => ({
      ...{ rid, bitrate: Math.round(bitrate), framesPerSecond: Math.round(framesPerSecond) },
      ...(width === undefined ? {} : { width }),
      ...(height === undefined ? {} : { height }),
    })),
  };
}
