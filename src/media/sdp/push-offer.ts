import { fail, ok, type Result } from "../../shared/result.ts";
import { attributes } from "../../wire/sdp/attributes.ts";
import { formatDescription, type MediaSection, parseDescription } from "../../wire/sdp/description.ts";
import type { RemoteCandidate } from "../control.ts";
import type { AgreedCodec, PublishedTrack, ViewedTrack } from "../negotiated.ts";
import type { LocalTransport, RemoteTransport } from "../service.ts";
import { agreedCodecs } from "./agreed-codec.ts";
import { candidateLines, codecLines, sessionNumber, sourceLines } from "./answer.ts";
import { agreedExtensions, extensionLines, type OfferedExtension } from "./header-extension.ts";
import { readSection, readTransport } from "./offer.ts";

/** Payload types of our own offers, by kind: of the codec, and of its retransmissions. */
const payloadTypes = { audio: [111, 112], video: [96, 97] } as const;
/** The header extensions of our own offers. */
const extensions: readonly OfferedExtension[] = [
  { name: "mid", id: 1, direction: undefined },
  { name: "absoluteSendTime", id: 2, direction: undefined },
];
/** Candidates of an answer that are checked. */
const mostCandidates = 10;

/** An offer to send a stream, and the tracks that it is about. */
export interface PushOffer {
  readonly sdp: string;
  readonly tracks: readonly ViewedTrack[];
}

/** What the answer to a {@link PushOffer} came to. */
export interface PushAnswer {
  readonly transport: RemoteTransport;
  readonly tracks: readonly ViewedTrack[];
  /** Best first. */
  readonly candidates: readonly RemoteCandidate[];
}

/** Offers what a publisher sends to another server (RFC 9725 §4.2): each track in the codec that it comes in. `ssrc` gives none twice. */
export function pushOffer(
  published: readonly PublishedTrack[],
  local: LocalTransport,
  ssrc: () => number,
): PushOffer {
  const tracks: ViewedTrack[] = [];
  for (const kind of ["audio", "video"] as const) {
    const codec = published.find((track) => track.kind === kind)?.codecs[0];
    if (codec === undefined) continue;
    const codecs = [offered(kind, codec)];
    const ids = { mid: 1, absoluteSendTime: 2 };
    tracks.push({
      ...{ kind, mid: `${tracks.length}`, codecs, extensions: ids },
      ...{ ssrc: ssrc(), repairSsrc: ssrc() },
    });
  }
  const media = tracks.map((track, at): MediaSection => {
    const [codec] = track.codecs;
    const formats = [codec?.payloadType, codec?.repair].filter((one) => one !== undefined).join(" ");
    return {
      lines: [
        `m=${track.kind} 9 UDP/TLS/RTP/SAVPF ${formats}`,
        "c=IN IP4 0.0.0.0",
        ...[`a=ice-ufrag:${local.ufrag}`, `a=ice-pwd:${local.pwd}`, `a=fingerprint:${local.fingerprint}`],
        ...["a=setup:actpass", `a=mid:${track.mid}`, ...extensionLines(extensions, track.extensions)],
        ...["a=sendonly", "a=rtcp-mux", "a=rtcp-rsize", ...track.codecs.flatMap(codecLines)],
        ...sourceLines(track),
        ...(at === 0 ? candidateLines(local.candidates) : []),
      ],
    };
  });
  const session = [
    ...["v=0", `o=- ${sessionNumber(local.ufrag)} 1 IN IP4 0.0.0.0`, "s=-", "t=0 0"],
    `a=group:BUNDLE ${tracks.map(({ mid }) => mid).join(" ")}`,
  ];
  return { sdp: formatDescription({ session, media }), tracks };
}

function offered(kind: "audio" | "video", { name, parameters, clockRate }: AgreedCodec): AgreedCodec {
  const [payloadType, repair] = payloadTypes[kind];
  const codec = { name, payloadType, clockRate, parameters, remb: false, transportFeedback: false };
  if (kind === "audio") return { ...codec, nack: false, pli: false, fir: false };
  return { ...codec, repair, nack: true, pli: true, fir: true, remb: true };
}

/** Reads the answer. An error says in words why the stream can't be sent. */
export function readPushAnswer(sdp: string, offer: PushOffer): Result<PushAnswer, string> {
  const description = parseDescription(sdp);
  if (description === undefined || description.media.length !== offer.tracks.length)
    return fail("the target's answer is no answer to our offer");
  const sections = description.media.map((section) => readSection(description, section));
  const tracks = offer.tracks.flatMap((track, at): ViewedTrack[] => {
    const media = sections[at];
    if (media === undefined || media.rejected || media.kind !== track.kind) return [];
    if (media.direction !== "recvonly" && media.direction !== "sendrecv") return [];
    const codecs = agreedCodecs(media, false).filter(({ name }) => name === track.codecs[0]?.name);
    if (codecs.length === 0) return [];
    const known = ["mid", "absoluteSendTime"] as const;
    return [{ ...track, codecs, extensions: agreedExtensions(media.extensions, known, "recvonly") }];
  });
  const used = sections.find(({ rejected }) => !rejected);
  const names = offer.tracks.map(({ codecs }) => codecs[0]?.name).join(" and ");
  if (tracks.length === 0 || used === undefined) return fail(`the target doesn't take ${names}`);
  const transport = readTransport(description, used.section);
  if (!transport.ok) return fail(`the target's answer can't be used: ${transport.error.detail}`);
  const lines = [description.session, ...description.media.map(({ lines }) => lines)];
  return ok({ transport: transport.value, tracks, candidates: readCandidates(lines.flat()) });
}

/** UDP candidates with numeric addresses (RFC 8839 §5.1). */
function readCandidates(lines: readonly string[]): RemoteCandidate[] {
  const found = new Map<string, RemoteCandidate & { readonly priority: number }>();
  for (const value of attributes(lines, "candidate")) {
    const form = /^\S{1,32} 1 udp (\d{1,10}) ([\d.]{7,15}|[\da-f:.]{2,45}) (\d{1,5}) typ /i;
    const [, priority, address = "", port] = form.exec(value) ?? [];
    const numbered = Number(port);
    if (address !== "" && numbered >= 1 && numbered <= 65_535)
      found.set(`${address} ${port}`, { address, port: numbered, priority: Number(priority) });
  }
  return [...found.values()]
    .sort((one, other) => other.priority - one.priority)
    .slice(0, mostCandidates)
    .map(({ address, port }) => ({ address, port }));
}
