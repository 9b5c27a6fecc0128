import { writeU16, writeU32 } from "../bytes.ts";
import type { PacketKeys } from "./keys.ts";

/** Makes initialization vectors in one buffer: each is good until the next one is made. */
export class IvMaker {
  readonly #gcm: boolean;
  readonly #salt: Uint8Array;
  readonly #iv: Uint8Array;

  constructor({ salt, gcm }: Pick<PacketKeys, "salt" | "gcm">) {
    this.#gcm = gcm;
    this.#salt = salt;
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
    iv.fill(0);
    if (this.#gcm) {
      writeU32(iv, 2, ssrc);
      writeU32(iv, 6, upper);
      writeU16(iv, 10, lower);
    } else {
      writeU32(iv, 4, ssrc);
      writeU32(iv, 8, upper);
      writeU16(iv, 12, lower);
    }
    const salt = this.#salt;
    for (let n = 0; n < salt.length; n++) iv[n] = (iv[n] ?? 0) ^ (salt[n] ?? 0);
    return iv;
  }
}
