import { expect, test } from "bun:test";
import { parseJsonWithComments } from "./json-with-comments.ts";

const good: [string, unknown][] = [
  ['{"a": 1}', { a: 1 }],
  ['// first\n{"a": /* in */ 1, // last\n}', { a: 1 }],
  ['{"url": "https://x.example/*y*/", "s": "a\\"// b,]"}', { url: "https://x.example/*y*/", s: 'a"// b,]' }],
  ["[1, 2,\n // end\n]", [1, 2]],
  ['{"a": ",}"}', { a: ",}" }],
  ["/* a\n b */ []", []],
];
for (const [text, value] of good)
  test(text, () => {
    expect(parseJsonWithComments(text)).toEqual({ ok: true, value });
  });

for (const text of ["", "{", '{"a": 1,, }', "/* open", "{'a': 1}", "[,]"])
  test(`refuses ${text}`, () => {
    expect(parseJsonWithComments(text).ok).toBe(false);
  });
