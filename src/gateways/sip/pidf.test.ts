import { expect, test } from "bun:test";
import { pidf } from "./pidf.ts";

const note = (status: string): string | undefined =>
  /<note>([\s\S]*)<\/note>/.exec(
    pidf("sip:a@b", { online: true, devices: [{ device: "d", kind: "browser", status }] }),
  )?.[1];

test("a status is text in the document, whatever is in it", () => {
  expect(note('<x/>&"]]>')).toBe("&lt;x/&gt;&amp;&quot;]]&gt;");
  expect(note("a\r\nb\tc")).toBe("a&#13;\nb\tc");
  expect(note("😀 \u00e9")).toBe("😀 \u00e9");
});

test("what XML has no form for is left out", () => {
  expect(note("\u0001\u0000\u001bctl\ufffe\uffff\ud800x\udc00")).toBe("ctlx");
});
