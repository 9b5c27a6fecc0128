import { readU16 } from "../bytes.ts";

/** What a VP9 payload descriptor says (RFC 9628 §4.2). Offsets are from the beginning of the payload; −1 where a field isn't there. */
export interface Vp9Descriptor {
  /** Where the picture id stands, and whether it has 15 bits (then two bytes). */
  readonly pictureIdAt: number;
  readonly longPictureId: boolean;
  readonly pictureId: number;
  readonly tl0At: number;
  readonly tl0: number;
  readonly spatialLayer: number;
  readonly temporalLayer: number;
  /** Pictures behind this one may be of one temporal layer more: they refer to nothing ahead of it there. */
  readonly switchUp: boolean;
  /** First and last packet of a layer's frame. */
  readonly begin: boolean;
  readonly end: boolean;
  /** True for a packet that begins a picture which depends on no other. */
  readonly key: boolean;
  /** Bytes of the descriptor: what follows is the picture. */
  readonly length: number;
  /** The size of each spatial layer's picture, where the descriptor tells it; keyframes do. */
  readonly sizes: readonly { readonly width: number; readonly height: number }[];
}

/** References of a picture in flexible mode, at most. */
const mostReferences = 3;

/** Reads the descriptor; undefined where it leaves the payload. Never throws. */
export function parseVp9(payload: Uint8Array): Vp9Descriptor | undefined {
  const first = payload[0];
  if (first === undefined) return undefined;
  const flag = (mask: number): boolean => (first & mask) !== 0;
  const [predicted, flexible, begin, end] = [flag(0x40), flag(0x10), flag(0x08), flag(0x04)];
  let at = 1;
  let [pictureIdAt, longPictureId, pictureId] = [-1, false, 0];
  if (flag(0x80)) {
    pictureIdAt = at;
    longPictureId = ((payload[at] ?? 0) & 0x80) !== 0;
    pictureId = longPictureId && at + 1 < payload.length ? readU16(payload, at) & 0x7fff : (payload[at] ?? 0);
    at += longPictureId ? 2 : 1;
  }
  let [spatialLayer, temporalLayer, switchUp, tl0At, tl0] = [0, 0, false, -1, 0];
  if (flag(0x20)) {
    const layers = payload[at] ?? 0;
    temporalLayer = layers >>> 5;
    switchUp = (layers & 0x10) !== 0;
    spatialLayer = (layers >>> 1) & 0x07;
    at++;
    if (!flexible) {
      tl0At = at;
      tl0 = payload[at] ?? 0;
      at++;
    }
  }
  if (flexible && predicted)
    for (let n = 0; n < mostReferences; n++) {
      const more = ((payload[at] ?? 0) & 0x01) !== 0;
      at++;
      if (!more) break;
    }
  const sizes: { width: number; height: number }[] = [];
  if (flag(0x02)) {
    const structure = payload[at] ?? 0;
    at++;
    if ((structure & 0x10) !== 0)
      for (let n = 0; n <= structure >>> 5 && at + 4 <= payload.length; n++, at += 4)
        sizes.push({ width: readU16(payload, at), height: readU16(payload, at + 2) });
  }
  if (at >= payload.length) return undefined;
  const key = begin && !predicted && spatialLayer === 0;
  return {
    ...{ pictureIdAt, longPictureId, pictureId, tl0At, tl0, spatialLayer, temporalLayer },
    ...{ switchUp, begin, end, key, length: at, sizes },
  };
}
