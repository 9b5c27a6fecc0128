import { expect, test } from "bun:test";
import fc from "fast-check";
import { encodeSubject } from "./subject.ts";

const cases: [string, string][] = [
  ["n.node-1", "n.node-1"],
  ["n.host.example.com", "n.host.example.com"],
  ["n.*", "n.%2a"],
  ["n.>", "n.%3e"],
  ["n.a b\r\nPUB x", "n.a%20b%0d%0aPUB%20x"],
  ["n..", "n.%.%"],
  ["", "%"],
  ["n.%", "n.%25"],
  ["n.é", "n.%c3%a9"],
];
for (const [subject, encoded] of cases)
  test(JSON.stringify(subject), () => {
    expect(encodeSubject(subject)).toBe(encoded);
  });

test("whatever the subject, NATS takes it; and two different ones stay different", () => {
  const subjects = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.string({ unit: fc.constantFrom(..."ab.*>% é") }),
  );
  fc.assert(
    fc.property(subjects, subjects, (one, other) => {
      const encoded = encodeSubject(one)!;
      expect(encoded).toMatch(/^[\w%-]+(\.[\w%-]+)*$/);
      expect(encoded === encodeSubject(other)).toBe(one === other);
    }),
  );
});

test("a subject that would break the connection is none", () => {
  expect(encodeSubject(`n.${"é".repeat(400)}`)).toBeUndefined();
});
