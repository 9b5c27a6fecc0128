import { ptr } from "bun:ffi";
import { type Libcrypto, openLibcrypto } from "./libcrypto.ts";
import {
  mostPacketBytes,
  type NativeCipher,
  NativeCounterMode,
  NativeGcm,
  SharedContexts,
} from "./libcrypto-ciphers.ts";
import { srtpCrypto } from "./srtp-crypto.ts";

/** Which packets node:crypto opens again: the first so many, and one in so many after that. */
const checked = { first: 1_000, oneIn: 65_536 } as const;

/** For tests: what happens to a packet that was sealed. It may change it; false counts as a call that failed. */
export type SealFault = (sealed: Uint8Array) => boolean;

/**
 * The ciphers of SRTP on the system's libcrypto, for Bun: at half of what node:crypto costs, for a context keeps its key schedule. Undefined
 * where there is no libcrypto, or it doesn't compute what node:crypto does.
 */
export function openNativeSrtpCrypto(fault?: SealFault): NativeSrtpCrypto | undefined {
  const library = openLibcrypto();
  if (library === undefined) return undefined;
  const shared = new SharedContexts(library);
  if (!agrees(new NativeSrtpCrypto(library, shared))) return undefined;
  return new NativeSrtpCrypto(library, shared, fault);
}

/** True when each cipher seals and opens as node:crypto does: the first packets are always checked. */
function agrees(crypto: NativeSrtpCrypto): boolean {
  const bytes = Uint8Array.from({ length: 100 }, (_, at) => at);
  const key = (length: number) => bytes.subarray(0, length);
  for (const [cipher, iv] of [
    [crypto.gcm(key(16)), key(12)],
    [crypto.gcm(key(32)), key(12)],
    [crypto.gcm(key(16), true), key(12)],
    [crypto.gcm(key(32), true), key(12)],
    [crypto.counterMode(key(16), key(20)), key(16)],
  ] as const) {
    const sealed = new Uint8Array(112 + cipher.tagBytes);
    // Another IV first: the second packet must have its own.
    for (const one of [key(iv.length).toReversed(), iv])
      cipher.seal(sealed, 0, 12, bytes, 0, bytes.length, one, key(4));
    cipher.open(sealed, 12, iv, key(4));
    cipher.close();
  }
  return crypto.name === "libcrypto";
}

/** One for a process. See {@link openNativeSrtpCrypto}. */
export class NativeSrtpCrypto {
  readonly #library: Libcrypto;
  readonly #shared: SharedContexts;
  readonly #audit: Audit;

  constructor(library: Libcrypto, shared: SharedContexts, fault?: SealFault) {
    this.#library = library;
    this.#shared = shared;
    this.#audit = new Audit(fault);
  }

  /** What seals: node:crypto for good, once libcrypto has failed or node:crypto didn't agree with it. */
  get name(): "libcrypto" | "node:crypto" {
    return this.#audit.trusted ? "libcrypto" : "node:crypto";
  }

  /** For key derivation, where speed doesn't count. */
  keyStream(key: Uint8Array, iv: Uint8Array, length: number): Uint8Array {
    return srtpCrypto.keyStream(key, iv, length);
  }

