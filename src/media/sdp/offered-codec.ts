import { attributes, mediaLine } from "../../wire/sdp/attributes.ts";
import type { MediaSection } from "../../wire/sdp/description.ts";

/** One payload type of an offer that has an `a=rtpmap` line (RFC 8866 §6.6). */
export interface OfferedCodec {
  readonly payloadType: number;
  /** Lower case, such as `vp8`. */
  readonly name: string;
  readonly clockRate: number;
  readonly channels: number;
  /** Format parameters (`a=fmtp`) by their lower-case names. A value without a name, as RED has it, stands under the empty name. */
  readonly parameters: ReadonlyMap<string, string>;
  /** Values of `a=rtcp-fb`, such as `nack pli`. */
  readonly feedback: ReadonlySet<string>;
}

/** How many payload types of a section are read. Chromium offers about 40. */
const mostCodecs = 128;

/** The codecs of a section in the order of its `m=` line, which is the peer's order of preference. */
export function offeredCodecs(section: MediaSection): OfferedCodec[] {
  const lines = section.lines;
  const names = new Map(attributes(lines, "rtpmap").map(splitFirst));
  const formats = new Map(attributes(lines, "fmtp").map(splitFirst));
  const feedback = new Map<string, Set<string>>();
  for (const [of, value] of attributes(lines, "rtcp-fb").map(splitFirst)) {
    const known = feedback.get(of) ?? new Set();
    feedback.set(of, known.add(value.trimEnd().toLowerCase()));
  }
  const codecs: OfferedCodec[] = [];
  for (const written of new Set(mediaLine(section).formats.split(" ").slice(0, mostCodecs))) {
    const found = /^([\w.-]{1,32})\/(\d{1,6})(?:\/(\d))?\s*$/.exec(names.get(written) ?? "");
    const payloadType = /^\d{1,3}$/.test(written) ? Number(written) : 128;
    if (found === null || payloadType > 127) continue;
    codecs.push({
      payloadType,
      name: (found[1] ?? "").toLowerCase(),
      clockRate: Number(found[2]),
      channels: Number(found[3] ?? 1),
      parameters: readParameters(formats.get(written) ?? ""),
      feedback: new Set([...(feedback.get(written) ?? []), ...(feedback.get("*") ?? [])]),
    });
  }
  return codecs;
}

function splitFirst(value: string): [string, string] {
  const space = value.indexOf(" ");
  return space < 0 ? [value, ""] : [value.slice(0, space), value.slice(space + 1)];
}

function readParameters(text: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const part of text.slice(0, 2_048).split(";")) {
    const equals = part.indexOf("=");
    const name = equals < 0 ? "" : part.slice(0, equals).trim().toLowerCase();
    if (parameters.size < 32) parameters.set(name, part.slice(equals + 1).trim());
  }
  return parameters;
}
