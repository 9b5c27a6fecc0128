import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { libpeerLimits, minimiseAnswer } from "./answer-minimiser.ts";

const folder = new URL("../../../../test/support/sdp/", import.meta.url);
const chromium = readFileSync(new URL("chromium-answer.sdp", folder), "utf8");
const candidate = (n: number, rest = "typ host"): string =>
  `a=candidate:7 1 UDP ${1000 - n} 192.0.2.${n % 250} ${5000 + n} ${rest} generation 0 network-cost 999`;
const withLines = (...lines: string[]): string => `${chromium.trimEnd()}\r\n${lines.join("\r\n")}\r\n`;

/** What the device's memory depends on. */
function expectSafe(sdp: string): void {
  const lines = sdp.split("\r\n");
  expect(lines.pop()).toBe("");
  expect(sdp.replaceAll("\r\n", "")).not.toContain("\n");
  for (const line of lines) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(libpeerLimits.line);
  const candidates = lines.filter((line) => line.startsWith("a=candidate:"));
  expect(candidates.length).toBeLessThanOrEqual(libpeerLimits.candidates);
  expect(new Set(candidates.map((line) => line.split(" ")[0])).size).toBe(candidates.length);
  for (const line of candidates)
    expect(line).toMatch(/^a=candidate:\d+ 1 udp \d+ \S+ \d+ typ (host|srflx|relay)/);
  const request = JSON.stringify({ jsonrpc: "2.0", id: 2 ** 31 - 1, method: "answer", params: sdp });
  expect(Buffer.byteLength(request)).toBeLessThanOrEqual(libpeerLimits.json);
  const prints = lines.filter((line) => line.startsWith("a=fingerprint:"));
  expect(prints).toHaveLength(1);
  expect(prints[0]).toMatch(/^a=fingerprint:sha-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
}

function minimised(sdp: string): string {
  const result = minimiseAnswer(sdp);
  if (!result.ok) throw new Error(result.error);
  expectSafe(result.value);
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
      if (result.ok) expectSafe(result.value);
    }),
    { numRuns: 300 },
  );
});
