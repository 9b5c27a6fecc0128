import { concat, u8 } from "../package/boxes.ts";
import type { AudioFormat, VideoFormat } from "../package/sample-format.ts";

/** Bodies of FLV tags (Adobe Flash Video File Format §E.4), which RTMP sends as messages: H.264 and AAC. */

const [keyframe, interFrame] = [0x17, 0x27];
/** AAC, which says its rate and channels itself. */
const aac = 0xaf;
const [configuration, media] = [0, 1];

/** What pictures go with: the content of `avcC`. */
export function videoConfiguration(format: VideoFormat): Uint8Array {
  return concat([u8(keyframe, configuration, 0, 0, 0), format.configuration]);
}

/** A picture: NAL units, each with its length ahead. */
export function videoFrame(data: Uint8Array, key: boolean): Uint8Array {
  return concat([u8(key ? keyframe : interFrame, media, 0, 0, 0), data]);
}

/** What sound goes with: AudioSpecificConfig. */
export function audioConfiguration(format: AudioFormat): Uint8Array {
  return concat([u8(aac, configuration), format.configuration]);
}

export function audioFrame(data: Uint8Array): Uint8Array {
  return concat([u8(aac, media), data]);
}
