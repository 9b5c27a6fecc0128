import { readU32, writeU32 } from "../bytes.ts";
import { noBytes, type SrtpCrypto } from "./crypto.ts";
import { type PacketKeys, sessionKeys } from "./keys.ts";
import type { SrtpProfile } from "./profile.ts";
import { SealedIndexes } from "./sealed-indexes.ts";

/** RTCP packets that one key may seal (RFC 3711 §9.2). */
const mostRtcp = 2 ** 31 - 1;
/** SSRCs that one key may send: a viewer has two for each track. */
const mostSources = 64;
const rtcpHeaderBytes = 8;

/** A payload to seal: bytes that never change, and a number that no other payload of this sender has. */
export interface SealedPayload {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly length: number;
  readonly id: number;
}

/**
 * The sending direction of an SRTP session (RFC 3711, RFC 7714). It is the one place where packets are sealed: the caller names each
 * packet's 48-bit index, and a second packet with other bytes under the same SSRC and index is refused.
 */
export class SrtpSender {
  readonly #rtp: PacketKeys;
  readonly #rtcp: PacketKeys;
  readonly #sources = new Map<number, SealedIndexes>();
  /** The last one that was used, and its SSRC. */
  #lastSource: SealedIndexes | undefined;
  #lastSsrc = 0;
  readonly #span: number;
  readonly #trailer: Uint8Array;
  #rtcpIndex = 0;
  #closed = false;

  /** `span`: how many packets behind the newest of an SSRC may still be sealed. Throws a RangeError for a key of a wrong length. */
  constructor(
    crypto: SrtpCrypto,
    profile: SrtpProfile,
    secret: { readonly key: Uint8Array; readonly salt: Uint8Array },
    span = 512,
  ) {
    const { rtp, rtcp } = sessionKeys(crypto, profile, secret.key, secret.salt);
    this.#rtp = rtp;
    this.#rtcp = rtcp;
    this.#trailer = rtp.gcm ? noBytes : new Uint8Array(4);
    this.#span = span;
  }

  /** Bytes that a packet of RTP grows by. */
  get overhead(): number {
    return this.#rtp.cipher.tagBytes;
  }

  /** The highest index that was sealed for the SSRC; −1 for none: a source that goes on begins behind it. */
  highest(ssrc: number): number {
    return this.#sources.get(ssrc)?.highest ?? -1;
  }

  /**
   * How many packets behind the newest of the SSRC may still be sealed, where that differs from what the session has by default: see
   * {@link SealedIndexes}. It counts for an SSRC of which nothing was sealed; another one keeps what it has.
   */
  expect(ssrc: number, span: number): void {
    if (!this.#sources.has(ssrc) && this.#sources.size < mostSources)
      this.#sources.set(ssrc, new SealedIndexes(span));
  }

  /**
   * Seals a packet whose header stands at `at` in `target`, and answers the bytes of the whole packet. Undefined where the SSRC and index were
   * used with other bytes, the index is too old, the key has too many SSRCs, or the session is closed.
   */
  protect(
    target: Uint8Array,
    at: number,
    headerBytes: number,
    payload: SealedPayload,
    index: number,
  ): number | undefined {
    if (this.#closed) return undefined;
    const ssrc = readU32(target, at + 8);
    const source = this.#source(ssrc);
    if (source === undefined) return undefined;
    // Where indexes only rise, none is sealed twice, whatever its content.
    const content = source.repeats ? contentOf(target, at, headerBytes, payload) : 0;
    if (!source.admit(index, content)) return undefined;
    const { cipher, iv, gcm } = this.#rtp;
    const trailer = this.#trailer;
    if (!gcm) writeU32(trailer, 0, Math.floor(index / 0x10000) >>> 0);
    const { bytes, at: from, length } = payload;
    cipher.seal(target, at, headerBytes, bytes, from, length, iv.rtp(ssrc, index), trailer);
    return headerBytes + length + cipher.tagBytes;
  }

  /** Seals a compound packet (RFC 3711 §3.4). Undefined where the key has sealed all that it may, or the session is closed. */
  protectRtcp(packet: Uint8Array): Uint8Array | undefined {
    if (this.#closed || this.#rtcpIndex >= mostRtcp || packet.length < rtcpHeaderBytes) return undefined;
    const index = this.#rtcpIndex;
    this.#rtcpIndex++;
    const { cipher, iv, gcm } = this.#rtcp;
    const word = new Uint8Array(4);
    writeU32(word, 0, (0x80000000 | index) >>> 0);
    const sealed = new Uint8Array(packet.length + cipher.tagBytes + 4);
    sealed.set(packet.subarray(0, rtcpHeaderBytes));
    const bodyBytes = packet.length - rtcpHeaderBytes;
    const nonce = iv.rtcp(readU32(packet, 4), index);
    cipher.seal(sealed, 0, rtcpHeaderBytes, packet, rtcpHeaderBytes, bodyBytes, nonce, word);
    // GCM has the index behind the tag (RFC 7714 §9.2), counter mode ahead of it.
    if (!gcm) sealed.copyWithin(packet.length + 4, packet.length, packet.length + cipher.tagBytes);
    sealed.set(word, gcm ? packet.length + cipher.tagBytes : packet.length);
    return sealed;
  }

  /** Wipes the keys. Nothing can be sealed any more. */
  close(): void {
    this.#closed = true;
    this.#rtp.cipher.close?.();
    this.#rtcp.cipher.close?.();
  }

  /** The packets of an SSRC; undefined where the key has too many. */
  #source(ssrc: number): SealedIndexes | undefined {
    if (ssrc === this.#lastSsrc && this.#lastSource !== undefined) return this.#lastSource;
    let source = this.#sources.get(ssrc);
    if (source === undefined) {
      if (this.#sources.size >= mostSources) return undefined;
      source = new SealedIndexes(this.#span);
      this.#sources.set(ssrc, source);
    }
    this.#lastSsrc = ssrc;
    this.#lastSource = source;
    return source;
  }
}

/** FNV-1a over the header and the payload's number. */
function contentOf(
  target: Uint8Array,
  at: number,
  headerBytes: number,
  { id, length }: SealedPayload,
): number {
  let hash = 0x811c9dc5;
  for (let n = at; n < at + headerBytes; n++) hash = Math.imul(hash ^ (target[n] ?? 0), 0x01000193);
  hash = Math.imul(hash ^ id, 0x01000193);
  return Math.imul(hash ^ length, 0x01000193) >>> 0;
}
