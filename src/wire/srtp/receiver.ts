import { readU32, writeU32 } from "../bytes.ts";
import { parseHeader } from "../rtp/packet.ts";
import { extendSequence, mostIndexes } from "../rtp/sequence.ts";
import { noBytes, type SrtpCrypto } from "./crypto.ts";
import { type PacketKeys, sessionKeys } from "./keys.ts";
import type { SrtpProfile } from "./profile.ts";
import { ReplayWindow } from "./replay-window.ts";

/** SSRCs of one peer. None is forgotten: it could be replayed from the beginning. */
const mostSources = 64;
const rtcpHeaderBytes = 8;

/** Why a packet was not taken. */
export type Refused = "malformed" | "replayed" | "forged" | "too many sources";

/** A packet that was opened. */
export interface OpenedRtp {
  readonly packet: Uint8Array;
  readonly ssrc: number;
  /** The extended sequence number, 48 bits. */
  readonly index: number;
}

/** The receiving direction of an SRTP session (RFC 3711, RFC 7714). Never throws for what a peer sends. */
export class SrtpReceiver {
  readonly #rtp: PacketKeys;
  readonly #rtcp: PacketKeys;
  /** Made with the first packet: a viewer sends none. */
  #sources: Map<number, ReplayWindow> | undefined;
  readonly #rtcpSources = new Map<number, ReplayWindow>();
  readonly #trailer: Uint8Array;
  #closed = false;

  /** Throws a RangeError for a key of a wrong length. */
  constructor(
    crypto: SrtpCrypto,
    profile: SrtpProfile,
    secret: { readonly key: Uint8Array; readonly salt: Uint8Array },
  ) {
    const { rtp, rtcp } = sessionKeys(crypto, profile, secret.key, secret.salt);
    this.#rtp = rtp;
    this.#rtcp = rtcp;
    this.#trailer = rtp.gcm ? noBytes : new Uint8Array(4);
  }

  /** Opens a packet of RTP. A source is only kept once one packet of it was authentic. */
  unprotect(sealed: Uint8Array): OpenedRtp | Refused {
    if (this.#closed) return "forged";
    const header = parseHeader(sealed);
    const { cipher, iv, gcm } = this.#rtp;
    if (header === undefined || sealed.length < header.length + cipher.tagBytes) return "malformed";
    const { ssrc, sequence } = header;
    const window = this.#sources?.get(ssrc) ?? new ReplayWindow();
    const first = window.highest < 0;
    if (first && (this.#sources?.size ?? 0) >= mostSources) return "too many sources";
    const index = first ? sequence : extendSequence(sequence, window.highest);
    if (index < 0 || index >= mostIndexes || window.seen(index)) return "replayed";
    const trailer = this.#trailer;
    if (!gcm) writeU32(trailer, 0, Math.floor(index / 0x10000) >>> 0);
    const packet = cipher.open(sealed, header.length, iv.rtp(ssrc, index), trailer);
    if (packet === undefined) return "forged";
    window.mark(index);
    if (first) {
      this.#sources ??= new Map();
      this.#sources.set(ssrc, window);
    }
    return { packet, ssrc, index };
  }

  /** Opens a compound packet of RTCP (RFC 3711 §3.4). What isn't encrypted is refused. */
  unprotectRtcp(sealed: Uint8Array): Uint8Array | Refused {
    if (this.#closed) return "forged";
    const { cipher, iv, gcm } = this.#rtcp;
    const { tagBytes } = cipher;
    const wordAt = gcm ? sealed.length - 4 : sealed.length - tagBytes - 4;
    if (wordAt < rtcpHeaderBytes + (gcm ? tagBytes : 0)) return "malformed";
    const word = readU32(sealed, wordAt);
    if (word < 0x80000000) return "malformed";
    const index = word - 0x80000000;
    const ssrc = readU32(sealed, 4);
    const window = this.#rtcpSources.get(ssrc) ?? new ReplayWindow();
    const first = window.highest < 0;
    if (first && this.#rtcpSources.size >= mostSources) return "too many sources";
    if (window.seen(index)) return "replayed";
    let packet = sealed.subarray(0, wordAt);
    if (!gcm) {
      packet = new Uint8Array(sealed.length - 4);
      packet.set(sealed.subarray(0, wordAt));
      packet.set(sealed.subarray(wordAt + 4), wordAt);
    }
    const trailer = sealed.slice(wordAt, wordAt + 4);
    const opened = cipher.open(packet, rtcpHeaderBytes, iv.rtcp(ssrc, index), trailer);
    if (opened === undefined) return "forged";
    window.mark(index);
    if (first) this.#rtcpSources.set(ssrc, window);
    return opened;
  }

  /** Wipes the keys. Whatever comes counts as forged from now on. */
  close(): void {
    this.#closed = true;
    this.#rtp.cipher.close?.();
    this.#rtcp.cipher.close?.();
  }
}
