import { fail, ok, type Result } from "../../../shared/result.ts";
import { utf8Length } from "../../../shared/utf8.ts";
import {
  attribute,
  attributes,
  formatMediaLine,
  inherited,
  isRejected,
  mediaLine,
} from "../../../wire/sdp/attributes.ts";
import { type CandidateFields, parseCandidate } from "../../../wire/sdp/candidate.ts";
import {
  formatDescription,
  type MediaSection,
  parseDescription,
  type SessionDescription,
} from "../../../wire/sdp/description.ts";

/** What a libpeer device can take without overrunning its memory. */
const libpeerLimits = {
  /** Lines are copied into 256 bytes, unchecked. */
  line: 200,
  /** Remote candidates are put into an array of 10, unchecked. */
  candidates: 10,
  /** An address is read into 46 bytes, unchecked. */
  address: 45,
  /** The whole JSON-RPC request: the device's buffer for MQTT has 4,096 bytes. */
  json: 3_600,
} as const;

/** Room for what stands around the description in the request: method, id. */
const envelope = 80;

/** Session attributes that stand before the first section, for they hold for all. */
const transport = ["ice-ufrag", "ice-pwd", "fingerprint", "setup"] as const;
const kept = ["mid", "rtcp-mux", "sctp-port", "max-message-size"] as const;

/**
 * The answer as a libpeer device takes it: only what it reads, no line over 200 bytes, 10 candidates at most, all of it within
 * 3,600 bytes as JSON. Its memory depends on that. An error is a text for people: the answer can't be made that small, or lacks what a
 * device needs. The answer is complete: its candidates are in it.
 */
export function minimiseAnswer(sdp: string): Result<string, string> {
  const answer = parseDescription(sdp);
  if (answer === undefined) return fail("the answer is no session description");
  const live = answer.media.find((section) => !isRejected(section));
  if (live === undefined) return fail("the answer rejects every section");
  const shared: string[] = [];
  for (const name of transport) {
    const value = name === "fingerprint" ? sha256Fingerprint(answer, live) : inherited(answer, live, name);
    if (value === undefined) return fail(`the answer has no ${name}`);
    shared.push(`a=${name}:${value}`);
  }
  const found = bestCandidates(answer);
  const media = answer.media.map(minimiseSection);
  const lastLive =
    media.length - 1 - [...answer.media].reverse().findIndex((section) => !isRejected(section));
  const group = attribute(answer.session, "group");
  const session = [
    "v=0",
    "o=- 1 1 IN IP4 0.0.0.0",
    "s=-",
    "t=0 0",
    ...(group === undefined ? [] : [`a=group:${group}`]),
    ...shared,
  ];
  // Fewer candidates are better than none of the answer.
  for (let count = found.length; count >= Math.min(1, found.length); count--) {
    const text = formatDescription({
      session,
      media: withCandidates(media, lastLive, found.slice(0, count)),
    });
    const longest = text.split("\r\n").find((line) => utf8Length(line) > libpeerLimits.line);
    if (longest !== undefined) return fail(`a line of the answer is too long: ${longest.slice(0, 20)}`);
    if (utf8Length(JSON.stringify(text)) + envelope <= libpeerLimits.json) return ok(text);
    if (count === 0) break;
  }
  return fail("the answer is too large for the device");
}

function minimiseSection(section: MediaSection): string[] {
  const { lines } = section;
  const { kind, protocol, formats, port } = mediaLine(section);
  const midLine = attribute(lines, "mid");
  if (isRejected(section))
    return [
      `m=${kind} 0 ${protocol} ${formats.split(" ")[0]}`,
      ...(midLine === undefined ? [] : [`a=mid:${midLine}`]),
    ];
  const type = protocol.includes("SCTP") ? formats : (formats.split(" ")[0] ?? "");
  const of = (name: string) =>
    attributes(lines, name)
      .filter((value) => value.split(" ")[0] === type)
      .slice(0, 1)
      .map((value) => `a=${name}:${value}`);
  const direction = ["sendrecv", "sendonly", "recvonly", "inactive"].find((one) =>
    lines.includes(`a=${one}`),
  );
  const [source] = attributes(lines, "ssrc");
  return [
    formatMediaLine({ kind, port: port === "0" ? "9" : port, protocol, formats: type }),
    "c=IN IP4 0.0.0.0",
    ...kept.flatMap((name) => {
      const value = attribute(lines, name);
      return value === undefined ? [] : [value === "" ? `a=${name}` : `a=${name}:${value}`];
    }),
    ...(direction === undefined ? [] : [`a=${direction}`]),
    ...of("rtpmap"),
    ...of("fmtp"),
    ...(source === undefined ? [] : [`a=ssrc:${source}`]),
  ];
}

function withCandidates(
  media: readonly string[][],
  at: number,
  candidates: readonly string[],
): MediaSection[] {
  return media.map((lines, index) => ({ lines: index === at ? [...lines, ...candidates] : lines }));
}

const types: readonly string[] = ["host", "srflx", "relay"];

/** `a=candidate` lines with foundations of their own, the best first: the device drops one whose foundation it has seen. */
function bestCandidates({ media }: SessionDescription): string[] {
  const all = media
    .flatMap(({ lines }) => attributes(lines, "candidate"))
    .flatMap((text) => {
      const one = parseCandidate(text);
      if (one === undefined || one.transport !== "udp" || one.component !== 1 || one.port === 0) return [];
      if (!types.includes(one.type) || one.address.length > libpeerLimits.address) return [];
      return [one];
    });
  const plain = all.filter(({ address }) => !address.endsWith(".local") && !/^fe[89ab]/i.test(address));
  const usable = plain.length > 0 ? plain : all;
  const seen = new Set<string>();
  const distinct = usable.filter(({ address, port, type }) => {
    const key = `${address} ${port} ${type}`;
    return !seen.has(key) && seen.add(key);
  });
  return furthest(distinct).map(
    ({ priority, address, port, type }, index) =>
      `a=candidate:${index + 1} 1 udp ${priority} ${address} ${port} typ ${type}${type === "host" ? "" : " raddr 0.0.0.0 rport 0"}`,
  );
}

/** As many as the device takes: IPv4 first, which is all that most of these devices have, and one of each type where there is one. */
function furthest(all: readonly CandidateFields[]): CandidateFields[] {
  const isIpv6 = ({ address }: CandidateFields) => Number(address.includes(":"));
  const rank = (a: CandidateFields, b: CandidateFields) => isIpv6(a) - isIpv6(b) || b.priority - a.priority;
  const ranked = all.toSorted(rank);
  const ofEach = types.flatMap((type) => ranked.find((one) => one.type === type) ?? []);
  return [...new Set([...ofEach, ...ranked])].slice(0, libpeerLimits.candidates).sort(rank);
}

/** In the one form that the device reads, which looks at fixed columns. */
function sha256Fingerprint(answer: SessionDescription, section: MediaSection): string | undefined {
  const all = [...attributes(section.lines, "fingerprint"), ...attributes(answer.session, "fingerprint")];
  const value = all.map((one) => /^sha-256 ((?:[0-9a-f]{2}:){31}[0-9a-f]{2})$/i.exec(one)?.[1]).find(Boolean);
  return value === undefined ? undefined : `sha-256 ${value.toUpperCase()}`;
}
