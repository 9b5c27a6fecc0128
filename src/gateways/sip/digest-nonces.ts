import { encodeText } from "../../wire/stun/text.ts";
import { type DigestCrypto, hex } from "./digest.ts";

/** Hex digits of the time, the random part and the HMAC. */
const timeDigits = 12;
const randomDigits = 16;
const macDigits = 32;

/** What a nonce is good for. */
export type NonceState = "fresh" | "old" | "foreign";

/**
 * Nonces that keep no state: the time, something random and an HMAC over both. Servers that share the key take each other's.
 * What keeps state is which of them have been used, and it is bounded: when it is full, all nonces so far are old.
 */
export class DigestNonces {
  readonly #key: Uint8Array;
  readonly #age: number;
  readonly #mostUses: number;
  readonly #crypto: DigestCrypto;
  /** Use → Unix ms from which it need not be remembered; in order of that. */
  readonly #used = new Map<string, number>();
  /** Nonces made at this time, Unix ms, or before are old. */
  #floor = 0;

  /** `age` in ms. `mostUses`: how many uses are remembered. */
  constructor(key: Uint8Array, age: number, mostUses: number, crypto: DigestCrypto) {
    this.#key = key;
    this.#age = age;
    this.#mostUses = mostUses;
    this.#crypto = crypto;
  }

  /** Uses that are remembered now. */
  get uses(): number {
    return this.#used.size;
  }

  make(now: number): string {
    const time = Math.max(now, this.#floor + 1);
    const body = time.toString(16).padStart(timeDigits, "0") + hex(this.#crypto.random(randomDigits / 2));
    return body + this.#mac(body);
  }

  state(nonce: string, now: number): NonceState {
    if (nonce.length !== timeDigits + randomDigits + macDigits) return "foreign";
    const body = nonce.slice(0, timeDigits + randomDigits);
    const mac = nonce.slice(timeDigits + randomDigits);
    if (!this.#crypto.equal(encodeText(mac), encodeText(this.#mac(body)))) return "foreign";
    const time = Number.parseInt(body.slice(0, timeDigits), 16);
    return time > this.#floor && now - time < this.#age ? "fresh" : "old";
  }

  /**
   * Takes note that a fresh nonce was used with this cnonce and count; false when it had been. Clients that begin to count anew
   * with each request, under another cnonce, are right that way (RFC 7616 §3.4 leaves it to the server).
   */
  use(nonce: string, cnonce: string, count: string, now: number): boolean {
    for (const [use, until] of this.#used) {
      if (until > now) break;
      this.#used.delete(use);
    }
    const use = `${nonce} ${count} ${cnonce}`;
    if (this.#used.has(use)) return false;
    if (this.#used.size >= this.#mostUses) {
      this.#used.clear();
      this.#floor = now;
    }
    this.#used.set(use, now + this.#age);
    return true;
  }

  #mac(body: string): string {
    return hex(this.#crypto.hmacSha256(this.#key, [encodeText(body)])).slice(0, macDigits);
  }
}
