import { ascii, concat, u8, u16 } from "./boxes.ts";
import type { Sample } from "./fragment.ts";
import type { AudioFormat, VideoFormat } from "./sample-format.ts";

/** An element of EBML (RFC 8794): id, size in eight bytes, content. */
function element(id: number, ...content: readonly Uint8Array[]): Uint8Array {
  const body = concat(content);
  return concat([number(id), sizeOf(body.length), body]);
}

/** The bytes of a whole number, the first one not 0. */
function number(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; rest > 0 || bytes.length === 0; rest = Math.floor(rest / 256))
    bytes.unshift(rest % 256);
  return Uint8Array.from(bytes);
}

function sizeOf(length: number): Uint8Array {
  return u8(0x08, ...[...new Uint8Array(4)].map((_, at) => (length >>> (8 * (3 - at))) & 0xff));
}

const unknownSize = u8(0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);

function float(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value);
  return bytes;
}

const [videoTrack, audioTrack] = [1, 2];
const codecIds = { h264: "V_MPEG4/ISO/AVC", av1: "V_AV1", vp8: "V_VP8", vp9: "V_VP9" } as const;

/** The beginning of a WebM file that is written as it comes: segment and clusters (RFC 9559). Video is track 1, sound track 2. */
export function webmHeader(video: VideoFormat | undefined, audio: AudioFormat | undefined): Uint8Array {
  const tracks: Uint8Array[] = [];
  if (video !== undefined)
    tracks.push(
      element(
        ...([0xae, element(0xd7, u8(videoTrack)), element(0x73c5, u8(videoTrack))] as const),
        ...[element(0x83, u8(1)), element(0x86, ascii(codecIds[video.codec]))],
        ...(video.configuration.length > 0 ? [element(0x63a2, video.configuration)] : []),
        element(0xe0, element(0xb0, number(video.width)), element(0xba, number(video.height))),
      ),
    );
  if (audio !== undefined) {
    const head = concat([ascii("OpusHead"), u8(1, audio.channels, 0x38, 0x01, 0x80, 0xbb, 0, 0, 0, 0, 0)]);
    tracks.push(
      element(
        ...([0xae, element(0xd7, u8(audioTrack)), element(0x73c5, u8(audioTrack))] as const),
        ...[element(0x83, u8(2)), element(0x86, ascii("A_OPUS")), element(0x63a2, head)],
        ...[element(0x56aa, number(6_500_000)), element(0x56bb, number(80_000_000))],
        element(0xe1, element(0xb5, float(48_000)), element(0x9f, u8(audio.channels))),
      ),
    );
  }
  const name = ascii("Switchboard");
  return concat([
    element(
      ...([0x1a45dfa3, element(0x4286, u8(1)), element(0x42f7, u8(1)), element(0x42f2, u8(4))] as const),
      ...[element(0x42f3, u8(8)), element(0x4282, ascii("webm")), element(0x4287, u8(4))],
      element(0x4285, u8(2)),
    ),
    ...[number(0x18538067), unknownSize],
    element(
      ...([0x1549a966, element(0x2ad7b1, number(1_000_000))] as const),
      ...[element(0x4d80, name), element(0x5741, name)],
    ),
    element(0x1654ae6b, ...tracks),
  ]);
}

/** A cluster. `video` and `audio` have times in ms from the beginning of the file, no more than 32 s apart. */
export function webmCluster(video: readonly Sample[], audio: readonly Sample[]): Uint8Array {
  const blocks = [
    ...video.map((sample) => ({ track: videoTrack, sample })),
    ...audio.map((sample) => ({ track: audioTrack, sample })),
  ].sort((one, other) => one.sample.time - other.sample.time);
  const start = Math.max(0, Math.floor(blocks[0]?.sample.time ?? 0));
  return element(
    0x1f43b675,
    element(0xe7, number(start)),
    ...blocks.map(({ track, sample: { data, time, key } }) =>
      element(
        0xa3,
        u8(0x80 | track),
        u16(Math.min(0x7fff, Math.round(time) - start)),
        u8(key ? 0x80 : 0),
        data,
      ),
    ),
  );
}
