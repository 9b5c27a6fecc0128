import {
  attribute,
  attributes,
  formatMediaLine,
  iceCredentials,
  isRejected,
  mediaLine,
  mid,
} from "./attributes.ts";
import { type CandidateFields, candidateText, parseCandidate, type TrickleCandidate } from "./candidate.ts";
import type { MediaSection, SessionDescription } from "./description.ts";

/** The most candidates of one description. More are dropped. */
const mostCandidates = 64;

/** A description without candidates, and its candidates, to be trickled after it. */
export interface Stripped {
  readonly description: SessionDescription;
  readonly candidates: readonly TrickleCandidate[];
  /** True when it had `a=end-of-candidates` (RFC 8838). */
  readonly complete: boolean;
}

/** Removes the candidates from a description. */
export function stripCandidates(description: SessionDescription): Stripped {
  const candidates: TrickleCandidate[] = [];
  let complete = attribute(description.session, "end-of-candidates") !== undefined;
  const media = description.media.map((section, index) => {
    const ufrag = iceCredentials(description, section)?.ufrag;
    for (const value of attributes(section.lines, "candidate"))
      candidates.push({
        candidate: `candidate:${value}`,
        sdpMid: mid(section) ?? String(index),
        sdpMLineIndex: index,
        ...(ufrag === undefined ? {} : { usernameFragment: ufrag }),
      });
    complete ||= attribute(section.lines, "end-of-candidates") !== undefined;
    return { lines: section.lines.filter((line) => !isCandidateLine(line)) };
  });
  const session = description.session.filter((line) => !isCandidateLine(line));
  return { description: { session, media }, candidates: candidates.slice(0, mostCandidates), complete };
}

/** What was not put into a description: of another generation, for a section that there is not, or no candidate. */
export interface Aggregated {
  readonly description: SessionDescription;
  readonly dropped: number;
}

/**
 * Adds trickled candidates to the sections that they name, for a peer without trickle ICE. `complete` adds end-of-candidates
 * (RFC 8838 §14).
 */
export function addCandidates(
  description: SessionDescription,
  candidates: readonly TrickleCandidate[],
  complete: boolean,
): Aggregated {
  const added = description.media.map((): string[] => []);
  let dropped = 0;
  for (const one of candidates) {
    if (one.candidate === "") continue;
    const index = sectionOf(description, one);
    const section = index === undefined ? undefined : description.media[index];
    const line = `a=${candidateText(one.candidate)}`;
    const fields = parseCandidate(one.candidate);
    const known = section && iceCredentials(description, section)?.ufrag;
    const ufrag = one.usernameFragment ?? fields?.ufrag;
    const total = added.reduce((sum, lines) => sum + lines.length, 0);
    const stale = ufrag !== undefined && known !== undefined && ufrag !== known;
    if (
      index === undefined ||
      section === undefined ||
      fields === undefined ||
      stale ||
      total >= mostCandidates
    )
      dropped++;
    else if (!section.lines.includes(line) && !added[index]?.includes(line)) added[index]?.push(line);
  }
  const media = description.media.map((section, index) => {
    const lines = [...section.lines, ...(added[index] ?? [])];
    const ends = complete && lines.some((line) => line.startsWith("a=candidate:"));
    return { lines: ends && !lines.includes(endOfCandidates) ? [...lines, endOfCandidates] : lines };
  });
  return { description: { session: description.session, media }, dropped };
}

/**
 * Sets `c=` and the port of `m=` to the default candidate (RFC 8839 §4.2.1.2), which peers without ICE send to: relayed before
 * reflexive before host, UDP, component 1, preferably IPv4. Bundled sections without candidates are left alone.
 */
export function withDefaultCandidates(description: SessionDescription): SessionDescription {
  const media = description.media.map((section) => {
    const chosen = isRejected(section) ? undefined : defaultCandidate(section);
    return chosen === undefined ? section : withAddress(section, chosen);
  });
  return { session: description.session, media };
}

const endOfCandidates = "a=end-of-candidates";
const preference: readonly string[] = ["host", "prflx", "srflx", "relay"];

function isCandidateLine(line: string): boolean {
  return line.startsWith("a=candidate:") || line === endOfCandidates;
}

/** The section of a candidate, by its mid, or else by its index. */
function sectionOf(description: SessionDescription, one: TrickleCandidate): number | undefined {
  const { media } = description;
  const index =
    one.sdpMid == null
      ? (one.sdpMLineIndex ?? -1)
      : media.findIndex((section) => mid(section) === one.sdpMid);
  const section = media[index];
  return section === undefined || isRejected(section) ? undefined : index;
}

function defaultCandidate(section: MediaSection): CandidateFields | undefined {
  let best: CandidateFields | undefined;
  for (const value of attributes(section.lines, "candidate")) {
    const one = parseCandidate(value);
    // A peer can't send to an mDNS name.
    if (one === undefined || one.component !== 1 || one.transport !== "udp" || one.address.endsWith(".local"))
      continue;
    if (
      best === undefined ||
      rank(one) > rank(best) ||
      (rank(one) === rank(best) && one.priority > best.priority)
    )
      best = one;
  }
  return best;
}

/** The rank of a candidate as the default: first by its type, then by its address family. */
function rank({ type, address }: CandidateFields): number {
  return preference.indexOf(type) * 2 + (address.includes(":") ? 0 : 1);
}

function withAddress(section: MediaSection, { address, port }: CandidateFields): MediaSection {
  const connection = `c=IN ${address.includes(":") ? "IP6" : "IP4"} ${address}`;
  const [, ...rest] = section.lines;
  const lines = [formatMediaLine({ ...mediaLine(section), port: String(port) }), ...rest];
  const at = lines.findIndex((line) => line.startsWith("c="));
  // After `m=` comes an optional `i=`, then `c=` (RFC 8866 §5).
  return {
    lines:
      at < 0
        ? lines.toSpliced(lines[1]?.startsWith("i=") ? 2 : 1, 0, connection)
        : lines.with(at, connection),
  };
}
