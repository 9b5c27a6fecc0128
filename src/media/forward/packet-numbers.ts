/** How many changes are kept: a packet that is older than all of them has no number any more. */
const mostChanges = 64;

/** Turns a publisher's indexes of packets into our numbers, which leave out the packets that are padding alone. */
export class PacketNumbers {
  /** Each change of what is added to an index, oldest first. */
  readonly #offsets: { from: number; offset: number }[] = [{ from: 0, offset: 0 }];

  /** The number of the newest packet. */
  ofNewest(index: number): number {
    return index + (this.#offsets.at(-1)?.offset ?? 0);
  }

  /** The number of any packet; undefined for one that is too old. */
  of(index: number): number | undefined {
    for (let n = this.#offsets.length - 1; n >= 0; n--) {
      const one = this.#offsets[n];
      if (one !== undefined && index >= one.from) return index + one.offset;
    }
    return undefined;
  }

  /** The newest packet has no number. */
  leaveOut(index: number): void {
    this.#offsets.push({ from: index + 1, offset: (this.#offsets.at(-1)?.offset ?? 0) - 1 });
    if (this.#offsets.length > mostChanges) this.#offsets.shift();
  }
}
