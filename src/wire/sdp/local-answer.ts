import {
  attribute,
  type Direction,
  direction,
  formatMediaLine,
  mediaLine,
  mid,
  withDirection,
} from "./attributes.ts";
import type { MediaSection, SessionDescription } from "./description.ts";

const mirrored: Readonly<Record<Direction, Direction>> = {
  sendrecv: "sendrecv",
  sendonly: "recvonly",
  recvonly: "sendonly",
  inactive: "inactive",
};

/**
 * Answers an offer that changes directions only, on behalf of a peer that can't be asked: with what the peer said last, each
 * direction reduced to what the offer allows, and a higher version (RFC 3264 §6.1, §8). `last` is the peer's own last
 * description, an offer or an answer, and never one that was made on its behalf. `role`: its DTLS role, if `last` is an offer.
 */
export function holdAnswer(
  offer: SessionDescription,
  last: SessionDescription,
  version: number,
  role?: "active" | "passive",
): SessionDescription {
  const media = last.media.map((section, index) => {
    const offered = offer.media[index];
    if (offered === undefined) return section;
    const before = direction(last, section);
    const after = both(mirrored[direction(offer, offered)], before);
    return withRole(after === before ? section : withDirection(section, after), role);
  });
  return { session: withVersion(withRole({ lines: last.session }, role).lines, version), media };
}

/** The answer to a section that is rejected: port 0 (RFC 3264 §6). */
export function turnedDown(section: MediaSection): MediaSection {
  const name = mid(section);
  const lines = [formatMediaLine({ ...mediaLine(section), port: "0" }), "c=IN IP4 0.0.0.0", "a=inactive"];
  return { lines: name === undefined ? lines : [...lines, `a=mid:${name}`] };
}

/** The session lines with this version in `o=` (RFC 8866 §5.2). */
function withVersion(session: readonly string[], version: number): string[] {
  return session.map((line) => {
    if (!line.startsWith("o=")) return line;
    const [name, id, , ...rest] = line.split(" ");
    return [name, id, version, ...rest].join(" ");
  });
}

function both(one: Direction, other: Direction): Direction {
  const sends = canSend(one) && canSend(other);
  const receives = canReceive(one) && canReceive(other);
  return sends ? (receives ? "sendrecv" : "sendonly") : receives ? "recvonly" : "inactive";
}

function canSend(one: Direction): boolean {
  return one === "sendrecv" || one === "sendonly";
}

function canReceive(one: Direction): boolean {
  return one === "sendrecv" || one === "recvonly";
}

/** What a description says of its DTLS role (`a=setup`, RFC 8842 §5): that of its first section, or of the session. */
export function setupOf({ session, media }: SessionDescription): string | undefined {
  return [session, ...media.map(({ lines }) => lines)]
    .map((lines) => attribute(lines, "setup"))
    .find((value) => value !== undefined);
}

/** An answer says `active` or `passive`, never `actpass` (RFC 8842 §5.3). */
export function withRole(section: MediaSection, role: "active" | "passive" | undefined): MediaSection {
  if (role === undefined || attribute(section.lines, "setup") === undefined) return section;
  return { lines: section.lines.map((line) => (line.startsWith("a=setup:") ? `a=setup:${role}` : line)) };
}
