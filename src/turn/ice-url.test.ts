import { expect, test } from "bun:test";
import { parseIceUrl } from "./ice-url.ts";

test("URLs of RFC 7064 and RFC 7065, with what they leave out", () => {
  const cases = [
    ["stun:example.org", "stun", "example.org", 3478, "udp"],
    ["STUNS:example.org", "stun", "example.org", 5349, "tls"],
    ["turn:192.0.2.1:3479", "turn", "192.0.2.1", 3479, "udp"],
    ["turn:[2001:db8::1]:80?transport=tcp", "turn", "2001:db8::1", 80, "tcp"],
    ["turns:example.org?transport=tcp", "turn", "example.org", 5349, "tls"],
    ["turns:example.org:443", "turn", "example.org", 443, "tls"],
    ["turns:example.org?transport=udp", "turn", "example.org", 5349, "dtls"],
  ] as const;
  for (const [text, scheme, host, port, transport] of cases)
    expect(parseIceUrl(text)).toEqual({ scheme, host, port, transport });
});

test("anything else is none", () => {
  for (const text of [
    ...["", "turn:", "http://example.org", "turn:a b", "turn:example.org:0", "turn:example.org:65536"],
    ...["turn://example.org", "turn:2001:db8::1", "turn:example.org?transport=sctp", "turn:a@example.org"],
  ])
    expect(parseIceUrl(text)).toBeUndefined();
});
