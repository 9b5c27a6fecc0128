import { StreamBuffer } from "../../shared/stream-buffer.ts";

/** Why a stream can't be read on. */
export type FramingFault = "malformed" | "too large";

/** Finds the packets in a stream by their fixed headers (MQTT 5.0 §2.1), and keeps no more than a part of one. */
export class Framing {
  readonly #buffer = new StreamBuffer();

  /**
   * Gives each whole packet to `packet`, which answers false where the rest is not wanted any more. A packet longer than `largest`
   * bytes is a fault as soon as its length is known.
   */
  push(chunk: Uint8Array, largest: number, packet: (bytes: Uint8Array) => boolean): FramingFault | undefined {
    const bytes = this.#buffer.with(chunk);
    let at = 0;
    while (at < bytes.length) {
      const length = packetLength(bytes, at);
      if (length === "malformed") return this.#fail("malformed");
      if (length !== undefined && length > largest) return this.#fail("too large");
      if (length === undefined || at + length > bytes.length) break;
      if (!packet(bytes.subarray(at, at + length))) {
        this.#buffer.clear();
        return undefined;
      }
      at += length;
    }
    if (at < bytes.length) this.#buffer.keep(bytes, at);
    else this.#buffer.clear();
    return undefined;
  }

  #fail(fault: FramingFault): FramingFault {
    this.#buffer.clear();
    return fault;
  }
}

/** The bytes of the packet that begins at `at`; undefined where they are not known yet. */
function packetLength(bytes: Uint8Array, at: number): number | "malformed" | undefined {
  let length = 0;
  for (let digit = 0; digit < 4; digit++) {
    const byte = bytes[at + 1 + digit];
    if (byte === undefined) return undefined;
    length += (byte & 0x7f) * 128 ** digit;
    if (byte < 0x80) return 2 + digit + length;
  }
  return "malformed";
}
