import { attribute, attributes, mid } from "./attributes.ts";
import { candidateText, parseCandidate, type TrickleCandidate } from "./candidate.ts";
import { splitLines } from "./description.ts";

/** The media type of a fragment. */
export const fragmentType = "application/trickle-ice-sdpfrag";

/** The contents of an `application/trickle-ice-sdpfrag` (RFC 8840 §9). */
export interface Fragment {
  readonly candidates: readonly TrickleCandidate[];
  /** True when no more candidates come, for the whole session or one of its sections. */
  readonly complete: boolean;
  /** The ufrag of its generation, if it has one. */
  readonly ufrag: string | undefined;
  readonly pwd: string | undefined;
}

const mostLines = 512;

/** Parses a fragment. Undefined if it is too long, has lines other than `a=` and `m=`, or a malformed candidate. */
export function parseFragment(text: string): Fragment | undefined {
  if (text.length > 65_536) return undefined;
  const lines = splitLines(text);
  if (lines.length > mostLines) return undefined;
  const sections: string[][] = [[]];
  for (const line of lines) {
    if (line.startsWith("m=")) sections.push([]);
    else if (!line.startsWith("a=")) return undefined;
    sections.at(-1)?.push(line);
  }
  const [session = []] = sections;
  const candidates: TrickleCandidate[] = [];
  for (const section of sections) {
    const name = mid({ lines: section });
    const ufrag = attribute(section, "ice-ufrag") ?? attribute(session, "ice-ufrag");
    for (const value of attributes(section, "candidate")) {
      // A candidate belongs to the section that its mid names (RFC 8840 §4.3).
      if (name === undefined || parseCandidate(value) === undefined) return undefined;
      const about = { sdpMid: name, ...(ufrag === undefined ? {} : { usernameFragment: ufrag }) };
      candidates.push({ candidate: candidateText(value), ...about });
    }
  }
  const all = sections.flat();
  return {
    candidates,
    complete: all.includes("a=end-of-candidates"),
    ufrag: attribute(all, "ice-ufrag"),
    pwd: attribute(all, "ice-pwd"),
  };
}

/** Writes a fragment. Candidates without a mid are left out. */
export function formatFragment({ candidates, complete, ufrag, pwd }: Fragment): string {
  let text = ufrag === undefined ? "" : `a=ice-ufrag:${ufrag}\r\n`;
  if (pwd !== undefined) text += `a=ice-pwd:${pwd}\r\n`;
  const mids = new Set(candidates.map((one) => one.sdpMid));
  for (const name of mids) {
    if (name == null) continue;
    // The contents of this line are ignored (RFC 8840 §9.2).
    text += `m=audio 9 RTP/AVP 0\r\na=mid:${name}\r\n`;
    for (const one of candidates)
      if (one.sdpMid === name && one.candidate !== "") text += `a=${candidateText(one.candidate)}\r\n`;
    if (complete) text += "a=end-of-candidates\r\n";
  }
  return complete && mids.size === 0 ? `${text}a=end-of-candidates\r\n` : text;
}
