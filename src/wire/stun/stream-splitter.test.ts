import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encodeChannelData } from "./channel-data.ts";
import { StreamSplitter } from "./stream-splitter.ts";
import { MessageWriter } from "./writer.ts";

const stun = fc
  .tuple(fc.uint8Array({ minLength: 0, maxLength: 200 }), fc.nat(0xff))
  .map(([value, method]) =>
    new MessageWriter(method, "request", new Uint8Array(12), 20).add(6, value).bytes(),
  );
const channelData = fc
  .tuple(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 0x4000, max: 0x7fff }))
  .map(([data, channel]) => ({
    whole: encodeChannelData(channel, data, false),
    wire: encodeChannelData(channel, data, true),
  }));
const message = fc.oneof(
  stun.map((bytes) => ({ whole: bytes, wire: bytes })),
  channelData,
);

function chunks(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const cut: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    cut.push(bytes.slice(at, at + size));
    at += size;
  }
  return cut;
}

describe("StreamSplitter", () => {
  test("gives the messages that went in, however they were cut", () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 12 }), cuts, (messages, sizes) => {
        const splitter = new StreamSplitter();
        const out: Uint8Array[] = [];
        const stream = Uint8Array.from(messages.flatMap((one) => [...one.wire]));
        for (const chunk of chunks(stream, sizes)) {
          expect(splitter.push(chunk, (one) => out.push(one) > 0)).toBe(true);
        }
        expect(out).toEqual(messages.map((one) => one.whole));
        expect(splitter.pending).toBe(0);
      }),
    );
  });

  test("what it gave is not written to afterwards", () => {
    const splitter = new StreamSplitter();
    const out: Uint8Array[] = [];
    const one = encodeChannelData(0x4000, new Uint8Array(40).fill(1), true);
    const two = encodeChannelData(0x4000, new Uint8Array(40).fill(2), true);
    const both = Uint8Array.from([...one, ...two]);
    splitter.push(both.slice(0, 10), (m) => out.push(m) > 0);
    splitter.push(both.slice(10, 60), (m) => out.push(m) > 0);
    splitter.push(both.slice(60), (m) => out.push(m) > 0);
    expect(out).toEqual([one, two]);
  });

  test("never throws, keeps at most one message, and stays broken once it is", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 30 }), (pieces) => {
        const splitter = new StreamSplitter();
        let alive = true;
        for (const piece of pieces) {
          const went = splitter.push(piece, () => true);
          if (!alive) expect(went).toBe(false);
          alive = went;
          expect(splitter.pending).toBeLessThanOrEqual(20 + 0xffff);
        }
      }),
    );
  });

  test("what is neither STUN nor ChannelData breaks the stream", () => {
    for (const first of [4, 0x14, 0x3f, 0x80, 0xff])
      expect(new StreamSplitter().push(Uint8Array.of(first), () => true)).toBe(false);
    const noCookie = Uint8Array.of(0, 1, 0, 0, 1, 2, 3, 4);
    expect(new StreamSplitter().push(noCookie, () => true)).toBe(false);
  });

  test("single bytes of a long message cost no more than its length", () => {
    const long = encodeChannelData(0x4000, new Uint8Array(60_000), true);
    const splitter = new StreamSplitter();
    let got = 0;
    for (const byte of long)
      splitter.push(Uint8Array.of(byte), (one) => {
        got += one.length;
        return true;
      });
    expect(got).toBe(60_004);
  });
});
