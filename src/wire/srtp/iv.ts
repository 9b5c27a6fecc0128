/** Makes initialization vectors in one buffer: each is good until the next one is made. */
export class IvMaker {
  readonly #gcm: boolean;
  readonly #salt: Uint8Array;
  readonly #iv: Uint8Array;

  constructor({ salt, gcm }: { readonly salt: Uint8Array; readonly gcm: boolean }) {
    this.#gcm = gcm;
    // A small array of its own takes less than what a cipher gave.
    this.#salt = new Uint8Array(salt);
    this.#iv = new Uint8Array(gcm ? 12 : 16);
  }

  /** For a packet of RTP (RFC 7714 §8.1, RFC 3711 §4.1.1). `index`: its extended sequence number, 48 bits. */
  rtp(ssrc: number, index: number): Uint8Array {
    const rollover = Math.floor(index / 0x10000) >>> 0;
    return this.#make(ssrc, rollover, index & 0xffff);
  }

  /** For a packet of RTCP (RFC 7714 §9.1, RFC 3711 §4.1.1). `index`: 31 bits. */
  rtcp(ssrc: number, index: number): Uint8Array {
    return this.#make(ssrc, index >>> 16, index & 0xffff);
  }

  #make(ssrc: number, upper: number, lower: number): Uint8Array {
    const iv = this.#iv;
    const salt = this.#salt;
    // Counter mode has the three fields two bytes further on, and the block counter behind them: zeros.
    const at = this.#gcm ? 2 : 4;
    for (let n = 0; n < salt.length; n++) iv[n] = salt[n] ?? 0;
    xorU32(iv, at, ssrc);
    xorU32(iv, at + 4, upper);
    iv[at + 8] = (iv[at + 8] ?? 0) ^ (lower >>> 8);
    iv[at + 9] = (iv[at + 9] ?? 0) ^ lower;
    return iv;
  }
}

function xorU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = (bytes[at] ?? 0) ^ (value >>> 24);
  bytes[at + 1] = (bytes[at + 1] ?? 0) ^ (value >>> 16);
  bytes[at + 2] = (bytes[at + 2] ?? 0) ^ (value >>> 8);
  bytes[at + 3] = (bytes[at + 3] ?? 0) ^ value;
}
