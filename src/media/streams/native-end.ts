import type { WireReason } from "../../protocol/end-reasons.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import type { Result } from "../../shared/result.ts";
import type { LayerWish, StreamEnd } from "../../signaling/stream/stream-host.ts";
import type { StreamSession } from "../../signaling/stream/stream-session.ts";
import type { StreamServer } from "../../signaling/stream/streams.ts";
import type { PublishedTrack, ViewedTrack } from "../negotiated.ts";
import type { LocalTransport, MediaFailure, MediaIdentity, OpenedPeer, RemoteTransport } from "../service.ts";
import type { SessionMedia, SessionPeer } from "./session-media.ts";
import type { ReadOffer, StreamOffers } from "./stream-offers.ts";

/** How long a session may be without an offer. ms */
const offerPatience = 30_000;

/** What the end of a native session needs. */
export interface NativeEndHost {
  readonly media: SessionMedia;
  readonly server: StreamServer;
  readonly offers: StreamOffers;
  /** A peer of that identity is about to open for this end. Answers how to say that it has, or has not. */
  opening(identity: MediaIdentity, end: NativeEnd): () => void;
  /** The client is gone for that reason: ends its peer. */
  close(peer: Omit<SessionPeer, "identity">, reason: WireReason): void;
}

/** An offer that waits for its answer. */
interface Offer {
  readonly generation: number;
  readonly sdp: string;
}

/** What was agreed on with the client. */
interface Agreed {
  readonly id: string;
  local: LocalTransport;
  remote: RemoteTransport;
  readonly tracks: readonly (PublishedTrack | ViewedTrack)[];
}

/**
 * The media server's end of a session that a native client opened by `publish` or `view`. It answers offers one after another; of
 * those that wait only the newest counts. Candidates are ignored: the media server is ICE-lite, and learns addresses from checks.
 */
export class NativeEnd implements StreamEnd {
  readonly session: StreamSession;
  readonly #host: NativeEndHost;
  #waiting: Offer | undefined;
  #busy = false;
  #agreed: Agreed | undefined;
  /** Why the core has ended the session. */
  #ended: WireReason | undefined;

