/** What the samples of a track are: what an init segment and a playlist say of them. */
export type SampleFormat = VideoFormat | AudioFormat;

export interface VideoFormat {
  readonly kind: "video";
  readonly codec: "h264" | "av1" | "vp8" | "vp9";
  readonly width: number;
  readonly height: number;
  /** The content of `avcC` or `av1C`; empty for VP8 and VP9. */
  readonly configuration: Uint8Array;
  /** As `CODECS` has it (RFC 6381), such as `avc1.42e01f`. */
  readonly name: string;
}

export interface AudioFormat {
  readonly kind: "audio";
  readonly codec: "opus" | "aac";
  readonly channels: number;
  /** AudioSpecificConfig of AAC; empty for Opus. */
  readonly configuration: Uint8Array;
  readonly name: string;
}

/** Units of time in a second, of each kind of track. */
export const timescales = { video: 90_000, audio: 48_000 } as const;

/** What comes out of a track, in decoding order, which is the order of showing too. */
export interface Frame {
  readonly data: Uint8Array;
  /** Decoding can start here. */
  readonly key: boolean;
  readonly format: SampleFormat;
}

/** The same of a video track, as its packets are put together. */
export interface VideoFrame extends Frame {
  readonly format: VideoFormat;
}

export function sameFormat(one: SampleFormat, other: SampleFormat): boolean {
  if (one.name !== other.name || one.configuration.length !== other.configuration.length) return false;
  if (one.kind === "video" && other.kind === "video" && one.height !== other.height) return false;
  return one.configuration.every((byte, at) => byte === other.configuration[at]);
}
