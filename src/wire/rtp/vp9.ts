/** What a VP9 payload descriptor says (RFC 9628 §4.2). */
export interface Vp9Descriptor {
  readonly spatialLayer: number;
  readonly temporalLayer: number;
  /** One may switch up to this temporal layer here. */
  readonly switchUp: boolean;
  /** First and last packet of a layer's frame. */
  readonly begin: boolean;
  readonly end: boolean;
  /** True for a packet that begins a picture which depends on no other. */
  readonly key: boolean;
}

/** Reads as much of the descriptor as a forwarder needs; undefined where it leaves the payload. Never throws. */
export function parseVp9(payload: Uint8Array): Vp9Descriptor | undefined {
  const first = payload[0];
  if (first === undefined) return undefined;
  const predicted = (first & 0x40) !== 0;
  const begin = (first & 0x08) !== 0;
  const end = (first & 0x04) !== 0;
  let at = 1;
  if ((first & 0x80) !== 0) at += ((payload[at] ?? 0) & 0x80) !== 0 ? 2 : 1;
  let spatialLayer = 0;
  let temporalLayer = 0;
  let switchUp = false;
  if ((first & 0x20) !== 0) {
    const layers = payload[at] ?? 0;
    temporalLayer = layers >>> 5;
    switchUp = (layers & 0x10) !== 0;
    spatialLayer = (layers >>> 1) & 0x07;
    at++;
  }
  if (at >= payload.length) return undefined;
  const key = begin && !predicted && spatialLayer === 0;
  return { spatialLayer, temporalLayer, switchUp, begin, end, key };
}
