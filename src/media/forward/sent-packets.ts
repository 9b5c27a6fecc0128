/** Ways of sending that are told apart: what lies behind the oldest of them is forgotten. */
const mostWays = 64;
/** After so many packets the ways behind the oldest are looked for. */
const pruneEach = 64;
/** So long a repeat is remembered, in ms. */
const remembered = 1_000;

/** How packets of a layer that follow each other left under indexes that follow each other: few packets differ in it from the one before. */
export interface Way {
  /** The first index that left in this way. */
  readonly from: number;
  readonly layer: number;
  /** How far the number of a packet in its layer is ahead of its index. */
  readonly ahead: number;
  /** What is added to its timestamp, VP8 picture id and TL0PICIDX. */
  readonly shift: number;
  readonly picture: number;
  readonly tl0: number;
}

/**
 * What left under one SSRC, by index: from which packet of which layer it was made and how, so that it can be repeated. An index is either
 * sent, or reserved for a packet that hasn't come to us.
 */
export class SentPackets {
  /** How many packets are remembered. */
  readonly span: number;
  /** The oldest first. */
  #ways: Way[] = [];
  #way: Way | undefined;
  /** When each packet was repeated last, by index; the one that was repeated last is the last. Few viewers ask. */
  #repeated: Map<number, number> | undefined;
  readonly #first: number;
  #next: number;

  /** `first`: the index to begin with. */
  constructor(first: number, span: number) {
    this.span = span;
    this.#first = first;
    this.#next = first;
  }

  /** The index of the next packet. */
  get next(): number {
    return this.#next;
  }

  /** Takes the next index for a packet. `shift`, `picture`, `tl0`: see {@link Way}. */
  add(layer: number, number: number, shift: number, picture: number, tl0: number): number {
    const index = this.#next;
    this.#next++;
    const ahead = number - index;
    const way = this.#way;
    if (
      way === undefined ||
      way.ahead !== ahead ||
      way.picture !== picture ||
      way.shift !== shift ||
      way.layer !== layer ||
      way.tl0 !== tl0
    )
      this.#newWay({ from: index, layer, ahead, shift, picture, tl0 });
    // Each frame of a burst has a way of its own, and no new one comes afterwards.
    else if (index % pruneEach === 0 && this.#ways.length > 1) this.#forget();
    return index;
  }

  /** How the packet of an index left; undefined where that isn't remembered. Its number in the layer is the index plus `ahead`. */
  find(index: number): Way | undefined {
    if (index < this.#oldest || index >= this.#next) return undefined;
    return this.#ways.findLast(({ from }) => index >= from);
  }

  /** The newest index of a packet of a layer; −1 where it is forgotten, or has none. */
  indexOf(layer: number, number: number): number {
    let end = this.#next;
    for (let n = this.#ways.length - 1; n >= 0; n--) {
      const way = this.#ways[n];
      if (way === undefined) continue;
      const index = number - way.ahead;
      if (way.layer === layer && index >= way.from && index < end) return index < this.#oldest ? -1 : index;
      end = way.from;
    }
    return -1;
  }

  /** Takes note of a repeat; false where the last one was less than `pause` ms ago, of {@link remembered} at most. */
  repeat(index: number, pause: number, now: number): boolean {
    this.#repeated ??= new Map();
    const repeated = this.#repeated;
    const last = repeated.get(index);
    if (last !== undefined && now - last < pause) return false;
    repeated.delete(index);
    repeated.set(index, now);
    for (const [oldest, at] of repeated) {
      if (now - at < remembered && repeated.size <= this.span) break;
      repeated.delete(oldest);
    }
    return true;
  }

  get #oldest(): number {
    return Math.max(this.#first, this.#next - this.span);
  }

  #newWay(way: Way): void {
    const ways = this.#ways;
    this.#way = way;
    ways.push(way);
    if (ways.length > mostWays) ways.shift();
    this.#forget();
  }

  /** Forgets the ways that no remembered packet left in. */
  #forget(): void {
    const oldest = this.#oldest;
    const first = this.#ways.findLastIndex(({ from }) => from <= oldest);
    if (first > 0) this.#ways = this.#ways.slice(first);
  }
}
