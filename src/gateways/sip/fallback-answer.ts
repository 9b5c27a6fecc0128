import { formatMediaLine, isRejected, mediaLine, mid } from "../../wire/sdp/attributes.ts";
import { formatDescription, type MediaSection, type SessionDescription } from "../../wire/sdp/description.ts";
import { holdAnswer } from "../../wire/sdp/local-answer.ts";
import { roleAfter } from "./phone-description.ts";

/**
 * Answers an offer that a phone refused, so that the call goes on as it was: what the phone said last, and every section that is
 * new turned down. Undefined where nothing was said before, or the offer takes something back that can't be answered for.
 */
export function fallbackAnswer(
  offer: SessionDescription | undefined,
  last: SessionDescription | undefined,
): string | undefined {
  if (offer === undefined || last === undefined || offer.media.length < last.media.length) return undefined;
  const answer = holdAnswer(offer, last, versionOf(last) + 1, roleAfter(last));
  const added = offer.media.slice(last.media.length).map(rejected);
  const media = answer.media.map((section, index) => {
    const offered = offer.media[index];
    return offered !== undefined && isRejected(offered) ? rejected(offered) : section;
  });
  return formatDescription({ session: answer.session, media: [...media, ...added] });
}

function rejected(section: MediaSection): MediaSection {
  const name = mid(section);
  const lines = [formatMediaLine({ ...mediaLine(section), port: "0" }), "c=IN IP4 0.0.0.0", "a=inactive"];
  return { lines: name === undefined ? lines : [...lines, `a=mid:${name}`] };
}

function versionOf({ session }: SessionDescription): number {
  const origin = session.find((line) => line.startsWith("o="));
  const version = Number(origin?.split(" ")[2]);
  return Number.isSafeInteger(version) ? version : 1;
}
