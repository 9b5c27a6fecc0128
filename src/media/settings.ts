import { Type } from "typebox";
import { parseOriginRule } from "../net/origin-rule.ts";
import { isAddressPattern } from "../protocol/address-pattern.ts";
import { AddressBlock } from "../shared/address-block.ts";
import { parseAddress } from "../shared/ip-address.ts";
import {
  flag,
  limitsGroup,
  milliseconds,
  port,
  type SettingsOf,
  secret,
  text,
  texts,
} from "../shared/setting.ts";
import type { WorkerLimits } from "./control.ts";
import { codecNames } from "./negotiated.ts";
import { parsePushTarget } from "./push/target.ts";
import type { ShareLimits } from "./streams/peer-shares.ts";

/** What HLS and pushes may take of the server. */
interface OutputLimits {
  readonly hlsBytes: number;
  readonly pushes: number;
  readonly transcoders: number;
}

type MediaLimits = WorkerLimits & ShareLimits & OutputLimits;

const defaultMediaLimits: MediaLimits = {
  viewers: 2_000,
  publishers: 200,
  packetsPerSecond: 200_000,
  publisherBitrate: 20_000_000,
  peersPerUser: 100,
  peersPerAddress: 500,
  hlsBytes: 256 << 20,
  pushes: 100,
  transcoders: 4,
};

const meanings: { readonly [name in keyof MediaLimits]: string } = {
  viewers: "Viewers of one worker.",
  publishers: "Publishers of one worker.",
  packetsPerSecond: "Packets that one worker forwards a second. New viewers are refused above that.",
  publisherBitrate: "Bits a second that one publisher may send.",
  peersPerUser: "Publishers and viewers of one user, at all workers.",
  peersPerAddress: "Publishers and viewers of one address by WHIP and WHEP; IPv6 counts by /64.",
  hlsBytes: "Bytes of one rendition that are kept in memory for HLS: a longer media.dvr is cut to that.",
  pushes: "Pushes of all streams at a time.",
  transcoders: "Streams whose pictures are transcoded at a time: each takes a good part of a core.",
};

const PushRule = Type.Object(
  {
    stream: Type.String({ minLength: 1 }),
    to: Type.String({ minLength: 1, maxLength: 2_048 }),
    token: Type.Optional(Type.String({ minLength: 1, maxLength: 4_096 })),
  },
  { additionalProperties: false },
);

