import { attribute, bundle, isRejected, mid } from "./attributes.ts";
import type { MediaSection, SessionDescription } from "./description.ts";
import { turnedDown } from "./local-answer.ts";

/**
 * The answer of an end that knows no BUNDLE, as the end that made a bundled offer can take it. An end that gathers candidates for the first
 * section alone (`max-bundle`) has no transport for the others: they are rejected (RFC 8843 §7.3), unless the offer holds candidates of
 * theirs. A section that remains alone is a group by itself, for which it makes no difference. An answer with a group comes back as it is.
 */
export function unbundledAnswer(answer: SessionDescription, offer: SessionDescription): SessionDescription {
  const offered = bundle(offer);
  if (bundle(answer).length > 0) return answer;
  let taken = false;
  const media = answer.media.map((section, index): MediaSection => {
    if (isRejected(section) || !offered.includes(mid(section) ?? "")) return section;
    if (taken && attribute(offer.media[index]?.lines ?? [], "candidate") === undefined)
      return turnedDown(section);
    taken = true;
    return section;
  });
  const [only, ...more] = media.filter((section) => !isRejected(section));
  const name = only === undefined || more.length > 0 ? "" : (mid(only) ?? "");
  const groups = offered.includes(name) ? [`a=group:BUNDLE ${name}`] : [];
  return { session: [...answer.session, ...groups], media };
}
