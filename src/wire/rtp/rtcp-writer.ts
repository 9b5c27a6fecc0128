import { writeU16, writeU24, writeU32 } from "../bytes.ts";
import { type ReportBlock, rtcpType } from "./rtcp.ts";

/** A sender report to write (RFC 3550 §6.4.1). */
export interface SenderReport {
  readonly ssrc: number;
  readonly ntpSeconds: number;
  readonly ntpFraction: number;
  readonly timestamp: number;
  readonly packets: number;
  readonly bytes: number;
}

/** Generic NACKs that one packet holds. */
const mostNacks = 256;
const maxMantissa = 0x3ffff;

function packet(words: number, count: number, type: number): Uint8Array {
  const bytes = new Uint8Array(4 * words);
  bytes[0] = 0x80 | count;
  bytes[1] = type;
  writeU16(bytes, 2, words - 1);
  return bytes;
}

/** Joins packets to one compound (RFC 3550 §6.1). */
export function compound(packets: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(packets.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of packets) {
    bytes.set(one, at);
    at += one.length;
  }
  return bytes;
}

export function senderReport(report: SenderReport): Uint8Array {
  const bytes = packet(7, 0, rtcpType.sr);
  writeU32(bytes, 4, report.ssrc);
  writeU32(bytes, 8, report.ntpSeconds);
  writeU32(bytes, 12, report.ntpFraction);
  writeU32(bytes, 16, report.timestamp);
  writeU32(bytes, 20, report.packets);
  writeU32(bytes, 24, report.bytes);
  return bytes;
}

/** At most 31 blocks (RFC 3550 §6.4.2); more are left out. */
export function receiverReport(ssrc: number, reports: readonly ReportBlock[]): Uint8Array {
  const blocks = reports.slice(0, 31);
  const bytes = packet(2 + 6 * blocks.length, blocks.length, rtcpType.rr);
  writeU32(bytes, 4, ssrc);
  blocks.forEach((block, n) => {
    const at = 8 + 24 * n;
    writeU32(bytes, at, block.ssrc);
    bytes[at + 4] = block.fractionLost;
    writeU24(bytes, at + 5, Math.max(-0x800000, Math.min(0x7fffff, block.lost)));
    writeU32(bytes, at + 8, block.highest);
    writeU32(bytes, at + 12, block.jitter);
    writeU32(bytes, at + 16, block.lastReport);
    writeU32(bytes, at + 20, block.sinceLastReport);
  });
  return bytes;
}

/** A source description with a CNAME alone (RFC 3550 §6.5.1). `cname`: ASCII, at most 255 characters. */
export function sourceDescription(ssrc: number, cname: string): Uint8Array {
  const words = 2 + Math.ceil((2 + cname.length + 1) / 4);
  const bytes = packet(words, 1, rtcpType.sdes);
  writeU32(bytes, 4, ssrc);
  bytes[8] = 1;
  bytes[9] = cname.length;
  for (let n = 0; n < cname.length; n++) bytes[10 + n] = cname.charCodeAt(n);
  return bytes;
}

export function bye(ssrcs: readonly number[]): Uint8Array {
  const bytes = packet(1 + ssrcs.length, ssrcs.length, rtcpType.bye);
  ssrcs.forEach((ssrc, n) => {
    writeU32(bytes, 4 + 4 * n, ssrc);
  });
  return bytes;
}

/** Picture loss indication (RFC 4585 §6.3.1). */
export function pictureLoss(sender: number, media: number): Uint8Array {
  const bytes = packet(3, 1, rtcpType.psfb);
  writeU32(bytes, 4, sender);
  writeU32(bytes, 8, media);
  return bytes;
}

/** Full intra request (RFC 5104 §4.3.1). `number` rises with each new request. */
export function fullIntra(sender: number, media: number, number: number): Uint8Array {
  const bytes = packet(5, 4, rtcpType.psfb);
  writeU32(bytes, 4, sender);
  writeU32(bytes, 12, media);
  bytes[16] = number;
  return bytes;
}

/** Generic NACK (RFC 4585 §6.2.1) for sequence numbers in rising order. */
export function genericNack(sender: number, media: number, lost: readonly number[]): Uint8Array {
  const items: { pid: number; mask: number }[] = [];
  for (const sequence of lost) {
    const last = items.at(-1);
    const distance = last === undefined ? 0 : (sequence - last.pid) & 0xffff;
    if (last !== undefined && distance >= 1 && distance <= 16) last.mask |= 1 << (distance - 1);
    else if (items.length < mostNacks) items.push({ pid: sequence, mask: 0 });
  }
  const bytes = packet(3 + items.length, 1, rtcpType.rtpfb);
  writeU32(bytes, 4, sender);
  writeU32(bytes, 8, media);
  items.forEach(({ pid, mask }, n) => {
    writeU16(bytes, 12 + 4 * n, pid);
    writeU16(bytes, 14 + 4 * n, mask);
  });
  return bytes;
}

/** The highest bitrate that a receiver can take, in bit/s (draft-alvestrand-rmcat-remb-03 §2.2). */
export function maximumBitrate(sender: number, bitrate: number, ssrcs: readonly number[]): Uint8Array {
  const bytes = packet(5 + ssrcs.length, 15, rtcpType.psfb);
  writeU32(bytes, 4, sender);
  writeU32(bytes, 12, 0x52454d42);
  bytes[16] = ssrcs.length;
  let exponent = 0;
  let mantissa = Math.floor(bitrate);
  while (mantissa > maxMantissa) {
    mantissa = Math.floor(mantissa / 2);
    exponent++;
  }
  writeU24(bytes, 17, exponent * 0x40000 + mantissa);
  ssrcs.forEach((ssrc, n) => {
    writeU32(bytes, 20 + 4 * n, ssrc);
  });
  return bytes;
}
