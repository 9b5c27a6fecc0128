import { fixedHeaderBytes, writeFixedHeader } from "../../wire/rtp/packet.ts";
import { timestampDistance } from "../../wire/rtp/sequence.ts";
import type { OpenedRtp } from "../../wire/srtp/receiver.ts";
import { h264Payloads } from "../package/h264-payloads.ts";
import type { Frame } from "../package/sample-format.ts";

/** Stands in the header; what it means is agreed on elsewhere. */
const payloadType = 96;

/** One smaller size of a stream as packets of RTP, numbered without a gap, on the clock of the layer that it is made of. */
export class RenditionPackets {
  #index = 0;
  #timestamp: number | undefined;

  /** The packets of a picture of H.264. `timestamp` and `ssrc`: of the layer that it is made of. None for a malformed picture. */
  of(picture: Frame, timestamp: number, ssrc: number): OpenedRtp[] {
    const payloads = h264Payloads(picture);
    const former = this.#timestamp;
    // The clock may have been corrected between two pictures: each of them has a time of its own, later than the one before.
    const late = former !== undefined && timestampDistance(timestamp, former) <= 0;
    const shown = late ? (former + 1) >>> 0 : timestamp;
    if (payloads.length > 0) this.#timestamp = shown;
    return payloads.map((payload, n) => {
      const index = this.#index++;
      const packet = new Uint8Array(fixedHeaderBytes + payload.length);
      const header = { payloadType, marker: n === payloads.length - 1, sequence: index & 0xffff };
      writeFixedHeader(packet, 0, { ...header, timestamp: shown, ssrc }, false);
      packet.set(payload, fixedHeaderBytes);
      return { packet, ssrc, index };
    });
  }

  /** What comes next is of another publisher, or of another layer. */
  interrupt(): void {
    this.#timestamp = undefined;
  }
}