/** Settings of the media server: WHIP, WHEP and the workers that forward media. docs/media.md says how they are meant. */
export const mediaSettings = {
  media: Type.Object(
    {
      enabled: flag(true, "Runs the media server: streams with one publisher and many viewers."),
      port: port(
        7_800,
        "UDP and TCP port of the first media worker; each further worker has the next port. 0 takes free ones.",
      ),
      listen: texts(
        [],
        "Addresses to listen on. Empty: all of this machine; in development mode 127.0.0.1 and, for Firefox takes no loopback address, the first address of another interface.",
      ),
      publicAddresses: texts(
        [],
        "Addresses that clients are told, where this machine is behind NAT. Empty: the addresses it listens on.",
      ),
      workers: Type.Integer({
        default: 0,
        minimum: 0,
        maximum: 64,
        description: "Media worker processes. 0: one for each core but one, and at least one.",
      }),
      origins: texts(
        ["self"],
        "Origins whose pages may use WHIP and WHEP here, written like `allowedOrigins`. In development mode: pages of this machine.",
      ),
      public: texts(
        [],
        "Names of streams that anybody may view, such as `lobby` or `open-*`. In development mode: all.",
      ),
      codecs: Type.Array(Type.Enum([...codecNames]), {
        default: [],
        description:
          "Codecs that publishers are to prefer, best first, such as `h264`. Empty: the publisher's own order.",
      }),
      hls: flag(
        true,
        "Serves streams by HLS and low-latency HLS at /hls/NAME/index.m3u8, to whoever may view them by WHEP.",
      ),
      hlsAac: flag(
        true,
        "Adds the sound as AAC to HLS, for players that take no Opus, where the system has ffmpeg.",
      ),
      hlsStreams: texts(
        [],
        "Names of streams whose publishers are asked for H.264, which HLS takes, before any other codec, such as `lobby` or `show-*`.",
      ),
      transcode: flag(
        true,
        "Makes H.264 of VP8, VP9 and AV1 where HLS or RTMP needs it, where the system has ffmpeg.",
      ),
      hardwareEncoders: flag(
        true,
        "Encodes by NVENC, Quick Sync, VA-API or V4L2 where ffmpeg and the machine have it, which is tried with the first stream. Off: by software.",
      ),
      ladder: Type.Object(
        {
          streams: texts(
            [],
            "Names of streams, such as `lobby` or `show-*`, that are there in smaller sizes too, where the system has ffmpeg and the publisher sends one size only. Publishers are asked for H.264 first: viewers by WebRTC have smaller sizes of nothing else.",
          ),
          heights: Type.Array(Type.Integer({ minimum: 16, maximum: 4_320, multipleOf: 2 }), {
            default: [720, 480, 360],
            maxItems: 6,
            uniqueItems: true,
            description:
              "Heights of the pictures to make. Those that aren't smaller than the publisher's are left out.",
          }),
        },
        {
          description:
            "Smaller sizes for HLS and for viewers by WebRTC, made by ffmpeg while somebody takes them.",
        },
      ),
      dvr: Type.Integer({
        default: 0,
        minimum: 0,
        maximum: 86_400,
        description:
          "How far back viewers by HLS can seek, in seconds, as far as media.limits.hlsBytes goes. 0: not at all.",
      }),
      record: texts(
        [],
        "Names of streams that are recorded while they are live, such as `lobby` or `show-*`.",
      ),
      push: Type.Array(PushRule, {
        default: [],
        maxItems: 256,
        secret: true,
        description:
          "Where streams are pushed to while they are live, `{stream, to, token}`: `stream` is a name or a pattern such as `show-*`; `to` is `rtmp://HOST/APP/KEY`, the same with `rtmps:`, or the WHIP endpoint of another server, which gets `token` as Bearer.",
      }),
      pushAllow: texts(
        [],
        "Private addresses and ranges that streams may be pushed to, to WHIP by http as well. Public addresses are always allowed.",
      ),
      recordings: Type.Object(
        {
          folder: text("", "Where recordings are kept. Empty: the folder `recordings` in `stateFolder`."),
          fileDuration: milliseconds(3_600_000, "How long a file gets before the next one is begun."),
          fileBytes: Type.Integer({
            default: 2 ** 31,
            minimum: 1,
            description: "How large a file gets before the next one is begun.",
          }),
          keepFor: Type.Integer({
            default: 30,
            minimum: 1,
            maximum: 36_500,
            description: "Days that recordings are kept.",
          }),
          keepBytes: Type.Integer({
            default: 100 * 2 ** 30,
            minimum: 1,
            description: "Bytes of all recordings together: above that, the oldest are removed.",
          }),
        },
        { description: "Where recordings are kept, and for how long." },
      ),
      s3: Type.Object(
        {
          endpoint: text(
            "",
            "Address of the S3-compatible storage that recordings are copied to, such as `https://s3.eu-central-1.amazonaws.com`. Empty: none.",
          ),
          bucket: text("", "The bucket. Empty: the endpoint is the bucket's own address."),
          prefix: text("", "What the names of all objects begin with, such as `recordings/`."),
          region: text("us-east-1", "The region that requests are signed for; `auto` for some storages."),
          accessKeyId: text("", "The id of the access key."),
          secretAccessKey: secret("The secret of the access key."),
        },
        {
          description:
            "Where recordings are copied to once they are complete. Local copies then go above media.recordings.keepBytes, but none that is not there yet.",
        },
      ),
      linger: milliseconds(10_000, "How long viewers wait for a publisher that has vanished."),
      takeover: texts(
        [],
        "Names of streams whose publisher is replaced by a second one, such as `studio-*`. Elsewhere the second is refused.",
      ),
      share: text(
        "",
        "Unix socket at which other processes of this machine find the media server. `--workers` sets it for its first process.",
      ),
      join: text(
        "",
        "Unix socket of the process whose media server this one shares, in place of its own. `--workers` sets it for all processes but the first.",
      ),
      portable: flag(false, "Uses neither the system's libcrypto nor sendmmsg, but what every platform has."),
      limits: limitsGroup<Record<keyof MediaLimits, number>>(
        { ...defaultMediaLimits },
        "Every bound of the media server.",
        meanings,
      ),
    },
    { description: "The media server." },
  ),
};

