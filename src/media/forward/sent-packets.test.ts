import { expect, test } from "bun:test";
import { Random } from "../../../test/fuzz/random.ts";
import { SentPackets } from "./sent-packets.ts";

test("each index tells how it left, or that it is forgotten, however often that changes", () => {
  for (const [changes, most] of [
    [0.01, 0],
    [0.1, 0],
    [0.9, 450],
  ] as const) {
    const random = new Random(Math.round(100 * changes));
    const sent = new SentPackets(1_000, 512);
    const left: { layer: number; number: number; shift: number; picture: number; tl0: number }[] = [];
    let way = { layer: 1, shift: 0, picture: 0, tl0: 0 };
    for (let n = 0; n < 3_000; n++) {
      if (random.chance(changes))
        way = {
          ...{ layer: random.int(0, 65_535), shift: random.int(0, 0xffffffff) },
          ...{ picture: random.int(0, 0x7fff), tl0: random.int(0, 255) },
        };
      const number = 2 ** 32 - 1_500 + n;
      expect(sent.add(way.layer, number, way.shift, way.picture, way.tl0)).toBe(1_000 + n);
      left.push({ ...way, number });
    }
    let forgotten = 0;
    for (let back = 1; back <= 512; back++) {
      const index = sent.next - back;
      const slot = sent.find(index);
      if (slot < 0) {
        forgotten++;
        continue;
      }
      expect({
        ...{ layer: sent.layer(slot), number: sent.number(slot, 2 ** 32 + 1_500) },
        ...{ shift: sent.shift(slot), picture: sent.picture(slot), tl0: sent.tl0(slot) },
      }).toEqual(left[index - 1_000] as (typeof left)[number]);
    }
    expect(forgotten).toBeLessThanOrEqual(most);
    for (const index of [999, sent.next, sent.next - 513]) expect(sent.find(index)).toBe(-1);
  }
});

test("a repeat is taken note of, and only its own packet's", () => {
  const sent = new SentPackets(0, 128);
  for (let n = 0; n < 10; n++) sent.add(1, n, 5, 0, 0);
  const [slot, other] = [sent.find(3), sent.find(4)];
  expect(sent.repeat(slot, 50, 1_000)).toBe(true);
  expect(sent.repeat(slot, 50, 1_049)).toBe(false);
  expect(sent.repeat(other, 50, 1_049)).toBe(true);
  expect(sent.repeat(slot, 50, 1_050)).toBe(true);
  expect(sent.shift(slot)).toBe(5);
  // The time of 26 bits begins anew.
  expect(sent.repeat(slot, 50, 2 ** 26 + 1_060)).toBe(false);
  expect(sent.repeat(slot, 50, 2 ** 26 + 1_100)).toBe(true);
});
