import { attributes, formatMediaLine, mediaLine } from "../../wire/sdp/attributes.ts";
import { formatDescription, type MediaSection } from "../../wire/sdp/description.ts";
import { turnedDown } from "../../wire/sdp/local-answer.ts";
import type { AgreedCodec, ExtensionIds, PublishedTrack, ViewedTrack } from "../negotiated.ts";
import type { LocalCandidate, LocalTransport } from "../service.ts";
import { agreedCodecs } from "./agreed-codec.ts";
import { extensionLines } from "./header-extension.ts";
import type { MediaOffer, OfferedMedia } from "./offer.ts";

/** The CNAME of what viewers receive (RFC 3550 §6.5.1): one for audio and video, so that they are played in step. */
const viewerCname = "switchboard";
/** The id of the one MediaStream that viewers receive. */
const streamId = "live";

/** What a section of an answer is made of, where it carries media. */
interface Agreed {
  readonly direction: "recvonly" | "sendonly" | "inactive";
  readonly codecs: readonly AgreedCodec[];
  readonly extensions: ExtensionIds;
  /** Lines that only this kind of peer gets. */
  readonly own: readonly string[];
}

/**
 * The answer to a publisher: it sends these tracks, which were made of the same offer. `maxBitrate`: of the video, bits per second,
 * which browsers keep to.
 */
export function answerPublisher(
  offer: MediaOffer,
  tracks: readonly PublishedTrack[],
  local: LocalTransport,
  maxBitrate?: number,
): string {
  return writeAnswer(offer, local, (media) => {
    const track = tracks.find(({ mid }) => mid === media.mid);
    if (track === undefined) return undefined;
    const { codecs, extensions, rids } = track;
    const bitrate = track.kind === "video" && maxBitrate !== undefined ? bandwidthLines(maxBitrate) : [];
    return { direction: "recvonly", codecs, extensions, own: [...bitrate, ...simulcastLines(media, rids)] };
  });
}

/** The answer to a viewer: it receives these tracks, which were made of the same offer, as one MediaStream. */
export function answerViewer(
  offer: MediaOffer,
  tracks: readonly ViewedTrack[],
  local: LocalTransport,
): string {
  return writeAnswer(offer, local, (media) => {
    const track = tracks.find(({ mid }) => mid === media.mid);
    if (track === undefined) return undefined;
    const { codecs, extensions } = track;
    return { direction: "sendonly", codecs, extensions, own: sourceLines(track) };
  });
}

function writeAnswer(
  offer: MediaOffer,
  local: LocalTransport,
  agree: (media: OfferedMedia) => Agreed | undefined,
): string {
  const setup = offer.transport.dtlsRole === "server" ? "passive" : "active";
  const answered = offer.media.map((media) => ({ media, agreed: agree(media) ?? unused(media) }));
  const carried = answered.filter(({ agreed }) => agreed !== undefined).map(({ media }) => media);
  const sections = answered.map(({ media, agreed }): MediaSection => {
    if (agreed === undefined) return turnedDown(media.section);
    const last = media === carried[0] ? candidateLines(local.candidates) : [];
    return { lines: [...sectionLines(media, agreed, local, setup), ...last] };
  });
  const session = [
    "v=0",
    `o=- ${sessionNumber(local.ufrag)} 1 IN IP4 0.0.0.0`,
    "s=-",
    "t=0 0",
    "a=ice-lite",
    `a=group:BUNDLE ${carried.map(({ mid }) => mid).join(" ")}`,
  ];
  return formatDescription({ session, media: sections });
}

/** A section that is kept without media, so that its place in the BUNDLE group stays. Undefined for one that is rejected. */
function unused(media: OfferedMedia): Agreed | undefined {
  if (media.rejected || media.kind === "other") return undefined;
  const codecs = agreedCodecs(media, false);
  return codecs.length === 0 ? undefined : { direction: "inactive", codecs, extensions: {}, own: [] };
}

function sectionLines(
  media: OfferedMedia,
  { direction, codecs, extensions, own }: Agreed,
  local: LocalTransport,
  setup: "active" | "passive",
): string[] {
  const { kind, protocol } = mediaLine(media.section);
  const [first] = local.candidates;
  const address = first === undefined ? "0.0.0.0" : first.address;
  const payloadTypes = codecs.flatMap((codec) => audioTypes(media, codec));
  const repairs = codecs.flatMap(({ repair }) => (repair === undefined ? [] : [repair]));
  const formats = [...payloadTypes, ...repairs].join(" ");
  return [
    formatMediaLine({ kind, port: `${first?.port ?? 9}`, protocol, formats }),
    `c=IN ${address.includes(":") ? "IP6" : "IP4"} ${address}`,
    ...own.filter((line) => line.startsWith("b=")),
    `a=ice-ufrag:${local.ufrag}`,
    `a=ice-pwd:${local.pwd}`,
    "a=ice-options:trickle ice2",
    `a=fingerprint:${local.fingerprint}`,
    `a=setup:${setup}`,
    `a=mid:${media.mid}`,
    ...extensionLines(media.extensions, extensions),
    ...(media.mixedHeaders ? ["a=extmap-allow-mixed"] : []),
    `a=${direction}`,
    "a=rtcp-mux",
    ...(media.reducedSize ? ["a=rtcp-rsize"] : []),
    ...codecs.flatMap(codecLines),
    ...own.filter((line) => !line.startsWith("b=")),
  ];
}

