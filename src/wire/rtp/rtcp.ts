import { readU16, readU24, readU32 } from "../bytes.ts";

/** Packet types (RFC 3550 §12.1, RFC 4585 §6.1). */
export const rtcpType = { sr: 200, rr: 201, sdes: 202, bye: 203, app: 204, rtpfb: 205, psfb: 206 } as const;

/** One report block of a sender or receiver report (RFC 3550 §6.4.1). */
export interface ReportBlock {
  readonly ssrc: number;
  /** Of the packets since the last report, 0 to 255 for none to all. */
  readonly fractionLost: number;
  /** Since the beginning; negative where more came than were expected. */
  readonly lost: number;
  /** The highest sequence number received, with its cycles in the upper 16 bits. */
  readonly highest: number;
  /** In units of the RTP clock. */
  readonly jitter: number;
  /** The middle 32 bits of the NTP time of the last sender report; 0 for none. */
  readonly lastReport: number;
  /** Since that came, in units of 1/65536 s. */
  readonly sinceLastReport: number;
}

/** What a packet of a compound says, as far as a forwarder has to know. */
export type RtcpPacket =
  | {
      readonly type: "sr";
      readonly ssrc: number;
      readonly ntpSeconds: number;
      readonly ntpFraction: number;
      readonly timestamp: number;
      readonly packets: number;
      readonly bytes: number;
      readonly reports: readonly ReportBlock[];
    }
  | { readonly type: "rr"; readonly ssrc: number; readonly reports: readonly ReportBlock[] }
  | { readonly type: "bye"; readonly ssrcs: readonly number[] }
  | {
      readonly type: "nack";
      readonly sender: number;
      readonly media: number;
      readonly lost: readonly number[];
    }
  | { readonly type: "pli"; readonly sender: number; readonly media: number }
  | { readonly type: "fir"; readonly sender: number; readonly media: readonly number[] }
  | {
      readonly type: "remb";
      readonly sender: number;
      readonly bitrate: number;
      readonly ssrcs: readonly number[];
    };

/** Packets of one compound that are read; what follows is ignored. */
const mostPackets = 32;
/** Lost packets that one compound may name: a viewer can't have missed more than are kept. */
const mostLost = 1_024;
const reportBytes = 24;

/**
 * Reads a compound packet (RFC 3550 §6.1), or a single one of reduced size (RFC 5506). What is unknown is skipped; undefined where the
 * framing is broken: a wrong version or a length that leaves the datagram. Never throws.
 */
export function parseRtcp(compound: Uint8Array): RtcpPacket[] | undefined {
  const packets: RtcpPacket[] = [];
  let at = 0;
  for (let count = 0; at < compound.length && count < mostPackets; count++) {
    if (at + 4 > compound.length) return undefined;
    const first = compound[at] ?? 0;
    const end = at + 4 + 4 * readU16(compound, at + 2);
    if (first >>> 6 !== 2 || end > compound.length) return undefined;
    const packet = parseOne(compound.subarray(at, end), first & 0x1f, compound[at + 1] ?? 0);
    if (packet !== undefined) packets.push(packet);
    at = end;
  }
  return packets;
}

function parseOne(bytes: Uint8Array, count: number, type: number): RtcpPacket | undefined {
  switch (type) {
    case rtcpType.sr:
      return parseSenderReport(bytes, count);
    case rtcpType.rr: {
      const reports = parseReports(bytes, 8, count);
      return reports && { type: "rr", ssrc: readU32(bytes, 4), reports };
    }
    case rtcpType.bye: {
      if (bytes.length < 4 + 4 * count) return undefined;
      return { type: "bye", ssrcs: Array.from({ length: count }, (_, n) => readU32(bytes, 4 + 4 * n)) };
    }
    case rtcpType.rtpfb:
      return count === 1 ? parseNack(bytes) : undefined;
    case rtcpType.psfb:
      return parsePayloadFeedback(bytes, count);
  }
  return undefined;
}

function parseSenderReport(bytes: Uint8Array, count: number): RtcpPacket | undefined {
  const reports = parseReports(bytes, 28, count);
  if (reports === undefined) return undefined;
  return {
    type: "sr",
    ssrc: readU32(bytes, 4),
    ntpSeconds: readU32(bytes, 8),
    ntpFraction: readU32(bytes, 12),
    timestamp: readU32(bytes, 16),
    packets: readU32(bytes, 20),
    bytes: readU32(bytes, 24),
    reports,
  };
}

function parseReports(bytes: Uint8Array, from: number, count: number): ReportBlock[] | undefined {
  if (bytes.length < from + reportBytes * count) return undefined;
  return Array.from({ length: count }, (_, n) => {
    const at = from + reportBytes * n;
    return {
      ssrc: readU32(bytes, at),
      fractionLost: bytes[at + 4] ?? 0,
      lost: (readU24(bytes, at + 5) << 8) >> 8,
      highest: readU32(bytes, at + 8),
      jitter: readU32(bytes, at + 12),
      lastReport: readU32(bytes, at + 16),
      sinceLastReport: readU32(bytes, at + 20),
    };
  });
}

/** Generic NACK (RFC 4585 §6.2.1): a packet and the sixteen that follow it. */
function parseNack(bytes: Uint8Array): RtcpPacket | undefined {
  if (bytes.length < 16) return undefined;
  const lost: number[] = [];
  for (let at = 12; at + 4 <= bytes.length && lost.length < mostLost; at += 4) {
    const sequence = readU16(bytes, at);
    const mask = readU16(bytes, at + 2);
    lost.push(sequence);
    for (let bit = 0; bit < 16; bit++)
      if ((mask & (1 << bit)) !== 0) lost.push((sequence + bit + 1) & 0xffff);
  }
  return { type: "nack", sender: readU32(bytes, 4), media: readU32(bytes, 8), lost };
}

function parsePayloadFeedback(bytes: Uint8Array, format: number): RtcpPacket | undefined {
  if (bytes.length < 12) return undefined;
  const sender = readU32(bytes, 4);
  const media = readU32(bytes, 8);
  if (format === 1) return { type: "pli", sender, media };
  if (format === 4) {
    const targets: number[] = [];
    for (let at = 12; at + 8 <= bytes.length && targets.length < mostPackets; at += 8)
      targets.push(readU32(bytes, at));
    return { type: "fir", sender, media: targets };
  }
  // draft-alvestrand-rmcat-remb-03 §2.2
  if (format === 15 && bytes.length >= 20 && readU32(bytes, 12) === 0x52454d42) {
    const count = bytes[16] ?? 0;
    if (bytes.length < 20 + 4 * count) return undefined;
    const bitrate = readRate(bytes);
    const ssrcs = Array.from({ length: count }, (_, n) => readU32(bytes, 20 + 4 * n));
    return { type: "remb", sender, bitrate, ssrcs };
  }
  return undefined;
}

function readRate(bytes: Uint8Array): number {
  const word = readU24(bytes, 17);
  return (word & 0x3ffff) * 2 ** (word >>> 18);
}
