/**
 * What SRTP needs of cryptography. Implementations keep the key schedule of a cipher for as long as it lives, unless it is used rarely, but not the arrays of its
 * keys, which are overwritten once it is made. None may answer with bytes of a packet that isn't authentic.
 */
export interface SrtpCrypto {
  /** AES in counter mode over zeros: `length` bytes of key stream (RFC 3711 §4.3.3). */
  keyStream(key: Uint8Array, iv: Uint8Array, length: number): Uint8Array;
  /** AES-GCM with a tag of 16 bytes (RFC 7714). `rare`: few packets will have this key, so that memory counts more than time. */
  gcm(key: Uint8Array, rare?: boolean): PacketCipher;
  /** AES-128 in counter mode, and HMAC-SHA1 of 80 bits over the packet and `trailer` (RFC 3711 §4.1.1, §4.2.1). */
  counterMode(key: Uint8Array, authenticationKey: Uint8Array): PacketCipher;
}

/** Seals and opens packets under one key. */
export interface PacketCipher {
  /** Bytes that sealing adds. */
  readonly tagBytes: number;
  /**
   * Encrypts `bodyBytes` of `body` from `bodyAt` to `target`, behind the `clearBytes` that stand at `at` there and are authenticated
   * with it, and writes the tag behind that. `iv`: 12 bytes for GCM, 16 for counter mode. `trailer`: authenticated, not sent.
   */
  seal(
    target: Uint8Array,
    at: number,
    clearBytes: number,
    body: Uint8Array,
    bodyAt: number,
    bodyBytes: number,
    iv: Uint8Array,
    trailer: Uint8Array,
  ): void;
  /**
   * The packet with its body decrypted, without the tag; undefined where it isn't authentic. `clear`: what stands ahead of the body and
   * is authenticated; `suffix`: authenticated behind that for GCM (RFC 7714 §9.3), behind the packet for HMAC.
   */
  open(packet: Uint8Array, clearBytes: number, iv: Uint8Array, trailer: Uint8Array): Uint8Array | undefined;
  /** Wipes the key and frees what holds it. The cipher must not be used afterwards; closing it again does nothing. */
  close?(): void;
}

export const noBytes: Uint8Array = new Uint8Array(0);
