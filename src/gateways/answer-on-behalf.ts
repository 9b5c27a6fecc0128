import type { Capabilities } from "../protocol/values.ts";
import { formatMediaLine, isRejected, mediaLine, mid } from "../wire/sdp/attributes.ts";
import {
  formatDescription,
  type MediaSection,
  parseDescription,
  type SessionDescription,
} from "../wire/sdp/description.ts";
import { holdAnswer, setupOf, turnedDown } from "../wire/sdp/local-answer.ts";
import { type OfferChange, offerChange } from "../wire/sdp/offer-change.ts";

/** What to do with an offer to the core side: ask it; answer on its behalf; or refuse the offer (488), with the call unchanged. */
export type Course = "ask" | "answer" | "refuse";

/**
 * What to do with an offer in mid-call, by the capabilities of the core side. If that can't be asked, hold, resume and new
 * media can be answered on its behalf. Changes of its own part can't, above all an ICE restart: a device that takes only holds
 * is asked, because some restart ICE (as a callee with Jingle), and refuses what it can't do.
 */
export function courseOf(
  { renegotiation = "full", sdpRole = "both" }: Capabilities,
  change: OfferChange,
): Course {
  const asks = sdpRole === "offer-only" ? "none" : renegotiation;
  if (asks === "full" || (asks === "hold-only" && change !== "media-change")) return "ask";
  return change === "ice-restart" ? "refuse" : "answer";
}

/**
 * Answers an offer on behalf of an end that refused it or can't be asked, so that the call continues: with what that end said
 * last, each direction reduced to what the offer allows, and new sections rejected. `version` is the one of the answer's `o=`.
 * Undefined if that end has said nothing before, or if the offer changes something that can't be answered on its behalf.
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
      : withExtensionsOf(section, offered);
  });
  const off = media.filter(isRejected).map(mid);
  const session = answer.session.map((line) => {
    // A rejected section is in no bundle (RFC 8843 §7.3.3).
    if (!line.startsWith("a=group:BUNDLE")) return line;
    return line
      .split(" ")
      .filter((name) => !off.includes(name))
      .join(" ");
  });
  return formatDescription({ session, media });
}

/** An answer names no header extension that the offer has not (RFC 8285 §6): Firefox refuses it whole. */
function withExtensionsOf({ lines }: MediaSection, offered: MediaSection): MediaSection {
  const reversed = { "/sendonly": "/recvonly", "/recvonly": "/sendonly" } as Record<string, string>;
  const answerable = offered.lines.map((line) =>
    line.replace(/^(a=extmap:\d+)(\/\w+)/, (_, id, way) => id + (reversed[way] ?? way)),
  );
  return { lines: lines.filter((line) => !line.startsWith("a=extmap:") || answerable.includes(line)) };
}

/**
 * Like {@link answerFor}, of texts: `theirs` is what the offer's sender said before it, `count` how many answers were made of `own` so far, which
 * may be an offer. No answer to an offer that restarts ICE, and to one that leaves a section without a format.
 */
export function answerInPlace(
  offer: string,
  { own, theirs }: { readonly own: string; readonly theirs?: string | undefined },
  count: number,
): string | undefined {
  const [last, before, next] = [own, theirs, offer].map((text) =>
    text === undefined ? undefined : parseDescription(text),
  );
  if (last === undefined || next === undefined) return undefined;
  if (before !== undefined && offerChange(before, next) === "ice-restart") return undefined;
  const media = last.media.map((section, index) => withFormatsOf(section, next.media[index]));
  const meets = { session: last.session, media };
  return canAnswerOnBehalf(next, meets) ? answerFor(next, meets, versionOf(last) + count + 1) : undefined;
}

/** The section with those of its formats that the offered one has too; as it is where there is none. */
function withFormatsOf(section: MediaSection, offered: MediaSection | undefined): MediaSection {
  if (offered === undefined) return section;
  const line = mediaLine(section);
  const theirs = mediaLine(offered).formats.split(" ");
  const [kept, dropped] = [true, false].map((has) =>
    line.formats.split(" ").filter((format) => theirs.includes(format) === has),
  ) as [string[], string[]];
  if (kept.length === 0 || dropped.length === 0) return section;
  const of = /^a=(?:rtpmap|fmtp|rtcp-fb):(\S+)/;
  const lines = section.lines.filter((text) => !dropped.includes(of.exec(text)?.[1] ?? ""));
  return { lines: [formatMediaLine({ ...line, formats: kept.join(" ") }), ...lines.slice(1)] };
}

/** True when the offer keeps what the core side continues to use: the sections that were there, and the formats that it named. */
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

/** Answers on behalf of an end of a call, each time with a higher version (RFC 3264 §8). */
export class AnswerOnBehalf {
  #version = 0;

  /** Like {@link answerFor}. */
  answer(offer: SessionDescription | undefined, last: SessionDescription | undefined): string | undefined {
    if (last === undefined) return undefined;
    this.#version = Math.max(this.#version, versionOf(last)) + 1;
    return answerFor(offer, last, this.#version);
  }
}

/** The version of a description (`o=`, RFC 8866 §5.2). */
function versionOf({ session }: SessionDescription): number {
  const origin = session.find((line) => line.startsWith("o="));
  const version = Number(origin?.split(" ")[2]);
  return Number.isSafeInteger(version) ? version : 1;
}

/**
 * The DTLS role of an end that answers: active, unless it was passive before, as the first offerer to a browser is (RFC 5763
 * §5).
 */
export function roleAfter(before: SessionDescription | undefined): "active" | "passive" {
  const said = before && setupOf(before);
  return said === "actpass" || said === "passive" ? "passive" : "active";
}
