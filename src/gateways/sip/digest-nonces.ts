import { encodeText } from "../../wire/stun/text.ts";
import { type DigestCrypto, hex } from "./digest.ts";

/** Hex digits of the time, the random part and the HMAC. */
const timeDigits = 12;
const randomDigits = 16;
const macDigits = 32;

/** The state of a nonce. `foreign`: this server did not make it. */
export type NonceState = "fresh" | "old" | "foreign";

/**
 * Stateless nonces: the time, a random part and an HMAC over both. Servers with the same key accept each other's nonces. The uses
 * of nonces are remembered, up to a limit: when that is reached, all nonces so far are old.
 */
export class DigestNonces {
  readonly #key: Uint8Array;
  readonly #age: number;
  readonly #mostUses: number;
  readonly #crypto: DigestCrypto;
  /** By use: the time (Unix ms) from which it need not be remembered, in order of that time. */
  readonly #used = new Map<string, number>();
  /** Nonces made at or before this time (Unix ms) are old. */
  #floor = 0;

  /** `age` in ms. `mostUses`: the most uses that are remembered. */
  constructor(key: Uint8Array, age: number, mostUses: number, crypto: DigestCrypto) {
    this.#key = key;
    this.#age = age;
    this.#mostUses = mostUses;
    this.#crypto = crypto;
  }

  /** The number of remembered uses. */
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
   * Notes that a fresh nonce was used with this cnonce and count. False when it had been before. Clients may start to count again
   * with another cnonce (RFC 7616 §3.4 leaves that to the server).
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
