import { fail, ok, type Result } from "../../../shared/result.ts";
import {
  attributes,
  bundle,
  direction,
  formatMediaLine,
  isRejected,
  mediaLine,
  mid,
} from "../../../wire/sdp/attributes.ts";
import type { MediaSection, SessionDescription } from "../../../wire/sdp/description.ts";
import { turnedDown } from "../../../wire/sdp/local-answer.ts";
import { children, element, type XmlElement } from "../xml.ts";
import { fault, type JingleFault } from "./faults.ts";
import { namespaces } from "./namespaces.ts";
import { type BareParameters, rtpDescription, rtpDescriptionOf, rtpLines } from "./rtp-description.ts";
import { directionOf, type Party, sendersOf } from "./senders.ts";
import { isToken } from "./tokens.ts";
import { iceTransport, sctpPort, transportLines, transportOf } from "./transport.ts";

const { jingle, grouping } = namespaces;

/** Contents of a session; a client that sends more is refused. */
export const mostContents = 32;

/** How descriptions are written for a client. */
export interface Dialect {
  readonly bareParameters: BareParameters;
  /** The client knows data channels (XEP-0343). Without, sections of data channels are left out. */
  readonly dataChannels: boolean;
}

/** The name of a section's content: its mid, or its index where it has none. */
export function contentName(section: MediaSection, index: number): string {
  return mid(section) ?? String(index);
}

/** The sections that a client of this dialect hears of, by the names of their contents. */
export function contentSections(
  description: SessionDescription,
  { dataChannels }: Pick<Dialect, "dataChannels">,
): Map<string, MediaSection> {
  const sections = new Map<string, MediaSection>();
  for (const [index, section] of description.media.entries()) {
    const { kind } = mediaLine(section);
    const known = kind === "audio" || kind === "video" || (kind === "application" && dataChannels);
    if (known && !isRejected(section)) sections.set(contentName(section, index), section);
  }
  return sections;
}

/**
 * The contents and groups of a `jingle` element for a description that `author` has made. A section that is rejected, or that the client
 * does not know, has no content: in an answer that rejects it too. `creatorOf` names the party that brought a content in.
 */
export function toContents(
  description: SessionDescription,
  author: Party,
  dialect: Dialect,
  creatorOf: (content: string) => Party = () => "initiator",
): XmlElement[] {
  const sections = contentSections(description, dialect);
  const made: XmlElement[] = [];
  for (const [name, section] of sections)
    made.push(contentElement(description, section, name, author, creatorOf(name), dialect));
  for (const value of attributes(description.session, "group")) {
    const [semantics, ...mids] = value.split(" ");
    const members = mids.filter((one) => sections.has(one));
    if (members.length > 0)
      made.push(
        element(
          "group",
          grouping,
          { semantics },
          ...members.map((name) => element("content", grouping, { name })),
        ),
      );
  }
  return made;
}

function contentElement(
  description: SessionDescription,
  section: MediaSection,
  name: string,
  author: Party,
  creator: Party,
  { bareParameters }: Dialect,
): XmlElement {
  const line = mediaLine(section);
  const data = line.kind === "application";
  const senders = data ? "both" : sendersOf(direction(description, section), author);
  const lines = description.session.includes("a=extmap-allow-mixed")
    ? [...section.lines, "a=extmap-allow-mixed"]
    : section.lines;
  return element(
    "content",
    jingle,
    { creator, name, senders },
    data ? undefined : rtpDescription(line, lines, author, bareParameters),
    transportOf(description, section, line),
  );
}

/** What the SDP says besides the contents. */
export interface DescriptionAbout {
  readonly author: Party;
  /** Digits, the same in all descriptions of a party's session (`o=`, RFC 8866 §5.2). */
  readonly sessionId: string;
  readonly version: number;
  /** Without it the contents are an offer; with it they are the answer to it. */
  readonly offer?: SessionDescription | undefined;
}

/**
 * The description that the contents of a `jingle` element make, their candidates included. An answer has the sections of its offer in
 * their order; those without a content are rejected (RFC 3264 §6).
 */
