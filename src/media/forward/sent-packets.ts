/**
 * What left under one SSRC, by index: from which packet of which layer it was made and how, so that it can be repeated. An index is either
 * sent, or reserved for a packet that hasn't come to us.
 */
export class SentPackets {
  /** How many packets are remembered. */
  readonly span: number;
  readonly #numbers: Uint32Array;
  readonly #layers: Uint16Array;
  readonly #shifts: Uint32Array;
  readonly #pictures: Uint16Array;
  readonly #tl0s: Uint8Array;
  readonly #repeatedAt: Uint32Array;
  readonly #first: number;
  #next: number;

  /** `first`: the index to begin with. */
  constructor(first: number, span: number) {
    this.span = span;
    this.#first = first;
    this.#next = first;
    this.#numbers = new Uint32Array(span);
    this.#layers = new Uint16Array(span);
    this.#shifts = new Uint32Array(span);
    this.#pictures = new Uint16Array(span);
    this.#tl0s = new Uint8Array(span);
    this.#repeatedAt = new Uint32Array(span);
  }

  /** The index of the next packet. */
  get next(): number {
    return this.#next;
  }

  /** Takes the next index for a packet. `shift`, `picture`, `tl0`: what is added to its timestamp, VP8 picture id and TL0PICIDX. */
  add(layer: number, number: number, shift: number, picture: number, tl0: number): number {
    const index = this.#next;
    this.#next++;
    const slot = index % this.span;
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
    return index < this.#first || index >= this.#next || index < this.#next - this.span
      ? -1
      : index % this.span;
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
