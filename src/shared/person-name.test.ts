import { expect, test } from "bun:test";
import { personName } from "./person-name.ts";

test("letters of every script and emoji stay as they are", () => {
  for (const name of [
    "Uma",
    "می\u200cلاد",
    "क्\u200dष",
    "שלום\u200f",
    "👩\u200d💻 Uma",
    "Donau\u00addampf",
    "𠮷野",
  ])
    expect(personName(name)).toBe(name);
});

test("direction overrides are taken out", () => {
  expect(personName("\u202eecila\u202c")).toBe("ecila");
  expect(personName("a\u2066b\u2069c")).toBe("abc");
  expect(personName("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")).toBeUndefined();
});

test("control characters and unpaired surrogates make no name", () => {
  for (const text of ["a\u0000", "a\nb", "\u007f", "\u0085", "x\ud83d", "\ude00x", ""])
    expect(personName(text)).toBeUndefined();
});

test("what is too long is cut between two characters", () => {
  expect(personName(`${"x".repeat(127)}😀`)).toBe(`${"x".repeat(127)}😀`);
  expect(personName(`${"x".repeat(128)}😀`)).toBe("x".repeat(128));
  // Three code points that are one character.
  expect(personName(`${"x".repeat(126)}👩\u200d💻`)).toBe("x".repeat(126));
  expect(personName(`${"x".repeat(125)}👩\u200d💻!`)).toBe(`${"x".repeat(125)}👩\u200d💻`);
  expect(personName(`e${"\u0301".repeat(1_000)}`)).toBeUndefined();
});
