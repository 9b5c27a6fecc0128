import { attributes, type Direction } from "../../wire/sdp/attributes.ts";
import type { MediaSection } from "../../wire/sdp/description.ts";
import type { ExtensionIds } from "../negotiated.ts";

/** URIs of the header extensions that are agreed on. */
const uris: Readonly<Record<keyof ExtensionIds, string>> = {
  mid: "urn:ietf:params:rtp-hdrext:sdes:mid",
  rid: "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
  repairedRid: "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
  transportSequence: "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
  absoluteSendTime: "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
  audioLevel: "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
  dependencyDescriptor:
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
  playoutDelay: "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
  videoOrientation: "urn:3gpp:video-orientation",
};
const names = new Map(Object.entries(uris).map(([name, uri]) => [uri, name as keyof ExtensionIds]));

/**
 * What is agreed on with a publisher. The orientation of the video is not: a sender without it turns the picture itself, so that
 * every viewer sees it upright.
 */
export const publisherExtensions: readonly (keyof ExtensionIds)[] = [
  "mid",
  "rid",
  "repairedRid",
  "transportSequence",
  "absoluteSendTime",
  "audioLevel",
  "dependencyDescriptor",
];
/** What is agreed on with a viewer. Without transport-wide feedback a viewer sends one REMB a second instead of twenty reports. */
export const viewerExtensions: readonly (keyof ExtensionIds)[] = [
  "mid",
  "absoluteSendTime",
  "audioLevel",
  "dependencyDescriptor",
  "playoutDelay",
];

/** A header extension of an offer (RFC 8285 §5). */
export interface OfferedExtension {
  readonly name: keyof ExtensionIds;
  readonly id: number;
  /** As `a=extmap` has it; undefined without one. */
  readonly direction: Direction | undefined;
}

/** The known header extensions of a section, one of each name, with ids that fit the one-byte header. */
export function offeredExtensions(section: MediaSection): OfferedExtension[] {
  const extensions = new Map<string, OfferedExtension>();
  for (const value of attributes(section.lines, "extmap")) {
    const [, number, direction, uri = ""] =
      /^(\d{1,5})(?:\/(sendrecv|sendonly|recvonly|inactive))? (\S+)/.exec(value) ?? [];
    const name = names.get(uri);
    const id = Number(number);
    if (name !== undefined && id >= 1 && id <= 14 && !extensions.has(name))
      extensions.set(name, { name, id, direction: direction as Direction | undefined });
  }
  const ids = [...extensions.values()].map(({ id }) => id);
  return [...extensions.values()].filter(({ id }) => ids.indexOf(id) === ids.lastIndexOf(id));
}

/** Extensions that are worth more than others, best first. */
const worth: readonly (keyof ExtensionIds)[] = [
  "mid",
  "rid",
  "repairedRid",
  "absoluteSendTime",
  "transportSequence",
];

/**
 * The extensions of each section, less those whose id means another one elsewhere: in a BUNDLE an id has one meaning (RFC 8843 §9.2). Some
 * offers break that rule (aiortc), and their senders then read what they agreed to in one section within packets of the other. The one
 * that is worth more stays.
 */
export function withoutCollisions(sections: readonly (readonly OfferedExtension[])[]): OfferedExtension[][] {
  const rank = ({ name }: OfferedExtension): number =>
    worth.includes(name) ? worth.indexOf(name) : worth.length;
  const all = sections.flat().sort((one, other) => rank(one) - rank(other));
  const meaning = new Map(all.toReversed().map(({ id, name }) => [id, name]));
  return sections.map((extensions) => extensions.filter(({ id, name }) => meaning.get(id) === name));
}

/** The ids of those extensions that are wanted and that the peer uses in the direction of the media. */
export function agreedExtensions(
  offered: readonly OfferedExtension[],
  wanted: readonly (keyof ExtensionIds)[],
  offerer: "sendonly" | "recvonly",
): ExtensionIds {
  const ids: { -readonly [name in keyof ExtensionIds]: ExtensionIds[name] } = {};
  for (const { name, id, direction = "sendrecv" } of offered)
    if (wanted.includes(name) && (direction === "sendrecv" || direction === offerer)) ids[name] = id;
  return ids;
}

/** The `a=extmap` lines of an answer: an extension of one direction is answered with the other one (RFC 8285 §7). */
export function extensionLines(offered: readonly OfferedExtension[], agreed: ExtensionIds): string[] {
  const other: Partial<Record<Direction, string>> = { sendonly: "/recvonly", recvonly: "/sendonly" };
  return offered
    .filter(({ name, id }) => agreed[name] === id)
    .map(({ name, id, direction = "sendrecv" }) => `a=extmap:${id}${other[direction] ?? ""} ${uris[name]}`);
}
