import type { UdpSlot } from "./udp-batch.ts";

/** Memory in which datagrams stand one behind the other until all of them have left. */
export class PacketArena {
  readonly #bytes: Uint8Array;
  readonly #slot: { target: Uint8Array; at: number };
  #end = 0;
  #taken = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#slot = { target: bytes, at: 0 };
  }

  /** Datagrams in it. */
  get size(): number {
    return this.#taken;
  }

  /** True when a datagram of so many bytes has room. */
  fits(bytes: number): boolean {
    return this.#end + bytes <= this.#bytes.length;
  }

  /** Room behind the last datagram that was kept; the same object each time. Bytes that don't fit go to a place of their own, to be dropped. */
  slot(bytes: number): UdpSlot {
    const fits = this.fits(bytes);
    if (fits) this.#slot.target = this.#bytes;
    else if (this.#slot.target === this.#bytes || this.#slot.target.length < bytes)
      this.#slot.target = new Uint8Array(bytes);
    this.#slot.at = fits ? this.#end : 0;
    return this.#slot;
  }

  /** Keeps what was written to the last slot. Where it begins; -1 when it has no room. Throws a RangeError for a length beyond the memory. */
  keep(length: number): number {
    const { target, at } = this.#slot;
    if (target !== this.#bytes || at !== this.#end) return -1;
    if (!(Number.isInteger(length) && length > 0 && this.fits(length)))
      throw new RangeError("a datagram is longer than its slot");
    // Right behind each other: packets to one viewer can leave as one piece.
    this.#end = at + length;
    this.#taken++;
    return at;
  }

  /** All have left. */
  clear(): void {
    this.#end = 0;
    this.#taken = 0;
  }
}
