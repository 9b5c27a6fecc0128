import { writeU16, writeU24, writeU32 } from "../bytes.ts";
import { rtcpType } from "./rtcp.ts";
import { extendSequence } from "./sequence.ts";

/** Units of 64 ms and of 250 µs. */
const [referenceUnit, deltaUnit] = [64, 0.25];
/** Packets that one message reports at most, and that are kept until then. */
const [mostPackets, mostKept] = [400, 2_000];
const symbol = { missing: 0, small: 1, large: 2 } as const;

/**
 * Feedback for a sender's congestion control: when each packet of a transport arrived (draft-holmer-rmcat-transport-wide-cc-extensions-01
 * §3.1). Pure: times in ms come in with each call.
 */
export class TransportFeedback {
  readonly #arrivals = new Map<number, number>();
  #highest = -1;
  /** The first packet that the next message reports. */
  #next = -1;
  #count = 0;

  /** `sequence`: 16 bits, of the packet's header extension. */
  received(sequence: number, now: number): void {
    const extended = this.#highest < 0 ? sequence + 0x10000 : extendSequence(sequence, this.#highest);
    if (this.#next < 0) this.#next = extended;
    // Reported as missing already: the sender has drawn its conclusion.
    if (extended < this.#next) return;
    if (extended - this.#next > 0x7fff) {
      this.#arrivals.clear();
      this.#next = extended;
    }
    if (extended > this.#highest) this.#highest = extended;
    if (this.#arrivals.size < mostKept && !this.#arrivals.has(extended)) this.#arrivals.set(extended, now);
  }

  /** The next message; undefined where nothing has come since the last one. Call it each 50 to 100 ms. */
  message(sender: number, media: number): Uint8Array | undefined {
    if (this.#arrivals.size === 0) return undefined;
    const first = this.#next;
    const last = Math.min(this.#highest, first + mostPackets - 1);
    let base: number | undefined;
    for (let n = first; n <= last && base === undefined; n++) base = this.#arrivals.get(n);
    this.#next = last + 1;
    if (base === undefined) return undefined;
    const reference = Math.floor(base / referenceUnit);
    const symbols: number[] = [];
    const deltas: number[] = [];
    let clock = (reference * referenceUnit) / deltaUnit;
    let end = first;
    for (let n = first; n <= last; n++) {
      const arrival = this.#arrivals.get(n);
      this.#arrivals.delete(n);
      if (arrival === undefined) {
        symbols.push(symbol.missing);
        continue;
      }
      const delta = Math.round(arrival / deltaUnit) - clock;
      if (delta < -0x8000 || delta > 0x7fff) {
        // Too long ago for this message: the next one begins here.
        this.#arrivals.set(n, arrival);
        this.#next = n;
        break;
      }
      clock += delta;
      symbols.push(delta >= 0 && delta <= 0xff ? symbol.small : symbol.large);
      deltas.push(delta);
      end = n + 1;
    }
    symbols.length = end - first;
    if (symbols.length === 0) return undefined;
    const bytes = write(symbols, deltas);
    writeU32(bytes, 4, sender);
    writeU32(bytes, 8, media);
    writeU16(bytes, 12, first & 0xffff);
    writeU16(bytes, 14, symbols.length);
    writeU24(bytes, 16, reference & 0xffffff);
    bytes[19] = this.#count & 0xff;
    this.#count++;
    return bytes;
  }
}

/** Status vectors of seven two-bit symbols, then the deltas, padded to whole words. */
function write(symbols: readonly number[], deltas: readonly number[]): Uint8Array {
  const chunks = Math.ceil(symbols.length / 7);
  const deltaBytes = deltas.reduce((sum, delta) => sum + (delta >= 0 && delta <= 0xff ? 1 : 2), 0);
  const bytes = new Uint8Array((20 + 2 * chunks + deltaBytes + 3) & ~3);
  bytes[0] = 0x80 | 15;
  bytes[1] = rtcpType.rtpfb;
  writeU16(bytes, 2, bytes.length / 4 - 1);
  for (let chunk = 0; chunk < chunks; chunk++) {
    let word = 0xc000;
    for (let n = 0; n < 7; n++) word |= (symbols[7 * chunk + n] ?? symbol.missing) << (12 - 2 * n);
    writeU16(bytes, 20 + 2 * chunk, word);
  }
  let at = 20 + 2 * chunks;
  for (const delta of deltas)
    if (delta >= 0 && delta <= 0xff) {
      bytes[at] = delta;
      at++;
    } else {
      writeU16(bytes, at, delta & 0xffff);
      at += 2;
    }
  return bytes;
}
