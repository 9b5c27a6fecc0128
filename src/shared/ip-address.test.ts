import { describe, expect, test } from "bun:test";
import { isIP } from "node:net";
import fc from "fast-check";
import { AddressBlock } from "./address-block.ts";
import { formatAddress, parseAddress, unmapped } from "./ip-address.ts";

describe("addresses", () => {
  test("every address survives format and parse, and the platform agrees", () => {
    const zeros = fc.oneof(fc.constant(0), fc.constant(0), fc.nat(255));
    const any = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.array(zeros, { minLength: 16, maxLength: 16 }).map((bytes) => Uint8Array.from(bytes)),
    );
    fc.assert(
      fc.property(any, (bytes) => {
        const text = formatAddress(bytes);
        expect(isIP(text)).toBe(bytes.length === 4 ? 4 : 6);
        expect(parseAddress(text)).toEqual(bytes);
      }),
    );
  });

  test("IPv6 is written as RFC 5952 says", () => {
    const canonical = (text: string): string => formatAddress(parseAddress(text) as Uint8Array);
    expect(canonical("2001:DB8:0:0:1:0:0:1")).toBe("2001:db8::1:0:0:1");
    expect(canonical("2001:db8:0:1:1:1:1:1")).toBe("2001:db8:0:1:1:1:1:1");
    expect(canonical("0:0:0:0:0:0:0:0")).toBe("::");
    expect(canonical("0:0:0:0:0:0:0:1")).toBe("::1");
    expect(canonical("1:0:0:0:0:0:0:0")).toBe("1::");
    expect(canonical("fe80::1%eth0")).toBe("fe80::1");
    expect(canonical("::ffff:7f00:1")).toBe("::ffff:127.0.0.1");
  });

  test("what is no address is none", () => {
    const wrong = [
      "",
      "1.2.3",
      "1.2.3.4.5",
      "1.2.3.256",
      "01.2.3.4",
      "1.2.3.4 ",
      "::1::",
      ":1",
      "1:2:3:4:5:6:7:8:9",
    ];
    for (const text of [...wrong, "1:2:3:4:5:6:7::8", "12345::", "::1.2.3", "::g", "localhost"])
      expect(parseAddress(text)).toBeUndefined();
  });

  test("mapped IPv4 is unwrapped, nothing else", () => {
    expect(unmapped(parseAddress("::ffff:10.1.2.3") as Uint8Array)).toEqual(Uint8Array.of(10, 1, 2, 3));
    expect(unmapped(parseAddress("::10.1.2.3") as Uint8Array)).toHaveLength(16);
    expect(unmapped(parseAddress("1::ffff:10.1.2.3") as Uint8Array)).toHaveLength(16);
  });
});

describe("AddressBlock", () => {
  const inside = (block: string, address: string): boolean | undefined =>
    AddressBlock.parse(block)?.contains(parseAddress(address) as Uint8Array);

  test("contains its range and nothing beside it", () => {
    expect(inside("172.16.0.0/12", "172.16.0.0")).toBe(true);
    expect(inside("172.16.0.0/12", "172.31.255.255")).toBe(true);
    expect(inside("172.16.0.0/12", "172.32.0.0")).toBe(false);
    expect(inside("172.16.0.0/12", "172.15.255.255")).toBe(false);
    expect(inside("fe80::/10", "febf::1")).toBe(true);
    expect(inside("fe80::/10", "fec0::1")).toBe(false);
    expect(inside("0.0.0.0/0", "255.1.2.3")).toBe(true);
    expect(inside("0.0.0.0/0", "::")).toBe(false);
    expect(inside("10.1.2.3", "10.1.2.3")).toBe(true);
    expect(inside("10.1.2.3", "10.1.2.2")).toBe(false);
  });

  test("bits below the prefix don't matter, and it says what it is", () => {
    expect(String(AddressBlock.parse("10.9.8.7/8"))).toBe("10.0.0.0/8");
    expect(String(AddressBlock.parse("2001:db8:ff::/33"))).toBe("2001:db8::/33");
  });

  test("what is no range is none", () => {
    for (const text of [
      "10.0.0.0/33",
      "::/129",
      "10.0.0.0/",
      "10.0.0.0/-1",
      "10.0.0.0/8/8",
      "10.0.0.0/1e1",
      "x/8",
    ])
      expect(AddressBlock.parse(text)).toBeUndefined();
  });
});
