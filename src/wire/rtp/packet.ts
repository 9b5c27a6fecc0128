import { readU16, readU32, writeU16, writeU32 } from "../bytes.ts";

export const fixedHeaderBytes = 12;

/** The header of an RTP packet (RFC 3550 §5.1), and where its parts lie. */
export interface RtpHeader {
  readonly payloadType: number;
  readonly marker: boolean;
  readonly sequence: number;
  readonly timestamp: number;
  readonly ssrc: number;
  /** Bytes of the whole header, CSRCs and extension included: where the payload begins. */
  readonly length: number;
  /** The "defined by profile" field of the extension; undefined without an extension. */
  readonly extensionProfile: number | undefined;
  /** Where the extension's data begin, and how many bytes they are. */
  readonly extensionAt: number;
  readonly extensionBytes: number;
  /** Bytes of payload, without padding. */
  readonly payloadBytes: number;
}

/**
 * Reads the header of a decrypted RTP packet. Undefined for anything malformed: another version, a header, extension or
 * padding that leaves the packet (RFC 3550 §A.1). Never throws.
 */
export function parseRtp(packet: Uint8Array): RtpHeader | undefined {
  const header = parseHeader(packet);
  if (header === undefined) return undefined;
  let payloadBytes = packet.length - header.length;
  if (((packet[0] ?? 0) & 0x20) !== 0) {
    const padding = packet[packet.length - 1] ?? 0;
    if (padding === 0 || padding > payloadBytes) return undefined;
    payloadBytes -= padding;
  }
  return { ...header, payloadBytes };
}

/** The same for a packet whose payload is still encrypted: nothing is said of padding. */
export function parseHeader(packet: Uint8Array): RtpHeader | undefined {
  if (packet.length < fixedHeaderBytes) return undefined;
  const first = packet[0] ?? 0;
  if (first >>> 6 !== 2) return undefined;
  let length = fixedHeaderBytes + 4 * (first & 0x0f);
  let extensionProfile: number | undefined;
  let extensionAt = 0;
  let extensionBytes = 0;
  if ((first & 0x10) !== 0) {
    if (packet.length < length + 4) return undefined;
    extensionProfile = readU16(packet, length);
    extensionBytes = 4 * readU16(packet, length + 2);
    extensionAt = length + 4;
    length = extensionAt + extensionBytes;
  }
  if (packet.length < length) return undefined;
  const second = packet[1] ?? 0;
  return {
    payloadType: second & 0x7f,
    marker: second >= 0x80,
    sequence: readU16(packet, 2),
    timestamp: readU32(packet, 4),
    ssrc: readU32(packet, 8),
    length,
    extensionProfile,
    extensionAt,
    extensionBytes,
    payloadBytes: packet.length - length,
  };
}

/** What a fixed header says. */
export interface FixedHeader {
  readonly payloadType: number;
  readonly marker: boolean;
  readonly sequence: number;
  readonly timestamp: number;
  readonly ssrc: number;
}

/** Writes a header of twelve bytes at `at`: no CSRC, no padding; `extension`: one follows. */
export function writeFixedHeader(
  target: Uint8Array,
  at: number,
  { payloadType, marker, sequence, timestamp, ssrc }: FixedHeader,
  extension: boolean,
): void {
  target[at] = extension ? 0x90 : 0x80;
  target[at + 1] = (marker ? 0x80 : 0) | payloadType;
  writeU16(target, at + 2, sequence);
  writeU32(target, at + 4, timestamp);
  writeU32(target, at + 8, ssrc);
}

/** True for RTCP among packets that share a port with RTP (RFC 5761 §4). */
export function isRtcp(packet: Uint8Array): boolean {
  const type = packet[1] ?? 0;
  return type >= 192 && type <= 223;
}
