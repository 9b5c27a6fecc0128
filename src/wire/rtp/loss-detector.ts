/** How a receiver asks for lost packets again. All times in ms. */
export interface LossRules {
  /** How long a gap may be reordering. */
  readonly reorder: number;
  /** How long after a request for a packet it is asked for again, at least. */
  readonly again: number;
  /** How often a packet is asked for at most. */
  readonly tries: number;
  /** After how long a packet is given up. */
  readonly patience: number;
  /** Gaps beyond this are no loss of packets but of the source: nothing of them is asked for. */
  readonly mostMissing: number;
}

const defaultLossRules: LossRules = {
  reorder: 10,
  again: 60,
  tries: 10,
  patience: 1_000,
  mostMissing: 256,
};

interface Missing {
  readonly since: number;
  asked: number;
  tries: number;
}

/**
 * Finds packets of one source that are missing, and says when to ask for them (RFC 4585 §6.2.1). Sequence numbers are extended
 * ({@link extendSequence}). Pure: time comes in with each call.
 */
export class LossDetector {
  readonly #rules: LossRules;
  readonly #missing = new Map<number, Missing>();
  #highest = -1;
  #lost = false;

  constructor(rules: LossRules = defaultLossRules) {
    this.#rules = rules;
  }

  /** Packets that are waited for. */
  get missing(): number {
    return this.#missing.size;
  }

  /** Takes note of a packet that came. */
  received(sequence: number, now: number): void {
    if (sequence <= this.#highest) {
      this.#missing.delete(sequence);
      return;
    }
    if (this.#highest >= 0) {
      const gap = sequence - this.#highest - 1;
      if (gap > this.#rules.mostMissing) {
        this.#missing.clear();
        this.#lost = true;
      } else
        for (let n = this.#highest + 1; n < sequence; n++)
          this.#missing.set(n, { since: now, asked: 0, tries: 0 });
      if (this.#missing.size > this.#rules.mostMissing) this.#giveUpOldest();
    }
    this.#highest = sequence;
  }

  /** The packets to ask for now, in rising order. `again`: as in the rules, where it is known better. */
  due(now: number, again = this.#rules.again): number[] {
    const { reorder, tries, patience } = this.#rules;
    const asked: number[] = [];
    for (const [sequence, one] of this.#missing) {
      if (now - one.since >= patience || one.tries >= tries) {
        this.#missing.delete(sequence);
        this.#lost = true;
      } else if (now - one.since >= reorder && (one.tries === 0 || now - one.asked >= again)) {
        one.asked = now;
        one.tries++;
        asked.push(sequence);
      }
    }
    return asked.sort((one, other) => one - other);
  }

  /** True once after packets were given up: only a keyframe helps. */
  takeLoss(): boolean {
    const lost = this.#lost;
    this.#lost = false;
    return lost;
  }

  #giveUpOldest(): void {
    for (const sequence of this.#missing.keys()) {
      if (this.#missing.size <= this.#rules.mostMissing) break;
      this.#missing.delete(sequence);
      this.#lost = true;
    }
  }
}
