import { expect, test } from "bun:test";
import { addressGroup, canonicalAddress, isLoopback } from "./client-address.ts";

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
