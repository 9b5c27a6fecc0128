/** How many packets of an SSRC are remembered: as many as may be sealed again (see `SrtpSender`). A power of two. */
const span = 512;

/**
 * What left under one SSRC, by index: from which packet of which layer it was made and how, so that it can be repeated. An index is either
 * sent, or reserved for a packet that hasn't come to us.
 */
export class SentPackets {
  readonly #numbers = new Uint32Array(span);
  readonly #layers = new Uint16Array(span);
  readonly #shifts = new Uint32Array(span);
  readonly #pictures = new Uint16Array(span);
  readonly #tl0s = new Uint8Array(span);
  readonly #repeatedAt = new Uint32Array(span);
  readonly #first: number;
  #next: number;

  /** `first`: the index to begin with. */
  constructor(first: number) {
    this.#first = first;
    this.#next = first;
  }

  /** The index of the next packet. */
  get next(): number {
    return this.#next;
  }

  /** Takes the next index for a packet. `shift`, `picture`, `tl0`: what is added to its timestamp, VP8 picture id and TL0PICIDX. */
  add(layer: number, number: number, shift: number, picture: number, tl0: number): number {
    const index = this.#next;
    this.#next++;
    const slot = index % span;
    this.#numbers[slot] = number % 0x100000000;
    this.#layers[slot] = layer;
    this.#shifts[slot] = shift;
    this.#pictures[slot] = picture;
    this.#tl0s[slot] = tl0;
    this.#repeatedAt[slot] = 0;
    return index;
  }

  /** The slot of an index, or −1 where it isn't remembered. */
  find(index: number): number {
    return index < this.#first || index >= this.#next || index < this.#next - span ? -1 : index % span;
  }

  layer(slot: number): number {
    return this.#layers[slot] ?? 0;
  }

  /** The number of the packet: the one nearest to `newest` with these lower 32 bits. */
  number(slot: number, newest: number): number {
    return newest - ((newest - (this.#numbers[slot] ?? 0)) >>> 0);
  }

  shift(slot: number): number {
    return this.#shifts[slot] ?? 0;
  }

  picture(slot: number): number {
    return this.#pictures[slot] ?? 0;
  }

  tl0(slot: number): number {
    return this.#tl0s[slot] ?? 0;
  }

  /** Takes note of a repeat; false where the last one was less than `pause` ms ago. */
  repeat(slot: number, pause: number, now: number): boolean {
    const at = Math.max(1, Math.floor(now) >>> 0);
    const last = this.#repeatedAt[slot] ?? 0;
    if (last !== 0 && (at - last) >>> 0 < pause) return false;
    this.#repeatedAt[slot] = at;
    return true;
  }
}

export const sentSpan: number = span;
