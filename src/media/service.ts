import type { Result } from "../shared/result.ts";
import type { Identity } from "../signaling/ports.ts";
import type { LayerReport } from "./control.ts";
import type { AgreedCodec, PublishedTrack, ViewedTrack } from "./negotiated.ts";

/** The peer's half of its transport, as its offer says it. */
export interface RemoteTransport {
  readonly ufrag: string;
  readonly pwd: string;
  /** Values of `a=fingerprint`, strongest hash only. */
  readonly fingerprints: readonly string[];
  /** What we are: `server` unless the offer says `a=setup:passive`. */
  readonly dtlsRole: "client" | "server";
}

/** Our half, for the answer. */
export interface LocalTransport {
  readonly ufrag: string;
  readonly pwd: string;
  readonly fingerprint: string;
  /** Where the worker is reached, best first. */
  readonly candidates: readonly LocalCandidate[];
}

export interface LocalCandidate {
  readonly protocol: "udp" | "tcp";
  readonly address: string;
  readonly port: number;
}

/** Who publishes or views. */
export interface MediaIdentity extends Pick<Identity, "user" | "device" | "grants" | "guest" | "expires"> {
  /** The address that the client counts by, where it came by HTTP: IPv6 by /64. */
  readonly address?: string;
  /** A name for people, where the client gives one. */
  readonly name?: string;
}

/** A peer that a worker has taken. */
export interface OpenedPeer {
  /** Unguessable; the last part of the session's URL. */
  readonly id: string;
  readonly transport: LocalTransport;
}

/** Why the media server refuses something. `retryAfter` in seconds. */
export type MediaFailure =
  | { readonly kind: "forbidden" }
  /** The stream isn't live. */
  | { readonly kind: "not-live"; readonly retryAfter: number }
  /** Another publisher is live under the name, and isn't to be replaced. */
  | { readonly kind: "taken"; readonly retryAfter: number }
  /** No worker has room, or the server is draining. */
  | { readonly kind: "full"; readonly retryAfter: number }
  /** No such session, or it has ended. */
  | { readonly kind: "unknown" };

/** A live stream as others see it. */
export interface StreamInfo {
  readonly name: string;
  readonly live: boolean;
  readonly viewers: number;
  readonly layers: readonly LayerReport[];
  /** What the publisher sends: a viewer must take one codec of each kind that it wants. */
  readonly codecs: { readonly audio?: AgreedCodec; readonly video?: AgreedCodec };
}

/** What happens to a session, for its client. */
export type PeerEvent =
  | { readonly type: "connected" | "lost" }
  | { readonly type: "active" | "inactive" }
  | { readonly type: "layers"; readonly layers: readonly LayerReport[] }
  | { readonly type: "layer"; readonly rid: string }
  | { readonly type: "viewers"; readonly count: number }
  | { readonly type: "ended"; readonly reason: string };

/** The media server as WHIP, WHEP and the native protocol use it. */
export interface MediaService {
  stream(name: string): StreamInfo | undefined;
  publish(request: {
    readonly stream: string;
    readonly identity: MediaIdentity;
    readonly tracks: readonly PublishedTrack[];
    readonly transport: RemoteTransport;
  }): Promise<Result<OpenedPeer, MediaFailure>>;
  view(request: {
    readonly stream: string;
    readonly identity: MediaIdentity;
    readonly tracks: readonly ViewedTrack[];
    readonly transport: RemoteTransport;
  }): Promise<Result<OpenedPeer, MediaFailure>>;
  /** Other ICE credentials of the peer bring other ones of ours (RFC 8839 §4.4.1). */
  restart(
    id: string,
    remote: { readonly ufrag: string; readonly pwd: string },
  ): Promise<Result<LocalTransport, MediaFailure>>;
  /** A viewer wants this layer at most; an empty wish takes the wish back. */
  prefer(
    id: string,
    wish: {
      readonly rid?: string;
      readonly height?: number;
      readonly bitrate?: number;
      readonly temporal?: number;
    },
  ): Result<undefined, MediaFailure>;
  /** The client has shown another credential: its session goes on until that one expires. Does nothing where that is another user's. */
  renew(id: string, identity: MediaIdentity): void;
  close(id: string): Result<undefined, MediaFailure>;
  /**
   * The publisher with this session, whose connection is gone already, says that it meant to end the stream. False where nobody waits for
   * that publisher.
   */
  endLate(stream: string, id: string): boolean;
  /**
   * Calls back with what is, before it returns: whether the stream is active, its viewers, its layers; then with what happens to the
   * session, until the returned function is called. Undefined for an unknown session.
   */
  listen(id: string, heard: (event: PeerEvent) => void): (() => void) | undefined;
}
