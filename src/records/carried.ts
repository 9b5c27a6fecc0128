import type { Candidate, Description } from "../protocol/values.ts";
import type { DescriptionSum, MediaLine } from "./record.ts";

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
  readonly description?: DescriptionSum;
  readonly candidates?: Readonly<Record<string, number>>;
  readonly text?: string;
}

const [mostLines, mostCodecs, mostText] = [16, 12, 6_000];
/** Codecs that only repair others. */
const repair = /^(rtx|red|ulpfec|flexfec-03|telephone-event|CN)$/i;

/** What candidates that come without a description carry, as far as records keep it. */
export interface CandidateSum {
  readonly bytes: number;
  /** How many of each kind, such as `host/udp`. Shared: don't change it. */
  readonly counts: Readonly<Record<string, number>>;
  /** About the length of the counts as JSON. */
  readonly size: number;
}

/** What was summed up last: a request, and the push that it becomes, carry the same candidates. */
let latest: readonly Candidate[] | undefined;
let latestSum: CandidateSum | undefined;

/** Sums up candidates that come without a description. Undefined where none of them is readable. */
export function carriedCandidates(candidates: readonly Candidate[]): CandidateSum | undefined {
  if (latest === candidates) return latestSum;
  latest = candidates;
  const [only] = candidates;
  latestSum =
    candidates.length === 1 && only !== undefined ? sumOfOne(only.candidate) : sumOfMany(candidates);
  return latestSum;
}

function sumOfMany(candidates: readonly Candidate[]): CandidateSum | undefined {
  const counts: Record<string, number> = {};
  let bytes = 0;
  for (const { candidate } of candidates) {
    bytes += candidate.length;
    count(counts, candidate);
  }
  return hasAny(counts) ? { bytes, counts, size: sizeOfCounts(counts) } : undefined;
}

/** About their length as JSON. */
export function sizeOfCounts(counts: Readonly<Record<string, number>>): number {
  let size = 0;
  for (const name in counts) size += name.length + 6;
  return size;
}

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
  const name = kindOf(line);
  if (name !== undefined) counts[name] = (counts[name] ?? 0) + 1;
}

/** What one candidate sums up to, by its kind: trickled candidates mostly come one by one. */
const countsOfOne = new Map<string, Omit<CandidateSum, "bytes">>();
const mostKinds = 64;

function sumOfOne(line: string): CandidateSum | undefined {
  const name = kindOf(line);
  if (name === undefined) return undefined;
  let known = countsOfOne.get(name);
  if (known === undefined) {
    const counts = { [name]: 1 };
    known = { counts, size: sizeOfCounts(counts) };
    if (countsOfOne.size < mostKinds) countsOfOne.set(name, known);
  }
  return { bytes: line.length, counts: known.counts, size: known.size };
}

/** The kinds that nearly all candidates are of, as their lines have them, so that these need no text of their own. */
const usual = ["host", "srflx", "relay", "prflx"].flatMap((type) =>
  ["udp", "UDP", "tcp", "TCP"].map((transport) => ({
    type,
    transport,
    name: `${type}/${transport.toLowerCase()}`,
    mdns: `mdns/${transport.toLowerCase()}`,
  })),
);

/** Foundation, component, transport, priority, address, port, `typ`, type (RFC 8839 §5.1); undefined for what has no type. */
function kindOf(line: string): string | undefined {
  const afterPort = line.indexOf(" typ ");
  const transport = line.indexOf(" ", line.indexOf(" ") + 1) + 1;
  if (afterPort === -1 || transport === 0 || transport > afterPort) return undefined;
  const start = afterPort + " typ ".length;
  const next = line.indexOf(" ", start);
  const length = (next === -1 ? line.length : next) - start;
  if (length === 0) return undefined;
  const afterTransport = line.indexOf(" ", transport);
  for (const one of usual)
    if (
      length === one.type.length &&
      line.startsWith(one.type, start) &&
      afterTransport - transport === one.transport.length &&
      line.startsWith(one.transport, transport)
    )
      return one.type === "host" && isMdns(line, afterPort) ? one.mdns : one.name;
  const type = line.slice(start, start + length);
  return `${type}/${line.slice(transport, afterTransport).toLowerCase()}`.slice(0, 24);
}

/** True where the address before the port is a name of mDNS. */
function isMdns(line: string, afterPort: number): boolean {
  return line.endsWith(".local", line.lastIndexOf(" ", afterPort - 1));
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
