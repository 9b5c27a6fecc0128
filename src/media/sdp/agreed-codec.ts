import type { AgreedCodec, CodecName } from "../negotiated.ts";
import type { OfferedMedia } from "./offer.ts";
import type { OfferedCodec } from "./offered-codec.ts";

/** Format parameters that are kept, by codec. Others describe the offerer's encoder only. */
const keptParameters: Readonly<Record<CodecName, readonly string[]>> = {
  opus: [
    "minptime",
    "useinbandfec",
    "usedtx",
    "stereo",
    "sprop-stereo",
    "maxaveragebitrate",
    "maxplaybackrate",
    "cbr",
  ],
  vp8: ["max-fs", "max-fr"],
  vp9: ["profile-id", "max-fs", "max-fr"],
  h264: ["level-asymmetry-allowed", "packetization-mode", "profile-level-id", "max-fs", "max-mbps", "max-br"],
  av1: ["profile", "level-idx", "tier"],
};

/** The media that a forwarder can tell keyframes and layers of: the name of the codec here, or undefined. */
function nameOf({ name, clockRate, channels, parameters }: OfferedCodec): CodecName | undefined {
  switch (name) {
    case "opus":
      return clockRate === 48_000 && channels === 2 ? name : undefined;
    case "vp8":
      return clockRate === 90_000 ? name : undefined;
    case "vp9":
      return clockRate === 90_000 && (parameters.get("profile-id") ?? "0") === "0" ? name : undefined;
    case "av1":
      return clockRate === 90_000 && (parameters.get("profile") ?? "0") === "0" ? name : undefined;
    case "h264":
      return clockRate === 90_000 && parameters.get("packetization-mode") === "1" ? name : undefined;
    default:
      return undefined;
  }
}

/** All codecs of a section that streams can be made of, in the order of the offer. */
export function agreedCodecs(media: OfferedMedia, transportFeedback: boolean): AgreedCodec[] {
  const agreed: AgreedCodec[] = [];
  for (const codec of media.codecs) {
    const name = nameOf(codec);
    if (name === undefined || (name === "opus") !== (media.kind === "audio")) continue;
    const { payloadType, clockRate, parameters, feedback } = codec;
    const repair = media.codecs.find(
      (one) => one.name === "rtx" && one.parameters.get("apt") === `${payloadType}`,
    );
    const red = media.codecs.find(
      (one) => one.name === "red" && carries(one, payloadType) && name === "opus",
    );
    agreed.push({
      name,
      payloadType,
      clockRate,
      parameters: keptParameters[name]
        .filter((key) => /^[\w.+-]{1,64}$/.test(parameters.get(key) ?? ""))
        .map((key) => `${key}=${parameters.get(key)}`)
        .join(";"),
      ...(repair === undefined ? {} : { repair: repair.payloadType }),
      ...(red === undefined ? {} : { red: red.payloadType }),
      nack: feedback.has("nack"),
      pli: feedback.has("nack pli"),
      fir: feedback.has("ccm fir"),
      remb: feedback.has("goog-remb"),
      transportFeedback: transportFeedback && feedback.has("transport-cc"),
    });
  }
  return agreed;
}

/** True for RED whose blocks, the newest and the older ones, are all of this payload type (RFC 2198 §5). */
function carries(red: OfferedCodec, payloadType: number): boolean {
  const blocks = (red.parameters.get("") ?? "").split("/");
  return red.clockRate === 48_000 && blocks.every((block) => block === `${payloadType}`);
}

/**
 * The codecs that `preference` names first, in its order; then the others in the order of the offer. Of H.264 the constrained
 * baseline profile comes first, since every browser decodes it.
 */
export function byPreference(
  codecs: readonly AgreedCodec[],
  preference: readonly CodecName[],
): AgreedCodec[] {
  const names = codecs.map(({ name }) => name);
  const rank = ({ name }: AgreedCodec): number => {
    const wanted = preference.indexOf(name);
    return wanted < 0 ? preference.length + names.indexOf(name) : wanted;
  };
  const profileRank = (codec: AgreedCodec): number => (h264Profile(codec) === "constrained-baseline" ? 0 : 1);
  return codecs.toSorted((one, other) => rank(one) - rank(other) || profileRank(one) - profileRank(other));
}

/**
 * The codecs that decode the stream first, the best match at the head; then the others, in case the publisher comes back with
 * another codec. Empty if none decodes it.
 *
 * H.264 matches by name: publishers often declare another profile than they send, and decoders take more than they offer. The same
 * profile is the best match, then one that includes it, then the one that is closest.
 */
export function byStream(codecs: readonly AgreedCodec[], stream: AgreedCodec): AgreedCodec[] {
  if (!codecs.some(({ name }) => name === stream.name)) return [];
  const wanted = h264Profile(stream);
  const rank = (codec: AgreedCodec): number => {
    if (codec.name !== stream.name) return profiles.length + 1;
    const above = profiles.indexOf(h264Profile(codec)) - profiles.indexOf(wanted);
    return above > 0 ? 1 : above === 0 ? 0 : 1 - above;
  };
  return codecs.toSorted((one, other) => rank(one) - rank(other));
}

/** Profiles of H.264, each a part of those after it, as far as senders use them. */
const profiles = ["", "constrained-baseline", "baseline", "main", "high"];

/** By `profile_idc` and the constraint flags (RFC 6184 §8.1, table 5); empty for other codecs and profiles. */
function h264Profile({ name, parameters }: AgreedCodec): string {
  if (name !== "h264") return "";
  const written = /profile-level-id=([0-9a-f]{6})/i.exec(parameters)?.[1] ?? "42000a";
  const constraints = Number.parseInt(written.slice(2, 4), 16);
  switch (written.slice(0, 2).toLowerCase()) {
    case "42":
      return (constraints & 0x40) !== 0 ? "constrained-baseline" : "baseline";
    case "4d":
      return (constraints & 0x80) !== 0 ? "constrained-baseline" : "main";
    case "64":
      return "high";
    default:
      return "";
  }
}