  /** `rare`: as `SrtpCrypto` says. Throws a RangeError for a key that has neither 16 nor 32 bytes. */
  gcm(key: Uint8Array, rare = false): AuditedCipher {
    checkKey(key, 16, 32);
    return new AuditedCipher(new NativeGcm(this.#library, key, rare ? this.#shared : undefined), this.#audit);
  }

  /** Throws a RangeError for a key that hasn't 16 bytes, or an authentication key that hasn't 20. */
  counterMode(key: Uint8Array, authenticationKey: Uint8Array): AuditedCipher {
    checkKey(key, 16);
    checkKey(authenticationKey, 20);
    return new AuditedCipher(new NativeCounterMode(this.#library, key, authenticationKey), this.#audit);
  }
}

/** Says which packets are checked, and whether libcrypto is still trusted. */
class Audit {
  readonly fault: SealFault | undefined;
  trusted = true;
  #sealed = 0;
  #opened = 0;

  constructor(fault: SealFault | undefined) {
    this.fault = fault;
  }

  /** Counts a packet that is sealed; true where it is to be checked. */
  checksSealed(): boolean {
    return isChecked(this.#sealed++);
  }

  /** Counts a packet that is opened; true where it is to be checked. */
  checksOpened(): boolean {
    return isChecked(this.#opened++);
  }
}

function isChecked(count: number): boolean {
  return count < checked.first || count % checked.oneIn === 0;
}

type PortableCipher = ReturnType<typeof srtpCrypto.gcm> | ReturnType<typeof srtpCrypto.counterMode>;

/** Frees what belonged to ciphers that nobody closed. */
const forgotten = new FinalizationRegistry<NativeCipher["handles"]>((handles) => handles.release());

/** A native cipher, checked by the portable one, which takes its place once it has failed. */
class AuditedCipher {
  readonly tagBytes: number;
  readonly #native: NativeCipher;
  readonly #audit: Audit;
  /** Made when it is first needed: few packets are checked, and a viewer has four ciphers. */
  #ownPortable: PortableCipher | undefined;
  #closed = false;

  constructor(native: NativeCipher, audit: Audit) {
    this.tagBytes = native.tagBytes;
    this.#native = native;
    this.#audit = audit;
    forgotten.register(this, native.handles, native.handles);
  }

  /** As `PacketCipher` says. Throws a RangeError for lengths beyond the arrays, and an Error once closed. */
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
    this.#check(iv);
    checkRange(target, at, clearBytes, bodyBytes + this.tagBytes);
    checkRange(body, bodyAt, bodyBytes, 0);
    const audit = this.#audit;
    const clear = audit.checksSealed() ? body.slice(bodyAt, bodyAt + bodyBytes) : undefined;
    if (audit.trusted) {
      const done = this.#native.seal(target, at, clearBytes, body, bodyAt, bodyBytes, iv, trailer);
      if (done && clear === undefined && audit.fault === undefined) return;
      const sealed = target.subarray(at, at + clearBytes + bodyBytes + this.tagBytes);
      const kept = done && (audit.fault === undefined || audit.fault(sealed));
      if (kept && (clear === undefined || this.#opens(sealed, clearBytes, clear, iv, trailer))) return;
      // What may have another packet's IV must not leave: with GCM it gives the authentication key away (RFC 7714 §8.4).
      audit.trusted = false;
      const known = clear !== undefined || !overlap(sealed, body.subarray(bodyAt, bodyAt + bodyBytes));
      sealed.fill(0, clearBytes);
      if (!known) throw new Error("libcrypto failed to seal a packet in place, and its body is lost");
    }
    const [from, fromAt] = clear === undefined ? [body, bodyAt] : [clear, 0];
    this.#portable.seal(target, at, clearBytes, from, fromAt, bodyBytes, iv, trailer);
  }

  /** As `PacketCipher` says. Throws a RangeError for an IV of a wrong length, and an Error once closed. */
  open(packet: Uint8Array, clearBytes: number, iv: Uint8Array, trailer: Uint8Array): Uint8Array | undefined {
    this.#check(iv);
    if (packet.length < clearBytes + this.tagBytes) return undefined;
    const audit = this.#audit;
    if (!audit.trusted || packet.length > mostPacketBytes)
      return this.#portable.open(packet, clearBytes, iv, trailer);
    const opened = this.#native.open(packet, clearBytes, iv, trailer);
    if (!audit.checksOpened()) return opened;
    const expected = this.#portable.open(packet, clearBytes, iv, trailer);
    if (!equal(opened, expected)) audit.trusted = false;
    return expected;
  }

  /** Frees the native contexts and wipes their keys, as the garbage collector does otherwise. May be called again. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    forgotten.unregister(this.#native.handles);
    this.#native.handles.release();
  }

  get #portable(): PortableCipher {
    this.#ownPortable ??= this.#native.handles.withKeys((key, authenticationKey) =>
      authenticationKey === undefined ? srtpCrypto.gcm(key) : srtpCrypto.counterMode(key, authenticationKey),
    );
    return this.#ownPortable;
  }

  #check(iv: Uint8Array): void {
    if (this.#closed) throw new Error("the cipher is closed");
    if (iv.length !== this.#native.ivBytes) throw new RangeError(`an IV has ${this.#native.ivBytes} bytes`);
  }

  /** True when node:crypto takes the packet for authentic, and its body for this. */
  #opens(
    sealed: Uint8Array,
    clearBytes: number,
    clear: Uint8Array,
    iv: Uint8Array,
    trailer: Uint8Array,
  ): boolean {
    return equal(this.#portable.open(sealed, clearBytes, iv, trailer)?.subarray(clearBytes), clear);
  }
}

/** Native code checks no bounds. */
function checkRange(bytes: Uint8Array, at: number, length: number, more: number): void {
  if (!(Number.isInteger(at) && Number.isInteger(length) && at >= 0 && length >= 0 && more >= 0))
    throw new RangeError("an offset or a length is no whole number");
  if (at + length + more > bytes.length) throw new RangeError("a packet is longer than its array");
}

function checkKey(key: Uint8Array, ...lengths: readonly number[]): void {
  if (!lengths.includes(key.length)) throw new RangeError(`a key has ${lengths.join(" or ")} bytes`);
}

function overlap(one: Uint8Array, other: Uint8Array): boolean {
  // Nothing has no address.
  if (one.length === 0 || other.length === 0) return false;
  const [a, b] = [ptr(one), ptr(other)];
  return a < b + other.length && b < a + one.length;
}

function equal(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return Buffer.compare(one, other) === 0;
}
