import { describe, expect, test } from "bun:test";
import { addressGroup, canonicalAddress, isLoopback, TrustedProxies } from "./client-address.ts";

test("one spelling per address", () => {
  const spellings: [string, string | undefined][] = [
    ["127.0.0.1", "127.0.0.1"],
    ["::ffff:127.0.0.1", "127.0.0.1"],
    ["::ffff:7f00:1", "127.0.0.1"],
    ["::FFFF:192.0.2.1", "192.0.2.1"],
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["fe80::1%eth0", "fe80::1"],
    ["::1", "::1"],
    ["", undefined],
    ["localhost", undefined],
    ["1.2.3", undefined],
    ["1.2.3.4:80", undefined],
  ];
  for (const [text, canonical] of spellings) expect(canonicalAddress(text), text).toBe(canonical as string);
});

test("loopback", () => {
  for (const address of ["127.0.0.1", "127.255.0.3", "::1"]) expect(isLoopback(address)).toBe(true);
  for (const address of ["128.0.0.1", "::2", "0.0.0.0", "127.evil.example", ""])
    expect(isLoopback(address)).toBe(false);
});

test("groups", () => {
  expect(addressGroup("192.0.2.1")).toBe("192.0.2.1");
  expect(addressGroup("2001:db8::1")).toBe("2001:db8:0:0::/64");
  expect(addressGroup("2001:db8:1:2:3:4:5:6")).toBe("2001:db8:1:2::/64");
  expect(addressGroup("::1")).toBe("0:0:0:0::/64");
  expect(addressGroup("1::")).toBe("1:0:0:0::/64");
});

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

  test("an entry that is none is named", () => {
    for (const entry of ["10.0.0.0/33", "10.0.0.0/", "example.com", "::/129", "10.0.0.0/-1", ""])
      expect(() => new TrustedProxies([entry])).toThrow(entry);
  });
});
