import { type Pointer, ptr } from "bun:ffi";
import { timingSafeEqual } from "node:crypto";
import { FixedMemory } from "./fixed-memory.ts";
import { controlCommand, ivByControl, type Libcrypto } from "./libcrypto.ts";

/** The ciphers of SRTP on libcrypto. Native code checks no bounds: whoever calls these has checked lengths and offsets. */
export interface NativeCipher {
  readonly tagBytes: number;
  readonly ivBytes: number;
  /** As `PacketCipher` says. False where any call failed: what stands in the target then must not be sent. */
  seal(
    target: Uint8Array,
    at: number,
    clearBytes: number,
    body: Uint8Array,
    bodyAt: number,
    bodyBytes: number,
    iv: Uint8Array,
    trailer: Uint8Array,
  ): boolean;
  /** As `PacketCipher` says, for packets of up to {@link mostPacketBytes} that are no shorter than their parts. */
  open(packet: Uint8Array, clearBytes: number, iv: Uint8Array, trailer: Uint8Array): Uint8Array | undefined;
  /** What to release when the cipher isn't needed any more. */
  readonly handles: NativeHandles;
}

/** No datagram is larger. */
export const mostPacketBytes = 65_536;

const [gcmTagBytes, digestBytes] = [16, 20];
/** Written by libcrypto, read by nobody: how many bytes a call gave. */
const count = new FixedMemory(8);
/** Where packets are opened. They are copied from there once they are authentic. */
const scratch = new FixedMemory(mostPacketBytes);
const digest = new FixedMemory(digestBytes);

/** What a cipher holds outside of JavaScript's memory, and the keys to make more of it: contexts are made when they are first used. */
export class NativeHandles {
  readonly #library: Libcrypto;
  readonly #key: Uint8Array;
  readonly #authenticationKey: Uint8Array | undefined;
  /** Made with the first context: a viewer has ciphers that it never uses. */
  #ciphers: Pointer[] | undefined;
  #macs: Pointer[] | undefined;
  #released = false;

  /** Copies the keys: one for the cipher, and one for HMAC. */
  constructor(library: Libcrypto, key: Uint8Array, authenticationKey?: Uint8Array) {
    this.#library = library;
    this.#key = new Uint8Array(key);
    this.#authenticationKey = authenticationKey && new Uint8Array(authenticationKey);
  }

