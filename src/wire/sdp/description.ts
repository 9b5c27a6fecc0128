/** A media section: its lines without line ends, the first of which is the `m=` line. */
export interface MediaSection {
  readonly lines: readonly string[];
}

/**
 * A session description as its lines (RFC 8866), all of them in their order. It is immutable: changes make a new one. It is written
 * with CRLF, whatever the line ends were.
 */
export interface SessionDescription {
  /** The lines before the first `m=`. */
  readonly session: readonly string[];
  readonly media: readonly MediaSection[];
}

const descriptionLimits = {
  /** Characters. */
  text: 65_536,
  media: 32,
  lines: 4_096,
} as const;

/** Parses a description. Undefined if it does not begin with `v=0`, has a line that is not `x=…`, or exceeds the limits. */
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

/** Splits a text at LF or CRLF, without empty lines at the end. */
export function splitLines(text: string): string[] {
  const lines = text.split("\n");
  for (const [index, line] of lines.entries()) if (line.endsWith("\r")) lines[index] = line.slice(0, -1);
  while (lines.at(-1) === "") lines.pop();
  return lines;
}

function isLowerCase(code: number): boolean {
  return code >= 0x61 && code <= 0x7a;
}
