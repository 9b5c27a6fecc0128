/** Ways of sending that are told apart: what lies behind the oldest of them is forgotten. */
const mostWays = 64;
/** The way stands above the time of the last repeat, which has 26 bits of ms: 18 hours. */
const [wayShift, timeMask] = [26, 0x3ffffff];

/** How packets were made of those of a layer. Few packets differ in it from the one before, so it is kept once for all that don't. */
interface Way {
  /** The first index that left in this way. */
  from: number;
  layer: number;
  shift: number;
  picture: number;
  tl0: number;
}

/**
 * What left under one SSRC, by index: from which packet of which layer it was made and how, so that it can be repeated. An index is either
 * sent, or reserved for a packet that hasn't come to us.
 */
export class SentPackets {
  /** How many packets are remembered. */
  readonly span: number;
  /** Two words of each slot: the lower 32 bits of the packet's number; its way, and when it was repeated last, 0 for never. */
  readonly #slots: Uint32Array;
  readonly #ways: Way[] = [];
  #way = -1;
  readonly #first: number;
  #next: number;

  /** `first`: the index to begin with. */
  constructor(first: number, span: number) {
    this.span = span;
    this.#first = first;
    this.#next = first;
    this.#slots = new Uint32Array(2 * span);
  }

  /** The index of the next packet. */
  get next(): number {
    return this.#next;
  }

  /** Takes the next index for a packet. `shift`, `picture`, `tl0`: what is added to its timestamp, VP8 picture id and TL0PICIDX. */
  add(layer: number, number: number, shift: number, picture: number, tl0: number): number {
    const index = this.#next;
    this.#next++;
    const way = this.#ways[this.#way];
    if (
      way === undefined ||
      way.picture !== picture ||
      way.shift !== shift ||
      way.layer !== layer ||
      way.tl0 !== tl0
    )
      this.#newWay({ from: index, layer, shift, picture, tl0 });
    const at = 2 * (index % this.span);
    this.#slots[at] = number;
    this.#slots[at + 1] = this.#way << wayShift;
    return index;
  }

  /** The slot of an index, or −1 where it isn't remembered. */
  find(index: number): number {
    if (index < this.#first || index >= this.#next || index < this.#next - this.span) return -1;
    const slot = 2 * (index % this.span);
    // Another way may have taken the place of the one that it left in.
    return index < (this.#wayOf(slot)?.from ?? 0) ? -1 : slot;
  }

  layer(slot: number): number {
    return this.#wayOf(slot)?.layer ?? 0;
  }

  /** The number of the packet: the one nearest to `newest` with these lower 32 bits. */
  number(slot: number, newest: number): number {
    return newest - ((newest - (this.#slots[slot] ?? 0)) >>> 0);
  }

  shift(slot: number): number {
    return this.#wayOf(slot)?.shift ?? 0;
  }

  picture(slot: number): number {
    return this.#wayOf(slot)?.picture ?? 0;
  }

  tl0(slot: number): number {
    return this.#wayOf(slot)?.tl0 ?? 0;
  }

  /** Takes note of a repeat; false where the last one was less than `pause` ms ago. */
  repeat(slot: number, pause: number, now: number): boolean {
    const at = Math.max(1, Math.floor(now) & timeMask);
    const kept = this.#slots[slot + 1] ?? 0;
    const last = kept & timeMask;
    if (last !== 0 && ((at - last) & timeMask) < pause) return false;
    this.#slots[slot + 1] = (kept & ~timeMask) | at;
    return true;
  }

  #wayOf(slot: number): Way | undefined {
    return this.#ways[(this.#slots[slot + 1] ?? 0) >>> wayShift];
  }

  #newWay(way: Way): void {
    this.#way = (this.#way + 1) % mostWays;
    if (this.#way === this.#ways.length) this.#ways.push(way);
    else this.#ways[this.#way] = way;
  }
}