/** The payload type of a codec and of its RED, in the order of the offer: the first is what a publisher sends. */
function audioTypes(media: OfferedMedia, { payloadType, red }: AgreedCodec): number[] {
  if (red === undefined) return [payloadType];
  const order = media.codecs.map((one) => one.payloadType);
  return order.indexOf(red) < order.indexOf(payloadType) ? [red, payloadType] : [payloadType, red];
}

const written = {
  opus: "opus/48000/2",
  vp8: "VP8/90000",
  vp9: "VP9/90000",
  h264: "H264/90000",
  av1: "AV1/90000",
};

export function codecLines(codec: AgreedCodec): string[] {
  const { name, payloadType, parameters, repair, red, clockRate } = codec;
  const feedback = [
    codec.remb && "goog-remb",
    codec.transportFeedback && "transport-cc",
    codec.fir && "ccm fir",
    codec.nack && "nack",
    codec.pli && "nack pli",
  ].filter((one) => one !== false);
  return [
    `a=rtpmap:${payloadType} ${written[name]}`,
    ...feedback.map((one) => `a=rtcp-fb:${payloadType} ${one}`),
    ...(parameters === "" ? [] : [`a=fmtp:${payloadType} ${parameters}`]),
    ...(red === undefined
      ? []
      : [`a=rtpmap:${red} red/48000/2`, `a=fmtp:${red} ${payloadType}/${payloadType}`]),
    ...(repair === undefined
      ? []
      : [`a=rtpmap:${repair} rtx/${clockRate}`, `a=fmtp:${repair} apt=${payloadType}`]),
  ];
}

/** RFC 8866 §5.8, RFC 3890 §6.2 */
function bandwidthLines(bitrate: number): string[] {
  return [`b=AS:${Math.ceil(bitrate / 1_000)}`, `b=TIAS:${bitrate}`];
}

/** The layers that are received, with the restrictions that the offer gave them but for payload types (RFC 8851 §6, RFC 8853 §5.3). */
function simulcastLines({ section }: OfferedMedia, rids: readonly string[]): string[] {
  if (rids.length === 0) return [];
  const offered = attributes(section.lines, "rid");
  const lines = rids.map((rid) => {
    const value = offered.find((one) => one.startsWith(`${rid} send`)) ?? "";
    const restrictions = value
      .slice(`${rid} send`.length)
      .trim()
      .split(";")
      .filter((one) => /^[a-z-]{1,32}=[\w.-]{1,32}$/.test(one) && !one.startsWith("pt="));
    return `a=rid:${[rid, "recv", restrictions.join(";")].join(" ").trimEnd()}`;
  });
  return [...lines, `a=simulcast:recv ${rids.join(";")}`];
}

export function sourceLines({ kind, ssrc, repairSsrc, codecs }: ViewedTrack): string[] {
  const repaired = codecs.some(({ repair }) => repair !== undefined);
  const sources = repaired ? [ssrc, repairSsrc] : [ssrc];
  return [
    `a=msid:${streamId} ${kind}`,
    ...(repaired ? [`a=ssrc-group:FID ${ssrc} ${repairSsrc}`] : []),
    ...sources.flatMap((one) => [
      `a=ssrc:${one} cname:${viewerCname}`,
      `a=ssrc:${one} msid:${streamId} ${kind}`,
    ]),
  ];
}

/** The `a=candidate` lines of a host with these addresses, UDP before TCP, and that there are no more (RFC 8839 §5.1, RFC 8840 §8.2). */
export function candidateLines(candidates: readonly LocalCandidate[]): string[] {
  const lines = candidates.map((candidate, index) => `a=${formatCandidate(candidate, index)}`);
  return [...lines, "a=end-of-candidates"];
}

/** `candidate:…` of one of our candidates; `index`: its place among them, best first (RFC 8445 §5.1.2, RFC 6544 §4.2). */
export function formatCandidate({ protocol, address, port }: LocalCandidate, index: number): string {
  // Type preferences of host candidates, TCP behind UDP; passive TCP has the direction preference 4.
  const [type, local] = protocol === "udp" ? [126, 65_535 - index] : [90, 4 * 8_192 + 8_191 - index];
  const priority = type * 2 ** 24 + local * 2 ** 8 + 255;
  const end = protocol === "udp" ? "" : " tcptype passive";
  return `candidate:${index + 1} 1 ${protocol} ${priority} ${address} ${port} typ host${end}`;
}

/** A number for `o=` that differs between sessions, as the ufrag does (RFC 8866 §5.2). */
export function sessionNumber(ufrag: string): number {
  let number = 7;
  for (let n = 0; n < ufrag.length; n++) number = (number * 131 + ufrag.charCodeAt(n)) % 2 ** 45;
  return number;
}
