import { bundle, iceCredentials, isRejected, mediaLine, mid } from "./attributes.ts";
import type { MediaSection, SessionDescription } from "./description.ts";

/**
 * What a description of an established call asks for, against the last one of the same sender:
 * - `direction-only`: hold and resume, or nothing at all; who can't be asked may have it answered for them.
 * - `ice-restart`: new ICE credentials for the same media.
 * - `media-change`: sections were added, turned off or on, or lost formats.
 */
export type OfferChange = "direction-only" | "ice-restart" | "media-change";

export function offerChange(last: SessionDescription, offer: SessionDescription): OfferChange {
  if (last.media.length !== offer.media.length) return "media-change";
  let restarted = false;
  for (const [index, section] of offer.media.entries()) {
    const before = last.media[index];
    if (before === undefined || shape(before) !== shape(section) || lostFormats(before, section))
      return "media-change";
    if (isRejected(section)) continue;
    restarted ||= iceCredentials(last, before)?.ufrag !== iceCredentials(offer, section)?.ufrag;
    restarted ||= iceCredentials(last, before)?.pwd !== iceCredentials(offer, section)?.pwd;
  }
  if (bundle(last).join(" ") !== bundle(offer).join(" ")) return "media-change";
  return restarted ? "ice-restart" : "direction-only";
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
