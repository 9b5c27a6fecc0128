import { expect, test } from "bun:test";
import { parseDependencyStructure, temporalLayerOf } from "./dependency-structure.ts";

test("templates are told to their temporal layers, from the id that the structure begins with", () => {
  // Template 60 is the first, two decode targets; layers 0, 1, 1, then the next spatial layer's 0.
  const value = Uint8Array.of(0x80, 0, 1, 0b10000_111, 0b100_00001, 0b01_00_10_11, 0);
  const structure = parseDependencyStructure(value);
  expect(structure).toEqual({ firstTemplate: 60, temporalLayers: [0, 1, 1, 0] });
  if (structure === undefined) return;
  expect([60, 61, 62, 63, 0, 59].map((id) => temporalLayerOf(structure, id))).toEqual([0, 1, 1, 0, 0, 0]);
});

test("a descriptor without a structure, and one that ends in it, tell nothing", () => {
  expect(parseDependencyStructure(Uint8Array.of(0x80, 0, 1))).toBeUndefined();
  expect(parseDependencyStructure(Uint8Array.of(0x80, 0, 1, 0, 0, 0, 0))).toBeUndefined();
  expect(parseDependencyStructure(Uint8Array.of(0x80, 0, 1, 0x80, 0, 0, 0, 0))).toBeUndefined();
});
