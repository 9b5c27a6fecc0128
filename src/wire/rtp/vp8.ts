import { readU16, writeU16 } from "../bytes.ts";

/** A VP8 payload descriptor (RFC 7741 §4.2). Offsets are from the beginning of the payload; −1 where a field isn't there. */
export interface Vp8Descriptor {
  /** Bytes of the descriptor. */
  readonly length: number;
  /** Where the picture id stands, and whether it has 15 bits (then two bytes). */
  readonly pictureIdAt: number;
  readonly longPictureId: boolean;
  readonly pictureId: number;
  readonly tl0At: number;
  readonly tl0: number;
  /** Temporal layer; 0 without one. */
  readonly temporalLayer: number;
  /** True where this frame depends on the base layer alone: one may switch up to its layer here. */
  readonly layerSync: boolean;
  /** True for the first packet of a frame. */
  readonly begin: boolean;
  /** True for a packet that begins a key frame (RFC 7741 §4.3). */
  readonly key: boolean;
}

/** Reads the descriptor of a payload; undefined where it leaves the payload. Never throws. */
export function parseVp8(payload: Uint8Array): Vp8Descriptor | undefined {
  const first = payload[0];
  if (first === undefined) return undefined;
  let at = 1;
  let pictureIdAt = -1;
  let longPictureId = false;
  let pictureId = 0;
  let tl0At = -1;
  let tl0 = 0;
  let temporalLayer = 0;
  let layerSync = false;
  if ((first & 0x80) !== 0) {
    const flags = payload[at] ?? 0;
    at++;
    if ((flags & 0x80) !== 0) {
      pictureIdAt = at;
      longPictureId = ((payload[at] ?? 0) & 0x80) !== 0;
      pictureId = longPictureId ? readU16(payload, at) & 0x7fff : (payload[at] ?? 0);
      at += longPictureId ? 2 : 1;
    }
    if ((flags & 0x40) !== 0) {
      tl0At = at;
      tl0 = payload[at] ?? 0;
      at++;
    }
    if ((flags & 0x30) !== 0) {
      if ((flags & 0x20) !== 0) {
        temporalLayer = (payload[at] ?? 0) >>> 6;
        layerSync = ((payload[at] ?? 0) & 0x20) !== 0;
      }
      at++;
    }
  }
  if (at >= payload.length) return undefined;
  const begin = (first & 0x10) !== 0 && (first & 0x0f) === 0;
  const key = begin && ((payload[at] ?? 1) & 0x01) === 0;
  return {
    length: at,
    pictureIdAt,
    longPictureId,
    pictureId,
    tl0At,
    tl0,
    temporalLayer,
    layerSync,
    begin,
    key,
  };
}

/** Writes another picture id and TL0PICIDX over those of a VP8 or VP9 descriptor that stands at `at`; lengths stay as they are. */
export function rewritePictureId(
  target: Uint8Array,
  at: number,
  descriptor: Pick<Vp8Descriptor, "pictureIdAt" | "longPictureId" | "tl0At">,
  pictureId: number,
  tl0: number,
): void {
  const { pictureIdAt, longPictureId, tl0At } = descriptor;
  if (pictureIdAt >= 0) {
    if (longPictureId) writeU16(target, at + pictureIdAt, 0x8000 | (pictureId & 0x7fff));
    else target[at + pictureIdAt] = pictureId & 0x7f;
  }
  if (tl0At >= 0) target[at + tl0At] = tl0;
}
