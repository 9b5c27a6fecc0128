import { describe, expect, test } from "bun:test";
import { addressOf, formatJid, jidOf, localOf, parseJid, unescapeLocal } from "./jid.ts";

describe("JIDs", () => {
  test.each([
    ["example.org", "", "example.org", ""],
    ["alice@Example.org", "alice", "example.org", ""],
    ["alice@example.org/a/b@c", "alice", "example.org", "a/b@c"],
    ["example.org/x", "", "example.org", "x"],
  ])("%p is read", (text, local, domain, resource) => {
    expect(parseJid(text)).toEqual({ local, domain, resource });
    expect(formatJid({ local, domain, resource }).toLowerCase()).toBe(text.toLowerCase());
  });

  test.each([
    "",
    "@example.org",
    "alice@",
    "alice@/x",
    "alice@example.org/",
    "a b@example.org",
    "a@b@c",
    "alice@exa mple.org",
    "alice@example.org/\u0000",
    `${"a".repeat(1_024)}@example.org`,
  ])("%p is none", (text) => {
    expect(parseJid(text)).toBeUndefined();
  });

  test("the examples of XEP-0106 §3 and §5.1", () => {
    for (const [plain, escaped] of [
      ["space cadet", "space\\20cadet"],
      ['call me "ishmael"', "call\\20me\\20\\22ishmael\\22"],
      ["at&t guy", "at\\26t\\20guy"],
      ["d'artagnan", "d\\27artagnan"],
      ["/.fanboy", "\\2f.fanboy"],
      ["::foo::", "\\3a\\3afoo\\3a\\3a"],
      ["<foo>", "\\3cfoo\\3e"],
      ["user@host", "user\\40host"],
      ["c:\\net", "c\\3a\\net"],
      ["c:\\\\net", "c\\3a\\\\net"],
      ["c:\\cool stuff", "c\\3a\\cool\\20stuff"],
      ["c:\\5commas", "c\\3a\\5c5commas"],
    ] as const) {
      expect(localOf(plain)).toBe(escaped);
      expect(unescapeLocal(escaped)).toBe(plain);
    }
  });

  test("stand for addresses of the core", () => {
    const address = (text: string) => addressOf(parseJid(text), "example.org");
    expect(address("bob@example.org")).toBe("bob");
    expect(address("bob@EXAMPLE.org/desk")).toBe("bob/desk");
    expect(address(jidOf("example.org", "bob@other.example", "desk"))).toBe("bob@other.example/desk");
    for (const none of ["bob@example.com", "example.org", "a\\3ab@example.org", "bob@example.org/a b"])
      expect(address(none)).toBeUndefined();
  });
});
