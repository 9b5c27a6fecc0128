import { readU16 } from "../bytes.ts";

/** Profiles whose parameter sets say how colours are sampled (ITU-T H.264 §7.3.2.1.1). */
const withChroma: ReadonlySet<number> = new Set([
  100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135,
]);
const nal = { sps: 7, stapA: 24 } as const;
/** Bytes of a parameter set that are read. */
const mostBytes = 256;

/** The size of the picture, of the sequence parameter set in a payload; undefined where there is none that can be read. Never throws. */
export function h264Size(payload: Uint8Array): { width: number; height: number } | undefined {
  const type = (payload[0] ?? 0) & 0x1f;
  if (type === nal.sps) return sizeOf(payload);
  if (type !== nal.stapA) return undefined;
  for (let at = 1; at + 3 <= payload.length; ) {
    const length = readU16(payload, at);
    const unit = payload.subarray(at + 2, at + 2 + length);
    if (((unit[0] ?? 0) & 0x1f) === nal.sps) return sizeOf(unit);
    at += 2 + length;
  }
  return undefined;
}

function sizeOf(unit: Uint8Array): { width: number; height: number } | undefined {
  const bits = new ExpGolomb(withoutEmulation(unit));
  const profile = bits.read(8);
  bits.read(16);
  bits.unsigned();
  let [chroma, separate] = [1, false];
  if (withChroma.has(profile)) {
    chroma = bits.unsigned();
    if (chroma === 3) separate = bits.read(1) === 1;
    bits.unsigned();
    bits.unsigned();
    bits.read(1);
    // Scaling lists: no encoder for real time has any.
    if (bits.read(1) === 1) return undefined;
  }
  bits.unsigned();
  const order = bits.unsigned();
  if (order === 0) bits.unsigned();
  else if (order === 1) {
    bits.read(1);
    bits.unsigned();
    bits.unsigned();
    const cycle = bits.unsigned();
    for (let n = 0; n < cycle && n < 256; n++) bits.unsigned();
  }
  bits.unsigned();
  bits.read(1);
  const columns = bits.unsigned() + 1;
  const rows = bits.unsigned() + 1;
  const frames = bits.read(1);
  if (frames === 0) bits.read(1);
  bits.read(1);
  const sampled = separate ? 0 : chroma;
  const [unitX, unitY] = [sampled === 1 || sampled === 2 ? 2 : 1, (sampled === 1 ? 2 : 1) * (2 - frames)];
  let [width, height] = [16 * columns, 16 * rows * (2 - frames)];
  if (bits.read(1) === 1) {
    width -= unitX * (bits.unsigned() + bits.unsigned());
    height -= unitY * (bits.unsigned() + bits.unsigned());
  }
  const fits = (length: number): boolean => length > 0 && length <= 16_384;
  return bits.over || !fits(width) || !fits(height) ? undefined : { width, height };
}

/** The unit behind its first byte, without the bytes that keep start codes out of it (§7.4.1). */
function withoutEmulation(unit: Uint8Array): Uint8Array {
  const bytes: number[] = [];
  let zeros = 0;
  for (const byte of unit.subarray(1, mostBytes)) {
    const inserted = zeros >= 2 && byte === 3;
    zeros = byte === 0 ? zeros + 1 : 0;
    if (!inserted) bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

/** Reads bits and Exp-Golomb codes (§9.1). */
class ExpGolomb {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** True where more was read than there is. */
  get over(): boolean {
    return this.#at > 8 * this.#bytes.length;
  }

  read(bits: number): number {
    let number = 0;
    for (let n = 0; n < bits; n++, this.#at++)
      number = 2 * number + (((this.#bytes[this.#at >>> 3] ?? 0) >>> (7 - (this.#at & 7))) & 1);
    return number;
  }

  unsigned(): number {
    let zeros = 0;
    while (zeros < 32 && !this.over && this.read(1) === 0) zeros++;
    return 2 ** zeros - 1 + this.read(zeros);
  }
}
