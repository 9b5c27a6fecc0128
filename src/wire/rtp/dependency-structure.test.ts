import { expect, test } from "bun:test";
import { layersOf, parseDependencyStructure } from "./dependency-structure.ts";

test("templates are told to their temporal layers, from the id that the structure begins with", () => {
  // Template 60 is the first, two decode targets; layers 0, 1, 1, then the next spatial layer's 0.
  const value = Uint8Array.of(0x80, 0, 1, 0b10000_111, 0b100_00001, 0b01_00_10_11, 0);
  const structure = parseDependencyStructure(value);
  expect(structure).toEqual({
    ...{ firstTemplate: 60, temporalLayers: [0, 1, 1, 0], spatialLayers: [0, 0, 0, 1], sizes: [] },
  });
  if (structure === undefined) return;
  const layers = [60, 61, 62, 63, 0, 59].map((id) => layersOf(structure, id));
  expect(layers.map(({ temporal }) => temporal)).toEqual([0, 1, 1, 0, 0, 0]);
  expect(layers.map(({ spatial }) => spatial)).toEqual([0, 0, 0, 1, 0, 0]);
});

test("of Chromium's L2T3_KEY: spatial layers and the sizes of their pictures", () => {
  const hex =
    "c00001800514853aaaa8018004004002a02a0060010015d34514174d144c700874321651118543276809f8077813f80ef8";
  expect(parseDependencyStructure(Uint8Array.fromHex(hex))).toEqual({
    firstTemplate: 0,
    temporalLayers: [0, 0, 1, 2, 2, 0, 0, 1, 2, 2],
    spatialLayers: [0, 0, 0, 0, 0, 1, 1, 1, 1, 1],
    sizes: [
      { width: 320, height: 240 },
      { width: 640, height: 480 },
    ],
  });
});

test("a descriptor without a structure, and one that ends in it, tell nothing", () => {
  expect(parseDependencyStructure(Uint8Array.of(0x80, 0, 1))).toBeUndefined();
  expect(parseDependencyStructure(Uint8Array.of(0x80, 0, 1, 0, 0, 0, 0))).toBeUndefined();
  expect(parseDependencyStructure(Uint8Array.of(0x80, 0, 1, 0x80, 0, 0, 0, 0))).toBeUndefined();
});
