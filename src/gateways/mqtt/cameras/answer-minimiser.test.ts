import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { unsafeIn } from "../../../../test/mqtt/support/safe-answer.ts";
import { minimiseAnswer } from "./answer-minimiser.ts";

const folder = new URL("../../../../test/support/sdp/", import.meta.url);
const chromium = readFileSync(new URL("chromium-answer.sdp", folder), "utf8");
const candidate = (n: number, rest = "typ host"): string =>
  `a=candidate:7 1 UDP ${1000 - n} 192.0.2.${n % 250} ${5000 + n} ${rest} generation 0 network-cost 999`;
const withLines = (...lines: string[]): string => `${chromium.trimEnd()}\r\n${lines.join("\r\n")}\r\n`;

function minimised(sdp: string): string {
  const result = minimiseAnswer(sdp);
  if (!result.ok) throw new Error(result.error);
  expect(unsafeIn(result.value)).toBeUndefined();
  return result.value;
}

test("Chromium's answer keeps sections, mids, the first codec of each, and what DTLS and ICE need", () => {
  const sdp = minimised(chromium);
  for (const name of ["ice-ufrag", "ice-pwd", "setup", "fingerprint"])
    expect(sdp.match(new RegExp(`^a=${name}:`, "gm"))).toHaveLength(1);
  const sections = (text: string) => text.match(/^m=\w+/gm);
  expect(sections(sdp)).toEqual(sections(chromium));
  expect(sdp.match(/^a=mid:.*$/gm)).toEqual(chromium.replaceAll("\r", "").match(/^a=mid:.*$/gm));
  expect(sdp).not.toMatch(/extmap|rtcp-fb|msid/);
});

test("of many candidates the ten best by UDP stay, each with a foundation of its own; mDNS names go", () => {
  const many = Array.from({ length: 40 }, (_, n) => candidate(n));
  const sdp = minimised(
    withLines(
      "a=candidate:1 1 UDP 9999 3b1c.local 5000 typ host",
      "a=candidate:2 1 TCP 9999 192.0.2.9 9 typ host tcptype active",
      "a=candidate:3 1 UDP 9999 192.0.2.9 9999 typ prflx",
      ...many,
    ),
  );
  const kept = sdp.match(/^a=candidate:.*$/gm) ?? [];
  expect(kept).toHaveLength(10);
  expect(kept.join()).not.toMatch(/local|tcp|prflx/);
  expect(kept.map((line) => line.split(" ")[0])).toEqual(
    Array.from({ length: 10 }, (_, n) => `a=candidate:${n + 1}`),
  );
});

test("of each type one stays, and what has IPv6 gives way", () => {
  const hosts = Array.from({ length: 20 }, (_, n) => candidate(n));
  const relay = "a=candidate:9 1 udp 5 198.51.100.1 3478 typ relay raddr 0.0.0.0 rport 0";
  const ipv6 = "a=candidate:8 1 udp 9999 2001:db8::1 5000 typ host";
  const name = `a=candidate:7 1 udp 9999 ${"n".repeat(46)} 5000 typ host`;
  const kept = minimised(withLines(ipv6, name, ...hosts, relay)).match(/^a=candidate:.*$/gm) ?? [];
  expect(kept).toHaveLength(10);
  expect(kept.at(-1)).toContain("198.51.100.1 3478 typ relay");
  expect(kept.join()).not.toMatch(/2001:db8|nnn/);
});

test("an answer that can't be made safe is refused", () => {
  for (const [name, sdp] of [
    ["no description", "hello"],
    ["no fingerprint", chromium.replaceAll(/a=fingerprint.*\r\n/g, "")],
    ["another hash", chromium.replaceAll("sha-256", "sha-512")],
    [
      "a long fmtp",
      chromium.replace(/a=rtpmap:(\d+)(.*)\r\n/, `a=rtpmap:$1$2\r\na=fmtp:$1 x=${"y".repeat(300)}\r\n`),
    ],
    ["a long mid", chromium.replace(/a=mid:.*/, `a=mid:${"m".repeat(300)}`)],
  ] as const)
    expect({ name, ok: minimiseAnswer(sdp).ok }).toEqual({ name, ok: false });
});

test("whatever is put into an answer, it is safe or refused", () => {
  const line = fc.oneof(
    fc.nat(300).map((n) => candidate(n)),
    fc.string({ maxLength: 300 }).map((text) => `a=${text.replaceAll(/[\r\n]/g, "")}`),
    fc.constantFrom(
      "m=audio 9 UDP/TLS/RTP/SAVPF 0 8",
      "m=video 0 UDP/TLS/RTP/SAVPF 96",
      "a=ssrc:1 cname:x",
      "a=mid:a",
    ),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 60 }), (lines) => {
      const result = minimiseAnswer(withLines(...lines));
      if (result.ok) expect(unsafeIn(result.value)).toBeUndefined();
    }),
    { numRuns: 300 },
  );
});
