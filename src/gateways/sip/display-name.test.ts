import { expect, test } from "bun:test";
import { nameOfDisplay } from "./display-name.ts";

test("a display name keeps its letters, and loses what could deceive or do harm", () => {
  const names: [string | undefined, string | undefined][] = [
    [undefined, undefined],
    ["", undefined],
    ["Alice Liddell", "Alice Liddell"],
    ["\u202egpj.exe\u001b[2J\u0007", "gpj.exe[2J"],
    ["a\r\nb\u0000\u0085\ud800", "ab"],
    ["\u2066\u2069 \u200f", undefined],
    // Joiners are letters' business: Persian, and a woman with a computer.
    ["\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"],
    ["👩‍💻", "👩‍💻"],
    ["x".repeat(200), "x".repeat(128)],
    [`${"x".repeat(127)}😀!`, `${"x".repeat(127)}😀`],
  ];
  for (const [display, name] of names) expect(nameOfDisplay(display)).toBe(name);
});
