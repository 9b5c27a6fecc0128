import { describe, expect, test } from "bun:test";
import { parseOriginRule } from "./origin-rule.ts";

/** Which of these origins the rule allows, with that Host header. */
const allowed = (rule: string, origins: readonly string[], host: string | null = null): string[] => {
  const allows = parseOriginRule(rule);
  if (allows === undefined) throw new Error(`${rule} is no rule`);
  return origins.filter((origin) => allows(origin, host));
};

describe("a rule", () => {
  test("names one origin, however its default port and its case are written", () => {
    const origins = ["https://app.example", "https://app.example:443", "HTTPS://App.Example"];
    const others = [
      "http://app.example",
      "https://app.example:80",
      "https://app.example:8443",
      "https://x.app.example",
      "https://app.example.evil.example",
      "https://app.example@evil.example",
      "https://evil.example/https://app.example",
      "null",
      "",
    ];
    for (const rule of origins) expect(allowed(rule, [...origins, ...others])).toEqual(origins);
    expect(allowed("http://app.example:80", ["http://app.example", "https://app.example"])).toEqual([
      "http://app.example",
    ]);
    expect(allowed("https://app.example:8443", ["https://app.example:8443", "https://app.example"])).toEqual([
      "https://app.example:8443",
    ]);
  });

  test("names the origin of an app, and the one of nobody", () => {
    const all = ["capacitor://localhost", "app://bundle", "null", "ionic://localhost", "https://localhost"];
    for (const rule of ["capacitor://localhost", "app://bundle", "null"])
      expect(allowed(rule, all)).toEqual([rule]);
  });

  test("names every host below a domain", () => {
    const below = ["https://a.example.com", "https://a.b.example.com", "https://a.example.com:443"];
    const others = [
      "https://example.com",
      "https://.example.com",
      "https://evilexample.com",
      "http://a.example.com",
      "https://a.example.com:444",
      "https://a.example.com.evil.example",
      "https://evil.example?.example.com",
      "https://evil.example#.example.com",
      "null",
    ];
    expect(allowed("https://*.example.com", [...below, ...others])).toEqual(below);
    expect(allowed("https://*.example.com:444", [...below, ...others])).toEqual([
      "https://a.example.com:444",
    ]);
  });

  test("is refused where it could never match", () => {
    for (const text of [
      "",
      "app.example",
      "https://app.example/",
      "https://app.example/path",
      "https://*",
      "https://*.",
      "https://a.*.example.com",
      "https://a*.example.com",
      "*.example.com",
      "https://user@app.example",
      "https://app.example?x",
      "https:app.example",
      "Null",
    ])
      expect([text, parseOriginRule(text)]).toEqual([text, undefined]);
  });
});

describe("self", () => {
  const own = (host: string, origin: string): boolean => allowed("self", [origin], host).length === 1;

  test("is the host that was asked for, with its port or the scheme's own", () => {
    expect(own("calls.example", "https://calls.example")).toBe(true);
    expect(own("calls.example:443", "https://calls.example")).toBe(true);
    expect(own("calls.example:80", "http://calls.example")).toBe(true);
    expect(own("Calls.Example:8443", "https://calls.example:8443")).toBe(true);
    expect(own("[2001:db8::1]:443", "https://[2001:db8::1]")).toBe(true);
  });

  test("is no other", () => {
    expect(own("calls.example", "https://calls.example:8443")).toBe(false);
    expect(own("calls.example:80", "https://calls.example")).toBe(false);
    expect(own("calls.example", "https://other.example")).toBe(false);
    expect(own("calls.example", "null")).toBe(false);
    expect(own("evil.example@calls.example", "https://calls.example")).toBe(false);
    expect(allowed("self", ["https://calls.example"], null)).toEqual([]);
  });
});
