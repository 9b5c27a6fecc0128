/** How many packets behind the newest are still told apart. A multiple of 32. */
const span = 1_024;

/**
 * Which packets of one source have come (RFC 3711 §3.3.2): tested before a packet is authenticated, marked after. What is older than the
 * window counts as come.
 */
export class ReplayWindow {
  readonly #bits = new Uint32Array(span / 32);
  #highest = -1;

  /** The highest index that was marked; −1 before the first. */
  get highest(): number {
    return this.#highest;
  }

  /** True when this packet has come before, or is too old to tell. */
  seen(index: number): boolean {
    if (index > this.#highest) return false;
    if (this.#highest - index >= span) return true;
    return ((this.#bits[this.#word(index)] ?? 0) & this.#bit(index)) !== 0;
  }

  mark(index: number): void {
    if (index > this.#highest) {
      if (index - this.#highest >= span) this.#bits.fill(0);
      else for (let n = this.#highest + 1; n < index; n++) this.#clear(n);
      this.#clear(index);
      this.#highest = index;
    }
    const word = this.#word(index);
    this.#bits[word] = (this.#bits[word] ?? 0) | this.#bit(index);
  }

  #clear(index: number): void {
    const word = this.#word(index);
    this.#bits[word] = (this.#bits[word] ?? 0) & ~this.#bit(index);
  }

  #word(index: number): number {
    return (index % span) >>> 5;
  }

  #bit(index: number): number {
    return 1 << (index % 32);
  }
}
