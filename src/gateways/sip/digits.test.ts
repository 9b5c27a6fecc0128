import { expect, test } from "bun:test";
import { parseDigits } from "./digits.ts";

const relay = (signal: string) =>
  parseDigits("application/dtmf-relay", `Signal=${signal}\r\nDuration=160\r\n`);

test("a key is read as itself or as its event code (RFC 4733)", () => {
  const written = ["5", "*", "#", "d", "10", "11", "12", "15"];
  expect(written.map((signal) => relay(signal)?.digit)).toEqual(["5", "*", "#", "D", "*", "#", "A", "D"]);
  expect(relay("10")?.duration).toBe(160);
});

test("application/dtmf holds the key alone, or the lines of dtmf-relay", () => {
  expect(parseDigits("application/dtmf", "11\r\n")).toEqual({ digit: "#", duration: 250 });
  expect(parseDigits("application/dtmf", "Signal=3\r\nDuration=160\r\n")).toEqual({
    digit: "3",
    duration: 160,
  });
});

test("a flash and what is no key is refused", () => {
  expect(["16", "19", "99", "05", "x", "", "111"].map(relay)).toEqual(Array(7).fill(undefined));
  expect(parseDigits("application/dtmf-relay", "11")).toBeUndefined();
  expect(parseDigits("text/plain", "Signal=1")).toBeUndefined();
});
