import { createCipheriv, createDecipheriv, createHmac, createSecretKey, timingSafeEqual } from "node:crypto";

/**
 * The ciphers of SRTP on node:crypto (the port of `wire/srtp`): the portable ones, for every runtime. Packets are sealed in place and opened
 * into new bytes.
 */
export const srtpCrypto = {
  name: "node:crypto",
  keyStream: (key: Uint8Array, iv: Uint8Array, length: number): Uint8Array =>
    createCipheriv(`aes-${key.length * 8}-ctr`, key, iv).update(new Uint8Array(length)),
  gcm: (key: Uint8Array): GcmCipher => new GcmCipher(key),
  counterMode: (key: Uint8Array, authenticationKey: Uint8Array): CounterModeCipher =>
    new CounterModeCipher(key, authenticationKey),
} as const;

const gcmOptions = { authTagLength: 16 } as const;

class GcmCipher {
  readonly tagBytes = 16;
  readonly #key: ReturnType<typeof createSecretKey>;
  readonly #name: "aes-128-gcm" | "aes-256-gcm";

  constructor(key: Uint8Array) {
    this.#key = createSecretKey(key);
    this.#name = key.length === 32 ? "aes-256-gcm" : "aes-128-gcm";
  }

  seal(
    target: Uint8Array,
    at: number,
    clearBytes: number,
    body: Uint8Array,
    bodyAt: number,
    bodyBytes: number,
    iv: Uint8Array,
    trailer: Uint8Array,
  ): void {
    const cipher = createCipheriv(this.#name, this.#key, iv, gcmOptions);
    cipher.setAAD(authenticated(target, at, clearBytes, trailer));
    target.set(cipher.update(body.subarray(bodyAt, bodyAt + bodyBytes)), at + clearBytes);
    cipher.final();
    target.set(cipher.getAuthTag(), at + clearBytes + bodyBytes);
  }

  open(packet: Uint8Array, clearBytes: number, iv: Uint8Array, trailer: Uint8Array): Uint8Array | undefined {
    const bodyEnd = packet.length - this.tagBytes;
    if (bodyEnd < clearBytes) return undefined;
    const decipher = createDecipheriv(this.#name, this.#key, iv, gcmOptions);
    decipher.setAAD(authenticated(packet, 0, clearBytes, trailer));
    decipher.setAuthTag(packet.subarray(bodyEnd));
    const opened = new Uint8Array(bodyEnd);
    opened.set(packet.subarray(0, clearBytes));
    opened.set(decipher.update(packet.subarray(clearBytes, bodyEnd)), clearBytes);
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    return opened;
  }
}

function authenticated(bytes: Uint8Array, at: number, clearBytes: number, trailer: Uint8Array): Uint8Array {
  const clear = bytes.subarray(at, at + clearBytes);
  return trailer.length === 0 ? clear : Buffer.concat([clear, trailer]);
}

class CounterModeCipher {
  readonly tagBytes = 10;
  readonly #key: ReturnType<typeof createSecretKey>;
  readonly #authenticationKey: ReturnType<typeof createSecretKey>;

  constructor(key: Uint8Array, authenticationKey: Uint8Array) {
    this.#key = createSecretKey(key);
    this.#authenticationKey = createSecretKey(authenticationKey);
  }

  seal(
    target: Uint8Array,
    at: number,
    clearBytes: number,
    body: Uint8Array,
    bodyAt: number,
    bodyBytes: number,
    iv: Uint8Array,
    trailer: Uint8Array,
  ): void {
    const cipher = createCipheriv("aes-128-ctr", this.#key, iv);
    target.set(cipher.update(body.subarray(bodyAt, bodyAt + bodyBytes)), at + clearBytes);
    const end = at + clearBytes + bodyBytes;
    target.set(this.#tag(target.subarray(at, end), trailer), end);
  }

  open(packet: Uint8Array, clearBytes: number, iv: Uint8Array, trailer: Uint8Array): Uint8Array | undefined {
    const bodyEnd = packet.length - this.tagBytes;
    if (bodyEnd < clearBytes) return undefined;
    const tag = this.#tag(packet.subarray(0, bodyEnd), trailer);
    if (!timingSafeEqual(tag, packet.subarray(bodyEnd))) return undefined;
    const opened = new Uint8Array(bodyEnd);
    opened.set(packet.subarray(0, clearBytes));
    const decipher = createDecipheriv("aes-128-ctr", this.#key, iv);
    opened.set(decipher.update(packet.subarray(clearBytes, bodyEnd)), clearBytes);
    return opened;
  }

  #tag(packet: Uint8Array, trailer: Uint8Array): Uint8Array {
    return createHmac("sha1", this.#authenticationKey)
      .update(packet)
      .update(trailer)
      .digest()
      .subarray(0, this.tagBytes);
  }
}
