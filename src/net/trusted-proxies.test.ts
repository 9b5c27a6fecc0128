import { describe, expect, test } from "bun:test";
import { TrustedProxies } from "./trusted-proxies.ts";

describe("trusted proxies", () => {
  const proxies = new TrustedProxies(["10.0.0.0/8", "192.0.2.7", "fd00::/8"]);
  const address = (peer: string, header: string | null) => proxies.client(peer, header).address;

  test("without the header, or from somebody else, the peer is the client", () => {
    expect(address("10.1.1.1", null)).toBe("10.1.1.1");
    expect(address("203.0.113.1", "198.51.100.1")).toBe("203.0.113.1");
    expect(address("192.0.2.8", "198.51.100.1")).toBe("192.0.2.8");
  });

  test("the last hop that is not trusted is the client; what it claims does not count", () => {
    expect(address("10.1.1.1", "198.51.100.1")).toBe("198.51.100.1");
    expect(address("10.1.1.1", "6.6.6.6, 198.51.100.1, 192.0.2.7, 10.2.2.2")).toBe("198.51.100.1");
    expect(address("::ffff:10.1.1.1", "::ffff:198.51.100.1")).toBe("198.51.100.1");
    expect(address("fd12::1", "2001:db8::5")).toBe("2001:db8::5");
  });

  test("where all hops are trusted, the first is the client; rubbish ends the search", () => {
    expect(address("10.1.1.1", "10.3.3.3, 10.2.2.2")).toBe("10.3.3.3");
    expect(address("10.1.1.1", "unknown")).toBe("10.1.1.1");
    expect(address("10.1.1.1", "198.51.100.1, , 10.2.2.2")).toBe("10.2.2.2");
    expect(address("10.1.1.1", "")).toBe("10.1.1.1");
  });

  test("ports are dropped", () => {
    expect(address("10.1.1.1", "198.51.100.1:4711")).toBe("198.51.100.1");
    expect(address("10.1.1.1", "[2001:db8::5]:4711")).toBe("2001:db8::5");
  });

  test("a range that trusts strangers is refused", () => {
    for (const entry of ["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/7", "::/0", "2000::/3", "::ffff:0.0.0.0/0"])
      expect(() => new TrustedProxies([entry]), entry).toThrow(`${entry} would let strangers`);
    new TrustedProxies(["10.0.0.0/8", "fc00::/7", "104.16.0.0/13"]);
  });

  test("an entry that is none is named", () => {
    for (const entry of ["10.0.0.0/33", "10.0.0.0/", "example.com", "::/129", "10.0.0.0/-1", ""])
      expect(() => new TrustedProxies([entry])).toThrow(entry);
  });
});
