import type { StunCrypto } from "../wire/stun/crypto.ts";
import { encodeNonceCookie, type SecurityFeatures } from "../wire/stun/nonce-cookie.ts";
import { encodeText } from "../wire/stun/text.ts";
import type { TransportAddress } from "../wire/stun/transport-address.ts";
import { base64, base64Digits, base64Value } from "./base64.ts";

/** Base64 digits: 18 bits of time in seconds, and 54 bits of an HMAC. More of them would be amplification. */
const stampDigits = 3;
const macDigits = 9;
const stampMask = 0x3ffff;
/** How far the clocks of servers with the same key may differ. Seconds. */
const skew = 60;

/**
 * Stateless nonces: the time, and an HMAC over the time and the client's address. Servers with the same key accept each other's
 * nonces.
 */
export class Nonces {
  readonly #key: Uint8Array;
  readonly #age: number;
  readonly #crypto: StunCrypto;
  readonly #cookie: string;

  /** `age` in seconds. */
  constructor(key: Uint8Array, age: number, features: SecurityFeatures, crypto: StunCrypto) {
    this.#key = key;
    this.#age = age;
    this.#crypto = crypto;
    this.#cookie = encodeNonceCookie(features);
  }

  /** A nonce for this source, valid from now (ms). */
  make(source: TransportAddress, now: number): Uint8Array {
    return encodeText(this.#text(source, Math.floor(now / 1_000)));
  }

  /**
   * Whether it was made for this source: within the last `age` seconds, or before that, up to three days. Undefined: never, or with
   * another key.
   */
  check(nonce: Uint8Array, source: TransportAddress, now: number): "fresh" | "stale" | undefined {
    const prefix = this.#cookie.length;
    if (nonce.length !== prefix + stampDigits + macDigits) return undefined;
    const stamp = base64Value(String.fromCharCode(...nonce.subarray(prefix, prefix + stampDigits)));
    if (stamp === undefined) return undefined;
    const seconds = Math.floor(now / 1_000);
    const age = ((seconds - stamp + skew) & stampMask) - skew;
    if (!this.#crypto.equal(nonce, encodeText(this.#text(source, seconds - age)))) return undefined;
    return age > this.#age ? "stale" : "fresh";
  }

  #text({ address, port }: TransportAddress, seconds: number): string {
    const stamp = base64Digits(seconds & stampMask, stampDigits);
    const mac = this.#crypto.hmacSha256(this.#key, [encodeText(`${seconds} ${port} `), address]);
    return `${this.#cookie}${stamp}${base64(mac).slice(0, macDigits)}`;
  }
}