/** One line about the first of them that makes no sense, or undefined. */
export function checkMedia({ media }: SettingsOf<typeof mediaSettings>): string | undefined {
  if (media.port !== 0 && media.port + Math.max(media.workers, 1) > 65_536)
    return "setting media.port: leaves no port for each of media.workers";
  for (const name of ["listen", "publicAddresses"] as const) {
    const wrong = media[name].find((address) => parseAddress(address) === undefined);
    if (wrong !== undefined) return `setting media.${name}: ${wrong} is no IP address`;
  }
  const wrongBucket = checkBucket(media.s3);
  if (wrongBucket !== undefined) return wrongBucket;
  const wrongOrigin = media.origins.find((origin) => parseOriginRule(origin) === undefined);
  if (wrongOrigin !== undefined)
    return `setting media.origins: ${wrongOrigin} is no origin; write it like https://app.example.com`;
  for (const name of ["public", "takeover", "hlsStreams", "record"] as const) {
    const wrong = media[name].find((pattern) => !isAddressPattern(`stream:${pattern}`));
    if (wrong !== undefined)
      return `setting media.${name}: ${wrong} is no name of a stream; write it like lobby or open-*`;
  }
  const step = media.ladder.streams.find((pattern) => !isAddressPattern(`stream:${pattern}`));
  if (step !== undefined)
    return `setting media.ladder.streams: ${step} is no name of a stream; write it like lobby or show-*`;
  for (const { stream, to, token } of media.push) {
    if (!isAddressPattern(`stream:${stream}`))
      return `setting media.push: ${stream} is no name of a stream; write it like lobby or show-*`;
    // What it is may be secret.
    if (parsePushTarget(to, token) === undefined)
      return `setting media.push: the target of ${stream} is neither rtmp://HOST/APP/KEY, rtmps://HOST/APP/KEY nor a WHIP endpoint with a token`;
  }
  const range = media.pushAllow.find((text) => AddressBlock.parse(text) === undefined);
  if (range !== undefined)
    return `setting media.pushAllow: ${range} is neither an address nor a range such as 10.0.0.0/8`;
  return undefined;
}

function checkBucket({
  endpoint,
  bucket,
  prefix,
  accessKeyId,
  secretAccessKey,
}: SettingsOf<typeof mediaSettings>["media"]["s3"]): string | undefined {
  if (endpoint === "") return undefined;
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  const extra = `${url?.username}${url?.password}${url?.search}${url?.hash}`;
  if (url === undefined || !/^https?:$/.test(url.protocol) || extra !== "")
    return "setting media.s3.endpoint: is no address of a storage; write it like https://s3.eu-central-1.amazonaws.com";
  if (bucket !== "" && !/^[\w.-]{3,63}$/.test(bucket))
    return `setting media.s3.bucket: ${bucket} is no bucket`;
  if (!/^([\w-][\w.-]*(\/[\w-][\w.-]*)*\/?)?$/.test(prefix))
    return `setting media.s3.prefix: ${prefix} may hold letters, digits, dots, hyphens and single slashes only`;
  for (const [name, value] of Object.entries({ accessKeyId, secretAccessKey }))
    if (value === "") return `setting media.s3.${name}: is missing, and media.s3.endpoint needs it`;
  return undefined;
}
