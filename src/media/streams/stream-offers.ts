import { fail, ok, type Result } from "../../shared/result.ts";
import type { CodecName, PublishedTrack, ViewedTrack } from "../negotiated.ts";
import { answerPublisher, answerViewer } from "../sdp/answer.ts";
import { parseOffer } from "../sdp/offer.ts";
import { noneTwice, publishedTracks, viewedTracks } from "../sdp/tracks.ts";
import type { LocalTransport, RemoteTransport, StreamInfo } from "../service.ts";

/** An offer that the media server can answer. */
export interface ReadOffer<Track> {
  readonly transport: RemoteTransport;
  readonly tracks: readonly Track[];
  /** The SDP of the answer, with our half of the transport. */
  answer(local: LocalTransport): string;
}

/**
 * Reads the offers of sessions. `former` are the tracks that were agreed on: a later offer of the session must keep them. An error
 * says what to change.
 */
export interface StreamOffers {
  publisher(
    sdp: string,
    stream: string,
    former?: readonly PublishedTrack[],
  ): Result<ReadOffer<PublishedTrack>, string>;
  viewer(
    sdp: string,
    codecs: StreamInfo["codecs"],
    former?: readonly ViewedTrack[],
  ): Result<ReadOffer<ViewedTrack>, string>;
}

export interface StreamOffersOptions {
  /** Codecs that answers to publishers of the stream put first, best first. */
  codecs?(stream: string): readonly CodecName[];
  /** What publishers are asked to keep their video to, bits per second. */
  readonly publisherBitrate?: number;
  /** A random SSRC, from 1 to 2^32 − 1. */
  ssrc(): number;
}

/** Reads offers as WHIP and WHEP do. */
export function streamOffers({ codecs, publisherBitrate, ssrc }: StreamOffersOptions): StreamOffers {
  return {
    publisher: (sdp, stream, former) => {
      const offer = parseOffer(sdp);
      if (!offer.ok) return fail(offer.error.detail);
      const read = publishedTracks(offer.value, codecs?.(stream));
      if (!read.ok) return fail(read.error.detail);
      const tracks = kept(read.value, former);
      if (tracks === undefined) return fail(changed);
      const answer = (local: LocalTransport) => answerPublisher(offer.value, tracks, local, publisherBitrate);
      return ok({ transport: offer.value.transport, tracks, answer });
    },
    viewer: (sdp, stream, former) => {
      const offer = parseOffer(sdp);
      if (!offer.ok) return fail(offer.error.detail);
      const read = viewedTracks(offer.value, stream, noneTwice(ssrc));
      if (!read.ok) return fail(read.error.detail);
      const tracks = kept(read.value, former);
      if (tracks === undefined) return fail(changed);
      const answer = (local: LocalTransport) => answerViewer(offer.value, tracks, local);
      return ok({ transport: offer.value.transport, tracks, answer });
    },
  };
}

const changed = "The tracks differ from those agreed on: open another session.";

/** The tracks that were agreed on, where the offer still has exactly those. Undefined where it has others. */
function kept<Track extends PublishedTrack | ViewedTrack>(
  offered: readonly Track[],
  former: readonly Track[] | undefined,
): readonly Track[] | undefined {
  if (former === undefined) return offered;
  const same = former.every((track) => {
    const [codec] = track.codecs;
    const now = offered.find(({ mid, kind }) => mid === track.mid && kind === track.kind);
    const has = now?.codecs.some(
      ({ name, payloadType }) => name === codec?.name && payloadType === codec.payloadType,
    );
    return has === true && String(ridsOf(now)) === String(ridsOf(track));
  });
  return same && offered.length === former.length ? former : undefined;
}

function ridsOf(track: PublishedTrack | ViewedTrack | undefined): readonly string[] {
  return track !== undefined && "rids" in track ? track.rids : [];
}