  /** A context that holds the first key. Undefined where the library refuses, or after {@link release}. */
  cipher(algorithm: ReturnType<Libcrypto["EVP_sha1"]>, init: Libcrypto["EVP_EncryptInit_ex"]) {
    if (this.#released) return undefined;
    const context = pointerOf(this.#library.EVP_CIPHER_CTX_new());
    if (context === undefined) return undefined;
    this.#ciphers ??= [];
    this.#ciphers.push(context);
    return init(context, pointerOf(algorithm) ?? null, null, ptr(this.#key), null) === 1
      ? context
      : undefined;
  }

  /** An HMAC-SHA1 context that holds the second key. Undefined as for {@link cipher}. */
  mac(): Pointer | undefined {
    const key = this.#authenticationKey;
    if (this.#released || key === undefined) return undefined;
    const context = pointerOf(this.#library.HMAC_CTX_new());
    const sha1 = pointerOf(this.#library.EVP_sha1());
    if (context === undefined || sha1 === undefined) return undefined;
    this.#macs ??= [];
    this.#macs.push(context);
    return this.#library.HMAC_Init_ex(context, ptr(key), key.length, sha1, null) === 1 ? context : undefined;
  }

  /** The first key. Undefined after {@link release}. */
  get key(): Uint8Array | undefined {
    return this.#released ? undefined : this.#key;
  }

  /** What `use` makes of the keys, which it must not keep. Throws an Error after {@link release}. */
  withKeys<T>(use: (key: Uint8Array, authenticationKey: Uint8Array | undefined) => T): T {
    if (this.#released) throw new Error("the cipher is closed");
    return use(this.#key, this.#authenticationKey);
  }

  /** Frees the contexts, which wipes what they hold, and wipes the keys. May be called again. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    for (const context of this.#ciphers ?? []) this.#library.EVP_CIPHER_CTX_free(context);
    for (const context of this.#macs ?? []) this.#library.HMAC_CTX_free(context);
    this.#key.fill(0);
    this.#authenticationKey?.fill(0);
  }
}

/**
 * Contexts of AES-GCM that take another key for each packet, which costs half a microsecond. A context of its own takes 1.4 KB, and a viewer sends
 * and receives RTCP once a second.
 */
export class SharedContexts {
  readonly #library: Libcrypto;
  /** By bytes of the key. */
  readonly #sealing = new Map<number, Pointer>();
  readonly #opening = new Map<number, Pointer>();

  constructor(library: Libcrypto) {
    this.#library = library;
  }

  /** A context that holds this key until the next call. Undefined where the library refuses, or without a key. */
  sealing(key: Uint8Array | undefined): Pointer | undefined {
    return this.#keyed(key, this.#sealing, this.#library.EVP_EncryptInit_ex);
  }

  /** As {@link sealing}. */
  opening(key: Uint8Array | undefined): Pointer | undefined {
    return this.#keyed(key, this.#opening, this.#library.EVP_DecryptInit_ex);
  }

  #keyed(
    key: Uint8Array | undefined,
    contexts: Map<number, Pointer>,
    init: Libcrypto["EVP_EncryptInit_ex"],
  ): Pointer | undefined {
    if (key === undefined) return undefined;
    const known = contexts.get(key.length);
    const context = known ?? pointerOf(this.#library.EVP_CIPHER_CTX_new());
    if (context === undefined) return undefined;
    contexts.set(key.length, context);
    const algorithm = known === undefined ? pointerOf(gcmOf(this.#library, key.length)) : undefined;
    return init(context, algorithm ?? null, null, ptr(key), null) === 1 ? context : undefined;
  }
}

/** AES-GCM (RFC 7714). */
export class NativeGcm implements NativeCipher {
  readonly tagBytes = gcmTagBytes;
  readonly ivBytes = 12;
  readonly handles: NativeHandles;
  readonly #library: Libcrypto;
  readonly #algorithm: ReturnType<Libcrypto["EVP_aes_128_gcm"]>;
  readonly #ivByControl: boolean;
  readonly #shared: SharedContexts | undefined;
  #sealing: Pointer | undefined;
  #opening: Pointer | undefined;

  /** `shared`: for a key that seals and opens few packets: contexts that it has only for the call. */
  constructor(library: Libcrypto, key: Uint8Array, shared?: SharedContexts) {
    this.#library = library;
    this.#shared = shared;
    this.handles = new NativeHandles(library, key);
    this.#algorithm = gcmOf(library, key.length);
    this.#ivByControl = library.OpenSSL_version_num() >= ivByControl;
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
  ): boolean {
    const context = this.#sealing ?? this.#beginSealing();
    if (context === undefined) return false;
    const library = this.#library;
    const packet = ptr(target) + at;
    const bodyOut = (packet + clearBytes) as Pointer;
    const tag = (bodyOut + bodyBytes) as Pointer;
    return (
      (this.#ivByControl
        ? library.EVP_CIPHER_CTX_ctrl(context, controlCommand.setIv, -1, ptr(iv))
        : library.EVP_EncryptInit_ex(context, null, null, null, ptr(iv))) === 1 &&
      (clearBytes === 0 ||
        library.EVP_EncryptUpdate(context, null, count.pointer, packet as Pointer, clearBytes) === 1) &&
      (trailer.length === 0 ||
        library.EVP_EncryptUpdate(context, null, count.pointer, ptr(trailer), trailer.length) === 1) &&
      (bodyBytes === 0 ||
        library.EVP_EncryptUpdate(
          context,
          bodyOut,
          count.pointer,
          (ptr(body) + bodyAt) as Pointer,
          bodyBytes,
        ) === 1) &&
      library.EVP_EncryptFinal_ex(context, tag, count.pointer) === 1 &&
      library.EVP_CIPHER_CTX_ctrl(context, controlCommand.getTag, gcmTagBytes, tag) === 1
    );
  }

  open(packet: Uint8Array, clearBytes: number, iv: Uint8Array, trailer: Uint8Array): Uint8Array | undefined {
    const library = this.#library;
    const context = this.#opening ?? this.#beginOpening();
    if (context === undefined) return undefined;
    const bodyBytes = packet.length - clearBytes - this.tagBytes;
    const clear = ptr(packet);
    const body = behind(clear, clearBytes);
    const bodyOut = scratch.at(clearBytes);
    const authentic =
      library.EVP_DecryptInit_ex(context, null, null, null, ptr(iv)) === 1 &&
      (clearBytes === 0 ||
        library.EVP_DecryptUpdate(context, null, count.pointer, clear, clearBytes) === 1) &&
      (trailer.length === 0 ||
        library.EVP_DecryptUpdate(context, null, count.pointer, ptr(trailer), trailer.length) === 1) &&
      (bodyBytes === 0 ||
        library.EVP_DecryptUpdate(context, bodyOut, count.pointer, body, bodyBytes) === 1) &&
      library.EVP_CIPHER_CTX_ctrl(context, controlCommand.setTag, this.tagBytes, behind(body, bodyBytes)) ===
        1 &&
      library.EVP_DecryptFinal_ex(context, behind(bodyOut, bodyBytes), count.pointer) === 1;
    return authentic ? opened(packet, clearBytes, bodyBytes) : undefined;
  }

  #beginSealing(): Pointer | undefined {
    if (this.#shared !== undefined) return this.#shared.sealing(this.handles.key);
    this.#sealing = this.handles.cipher(this.#algorithm, this.#library.EVP_EncryptInit_ex);
    return this.#sealing;
  }

  #beginOpening(): Pointer | undefined {
    if (this.#shared !== undefined) return this.#shared.opening(this.handles.key);
    this.#opening = this.handles.cipher(this.#algorithm, this.#library.EVP_DecryptInit_ex);
    return this.#opening;
  }
}

/** AES-128 in counter mode with HMAC-SHA1 of 80 bits (RFC 3711). */
export class NativeCounterMode implements NativeCipher {
  readonly tagBytes = 10;
  readonly ivBytes = 16;
  readonly handles: NativeHandles;
  readonly #library: Libcrypto;
  readonly #tag = digest.bytes.subarray(0, this.tagBytes);
  /** Encrypts and decrypts: in counter mode both are the same. */
  #cipher: Pointer | undefined;
  #mac: Pointer | undefined;

  constructor(library: Libcrypto, key: Uint8Array, authenticationKey: Uint8Array) {
    this.#library = library;
    this.handles = new NativeHandles(library, key, authenticationKey);
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
  ): boolean {
    const packet = behind(ptr(target), at);
    const sealed =
      this.#crypt(behind(packet, clearBytes), behind(ptr(body), bodyAt), bodyBytes, iv) &&
      this.#authenticate(packet, clearBytes + bodyBytes, trailer);
    if (sealed) target.set(this.#tag, at + clearBytes + bodyBytes);
    return sealed;
  }

  open(packet: Uint8Array, clearBytes: number, iv: Uint8Array, trailer: Uint8Array): Uint8Array | undefined {
    const from = ptr(packet);
    const tagAt = packet.length - this.tagBytes;
    const bodyBytes = tagAt - clearBytes;
    const authentic =
      this.#authenticate(from, tagAt, trailer) && timingSafeEqual(this.#tag, packet.subarray(tagAt));
    if (!authentic) return undefined;
    return this.#crypt(scratch.at(clearBytes), behind(from, clearBytes), bodyBytes, iv)
      ? opened(packet, clearBytes, bodyBytes)
      : undefined;
  }

  #crypt(to: Pointer, from: Pointer, length: number, iv: Uint8Array): boolean {
    const library = this.#library;
    this.#cipher ??= this.handles.cipher(library.EVP_aes_128_ctr(), library.EVP_EncryptInit_ex);
    const context = this.#cipher;
    if (context === undefined) return false;
    return (
      library.EVP_EncryptInit_ex(context, null, null, null, ptr(iv)) === 1 &&
      (length === 0 || library.EVP_EncryptUpdate(context, to, count.pointer, from, length) === 1)
    );
  }

  /** Writes the HMAC of so many bytes and the trailer to `digest`. */
  #authenticate(from: Pointer, length: number, trailer: Uint8Array): boolean {
    this.#mac ??= this.handles.mac();
    const context = this.#mac;
    if (context === undefined) return false;
    const library = this.#library;
    return (
      library.HMAC_Init_ex(context, null, 0, null, null) === 1 &&
      (length === 0 || library.HMAC_Update(context, from, length) === 1) &&
      (trailer.length === 0 || library.HMAC_Update(context, ptr(trailer), trailer.length) === 1) &&
      library.HMAC_Final(context, digest.pointer, count.pointer) === 1
    );
  }
}

/** The packet without its tag: the header as it came, and the body as it stands in `scratch`. */
function opened(packet: Uint8Array, clearBytes: number, bodyBytes: number): Uint8Array {
  const copy = scratch.bytes.slice(0, clearBytes + bodyBytes);
  copy.set(packet.subarray(0, clearBytes));
  return copy;
}

function gcmOf(library: Libcrypto, keyBytes: number): ReturnType<Libcrypto["EVP_aes_128_gcm"]> {
  return keyBytes === 32 ? library.EVP_aes_256_gcm() : library.EVP_aes_128_gcm();
}

function behind(pointer: Pointer, bytes: number): Pointer {
  return (pointer + bytes) as Pointer;
}

/** A pointer beyond 2^53, which Bun gives as a bigint, is of no use to us. */
function pointerOf(value: Pointer | bigint | null): Pointer | undefined {
  return typeof value === "number" && value !== 0 ? value : undefined;
}