  constructor(session: StreamSession, host: NativeEndHost, now: number) {
    this.session = session;
    this.#host = host;
    host.server.deadlines.add(now + offerPatience, (later) => {
      if (this.#agreed === undefined && !this.#busy) session.end("failed", later, "no offer came");
    });
  }

  deliver(push: PushBody, now: number): void {
    const { deadlines } = this.#host.server;
    if (push.type === "signal" && push.description?.type === "offer") {
      this.#waiting = { generation: push.generation, sdp: push.description.sdp };
      // The core must not be called before it has delivered.
      deadlines.add(now, () => void this.#serve());
    } else if (push.type === "ended") {
      const { reason } = push;
      this.#ended = reason;
      deadlines.add(now, () => this.#close(reason));
    }
  }

  prefer({ rid, height, bitrate, temporal }: LayerWish): void {
    const id = this.#agreed?.id;
    if (id === undefined) return;
    this.#host.media.prefer(id, {
      ...(rid === undefined ? {} : { rid }),
      ...(height === undefined ? {} : { height }),
      ...(bitrate === undefined ? {} : { bitrate }),
      ...(temporal === undefined ? {} : { temporal }),
    });
  }

  async #serve(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (this.#waiting !== undefined && !this.session.over) {
        const offer = this.#waiting;
        this.#waiting = undefined;
        await this.#answer(offer);
      }
    } catch (error) {
      const { ports } = this.#host.server;
      ports.emit({ type: "fault", where: "stream offer", error });
      this.session.end("failed", ports.now(), "a fault of the server");
    } finally {
      this.#busy = false;
    }
  }

  async #answer({ generation, sdp }: Offer): Promise<void> {
    const { session } = this;
    const read = this.#read(sdp);
    if (read === undefined) {
      session.end("stream_over", this.#now);
      return;
    }
    if (!read.ok) {
      this.#refuse(generation, read.error);
      return;
    }
    const offer = read.value;
    const before = this.#agreed;
    if (before !== undefined && String(before.remote.fingerprints) !== String(offer.transport.fingerprints)) {
      this.#refuse(generation, "The fingerprint of a=fingerprint is another one: open another session.");
      return;
    }
    const local = before === undefined ? await this.#open(offer) : await this.#again(before, offer.transport);
    if (local === undefined || session.over) return;
    const answered = session.answer(generation, offer.answer(local), this.#now);
    // Another offer has overtaken this one: it is answered next.
    if ("error" in answered && answered.error.code !== "stale_generation")
      session.end("failed", this.#now, answered.error.code);
  }

  /** Undefined where the stream is over. */
  #read(sdp: string): Result<ReadOffer<PublishedTrack | ViewedTrack>, string> | undefined {
    const { offers, media } = this.#host;
    const former = this.#agreed?.tracks;
    if (this.session.role === "publish")
      return offers.publisher(sdp, this.session.stream, former as readonly PublishedTrack[] | undefined);
    const codecs = media.stream(this.session.stream)?.codecs;
    return codecs && offers.viewer(sdp, codecs, former as readonly ViewedTrack[] | undefined);
  }

  #refuse(generation: number, reason: string): void {
    const refused = this.session.refuse(generation, reason, this.#now);
    if ("error" in refused && refused.error.code === "incompatible")
      this.session.end("failed", this.#now, reason.slice(0, 128));
  }

  /** Has a worker take the client. Undefined where the session has ended with that. */
  async #open({
    transport,
    tracks,
  }: ReadOffer<PublishedTrack | ViewedTrack>): Promise<LocalTransport | undefined> {
    const { session } = this;
    const { media } = this.#host;
    const { client, stream } = session;
    const identity: MediaIdentity = {
      ...{ user: client.user, device: client.id, grants: client.grants, guest: client.guest },
      ...(client.name === undefined ? {} : { name: client.name }),
      // The token is renewed at the link, and the core ends what it no longer permits.
      expires: Number.POSITIVE_INFINITY,
    };
    const done = this.#host.opening(identity, this);
    let opened: Result<OpenedPeer, MediaFailure>;
    if (session.role === "publish")
      opened = await media.publish({
        ...{ stream, identity, transport },
        tracks: tracks as readonly PublishedTrack[],
      });
    else
      opened = await media.view({
        ...{ stream, identity, transport },
        tracks: tracks as readonly ViewedTrack[],
      });
    done();
    if (!opened.ok) {
      const { kind } = opened.error;
      session.end(refusalReason[kind] ?? "failed", this.#now, kind);
      return undefined;
    }
    const { id, transport: local } = opened.value;
    this.#agreed = { id, local, remote: transport, tracks };
    if (this.#ended !== undefined) this.#close(this.#ended);
    media.listen(id, ({ type }) => {
      if (type === "connected") session.connected(this.#now);
    });
    return local;
  }

  /** A later offer of the session: other ICE credentials are a restart (RFC 8839 §4.4.1), the same ones change nothing. */
  async #again(agreed: Agreed, remote: RemoteTransport): Promise<LocalTransport | undefined> {
    if (remote.ufrag === agreed.remote.ufrag && remote.pwd === agreed.remote.pwd) return agreed.local;
    const restarted = await this.#host.media.restart(agreed.id, remote);
    if (!restarted.ok) {
      this.session.end("failed", this.#now, restarted.error.kind);
      return undefined;
    }
    agreed.local = restarted.value;
    agreed.remote = remote;
    return agreed.local;
  }

  #close(reason: WireReason): void {
    const { role, stream } = this.session;
    if (this.#agreed === undefined) return;
    const { id } = this.#agreed;
    const peer = { id, role: role === "publish" ? "publisher" : "viewer", stream: { name: stream } } as const;
    this.#host.close(peer, reason);
  }

  get #now(): number {
    return this.#host.server.ports.now();
  }
}

/** Why the session ends of an offer that no worker takes. */
const refusalReason: Partial<Record<MediaFailure["kind"], WireReason>> = {
  "not-live": "stream_over",
  taken: "busy",
  forbidden: "forbidden",
};
