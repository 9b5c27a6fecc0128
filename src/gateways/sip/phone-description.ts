import { attribute, bundle, isRejected, mid, withDirection } from "../../wire/sdp/attributes.ts";
import { parseDescription, type SessionDescription } from "../../wire/sdp/description.ts";
import { withRole } from "../../wire/sdp/local-answer.ts";
import { roleAfter } from "../answer-on-behalf.ts";

/** The offer that an answer of a phone is for, and the phone's description before that. */
interface Answered {
  readonly offer: string | undefined;
  readonly before?: SessionDescription | undefined;
}

/**
 * Parses a description of a phone and adds what browsers need and desk phones leave out: names of the sections (`a=mid`, in an
 * answer those of the offer), a BUNDLE group if there is only one section, for which it makes no difference (RFC 8843), and the
 * DTLS role that an answer leaves open (baresip repeats the offer's `actpass`). Undefined if the text is not a description.
 */
export function phoneDescription(text: string, answered?: Answered): SessionDescription | undefined {
  const parsed = parseDescription(text);
  if (parsed === undefined) return undefined;
  // Without a direction JsSIP takes a rejected section for one that is in use, and tells nobody that the other one is on hold.
  const media = parsed.media.map((section) =>
    isRejected(section) ? withDirection(section, "inactive") : section,
  );
  const description = { session: parsed.session, media };
  return answered === undefined
    ? named(description)
    : named(decided(description, answered.before), answered.offer);
}

function named(description: SessionDescription, offer?: string): SessionDescription {
  if (description.media.some((section) => mid(section) !== undefined)) return description;
  const offered = offer === undefined ? undefined : parseDescription(offer)?.media;
  const names = description.media.map((_, index) => {
    const section = offered?.[index];
    return (section && mid(section)) ?? String(index);
  });
  const media = description.media.map(({ lines }, index) => ({ lines: [...lines, `a=mid:${names[index]}`] }));
  const used = media.flatMap((section, index) => (isRejected(section) ? [] : [names[index]]));
  const bundles = used.length === 1 && bundle(description).length === 0;
  const group = bundles ? [`a=group:BUNDLE ${used[0]}`] : [];
  return { session: [...description.session, ...group], media };
}

function decided({ session, media }: SessionDescription, before?: SessionDescription): SessionDescription {
  const role = roleAfter(before);
  const settled = (lines: readonly string[]) =>
    attribute(lines, "setup") === "actpass" ? withRole({ lines }, role).lines : lines;
  return { session: settled(session), media: media.map(({ lines }) => ({ lines: settled(lines) })) };
}
