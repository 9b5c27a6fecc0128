import { bundle, isRejected, mid, withDirection } from "../../../wire/sdp/attributes.ts";
import type { MediaSection, SessionDescription } from "../../../wire/sdp/description.ts";

/** What an answer says anew, and its sections don't take over from the offer's. */
const ownLines =
  /^a=(ice-|candidate:|end-of-candidates|fingerprint:|setup:|ssrc|msid:|rid:|simulcast:|bundle-only)/;
const transportLine = /^a=(ice-ufrag:|ice-pwd:|fingerprint:|setup:)/;

/**
 * The answer for a client whose offer is bundled: a section that the answer rejects is there all the same, inactive, on the transport of
 * the section that was accepted. Such clients (stanza, Conversations) are WebRTC stacks, and make an SDP answer of the session-accept: it has
 * to have each section of the offer, and Jingle has no word for a rejected one. An answer to an offer without BUNDLE comes back as it is.
 */
export function withDeclinedSections(
  answer: SessionDescription,
  offer: SessionDescription,
): SessionDescription {
  const group = bundle(offer);
  const bundled = bundle(answer);
  const accepted = answer.media.find(
    (section) => !isRejected(section) && bundled.includes(mid(section) ?? ""),
  );
  if (accepted === undefined) return answer;
  const transport = accepted.lines.filter((line) => transportLine.test(line));
  const added: string[] = [];
  const media = answer.media.map((section, index): MediaSection => {
    const offered = offer.media[index];
    const name = offered === undefined ? undefined : mid(offered);
    if (!isRejected(section) || offered === undefined || isRejected(offered)) return section;
    if (name === undefined || !group.includes(name)) return section;
    added.push(name);
    const lines = offered.lines.filter((line) => !ownLines.test(line));
    return withDirection({ lines: [...lines, ...transport] }, "inactive");
  });
  const session = answer.session.map((line) =>
    line.startsWith("a=group:BUNDLE ") ? [line, ...added].join(" ") : line,
  );
  return { session, media };
}
