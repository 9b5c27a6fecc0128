import { readU16 } from "../../wire/bytes.ts";
import { BitReader } from "./bits.ts";
import { concat, u8, u16, u32 } from "./boxes.ts";
import type { VideoFormat, VideoFrame } from "./sample-format.ts";

const nal = { slice: 1, idr: 5, sei: 6, sps: 7, pps: 8, delimiter: 9, stapA: 24, fuA: 28 } as const;
/** NAL units of one picture, at most. */
const mostUnits = 1_024;
/** Profiles whose parameter sets say more of the picture's samples (H.264 §7.3.2.1.1). */
const highProfiles: ReadonlySet<number> = new Set([
  100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135,
]);

/** The NAL units in the payloads of one picture (RFC 6184 §5.6 to §5.8); undefined where they can't be put together. Never throws. */
function h264Units(payloads: readonly Uint8Array[]): Uint8Array[] | undefined {
  const units: Uint8Array[] = [];
  let fragments: Uint8Array[] | undefined;
  for (const payload of payloads) {
    if (units.length > mostUnits) return undefined;
    const type = (payload[0] ?? 0) & 0x1f;
    if (fragments !== undefined && type !== nal.fuA) return undefined;
    if (type >= 1 && type < nal.stapA) units.push(payload);
    else if (type === nal.stapA) {
      for (let at = 1; at + 2 < payload.length; ) {
        const length = readU16(payload, at);
        if (length === 0 || at + 2 + length > payload.length) return undefined;
        units.push(payload.subarray(at + 2, at + 2 + length));
        at += 2 + length;
      }
    } else if (type === nal.fuA && payload.length > 2) {
      const [indicator = 0, header = 0] = payload;
      if ((header & 0x80) !== 0) fragments = [u8((indicator & 0xe0) | (header & 0x1f))];
      if (fragments === undefined) return undefined;
      fragments.push(payload.subarray(2));
      if ((header & 0x40) === 0) continue;
      units.push(concat(fragments));
      fragments = undefined;
    } else return undefined;
  }
  return fragments === undefined ? units : undefined;
}

/** A picture of H.264, and what its parameter sets say of it and those that follow. */
export class H264Pictures {
  #sps: Uint8Array | undefined;
  #pps: Uint8Array | undefined;
  #format: VideoFormat | undefined;

  /**
   * The picture as a sample of MP4: each NAL unit with its length, without parameter sets. Undefined for what is no picture, can't be put
   * together, or comes before the first parameter sets.
   */
  take(payloads: readonly Uint8Array[]): VideoFrame | undefined {
    const units = h264Units(payloads);
    if (units === undefined) return undefined;
    const kept: Uint8Array[] = [];
    let key = false;
    for (const unit of units) {
      const type = (unit[0] ?? 0) & 0x1f;
      if (type === nal.sps) this.#parameters(unit, this.#pps);
      else if (type === nal.pps) this.#parameters(this.#sps, unit);
      else if (type === nal.slice || type === nal.idr || type === nal.sei) {
        if (type === nal.idr) key = true;
        kept.push(u32(unit.length), unit);
      }
    }
    const format = this.#format;
    if (format === undefined || kept.length === 0) return undefined;
    return { data: concat(kept), key, format };
  }

  #parameters(sps: Uint8Array | undefined, pps: Uint8Array | undefined): void {
    const changed = !equal(sps, this.#sps) || !equal(pps, this.#pps);
    this.#sps = sps;
    this.#pps = pps;
    if (changed && sps !== undefined && pps !== undefined) this.#format = h264Format(sps, pps);
  }
}

function equal(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  return one?.length === other?.length && (one?.every((byte, at) => byte === other?.[at]) ?? true);
}

/** What a pair of parameter sets says; undefined for a malformed one. */
export function h264Format(sps: Uint8Array, pps: Uint8Array): VideoFormat | undefined {
  const [, profile, constraints, level] = sps;
  const picture = parseSps(sps);
  if (picture === undefined || profile === undefined || constraints === undefined || level === undefined)
    return undefined;
  const { width, height } = picture;
  const high = highProfiles.has(profile)
    ? u8(0xfc | picture.chroma, 0xf8 | picture.lumaDepth, 0xf8 | picture.chromaDepth, 0)
    : u8();
  const configuration = concat([
    u8(1, profile, constraints, level, 0xff, 0xe1),
    ...[u16(sps.length), sps, u8(1), u16(pps.length), pps, high],
  ]);
  const hex = [profile, constraints, level].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return { kind: "video", codec: "h264", width, height, configuration, name: `avc1.${hex}` };
}

interface Picture {
  readonly width: number;
  readonly height: number;
  readonly chroma: number;
  readonly lumaDepth: number;
  readonly chromaDepth: number;
}

/** The size and the samples of the pictures that a sequence parameter set is for (H.264 §7.3.2.1); undefined for a malformed one. */
function parseSps(sps: Uint8Array): Picture | undefined {
  const reader = new BitReader(withoutEscapes(sps.subarray(1)));
  const profile = reader.bits(8);
  reader.bits(16);
  reader.unsigned();
  let [chroma, lumaDepth, chromaDepth] = [1, 0, 0];
  let separate = false;
  if (highProfiles.has(profile)) {
    chroma = reader.unsigned() & 3;
    if (chroma === 3) separate = reader.flag();
    lumaDepth = reader.unsigned() & 7;
    chromaDepth = reader.unsigned() & 7;
    reader.bit();
    if (reader.flag()) skipScalingMatrix(reader, chroma === 3 ? 12 : 8);
  }
  reader.unsigned();
  const order = reader.unsigned();
  if (order === 0) reader.unsigned();
  else if (order === 1) {
    reader.bit();
    reader.signed();
    reader.signed();
    const cycle = reader.unsigned();
    for (let n = 0; n < cycle && n < 256; n++) reader.signed();
  }
  reader.unsigned();
  reader.bit();
  const columns = reader.unsigned() + 1;
  const rows = reader.unsigned() + 1;
  const framesOnly = reader.bit();
  if (framesOnly === 0) reader.bit();
  reader.bit();
  const crop = reader.flag()
    ? { left: reader.unsigned(), right: reader.unsigned(), top: reader.unsigned(), bottom: reader.unsigned() }
    : { left: 0, right: 0, top: 0, bottom: 0 };
  if (reader.over) return undefined;
  const type = separate ? 0 : chroma;
  const unitX = type === 1 || type === 2 ? 2 : 1;
  const unitY = (type === 1 ? 2 : 1) * (2 - framesOnly);
  const width = columns * 16 - unitX * (crop.left + crop.right);
  const height = (2 - framesOnly) * rows * 16 - unitY * (crop.top + crop.bottom);
  if (width <= 0 || height <= 0 || width > 16_384 || height > 16_384) return undefined;
  return { width, height, chroma, lumaDepth, chromaDepth };
}

function skipScalingMatrix(reader: BitReader, lists: number): void {
  for (let list = 0; list < lists; list++) {
    if (!reader.flag()) continue;
    let [last, next] = [8, 8];
    for (let n = 0; n < (list < 6 ? 16 : 64); n++) {
      if (next !== 0) next = (last + reader.signed() + 256) & 255;
      if (next !== 0) last = next;
    }
  }
}

/** Without the bytes that keep start codes out (H.264 §7.4.1). */
function withoutEscapes(bytes: Uint8Array): Uint8Array {
  const out: number[] = [];
  let zeros = 0;
  for (const byte of bytes) {
    if (zeros >= 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    zeros = byte === 0 ? zeros + 1 : 0;
    out.push(byte);
  }
  return Uint8Array.from(out);
}
