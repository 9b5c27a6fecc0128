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
    let number = 2 ** 32 - 1_500;
    for (let n = 0; n < 3_000; n++) {
      number++;
      if (random.chance(changes / 2)) number += random.int(1, 10);
      if (random.chance(changes / 2))
        way = {
          ...{ layer: random.int(0, 65_535), shift: random.int(0, 0xffffffff) },
          ...{ picture: random.int(0, 0x7fff), tl0: random.int(0, 255) },
        };
      expect(sent.add(way.layer, number, way.shift, way.picture, way.tl0)).toBe(1_000 + n);
      left.push({ ...way, number });
    }
    let forgotten = 0;
    for (let back = 1; back <= 512; back++) {
      const index = sent.next - back;
      const found = sent.find(index);
      const expected = left[index - 1_000] as (typeof left)[number];
      if (found === undefined) {
        forgotten++;
        expect(sent.indexOf(expected.layer, expected.number)).toBe(-1);
        continue;
      }
      const { layer, ahead, shift, picture, tl0 } = found;
      expect({ layer, number: index + ahead, shift, picture, tl0 }).toEqual(expected);
      expect(sent.indexOf(layer, index + ahead)).toBe(index);
    }
    expect(forgotten).toBeLessThanOrEqual(most);
    for (const index of [999, sent.next, sent.next - 513]) {
      expect(sent.find(index)).toBeUndefined();
      const former = left[index - 1_000];
      if (former !== undefined) expect(sent.indexOf(former.layer, former.number)).toBe(-1);
    }
    expect(sent.indexOf(way.layer, number + 1)).toBe(-1);
  }
});

test("a repeat is taken note of, and only its own packet's", () => {
  const sent = new SentPackets(0, 4);
  for (let n = 0; n < 10; n++) sent.add(1, n, 5, 0, 0);
  expect(sent.repeat(6, 50, 1_000)).toBe(true);
  expect(sent.repeat(6, 50, 1_049)).toBe(false);
  expect(sent.repeat(7, 50, 1_049)).toBe(true);
  expect(sent.repeat(6, 50, 1_050)).toBe(true);
  expect(sent.repeat(6, 500, 1_549)).toBe(false);
  expect(sent.repeat(7, 500, 1_549)).toBe(true);
  expect(sent.repeat(6, 500, 1_550)).toBe(true);
  // Those beyond the span have taken its place.
  for (let index = 10; index < 14; index++) expect(sent.repeat(index, 500, 1_551)).toBe(true);
  expect(sent.repeat(6, 500, 1_551)).toBe(true);
});
