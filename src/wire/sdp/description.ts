/** One `m=` section: its lines without their ends, of which the first is the `m=` line. */
export interface MediaSection {
  readonly lines: readonly string[];
}

/**
 * A session description as its lines (RFC 8866), none of which is lost or moved. Parts of it are replaced, never written to.
 * Whatever the line ends were, CRLF is written.
 */
export interface SessionDescription {
  /** The lines in front of the first `m=`. */
  readonly session: readonly string[];
  readonly media: readonly MediaSection[];
}

const descriptionLimits = {
  /** Characters. */
  text: 65_536,
  media: 32,
  lines: 4_096,
} as const;

/** Undefined for what begins with no `v=0`, has a line that is not `x=…`, or is beyond the limits. */
export function parseDescription(text: string): SessionDescription | undefined {
  if (text.length > descriptionLimits.text) return undefined;
  const lines = splitLines(text);
  if (lines[0] !== "v=0" || lines.length > descriptionLimits.lines) return undefined;
  const session: string[] = [];
  const media: { lines: string[] }[] = [];
  let section = session;
  for (const line of lines) {
    if (line.charCodeAt(1) !== 0x3d || !isLowerCase(line.charCodeAt(0))) return undefined;
    if (line.startsWith("m=")) {
      if (media.length === descriptionLimits.media) return undefined;
      section = [];
      media.push({ lines: section });
    }
    section.push(line);
  }
  return { session, media };
}

export function formatDescription({ session, media }: SessionDescription): string {
  let text = "";
  for (const line of session) text += `${line}\r\n`;
  for (const { lines } of media) for (const line of lines) text += `${line}\r\n`;
  return text;
}

/** Lines at LF or CRLF; empty ones at the end are none. */
export function splitLines(text: string): string[] {
  const lines = text.split("\n");
  for (const [index, line] of lines.entries()) if (line.endsWith("\r")) lines[index] = line.slice(0, -1);
  while (lines.at(-1) === "") lines.pop();
  return lines;
}

function isLowerCase(code: number): boolean {
  return code >= 0x61 && code <= 0x7a;
}
