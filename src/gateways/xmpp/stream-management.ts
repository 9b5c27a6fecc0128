const modulus = 2 ** 32;

/** Stanzas after which a client is asked to acknowledge. */
const askAfter = 8;

/** The bounds of what waits to be acknowledged. */
export interface UnackedLimits {
  readonly unackedStanzas: number;
  readonly unackedCharacters: number;
}

/** Counts the stanzas of one stream in both directions, and keeps those that the client has not acknowledged (XEP-0198). */
export class StreamManagement {
  /** By which the stream is resumed; undefined where the client has not asked for that. */
  readonly id: string | undefined;
  readonly #limits: UnackedLimits;
  #handled = 0;
  #acknowledged = 0;
  #unacked: string[] = [];
  #characters = 0;
  #sinceAsked = 0;

  constructor(id: string | undefined, limits: UnackedLimits) {
    this.id = id;
    this.#limits = limits;
  }

  /** `h` of what the client has sent. */
  get handled(): number {
    return this.#handled;
  }

  /** What the client has not acknowledged, the oldest first. */
  get unacked(): readonly string[] {
    return this.#unacked;
  }

  /** A stanza of the client was handled. */
  count(): void {
    this.#handled = (this.#handled + 1) % modulus;
  }

  /** A stanza is sent. False: too much waits, the client is to go. */
  sent(text: string): boolean {
    this.#unacked.push(text);
    this.#characters += text.length;
    this.#sinceAsked += 1;
    const { unackedStanzas, unackedCharacters } = this.#limits;
    return this.#unacked.length <= unackedStanzas && this.#characters <= unackedCharacters;
  }

  /** True now and then: the client is to be asked how much it has. */
  get asks(): boolean {
    if (this.#sinceAsked < askAfter) return false;
    this.#sinceAsked = 0;
    return true;
  }

  /** The client has so much. False: that is more than it was sent, or less than it had before. */
  acknowledge(h: number): boolean {
    const count = (h - this.#acknowledged + modulus) % modulus;
    if (count > this.#unacked.length) return false;
    for (const text of this.#unacked.splice(0, count)) this.#characters -= text.length;
    this.#acknowledged = h;
    return true;
  }
}

/** `h` as it is written; undefined for what is none. */
export function parseCount(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const count = Number(text);
  return count < modulus ? count : undefined;
}
