import { expect, test } from "bun:test";
import { pps, sps } from "../../../test/support/h264-pictures.ts";
import { parseRtp } from "../../wire/rtp/packet.ts";
import { concat, u32 } from "../package/boxes.ts";
import { h264Format } from "../package/h264.ts";
import type { Frame, VideoFormat } from "../package/sample-format.ts";
import { RenditionPackets } from "./rendition-packets.ts";

const format = h264Format(sps, pps) as VideoFormat;
const picture = (bytes: number): Frame => {
  const unit = new Uint8Array(bytes).fill(0x41);
  return { key: false, format, data: concat([u32(bytes), unit]) };
};

test("packets of a smaller size are numbered without a gap, and each picture is later than the one before", () => {
  const packets = new RenditionPackets();
  const sent = [
    ...packets.of(picture(3_000), 0xffff_ff00, 7),
    ...packets.of(picture(100), 0xffff_fe00, 7),
    ...packets.of({ ...picture(100), data: Uint8Array.of(1) }, 5, 7),
    ...packets.of(picture(100), 3_000, 7),
  ];
  expect(sent.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4]);
  const headers = sent.map(({ packet }) => parseRtp(packet));
  expect(
    headers.map((header) => [header?.sequence, header?.timestamp, header?.marker, header?.ssrc]),
  ).toEqual([
    [0, 0xffff_ff00, false, 7],
    [1, 0xffff_ff00, false, 7],
    [2, 0xffff_ff00, true, 7],
    [3, 0xffff_ff01, true, 7],
    [4, 3_000, true, 7],
  ]);
  packets.interrupt();
  expect(parseRtp(packets.of(picture(10), 9, 7)[0]?.packet ?? new Uint8Array())?.timestamp).toBe(9);
});
