import type { PublishedTrack } from "./negotiated.ts";
import type { Part } from "./package/segmenter.ts";
import type { RtmpTarget } from "./rtmp/target.ts";

/** What the server says to the packager. `take` numbers what is taken, and is never used again. */
export type ToPackager =
  /** The Unix socket of the server, where parts go. `ffmpeg`: the program, empty for none. `hlsAac`: HLS has the sound as AAC too. */
  | {
      readonly type: "start";
      readonly socket: string;
      readonly recordings: RecordingRules;
      readonly ffmpeg: string;
      readonly hlsAac: boolean;
      /** Streams whose pictures may be transcoded at a time. */
      readonly transcoders: number;
      /** Encodes by hardware where there is any. */
      readonly hardware: boolean;
    }
  /** Takes a stream from a media worker; again for another publisher of it, or for something else to be made of it. */
  | {
      readonly type: "take";
      readonly take: number;
      readonly stream: string;
      /** The worker's Unix socket. */
      readonly from: string;
      readonly tracks: readonly PublishedTrack[];
      /** Names the publisher: another one's media doesn't follow the first one's. */
      readonly publisher: string;
      readonly hls: boolean;
      /** Heights of the smaller sizes that there may be beside the publisher's own: HLS has all of them. */
      readonly ladder: readonly number[];
      /** Those that viewers by WebRTC take or wait for. */
      readonly renditions: readonly number[];
      readonly record: boolean;
    }
  /** Publishes what is taken by RTMP. `address`: the host's, which was allowed. `push` numbers attempts, and is never used again. */
  | {
      readonly type: "push";
      readonly take: number;
      readonly push: number;
      readonly address: string;
      readonly target: RtmpTarget;
    }
  | { readonly type: "unpush"; readonly push: number }
  | { readonly type: "leave"; readonly take: number }
  | { readonly type: "stop" };

export interface RecordingRules {
  readonly folder: string;
  /** A file ends after so many seconds, and so many bytes. */
  readonly seconds: number;
  readonly bytes: number;
}

/** Bits per second of a picture of that height, at most, for each line of each line. */
const density = 5.5;

/** The bitrate of a smaller size, at most. */
export function renditionBitrate(height: number): number {
  return Math.round(density * height * height);
}

/** What the packager says to the server, each with bytes. */
export type FromPackager =
  /** The init segment of a rendition: what its parts from now on go with. */
  | {
      readonly type: "init";
      readonly take: number;
      readonly rendition: string;
      readonly kind: "audio" | "video";
      readonly init: number;
      /** As `CODECS` has it. */
      readonly codec: string;
      readonly width: number;
      readonly height: number;
    }
  | ({ readonly type: "part"; readonly take: number; readonly rendition: string } & Omit<Part, "bytes"> & {
        /** When it begins, Unix time in ms. */
        readonly wall: number;
      })
  /** A track that can't be packaged. */
  | {
      readonly type: "fault";
      readonly take: number;
      readonly fault: "codec" | "reordered" | "transcoder" | "ladder";
      readonly codec: string;
      /** Of a transcoder, in words. */
      readonly reason?: string;
    }
  /** The target of a push takes the stream, or the attempt is over. The reason holds no secret. */
  | { readonly type: "push"; readonly push: number; readonly state: "live" | "over"; readonly reason: string }
  /** What pictures are encoded by; told when the first ones are. */
  | { readonly type: "encoder"; readonly name: string }
  /** A file of a recording has begun, or has ended. */
  | {
      readonly type: "recording";
      readonly id: string;
      readonly stream: string;
      readonly state: "begun" | "ended";
    }
  /** Recording failed, such as for a full disk: it is tried again with the next keyframe. */
  | {
      readonly type: "recording-failed";
      readonly id: string;
      readonly stream: string;
      readonly reason: string;
    };
