import { bundle, iceCredentials, isRejected, mediaLine, mid } from "./attributes.ts";
import type { MediaSection, SessionDescription } from "./description.ts";

/**
 * How an offer in an established call differs from the sender's last description:
 * - `direction-only`: hold and resume, or no change. It can be answered on behalf of a peer that can't be asked.
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

/** True when a section that stays has new credentials (RFC 8839 §4.4.1.1.1). */
function restartsIce(last: SessionDescription, offer: SessionDescription): boolean {
  return offer.media.some((section, index) => {
    const before = last.media[index];
    if (before === undefined || isRejected(before) || isRejected(section)) return false;
    const [old, now] = [iceCredentials(last, before), iceCredentials(offer, section)];
    return old?.ufrag !== now?.ufrag || old?.pwd !== now?.pwd;
  });
}

/** A section without its transport addresses and its direction. */
function shape(section: MediaSection): string {
  const { kind, protocol } = mediaLine(section);
  return `${kind} ${isRejected(section)} ${protocol} ${mid(section)}`;
}

/** True when formats are missing. There may be more: a peer that answered with some formats may then offer all that it has. */
function lostFormats(before: MediaSection, section: MediaSection): boolean {
  const offered = new Set(mediaLine(section).formats.split(" "));
  return mediaLine(before)
    .formats.split(" ")
    .some((format) => !offered.has(format));
}