export function toDescription(
  of: XmlElement,
  about: DescriptionAbout,
): Result<SessionDescription, JingleFault> {
  const { author, offer, sessionId, version } = about;
  const contents = contentsByName(of);
  if (!contents.ok) return contents;
  const media: MediaSection[] = [];
  const used: string[] = [];
  const take = (name: string, content: XmlElement, offered?: MediaSection): JingleFault | undefined => {
    const section = toSection(content, name, author, offered);
    if (!section.ok) return section.error;
    media.push(section.value);
    used.push(name);
    return undefined;
  };
  if (offer === undefined) {
    for (const [name, content] of contents.value) {
      const wrong = take(name, content);
      if (wrong !== undefined) return fail(wrong);
    }
  } else {
    for (const [index, offered] of offer.media.entries()) {
      const name = contentName(offered, index);
      const content = isRejected(offered) ? undefined : contents.value.get(name);
      const wrong = content === undefined ? undefined : take(name, content, offered);
      if (wrong !== undefined) return fail(wrong);
      if (content === undefined) media.push(turnedDown(offered));
    }
    if (used.length === 0) return fail(fault("failed-application", "the answer takes none of the contents"));
  }
  const groups = groupsOf(of, used, offer);
  const session = [
    "v=0",
    `o=- ${sessionId} ${version} IN IP4 0.0.0.0`,
    "s=-",
    "t=0 0",
    ...groups,
    "a=msid-semantic: WMS *",
  ];
  return ok({ session, media });
}

/** The contents of a `jingle` element by their names. */
export function contentsByName(of: XmlElement): Result<Map<string, XmlElement>, JingleFault> {
  const found = new Map<string, XmlElement>();
  const contents = children(of, "content", jingle);
  if (contents.length === 0) return fail(fault("bad-request", "there is no content"));
  if (contents.length > mostContents)
    return fail(fault("bad-request", `a session may have ${mostContents} contents`));
  for (const content of contents) {
    const { name } = content.attributes;
    if (!isToken(name, 64)) return fail(fault("bad-request", "a content has no name that SDP can have"));
    if (found.has(name)) return fail(fault("bad-request", `there are two contents ${name}`));
    found.set(name, content);
  }
  return ok(found);
}

/** A content as the media section of its author. */
export function toSection(
  content: XmlElement,
  name: string,
  author: Party,
  offered?: MediaSection,
): Result<MediaSection, JingleFault> {
  const transport = iceTransport(content);
  if (transport === undefined) return fail(fault("unsupported-transports", `content ${name} isn't ICE-UDP`));
  const lines = transportLines(transport, name, offered !== undefined);
  if (!lines.ok) return lines;
  const named = offered === undefined || mid(offered) !== undefined ? [`a=mid:${name}`] : [];
  const connection = "c=IN IP4 0.0.0.0";
  const port = sctpPort(transport);
  const before = offered === undefined ? undefined : mediaLine(offered);
  if (port !== undefined) {
    if (before !== undefined && before.kind !== "application")
      return fail(fault("incompatible-parameters", `content ${name} has become data channels`));
    const drafts = before !== undefined && before.formats !== "webrtc-datachannel";
    const line = formatMediaLine({
      kind: "application",
      port: "9",
      protocol: before?.protocol ?? "UDP/DTLS/SCTP",
      formats: drafts ? String(port) : "webrtc-datachannel",
    });
    const sctp = drafts ? `a=sctpmap:${port} webrtc-datachannel 1024` : `a=sctp-port:${port}`;
    return ok({ lines: [line, connection, ...named, ...lines.value, sctp] });
  }
  const description = rtpDescriptionOf(content);
  if (description === undefined)
    return fail(
      fault("unsupported-applications", `content ${name} is neither audio, video nor data channels`),
    );
  const kind = description.attributes.media ?? "";
  if (before !== undefined && before.kind !== kind)
    return fail(fault("incompatible-parameters", `content ${name} has become ${kind}`));
  const way = directionOf(content.attributes.senders, author);
  if (way === undefined) return fail(fault("bad-request", `content ${name} has unknown senders`));
  const rtp = rtpLines(description, author);
  if (!rtp.ok) return rtp;
  const protocol = before?.protocol ?? "UDP/TLS/RTP/SAVPF";
  const { formats, lines: described } = rtp.value;
  const line = formatMediaLine({ kind, port: "9", protocol, formats });
  return ok({
    lines: [line, connection, "a=rtcp:9 IN IP4 0.0.0.0", ...named, ...lines.value, `a=${way}`, ...described],
  });
}

/** The groups that the contents are in. An answer bundles what its offer does, or less (RFC 8843 §7.3). */
function groupsOf(of: XmlElement, used: readonly string[], offer: SessionDescription | undefined): string[] {
  const offered = offer === undefined ? undefined : bundle(offer);
  const lines: string[] = [];
  for (const group of children(of, "group", grouping)) {
    const { semantics } = group.attributes;
    const bundles = semantics === "BUNDLE";
    const members = children(group, "content", grouping)
      .map(({ attributes: { name } }) => name)
      .filter((name) => name !== undefined && used.includes(name))
      .filter((name) => !bundles || offered === undefined || offered.includes(name!));
    if (isToken(semantics, 16) && members.length > 0 && lines.length < mostContents)
      lines.push(`a=group:${semantics} ${members.join(" ")}`);
  }
  return lines;
}
