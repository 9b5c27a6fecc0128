import { bundle, iceCredentials, isRejected, mediaLine, mid } from "./attributes.ts";
import type { MediaSection, SessionDescription } from "./description.ts";

/**
 * What a description of an established call asks for, against the last one of the same sender:
 * - `direction-only`: hold and resume, or nothing at all; who can't be asked may have it answered for them.
 * - `ice-restart`: new ICE credentials, whatever else changes with them.
 * - `media-change`: sections were added, turned off or on, or lost formats.
 */
export type OfferChange = "direction-only" | "ice-restart" | "media-change";

export function offerChange(last: SessionDescription, offer: SessionDescription): OfferChange {
  if (restartsIce(last, offer)) return "ice-restart";
  if (last.media.length !== offer.media.length) return "media-change";
  for (const [index, section] of offer.media.entries()) {
    const before = last.media[index];
    if (before === undefined || shape(before) !== shape(section) || lostFormats(before, section))
      return "media-change";
  }
  return bundle(last).join(" ") === bundle(offer).join(" ") ? "direction-only" : "media-change";
}

/** True when a section that goes on has other credentials (RFC 8839 §4.4.1.1.1). */
function restartsIce(last: SessionDescription, offer: SessionDescription): boolean {
  return offer.media.some((section, index) => {
    const before = last.media[index];
    if (before === undefined || isRejected(before) || isRejected(section)) return false;
    const [old, now] = [iceCredentials(last, before), iceCredentials(offer, section)];
    return old?.ufrag !== now?.ufrag || old?.pwd !== now?.pwd;
  });
}

/** What a section is about, without where it is sent from and whether. */
function shape(section: MediaSection): string {
  const { kind, protocol } = mediaLine(section);
  return `${kind} ${isRejected(section)} ${protocol} ${mid(section)}`;
}

/** Who answered with some of the formats may offer all that it knows, the next time. */
function lostFormats(before: MediaSection, section: MediaSection): boolean {
  const offered = new Set(mediaLine(section).formats.split(" "));
  return mediaLine(before)
    .formats.split(" ")
    .some((format) => !offered.has(format));
}
