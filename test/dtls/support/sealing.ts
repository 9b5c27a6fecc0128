import { dtlsCrypto } from "../../../src/net/dtls-crypto.ts";
import { concat } from "../../../src/wire/dtls/bytes.ts";
import type { DtlsCrypto } from "../../../src/wire/dtls/crypto.ts";
import { record } from "./forge.ts";

/** Remembers the keys that a side seals with, so that a test can seal records as that side would not. */
export class Sealing {
  #key: Uint8Array | undefined;
  #iv: Uint8Array | undefined;
  readonly crypto: DtlsCrypto = {
    ...dtlsCrypto,
    seal: (key, nonce, additional, plaintext) => {
      this.#key ??= key.slice();
      this.#iv ??= nonce.slice(0, 4);
      return dtlsCrypto.seal(key, nonce, additional, plaintext);
    },
  };

  /** A record of epoch 1. */
  record(contentType: number, sequence: number, content: Uint8Array): Uint8Array {
    const number = Buffer.alloc(8);
    number.writeUInt16BE(1, 0);
    number.writeUIntBE(sequence, 2, 6);
    const additional = concat(
      number,
      Uint8Array.of(contentType, 0xfe, 0xfd, content.length >> 8, content.length),
    );
    const [key, iv] = [this.#key, this.#iv];
    if (key === undefined || iv === undefined) throw new Error("the side has sealed nothing yet");
    const sealed = dtlsCrypto.seal(key, concat(iv, number), additional, content);
    return record(contentType, concat(number, sealed), { epoch: 1, sequence });
  }
}
