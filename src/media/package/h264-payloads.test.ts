import { describe, expect, test } from "bun:test";
import { keyframePayloads, pps, slicePayloads, sps } from "../../../test/support/h264-pictures.ts";
import { isH264Key } from "../../wire/rtp/h264.ts";
import { h264Size } from "../../wire/rtp/h264-size.ts";
import { concat, u8, u32 } from "./boxes.ts";
import { H264Pictures, h264Format } from "./h264.ts";
import { h264Payloads } from "./h264-payloads.ts";
import type { Frame, VideoFormat } from "./sample-format.ts";

const format = h264Format(sps, pps) as VideoFormat;

function frame(key: boolean, ...units: Uint8Array[]): Frame {
  return { key, format, data: concat(units.flatMap((unit) => [u32(unit.length), unit])) };
}

function unit(header: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at === 0 ? header : (at * 31) & 0xff));
}

describe("a picture of H.264 as payloads", () => {
  test("is the same picture when it is put together again", () => {
    for (const lengths of [[200], [5_000], [1_150], [1_151], [2], [40, 3_000, 60, 70, 1_100, 20_000, 5]]) {
      const slices = lengths.map((length) => unit(0x65, length));
      const sent = frame(true, ...slices);
      const payloads = h264Payloads(sent);
      for (const { length } of payloads) expect(length).toBeLessThanOrEqual(1_150);
      const picture = new H264Pictures().take(payloads);
      expect(picture?.key).toBe(true);
      expect(picture?.format).toEqual(format);
      expect(picture?.data).toEqual(sent.data);
    }
  });

  test("begins with the parameter sets where decoding can start there, which tell its size", () => {
    const [first = u8()] = h264Payloads(frame(true, unit(0x65, 3_000)));
    expect(isH264Key(first)).toBe(true);
    expect(h264Size(first)).toEqual({ width: 320, height: 240 });
    const [other = u8()] = h264Payloads(frame(false, unit(0x41, 300)));
    expect(isH264Key(other)).toBe(false);
    expect(other).toEqual(unit(0x41, 300));
  });

  test("leaves out what no decoder needs, and what a publisher sent comes back as it was", () => {
    expect(h264Payloads(frame(false, unit(0x06, 600), unit(0x41, 30), unit(0x09, 2)))).toEqual([
      unit(0x41, 30),
    ]);
    const pictures = new H264Pictures();
    for (const payloads of [keyframePayloads(4_000), slicePayloads(900), slicePayloads(3_000)]) {
      const picture = pictures.take(payloads);
      expect(picture).toBeDefined();
      if (picture !== undefined)
        expect(new H264Pictures().take(h264Payloads({ ...picture, key: true }))?.data).toEqual(picture.data);
    }
  });

  test("is none where it is malformed", () => {
    for (const data of [u8(), u8(0, 0), u32(5), concat([u32(9), u8(0x65, 1)]), concat([u32(0), u8(1)])])
      expect(h264Payloads({ key: false, format, data })).toEqual([]);
    const cut = { ...format, configuration: format.configuration.subarray(0, 12) };
    expect(h264Payloads({ ...frame(true, unit(0x65, 9)), format: cut })).toEqual([unit(0x65, 9)]);
  });
});
