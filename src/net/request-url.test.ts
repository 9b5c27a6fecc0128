import { expect, test } from "bun:test";
import fc from "fast-check";
import { isHostField, requestUrl } from "./request-url.ts";

test("Host headers", () => {
  for (const host of ["localhost", "a.example:8080", "127.0.0.1", "[::1]:80", "xn--bcher-kva.example", "a:"])
    expect(isHostField(host), host).toBe(true);
  const wrong = [
    "",
    "localhost/metrics?",
    "a@b",
    "a b",
    "a, b",
    "a#b",
    "a\\b",
    "a:b",
    "[::1",
    "::1",
    "a:1:2",
  ];
  for (const host of wrong) expect(isHostField(host), host).toBe(false);
});

test("the target tells the path, and the Host header doesn't", () => {
  expect(requestUrl(false, "a:81", "/x?y=1")).toBe("http://a:81/x?y=1");
  expect(requestUrl(true, "a", "/")).toBe("https://a/");
  expect(requestUrl(false, "a", "//evil/x")).toBe("http://a//evil/x");
  expect(requestUrl(false, undefined, "/x")).toBe("http://localhost/x");
  expect(requestUrl(false, "a", "http://evil/x")).toBe("http://a/x");
  expect(requestUrl(false, "a", "HTTPS://evil?x")).toBe("http://a?x");
  for (const target of ["*", "evil:443", "ftp://evil/x", "x", "http:/x"])
    expect(requestUrl(false, "a", target), target).toBeUndefined();
  expect(requestUrl(false, "localhost/metrics?", "/x")).toBeUndefined();
  expect(requestUrl(false, "a:99999", "/x")).toBeUndefined();
});

test("whatever both are, the URL has that host and that path", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (host, rest) => {
      const text = requestUrl(false, host, `/${rest}`);
      if (text === undefined) return;
      const url = new URL(text);
      expect(url.username + url.password).toBe("");
      expect(text).toStartWith(`http://${host}/`);
      expect(url.host).toBe(new URL(`http://${host}/`).host);
    }),
    { numRuns: 3_000 },
  );
});
