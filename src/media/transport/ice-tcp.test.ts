import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FrameReader, frame } from "./ice-tcp.ts";

function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    chunks.push(bytes.slice(at, at + size));
    at += size;
  }
  return chunks;
}

describe("frames of ICE-TCP", () => {
  test("give the datagrams that went in, however the stream was cut; empty ones are skipped", () => {
    const datagrams = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 });
    const sizes = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(datagrams, sizes, (list, cuts) => {
        const reader = new FrameReader();
        const out: Uint8Array[] = [];
        const stream = Buffer.concat(list.map((one) => frame(one, one.length)));
        for (const chunk of cut(stream, cuts))
          expect(reader.push(chunk, (one) => out.push(one) > 0)).toBe(true);
        expect(out.map((one) => [...one])).toEqual(
          list.filter(({ length }) => length > 0).map((one) => [...one]),
        );
        expect(reader.pending).toBe(0);
      }),
    );
  });

  test("have the length ahead of them, most significant byte first", () => {
    const bytes = new Uint8Array(300).fill(7);
    expect([...frame(bytes, 259).subarray(0, 3)]).toEqual([1, 3, 7]);
    expect(frame(bytes, 259)).toHaveLength(261);
    bytes.fill(0);
    expect(frame(bytes, 300)[2]).toBe(0);
  });

  test("that are too long break the stream for good", () => {
    const reader = new FrameReader();
    const take = () => true;
    expect(reader.push(Uint8Array.of(0x20, 0), take)).toBe(true);
    const other = new FrameReader();
    expect(other.push(Uint8Array.of(0x20, 1), take)).toBe(false);
    expect(other.push(frame(Uint8Array.of(1), 1), take)).toBe(false);
  });

  test("are given no longer once one was refused", () => {
    const reader = new FrameReader();
    let taken = 0;
    const two = Buffer.concat([frame(Uint8Array.of(1), 1), frame(Uint8Array.of(2), 1)]);
    const take = () => {
      taken++;
      return false;
    };
    expect(reader.push(two, take)).toBe(false);
    expect(reader.push(two, take)).toBe(false);
    expect(taken).toBe(1);
    expect(reader.pending).toBe(0);
  });
});
