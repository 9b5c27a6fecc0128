import { ok, type Result } from "../../shared/result.ts";
import type { CodecName, PublishedTrack, ViewedTrack } from "../negotiated.ts";
import type { StreamInfo } from "../service.ts";
import { agreedCodecs, byPreference, byStream } from "./agreed-codec.ts";
import { agreedExtensions, publisherExtensions, viewerExtensions } from "./header-extension.ts";
import { type MediaOffer, type OfferedMedia, type OfferProblem, problem } from "./offer.ts";

const wanted = {
  audio: "Offer opus/48000/2.",
  video: "Offer VP8, VP9 profile 0, AV1 profile 0, or H.264 with packetization-mode=1.",
} as const;

/**
 * The tracks that a publisher sends: at most one of a kind. `preference`: codecs that the answer puts first, best first; the others
 * follow in the order of the offer.
 */
export function publishedTracks(
  offer: MediaOffer,
  preference: readonly CodecName[] = [],
): Result<PublishedTrack[], OfferProblem> {
  const tracks: PublishedTrack[] = [];
  for (const media of offer.media) {
    const { kind, mid, sources } = media;
    if (!sends(media) || kind === "other") continue;
    const extensions = agreedExtensions(media.extensions, publisherExtensions, "sendonly");
    const codecs = agreedCodecs(media, extensions.transportSequence !== undefined);
    if (codecs.length === 0)
      return problem(406, `The ${kind} section has no codec that this server forwards. ${wanted[kind]}`);
    const told = extensions.mid !== undefined && extensions.rid !== undefined;
    const rids = told ? sources.rids : [];
    const { ssrcs, repairs } = sources;
    tracks.push({ kind, mid, codecs: byPreference(codecs, preference), rids, ssrcs, repairs, extensions });
  }
  return tracks.length > 0
    ? ok(tracks)
    : problem(422, "The offer sends nothing. Offer audio or video with a=sendonly.");
}

/**
 * The tracks that a viewer receives of a stream with these codecs. A kind that the stream does not have, or that the viewer does not
 * want, makes no track. `nextSsrc` gives a new SSRC at each call, and none twice for one viewer.
 */
export function viewedTracks(
  offer: MediaOffer,
  stream: StreamInfo["codecs"],
  nextSsrc: () => number,
): Result<ViewedTrack[], OfferProblem> {
  const tracks: ViewedTrack[] = [];
  for (const media of offer.media) {
    const { kind, mid } = media;
    const sent = kind === "other" ? undefined : stream[kind];
    if (!receives(media) || kind === "other" || sent === undefined) continue;
    const codecs = byStream(agreedCodecs(media, false), sent);
    if (codecs.length === 0)
      return problem(
        406,
        `The stream sends ${sent.name} ${kind}, which the offer doesn't have. ${codecHint(sent.name)}`,
      );
    const { dependencyDescriptor, ...others } = agreedExtensions(
      media.extensions,
      viewerExtensions,
      "recvonly",
    );
    // Its first one in a keyframe has more than 16 bytes.
    const extensions =
      media.mixedHeaders && dependencyDescriptor ? { ...others, dependencyDescriptor } : others;
    tracks.push({ kind, mid, codecs, ssrc: nextSsrc(), repairSsrc: nextSsrc(), extensions });
  }
  if (tracks.length > 0) return ok(tracks);
  const kinds = [stream.audio && "audio", stream.video && "video"].filter((kind) => kind !== undefined);
  return offer.media.some(receives)
    ? problem(406, `The stream has ${kinds.join(" and ") || "no media"}. Offer that with a=recvonly.`)
    : problem(422, "The offer receives nothing. Offer audio or video with a=recvonly.");
}

/** What the function gives, but nothing twice: SSRCs of one viewer, from a source of random ones. */
export function noneTwice(next: () => number): () => number {
  const used = new Set<number>();
  return () => {
    let one = next();
    while (used.has(one)) one = next();
    used.add(one);
    return one;
  };
}

function codecHint(name: CodecName): string {
  return name === "h264" ? "Offer H.264 with packetization-mode=1." : `Offer ${name} too.`;
}

function sends({ rejected, direction }: OfferedMedia): boolean {
  return !rejected && (direction === "sendonly" || direction === "sendrecv");
}

function receives({ rejected, direction }: OfferedMedia): boolean {
  return !rejected && (direction === "recvonly" || direction === "sendrecv");
}
