import type { SealedPayload } from "../../wire/srtp/sender.ts";
import type { AgreedCodec } from "../negotiated.ts";
import { nextPayloadId, type StoredPacket } from "./stored-packet.ts";

/** A payload, and the payload type that a viewer expects it under. */
interface TypedPayload {
  readonly payload: SealedPayload;
  readonly payloadType: number;
}

/** Blocks of one packet that are read. */
const mostBlocks = 16;

/** What was made of packets of redundant audio, for all viewers with the same payload types. */
const made = new WeakMap<StoredPacket, (TypedPayload | undefined)[]>();

/**
 * What a viewer gets for an audio packet. Redundant audio (RFC 2198) names payload types inside: they become the viewer's, and a
 * viewer without RED gets the primary block alone. Undefined for a malformed packet.
 */
export function redPayload(packet: StoredPacket, codec: AgreedCodec): TypedPayload | undefined {
  const { payloadType, red } = codec;
  if (packet.payloadType !== packet.codec.red) return { payload: packet, payloadType };
  if (red !== undefined && payloadType === packet.codec.payloadType)
    return { payload: packet, payloadType: red };
  let variants = made.get(packet);
  if (variants === undefined) {
    variants = [];
    made.set(packet, variants);
  }
  const key = red === undefined ? 128 : payloadType;
  if (!(key in variants)) {
    const payload = red === undefined ? primaryBlock(packet) : withPayloadType(packet, payloadType);
    variants[key] = payload && { payload, payloadType: red ?? payloadType };
  }
  const variant = variants[key];
  return variant && { payload: variant.payload, payloadType: red ?? payloadType };
}

/** Where the headers of the blocks end: behind the primary block's byte; undefined where they leave the payload. */
function headersEnd({
  bytes,
}: StoredPacket): { readonly end: number; readonly redundant: number } | undefined {
  let at = 0;
  let redundant = 0;
  for (let block = 0; block < mostBlocks && at < bytes.length; block++) {
    const byte = bytes[at] ?? 0;
    if ((byte & 0x80) === 0) {
      const end = at + 1;
      return end + redundant <= bytes.length ? { end, redundant } : undefined;
    }
    redundant += (((bytes[at + 2] ?? 0) & 0x03) << 8) | (bytes[at + 3] ?? 0);
    at += 4;
  }
  return undefined;
}

/** The newest sound of a packet of redundant audio; undefined for a malformed one. */
export function primaryBlock(packet: StoredPacket): SealedPayload | undefined {
  const headers = headersEnd(packet);
  if (headers === undefined) return undefined;
  const at = headers.end + headers.redundant;
  return { bytes: packet.bytes, at, length: packet.length - at, id: nextPayloadId() };
}

function withPayloadType(packet: StoredPacket, payloadType: number): SealedPayload | undefined {
  const headers = headersEnd(packet);
  if (headers === undefined) return undefined;
  const bytes = packet.bytes.slice();
  for (let at = 0; at < headers.end; at += 4) bytes[at] = ((bytes[at] ?? 0) & 0x80) | payloadType;
  return { bytes, at: 0, length: bytes.length, id: nextPayloadId() };
}
