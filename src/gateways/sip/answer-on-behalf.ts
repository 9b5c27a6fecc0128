import type { Capabilities } from "../../protocol/values.ts";
import { isRejected, mediaLine, mid } from "../../wire/sdp/attributes.ts";
import { formatDescription, type SessionDescription } from "../../wire/sdp/description.ts";
import { holdAnswer, turnedDown } from "../../wire/sdp/local-answer.ts";
import type { OfferChange } from "../../wire/sdp/offer-change.ts";
import { roleAfter } from "./phone-description.ts";

/** What becomes of an offer to a core side: it is asked; it is answered for; or the offer is refused (488), and the call goes on as it was. */
export type Course = "ask" | "answer" | "refuse";

/**
 * What becomes of an offer in mid-call, by the capability record of who is to answer it: hold, resume and new media can be answered
 * for a core side that can't be asked; what changes its own part, an ICE restart above all, can't.
 */
export function courseOf(
  { renegotiation = "full", sdpRole = "both" }: Capabilities,
  change: OfferChange,
): Course {
  const asks = sdpRole === "offer-only" ? "none" : renegotiation;
  if (asks === "full" || (asks === "hold-only" && change === "direction-only")) return "ask";
  return change === "ice-restart" ? "refuse" : "answer";
}

/**
 * Answers an offer in the place of who refused it, or can't be asked, so that the call goes on: what it said last, each direction
 * cut down to what the offer leaves of it, and every section that is new turned down. `version` is that of the answer's `o=`.
 * Undefined where nothing was said before, or the offer changes something that can't be answered for.
 */
export function answerFor(
  offer: SessionDescription | undefined,
  last: SessionDescription | undefined,
  version: number,
): string | undefined {
  if (offer === undefined || last === undefined || offer.media.length < last.media.length) return undefined;
  const answer = holdAnswer(offer, last, version, roleAfter(last));
  const media = offer.media.map((offered, index) => {
    const section = answer.media[index];
    return section === undefined || isRejected(section) || isRejected(offered)
      ? turnedDown(offered)
      : section;
  });
  const off = media.filter(isRejected).map(mid);
  const session = answer.session.map((line) => {
    // What is turned down is in no bundle (RFC 8843 §7.3.3).
    if (!line.startsWith("a=group:BUNDLE")) return line;
    return line
      .split(" ")
      .filter((name) => !off.includes(name))
      .join(" ");
  });
  return formatDescription({ session, media });
}

/** True when the offer keeps to what the core side goes on with: the sections that were there, and the formats that it said. */
export function canAnswerOnBehalf(offer: SessionDescription, last: SessionDescription): boolean {
  return last.media.every((section, index) => {
    const offered = offer.media[index];
    if (offered === undefined) return false;
    if (isRejected(offered) || isRejected(section)) return true;
    const [now, before] = [mediaLine(offered), mediaLine(section)];
    const formats = now.formats.split(" ");
    return now.kind === before.kind && before.formats.split(" ").every((format) => formats.includes(format));
  });
}

/** Answers in the place of an end of a call, each time with a higher version (RFC 3264 §8). */
export class AnswerOnBehalf {
  #version = 0;

  /** See `answerFor`. */
  answer(offer: SessionDescription | undefined, last: SessionDescription | undefined): string | undefined {
    if (last === undefined) return undefined;
    this.#version = Math.max(this.#version, versionOf(last)) + 1;
    return answerFor(offer, last, this.#version);
  }
}

/** The number of the last version that was said (`o=`, RFC 8866 §5.2). */
function versionOf({ session }: SessionDescription): number {
  const origin = session.find((line) => line.startsWith("o="));
  const version = Number(origin?.split(" ")[2]);
  return Number.isSafeInteger(version) ? version : 1;
}
