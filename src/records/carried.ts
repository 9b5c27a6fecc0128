import type { Candidate, Description } from "../protocol/values.ts";
import type { MediaLine } from "./record.ts";

/** What of descriptions and candidates is kept as text. */
export interface KeptText {
  /** Descriptions, without ICE passwords and keys. */
  readonly descriptions: boolean;
  /** Addresses in candidates and descriptions; without them each is written as `…`. */
  readonly addresses: boolean;
}

/** What a description or candidates carry, as far as records keep it. */
export interface Carried {
  readonly bytes: number;
  readonly description?: { readonly type: string; readonly media: readonly MediaLine[] };
  readonly candidates?: Readonly<Record<string, number>>;
  readonly text?: string;
}

const [mostLines, mostCodecs, mostText] = [16, 12, 6_000];
/** Codecs that only repair others. */
const repair = /^(rtx|red|ulpfec|flexfec-03|telephone-event|CN)$/i;

/** Sums up what a frame carries. */
export function carried(
  frame: { readonly description?: Description; readonly candidates?: readonly Candidate[] },
  kept: KeptText,
): Carried {
  const { description, candidates } = frame;
  if (description === undefined && candidates === undefined) return { bytes: 0 };
  let bytes = description?.sdp.length ?? 0;
  const counts: Record<string, number> = {};
  for (const { candidate } of candidates ?? []) {
    bytes += candidate.length;
    count(counts, candidate);
  }
  if (description !== undefined) for (const line of candidateLines(description.sdp)) count(counts, line);
  const text = kept.descriptions || kept.addresses ? textOf(description, candidates, kept) : undefined;
  return {
    bytes,
    ...(description && { description: { type: description.type, media: mediaLines(description.sdp) } }),
    ...(hasAny(counts) && { candidates: counts }),
    ...(text !== undefined && text !== "" && { text }),
  };
}

/** The media sections of an SDP. At most 16, with at most 12 codecs each. */
function mediaLines(sdp: string): MediaLine[] {
  const lines: MediaLine[] = [];
  let start = sdp.startsWith("m=") ? 0 : sdp.indexOf("\nm=") + 1;
  if (start === 0 && !sdp.startsWith("m=")) return lines;
  while (lines.length < mostLines) {
    const next = sdp.indexOf("\nm=", start);
    const section = sdp.slice(start, next === -1 ? undefined : next + 1);
    lines.push(mediaLine(section));
    if (next === -1) break;
    start = next + 1;
  }
  return lines;
}

function mediaLine(section: string): MediaLine {
  const [, kind = "", port = ""] = /^m=(\S{1,16}) (\d{1,5})/.exec(section) ?? [];
  const codecs = new Set<string>();
  for (const [, name = ""] of section.matchAll(/^a=rtpmap:\d{1,3} ([\w.-]{1,24})\//gm))
    if (codecs.size < mostCodecs && !repair.test(name)) codecs.add(name);
  const direction = /^a=(sendrecv|sendonly|recvonly|inactive)\s*$/m.exec(section)?.[1] ?? "sendrecv";
  const rejected = port === "0" && !/^a=bundle-only/m.test(section);
  return {
    kind,
    direction: rejected ? "rejected" : (direction as MediaLine["direction"]),
    codecs: [...codecs],
  };
}

function candidateLines(sdp: string): string[] {
  return sdp.match(/^a=candidate:.{0,512}$/gm)?.slice(0, 64) ?? [];
}

/** `host/udp`, `mdns/udp`, `srflx/udp`, `relay/tcp` … of a candidate line (RFC 8839 §5.1). */
function count(counts: Record<string, number>, line: string): void {
  const fields = line.split(" ", 8);
  const [transport = "", , address = "", , , type = ""] = fields.slice(2);
  if (type === "") return;
  const kind = type === "host" && address.endsWith(".local") ? "mdns" : type;
  const name = `${kind}/${transport.toLowerCase()}`.slice(0, 24);
  counts[name] = (counts[name] ?? 0) + 1;
}

function textOf(
  description: Description | undefined,
  candidates: readonly Candidate[] | undefined,
  { descriptions, addresses }: KeptText,
): string {
  const parts: string[] = [];
  if (descriptions && description !== undefined) parts.push(redactDescription(description.sdp));
  if (addresses) for (const { candidate } of candidates ?? []) parts.push(candidate);
  const text = parts.join("\n").slice(0, mostText);
  if (addresses) return text;
  return text.replaceAll(addressLine, (line) => line.replaceAll(addressText, "…"));
}

const addressLine = /^(?:[co]=|a=candidate:|a=rtcp:).*$/gm;
const addressText = /\b\d{1,3}(?:\.\d{1,3}){3}\b|\b(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?=\s)/gi;

/** Without what opens the connection to others: ICE passwords, SDES keys, identities. */
function redactDescription(sdp: string): string {
  return sdp.replaceAll(/^a=(ice-pwd|crypto|identity|key-mgmt):.*$/gm, "a=$1:…").replaceAll("\r", "");
}

function hasAny(counts: object): boolean {
  for (const _ in counts) return true;
  return false;
}
