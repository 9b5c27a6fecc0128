import { attribute, bundle, iceCredentials, isRejected, mid } from "./attributes.ts";
import type { MediaSection, SessionDescription } from "./description.ts";
import { turnedDown } from "./local-answer.ts";

/**
 * The answer of an end that knows no BUNDLE, as the end that made a bundled offer can take it. An offer whose sections share their ICE
 * credentials has one transport (`max-bundle`): the first section that was taken gets it, and the others are rejected (RFC 9143 §7.3), unless
 * there are candidates of theirs, in the offer or sent after it (`gathered`: the mids of those): `balanced` and `max-compat` gather for each.
 * Sections with credentials of their own have a transport each. A section that remains alone is a group by itself, for which it makes no
 * difference. An answer with a group comes back as it is.
 */
export function unbundledAnswer(
  answer: SessionDescription,
  offer: SessionDescription,
  gathered: ReadonlySet<string> = new Set(),
): SessionDescription {
  const offered = bundle(offer);
  if (bundle(answer).length > 0) return answer;
  const taken = new Set<string | undefined>();
  const media = answer.media.map((section, index): MediaSection => {
    if (isRejected(section) || !offered.includes(mid(section) ?? "")) return section;
    const asked = offer.media[index] ?? section;
    const ufrag = iceCredentials(offer, asked)?.ufrag;
    const own = gathered.has(mid(section) ?? "") || attribute(asked.lines, "candidate") !== undefined;
    if (taken.has(ufrag) && !own) return turnedDown(section);
    taken.add(ufrag);
    return section;
  });
  const [only, ...more] = media.filter((section) => !isRejected(section));
  const name = only === undefined || more.length > 0 ? "" : (mid(only) ?? "");
  const groups = offered.includes(name) ? [`a=group:BUNDLE ${name}`] : [];
  return { session: [...answer.session, ...groups], media };
}
