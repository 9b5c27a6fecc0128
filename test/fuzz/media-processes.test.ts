import { expect, test } from "bun:test";
import fc from "fast-check";
import { FrameWriter, frameType, packetOf, RelayReader } from "../../src/media/relay/frames.ts";
import { LineReader, lineOf } from "../../src/media/share/messages.ts";

const numRuns = Number(process.env.FUZZ_RUNS ?? 3_000);

test("lines of processes that share a media server: any bytes in any pieces never throw, and whole lines arrive whole", () => {
  const line = fc.record({ ref: fc.nat(), text: fc.string({ maxLength: 40 }) });
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 8 }),
      fc.uint8Array({ maxLength: 30 }),
      fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 20 }),
      (lines, garbage, cuts) => {
        const reader = new LineReader<{ ref: number }>();
        const heard: unknown[] = [];
        const bytes = lines.flatMap(({ ref, text }) => [...lineOf({ t: "chunk", ref, data: text })]);
        for (let at = 0, n = 0; at < bytes.length; n++) {
          const length = cuts[n] ?? 60;
          expect(
            reader.push(Uint8Array.from(bytes.slice(at, at + length)), (message) => heard.push(message)),
          ).toBe(true);
          at += length;
        }
        expect(heard).toEqual(lines.map(({ ref, text }) => ({ t: "chunk", ref, data: text })));
        reader.push(garbage, () => {});
      },
    ),
    { numRuns },
  );
});

test("a line without an end is given up", () => {
  const reader = new LineReader();
  const chunk = new Uint8Array(1 << 18).fill(32);
  expect([1, 2, 3, 4, 5].map(() => reader.push(chunk, () => {}))).toEqual([true, true, true, true, false]);
});

test("frames between workers: any bytes in any pieces never throw, and whole frames arrive whole", () => {
  const packet = fc.record({
    packet: fc.uint8Array({ minLength: 12, maxLength: 60 }),
    index: fc.nat(2 ** 31),
  });
  fc.assert(
    fc.property(
      fc.array(packet, { maxLength: 8 }),
      fc.uint8Array({ maxLength: 30 }),
      fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 20 }),
      (packets, garbage, cuts) => {
        const writer = new FrameWriter();
        for (const one of packets) writer.rtp(one);
        const bytes = writer.take();
        const reader = new RelayReader();
        const heard: unknown[] = [];
        for (let at = 0, n = 0; at < bytes.length; n++) {
          const piece = bytes.slice(at, at + (cuts[n] ?? 60));
          at += piece.length;
          const read = reader.push(piece, ({ type, body }) => {
            if (type === frameType.rtp) heard.push(packetOf(body));
          });
          expect(read).toBe(true);
        }
        expect(heard).toMatchObject(packets);
        reader.push(garbage, ({ body }) => void packetOf(body));
      },
    ),
    { numRuns },
  );
});
