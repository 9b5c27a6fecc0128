import type { MediaSection, SessionDescription } from "./description.ts";

export type Direction = "sendrecv" | "sendonly" | "recvonly" | "inactive";

const directions: readonly string[] = ["sendrecv", "sendonly", "recvonly", "inactive"] satisfies Direction[];

/** The value of the first `a=NAME:value`; empty for `a=NAME`; undefined without either. */
export function attribute(lines: readonly string[], name: string): string | undefined {
  const start = `a=${name}`;
  for (const line of lines) {
    if (!line.startsWith(start)) continue;
    if (line.length === start.length) return "";
    if (line[start.length] === ":") return line.slice(start.length + 1);
  }
  return undefined;
}

/** The values of all `a=NAME:value`. */
export function attributes(lines: readonly string[], name: string): string[] {
  const start = `a=${name}:`;
  return lines.filter((line) => line.startsWith(start)).map((line) => line.slice(start.length));
}

/** The attribute of the section, or else that of the session (RFC 8866 §5.13). */
export function inherited(
  description: SessionDescription,
  section: MediaSection,
  name: string,
): string | undefined {
  return attribute(section.lines, name) ?? attribute(description.session, name);
}

/** The fields of an `m=` line. */
export interface MediaLine {
  readonly kind: string;
  /** As it is written: `9`, or `49170/2`. */
  readonly port: string;
  readonly protocol: string;
  readonly formats: string;
}

export function mediaLine(section: MediaSection): MediaLine {
  const [kind = "", port = "", protocol = "", ...formats] = (section.lines[0] ?? "m=").slice(2).split(" ");
  return { kind, port, protocol, formats: formats.join(" ") };
}

export function formatMediaLine({ kind, port, protocol, formats }: MediaLine): string {
  return `m=${kind} ${port} ${protocol} ${formats}`.trimEnd();
}

/** `a=mid`; undefined without one. */
export function mid(section: MediaSection): string | undefined {
  return attribute(section.lines, "mid");
}

/** True for a section with port 0 that is not bundle-only (RFC 3264 §6, RFC 8843 §6). */
export function isRejected(section: MediaSection): boolean {
  return mediaLine(section).port === "0" && attribute(section.lines, "bundle-only") === undefined;
}

/** Which kinds of media a description has in sections that are not rejected. */
export function mediaKinds({ media }: SessionDescription): {
  readonly audio: boolean;
  readonly video: boolean;
  readonly data: boolean;
} {
  const kinds = media.filter((section) => !isRejected(section)).map((section) => mediaLine(section).kind);
  return {
    audio: kinds.includes("audio"),
    video: kinds.includes("video"),
    data: kinds.includes("application"),
  };
}

/** The direction of media; `sendrecv` if there is no attribute (RFC 8866 §6.7). */
export function direction(description: SessionDescription, section: MediaSection): Direction {
  for (const lines of [section.lines, description.session])
    for (const line of lines)
      if (line.startsWith("a=") && directions.includes(line.slice(2))) return line.slice(2) as Direction;
  return "sendrecv";
}

/** The same section with this direction. */
export function withDirection(section: MediaSection, wanted: Direction): MediaSection {
  const lines = section.lines.filter(
    (line) => !(line.startsWith("a=") && directions.includes(line.slice(2))),
  );
  const at = section.lines.findIndex((line) => line.startsWith("a=") && directions.includes(line.slice(2)));
  return { lines: lines.toSpliced(at < 0 ? lines.length : at, 0, `a=${wanted}`) };
}

/** The ufrag and password of a section. Undefined unless both are there. */
export function iceCredentials(
  description: SessionDescription,
  section: MediaSection,
): { readonly ufrag: string; readonly pwd: string } | undefined {
  const ufrag = inherited(description, section, "ice-ufrag");
  const pwd = inherited(description, section, "ice-pwd");
  return ufrag === undefined || pwd === undefined ? undefined : { ufrag, pwd };
}

/** The mids of the first BUNDLE group (RFC 8843); empty without one. */
export function bundle(description: SessionDescription): string[] {
  const group = attributes(description.session, "group").find((value) => /^BUNDLE( |$)/.test(value));
  return group === undefined
    ? []
    : group
        .split(" ")
        .slice(1)
        .filter((one) => one !== "");
}
