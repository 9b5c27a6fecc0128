import { describe, expect, test } from "bun:test";
import { LossDetector } from "./loss-detector.ts";
import { Reception } from "./reception.ts";
import { parseRtcp } from "./rtcp.ts";
import {
  bye,
  compound,
  fullIntra,
  genericNack,
  maximumBitrate,
  pictureLoss,
  receiverReport,
  senderReport,
  sourceDescription,
} from "./rtcp-writer.ts";
import { TransportFeedback } from "./transport-feedback.ts";

const report = {
  ...{ ssrc: 9, fractionLost: 3, lost: -2, highest: 0x1_0005, jitter: 7 },
  ...{ lastReport: 0x80000001, sinceLastReport: 65_536 },
};

describe("RTCP", () => {
  test("what is written is read, in one compound", () => {
    const sr = {
      ssrc: 1,
      ntpSeconds: 0xe0000000,
      ntpFraction: 5,
      timestamp: 0xfffffff0,
      packets: 10,
      bytes: 11,
    };
    const packets = parseRtcp(
      compound([
        senderReport(sr),
        receiverReport(2, [report]),
        sourceDescription(2, "name"),
        genericNack(3, 4, [65_534, 65_535, 0, 14, 40]),
        pictureLoss(3, 4),
        fullIntra(3, 4, 1),
        maximumBitrate(3, 2_000_000, [4, 5]),
        bye([1, 2]),
      ]),
    );
    expect(packets).toEqual([
      { type: "sr", ...sr, reports: [] },
      { type: "rr", ssrc: 2, reports: [report] },
      { type: "nack", sender: 3, media: 4, lost: [65_534, 65_535, 0, 14, 40] },
      { type: "pli", sender: 3, media: 4 },
      { type: "fir", sender: 3, media: [4] },
      { type: "remb", sender: 3, bitrate: 2_000_000, ssrcs: [4, 5] },
      { type: "bye", ssrcs: [1, 2] },
    ]);
  });

  test("a bitrate beyond 18 bits is rounded down, never up", () => {
    const [remb] = parseRtcp(maximumBitrate(1, 123_456_789, [])) ?? [];
    const bitrate = remb?.type === "remb" ? remb.bitrate : 0;
    expect(bitrate).toBeLessThanOrEqual(123_456_789);
    expect(bitrate).toBeGreaterThan(123_000_000);
  });

  test("broken framing refuses all, a broken packet only itself", () => {
    const good = pictureLoss(1, 2);
    for (const broken of [
      good.subarray(0, 8),
      Uint8Array.of(0x81, 206, 0, 200),
      Uint8Array.of(0x41, 206, 0, 0),
    ])
      expect(parseRtcp(broken)).toBeUndefined();
    const lying = senderReport({
      ssrc: 1,
      ntpSeconds: 0,
      ntpFraction: 0,
      timestamp: 0,
      packets: 0,
      bytes: 0,
    });
    lying[0] = 0x9f;
    expect(parseRtcp(compound([lying, good]))).toEqual([{ type: "pli", sender: 1, media: 2 }]);
  });
});

describe("lost packets", () => {
  test("are asked for after the time of reordering, again later, and given up in the end", () => {
    const detector = new LossDetector();
    for (const n of [10, 11, 14, 13]) detector.received(n, 0);
    expect(detector.due(5)).toEqual([]);
    expect(detector.due(10)).toEqual([12]);
    expect(detector.due(20)).toEqual([]);
    expect(detector.due(70)).toEqual([12]);
    expect(detector.takeLoss()).toBe(false);
    expect(detector.due(1_000)).toEqual([]);
    expect([detector.takeLoss(), detector.takeLoss(), detector.missing]).toEqual([true, false, 0]);
  });

  test("a jump is no loss of thousands of packets", () => {
    const detector = new LossDetector();
    detector.received(1, 0);
    detector.received(50_000, 0);
    expect(detector.due(100)).toEqual([]);
    expect(detector.takeLoss()).toBe(true);
    for (let n = 50_002; n < 52_000; n += 2) detector.received(n, 0);
    expect(detector.missing).toBeLessThanOrEqual(256);
  });
});

test("a receiver reports loss, jitter and the last sender report (RFC 3550 A.3, A.8)", () => {
  const reception = new Reception(9, 90_000);
  expect(reception.report(0)).toBeUndefined();
  for (const [n, at] of [
    [1, 0],
    [2, 10],
    [4, 30],
  ] as const)
    reception.packet(n, n * 900, at);
  reception.senderReport(0x12345678, 0x9abc0000, 100);
  expect(reception.report(1_100)).toEqual({
    ...{ ssrc: 9, fractionLost: 64, lost: 1, highest: 4, jitter: 0 },
    ...{ lastReport: 0x56789abc, sinceLastReport: 65_536 },
  });
  reception.packet(5, 4_500, 40);
  expect(reception.report(1_100)).toMatchObject({ fractionLost: 0, lost: 1 });
});

describe("transport-wide feedback", () => {
  /** What a message says: sequence number and arrival in ms, undefined for one that is missing. */
  function read(message: Uint8Array): [number, number | undefined][] {
    const view = new DataView(message.buffer, message.byteOffset, message.length);
    const [base, count] = [view.getUint16(12), view.getUint16(14)];
    const reference = (view.getUint32(16) >>> 8) * 64;
    const symbols: number[] = [];
    let at = 20;
    for (; symbols.length < count; at += 2)
      for (let n = 0; n < 7; n++) symbols.push((view.getUint16(at) >> (12 - 2 * n)) & 3);
    let clock = reference;
    return symbols.slice(0, count).map((symbol, n) => {
      if (symbol === 0) return [(base + n) & 0xffff, undefined];
      clock += (symbol === 1 ? view.getUint8(at) : view.getInt16(at)) / 4;
      at += symbol;
      return [(base + n) & 0xffff, clock];
    });
  }

  test("reports arrivals, gaps and reordering over the wrap, each packet once", () => {
    const feedback = new TransportFeedback();
    for (const [n, at] of [
      [65_534, 1_000],
      [65_535, 1_010],
      [1, 1_100],
      [0, 1_105.25],
      [3, 1_106],
    ] as const)
      feedback.received(n, at);
    expect(read(feedback.message(1, 2)!)).toEqual([
      [65_534, 1_000],
      [65_535, 1_010],
      [0, 1_105.25],
      [1, 1_100],
      [2, undefined],
      [3, 1_106],
    ]);
    expect(feedback.message(1, 2)).toBeUndefined();
    feedback.received(4, 1_200);
    expect(read(feedback.message(1, 2)!)).toEqual([[4, 1_200]]);
  });

  test("a flood and a jump stay within bounds", () => {
    const feedback = new TransportFeedback();
    for (let n = 0; n < 100_000; n++) feedback.received((n * 7) & 0xffff, n / 100);
    for (let n = 0; n < 200; n++) expect(feedback.message(1, 2)?.length ?? 0).toBeLessThan(1_500);
  });
});
