import { writeU16, writeU24, writeU32 } from "../../wire/bytes.ts";
import type { ExtensionIds } from "../negotiated.ts";
import type { StoredPacket } from "./stored-packet.ts";

/** Bytes that a header takes at most: twelve, the extension's four, and what stands in it. */
export const mostHeaderBytes = 320;

const [oneByteProfile, twoByteProfile] = [0xbede, 0x1000];

/** Writes the headers of one outgoing track, for its media and its retransmissions, into a buffer that all of them share. */
export class HeaderWriter {
  readonly #target: Uint8Array;
  readonly #ids: ExtensionIds;
  readonly #mid: Uint8Array;
  readonly #playoutDelay: number;

  /** `mid`: ASCII, at most 16 characters. `playoutDelay`: in ms; 40,950 at most. */
  constructor(
    target: Uint8Array,
    mid: string,
    ids: ExtensionIds,
    { min, max }: { readonly min: number; readonly max: number },
  ) {
    this.#target = target;
    this.#ids = ids;
    this.#mid = Uint8Array.from(mid.slice(0, 16), (letter) => letter.charCodeAt(0));
    this.#playoutDelay =
      (Math.min(4_095, Math.round(min / 10)) << 12) | Math.min(4_095, Math.round(max / 10));
  }

  /**
   * Writes a header and answers its length. `introduce`: with the mid and the playout delay, which a receiver needs in the first packets.
   * `packet`: whose extensions go on; undefined for none.
   */
  write(
    packet: StoredPacket | undefined,
    ssrc: number,
    payloadType: number,
    marker: boolean,
    index: number,
    timestamp: number,
    introduce: boolean,
    now: number,
  ): number {
    const target = this.#target;
    const ids = this.#ids;
    target[1] = (marker ? 0x80 : 0) | payloadType;
    writeU16(target, 2, index % 0x10000);
    writeU32(target, 4, timestamp);
    writeU32(target, 8, ssrc);
    const dependency = ids.dependencyDescriptor === undefined ? undefined : packet?.dependency;
    const long = dependency !== undefined && dependency.length > 16;
    let at = 16;
    if (ids.absoluteSendTime !== undefined) {
      at = this.#element(at, ids.absoluteSendTime, 3, long);
      writeU24(target, at - 3, absoluteSendTime(now));
    }
    if (introduce) {
      if (ids.mid !== undefined && this.#mid.length > 0) {
        at = this.#element(at, ids.mid, this.#mid.length, long);
        target.set(this.#mid, at - this.#mid.length);
      }
      if (ids.playoutDelay !== undefined) {
        at = this.#element(at, ids.playoutDelay, 3, long);
        writeU24(target, at - 3, this.#playoutDelay);
      }
    }
    if (packet !== undefined) {
      if (ids.audioLevel !== undefined && packet.audioLevel !== undefined) {
        at = this.#element(at, ids.audioLevel, 1, long);
        target[at - 1] = packet.audioLevel;
      }
      if (ids.videoOrientation !== undefined && packet.orientation !== undefined) {
        at = this.#element(at, ids.videoOrientation, 1, long);
        target[at - 1] = packet.orientation;
      }
      if (dependency !== undefined && ids.dependencyDescriptor !== undefined) {
        at = this.#element(at, ids.dependencyDescriptor, dependency.length, long);
        target.set(dependency, at - dependency.length);
      }
    }
    if (at === 16) {
      target[0] = 0x80;
      return 12;
    }
    target[0] = 0x90;
    while (at % 4 !== 0) {
      target[at] = 0;
      at++;
    }
    writeU16(target, 12, long ? twoByteProfile : oneByteProfile);
    writeU16(target, 14, (at - 16) / 4);
    return at;
  }

  /** Writes the head of an element of `length` bytes, and answers where it ends (RFC 8285 §4.2, §4.3). */
  #element(at: number, id: number, length: number, long: boolean): number {
    const target = this.#target;
    if (!long) {
      target[at] = (id << 4) | (length - 1);
      return at + 1 + length;
    }
    target[at] = id;
    target[at + 1] = length;
    return at + 2 + length;
  }
}

/** 24 bits of seconds, 18 of them a fraction (webrtc.org's abs-send-time). `now` in ms. */
function absoluteSendTime(now: number): number {
  return Math.floor(now * 262.144) & 0xffffff;
}
