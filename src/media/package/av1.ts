import { BitReader } from "./bits.ts";
import { concat, u8 } from "./boxes.ts";
import type { VideoFormat, VideoFrame } from "./sample-format.ts";

/** OBU types (AV1 bitstream §6.2.2). */
const obu = { sequenceHeader: 1, temporalDelimiter: 2, tileList: 8, padding: 15 } as const;
const mostUnits = 1_024;

/** The OBUs in the payloads of one temporal unit (AV1 RTP §4.4); undefined where they can't be put together. Never throws. */
export function av1Units(payloads: readonly Uint8Array[]): Uint8Array[] | undefined {
  const units: Uint8Array[] = [];
  let open: Uint8Array[] | undefined;
  for (const payload of payloads) {
    const [header] = payload;
    if (header === undefined || units.length > mostUnits) return undefined;
    const [continues, goesOn, count] = [(header & 0x80) !== 0, (header & 0x40) !== 0, (header >>> 4) & 3];
    if (continues !== (open !== undefined)) return undefined;
    let at = 1;
    for (let n = 1; at < payload.length; n++) {
      let length = payload.length - at;
      if (count === 0 || n < count) {
        const read = leb128(payload, at);
        if (read === undefined) return undefined;
        at = read.end;
        length = read.value;
      }
      if (at + length > payload.length) return undefined;
      open = [...(open ?? []), payload.subarray(at, at + length)];
      at += length;
      if (at < payload.length || !goesOn) {
        units.push(concat(open));
        open = undefined;
      }
      if (count !== 0 && n === count) break;
    }
  }
  return open === undefined ? units.filter((unit) => unit.length > 0) : undefined;
}

/** Temporal units of AV1, and what their sequence headers say. */
export class Av1Pictures {
  #format: VideoFormat | undefined;

  /** The temporal unit as a sample of MP4: each OBU with its size. Undefined for one that can't be put together, or before a sequence header. */
  take(payloads: readonly Uint8Array[]): VideoFrame | undefined {
    const units = av1Units(payloads);
    if (units === undefined) return undefined;
    const kept: Uint8Array[] = [];
    let key = false;
    for (const unit of units) {
      const type = ((unit[0] ?? 0) >>> 3) & 0x0f;
      if (type === obu.temporalDelimiter || type === obu.tileList || type === obu.padding) continue;
      const sized = withSize(unit);
      if (sized === undefined) return undefined;
      if (type === obu.sequenceHeader) {
        key = true;
        const format = av1Format(sized);
        if (format !== undefined) this.#format = format;
      }
      kept.push(sized);
    }
    const format = this.#format;
    return format === undefined || kept.length === 0 ? undefined : { data: concat(kept), key, format };
  }
}

/** The OBU with a size field, which RTP leaves out (AV1 RTP §4.5). */
function withSize(unit: Uint8Array): Uint8Array | undefined {
  const header = unit[0] ?? 0;
  if ((header & 0x02) !== 0) return unit;
  const headBytes = (header & 0x04) !== 0 ? 2 : 1;
  if (unit.length < headBytes) return undefined;
  const head = unit.slice(0, headBytes);
  head[0] = header | 0x02;
  return concat([head, leb128Bytes(unit.length - headBytes), unit.subarray(headBytes)]);
}

function leb128(
  bytes: Uint8Array,
  from: number,
): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  for (let n = 0; n < 5; n++) {
    const byte = bytes[from + n];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * n);
    if ((byte & 0x80) === 0) return { value, end: from + n + 1 };
  }
  return undefined;
}

function leb128Bytes(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? low | 0x80 : low);
  } while (rest > 0);
  return Uint8Array.from(bytes);
}

/** What a sequence header says, with its size field; undefined for a malformed one (AV1 bitstream §5.5, AV1-ISOBMFF §2.3). */
export function av1Format(sequence: Uint8Array): VideoFormat | undefined {
  const extension = ((sequence[0] ?? 0) & 0x04) !== 0 ? 1 : 0;
  const size = leb128(sequence, 1 + extension);
  if (size === undefined) return undefined;
  const reader = new BitReader(sequence.subarray(size.end));
  const profile = reader.bits(3);
  reader.bit();
  let [level, tier] = [0, 0];
  if (reader.flag()) level = reader.bits(5);
  else {
    // Timing and decoder models, which no WebRTC encoder writes.
    if (reader.flag()) return undefined;
    const delays = reader.flag();
    const points = reader.bits(5) + 1;
    for (let point = 0; point < points; point++) {
      reader.bits(12);
      const pointLevel = reader.bits(5);
      const pointTier = pointLevel > 7 ? reader.bit() : 0;
      if (point === 0) [level, tier] = [pointLevel, pointTier];
      if (delays && reader.flag()) reader.bits(4);
    }
  }
  const [widthBits, heightBits] = [reader.bits(4) + 1, reader.bits(4) + 1];
  const [width, height] = [reader.bits(widthBits) + 1, reader.bits(heightBits) + 1];
  if (reader.over || width > 16_384 || height > 16_384) return undefined;
  // 8 bits, 4:2:0: what WebRTC has.
  const configuration = concat([u8(0x81, (profile << 5) | level, (tier << 7) | 0x0c, 0), sequence]);
  const name = `av01.${profile}.${`${level}`.padStart(2, "0")}${tier === 1 ? "H" : "M"}.08`;
  return { kind: "video", codec: "av1", width, height, configuration, name };
}
