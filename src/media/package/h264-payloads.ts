import { readU16, readU32, writeU16 } from "../../wire/bytes.ts";
import { concat, u8 } from "./boxes.ts";
import type { Frame } from "./sample-format.ts";

const nal = { slice: 1, idr: 5, stapA: 24, fuA: 28 } as const;
/** Bytes of a payload at most: with all headers it fits into the datagrams of any path. */
const mostBytes = 1_150;
/** NAL units of one picture, at most. */
const mostUnits = 1_024;

/**
 * The payloads of a picture of H.264 in RTP (RFC 6184 §5.6 to §5.8): slices alone, several in one packet (STAP-A) or in fragments (FU-A), ahead of
 * a keyframe the parameter sets. `frame`: a sample of MP4, each NAL unit with its length in four bytes. Empty for a malformed one. Never throws.
 */
export function h264Payloads({ data, key, format }: Frame): Uint8Array[] {
  const units = key && format.kind === "video" ? parameterSets(format.configuration) : [];
  for (let at = 0; at < data.length; ) {
    const length = at + 4 <= data.length ? readU32(data, at) : 0;
    if (length === 0 || at + 4 + length > data.length || units.length > mostUnits) return [];
    const unit = data.subarray(at + 4, at + 4 + length);
    const type = (unit[0] ?? 0) & 0x1f;
    // Decoders need nothing else: what encoders say of themselves stays here.
    if (type >= nal.slice && type <= nal.idr) units.push(unit);
    at += 4 + length;
  }
  const payloads: Uint8Array[] = [];
  let together: Uint8Array[] = [];
  let bytes = 1;
  const flush = (): void => {
    const [first] = together;
    if (first !== undefined) payloads.push(together.length === 1 ? first : aggregate(together));
    together = [];
    bytes = 1;
  };
  for (const unit of units) {
    if (bytes + 2 + unit.length > mostBytes) flush();
    if (unit.length > mostBytes) payloads.push(...fragments(unit));
    else {
      together.push(unit);
      bytes += 2 + unit.length;
    }
  }
  flush();
  return payloads;
}

/** The first pair of parameter sets of an `avcC` (ISO/IEC 14496-15 §5.3.3.1); nothing where it is cut off. */
function parameterSets(configuration: Uint8Array): Uint8Array[] {
  const spsEnd = 8 + readU16(configuration, 6);
  const ppsEnd = spsEnd + 3 + readU16(configuration, spsEnd + 1);
  if (ppsEnd > configuration.length) return [];
  const sets = [configuration.subarray(8, spsEnd), configuration.subarray(spsEnd + 3, ppsEnd)];
  return sets.every(({ length }) => length > 0) ? sets : [];
}

function aggregate(units: readonly Uint8Array[]): Uint8Array {
  const importance = Math.max(...units.map((unit) => (unit[0] ?? 0) & 0x60));
  const parts = [u8(importance | nal.stapA)];
  for (const unit of units) {
    const length = new Uint8Array(2);
    writeU16(length, 0, unit.length);
    parts.push(length, unit);
  }
  return concat(parts);
}

function fragments(unit: Uint8Array): Uint8Array[] {
  const header = unit[0] ?? 0;
  const count = Math.ceil((unit.length - 1) / (mostBytes - 2));
  const size = Math.ceil((unit.length - 1) / count);
  return Array.from({ length: count }, (_, n) => {
    const from = 1 + n * size;
    const ends = (n === 0 ? 0x80 : 0) | (n === count - 1 ? 0x40 : 0);
    return concat([
      u8((header & 0xe0) | nal.fuA, ends | (header & 0x1f)),
      unit.subarray(from, Math.min(unit.length, from + size)),
    ]);
  });
}
