import { readU16 } from "../bytes.ts";

const nal = { idr: 5, sps: 7, stapA: 24, fuA: 28 } as const;

/**
 * True for a payload that begins a picture from which decoding can start: an IDR slice or a sequence parameter set, alone, aggregated or as the
 * first fragment (RFC 6184 §5.2, §5.7, §5.8).
 */
export function isH264Key(payload: Uint8Array): boolean {
  const type = (payload[0] ?? 0) & 0x1f;
  if (type === nal.idr || type === nal.sps) return true;
  if (type === nal.fuA) {
    const header = payload[1] ?? 0;
    return (header & 0x80) !== 0 && (header & 0x1f) === nal.idr;
  }
  if (type !== nal.stapA) return false;
  for (let at = 1; at + 3 <= payload.length; ) {
    const length = readU16(payload, at);
    const inner = (payload[at + 2] ?? 0) & 0x1f;
    if (inner === nal.idr || inner === nal.sps) return true;
    at += 2 + length;
  }
  return false;
}
