import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { parseMessage } from "../../src/gateways/sip/parser.ts";
import type { Figures } from "./scenarios.ts";

const require = createRequire(import.meta.url);
const sdp = readFileSync(new URL("../support/sdp/chromium-offer.sdp", import.meta.url), "utf8");

/** An INVITE as JsSIP 3.13.8 sends it from Chromium: 13 headers and an offer of audio, video and data. */
const invite = [
  "INVITE sip:bob@example.com SIP/2.0",
  "Via: SIP/2.0/WS 8q391i2pcgeh.invalid;branch=z9hG4bK6404764",
  "Max-Forwards: 69",
  "To: <sip:bob@example.com>",
  'From: "Alice" <sip:alice@example.com>;tag=2h8prq1o4l',
  "Call-ID: c1tl4sq865699e3qvg0b",
  "CSeq: 42 INVITE",
  "Contact: <sip:v9d2m7rd@8q391i2pcgeh.invalid;transport=ws;ob>",
  "Content-Type: application/sdp",
  "Session-Expires: 90",
  "Allow: INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY,SUBSCRIBE",
  "Supported: timer,ice,replaces,outbound",
  "User-Agent: JsSIP 3.13.8",
  `Content-Length: ${Buffer.byteLength(sdp)}`,
  "",
  sdp,
].join("\r\n");

export const sipParsers = ["switchboard", "jssip", "sip.js", "sip"] as const;
type SipParser = (typeof sipParsers)[number];

/** Each parser with what makes sure that it understood the message. */
const parsers: Record<SipParser, () => () => boolean> = {
  switchboard: () => () => {
    const parsed = parseMessage(invite);
    return parsed.ok && parsed.value.cseq.sequence === 42 && parsed.value.body.length === sdp.length;
  },
  jssip: () => {
    // It takes itself to be in a browser.
    Object.assign(globalThis, { window: globalThis });
    const { parseMessage: parse } = require("jssip/lib/Parser.js");
    Reflect.deleteProperty(globalThis, "window");
    return () => {
      const message = parse(invite, {});
      return message.cseq === 42 && message.from.uri.user === "alice" && message.body.length === sdp.length;
    };
  },
  "sip.js": () => {
    const { Parser } = require("sip.js/lib/core/messages/parser.js");
    const logger = { error: () => {}, warn: () => {}, log: () => {}, debug: () => {} };
    return () => {
      const message = Parser.parseMessage(invite, logger);
      return message.cseq === 42 && message.from.uri.user === "alice" && message.body.length === sdp.length;
    };
  },
  sip: () => {
    const { parse } = require("sip");
    return () => {
      const message = parse(invite);
      return message.headers.cseq.seq === 42 && message.content.length === sdp.length;
    };
  },
};

/** Microseconds of CPU to parse one INVITE, in this process, whatever else the machine does. `measure`: for how many seconds. */
export function sipParse(name: SipParser, { measure }: { readonly measure: number }): Figures {
  const parse = parsers[name]();
  const run = (seconds: number): number => {
    const before = process.cpuUsage();
    const end = performance.now() + seconds * 1_000;
    let count = 0;
    while (performance.now() < end)
      for (let n = 0; n < 50; n++, count++)
        if (!parse()) throw new Error(`${name} did not understand the INVITE`);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / count;
  };
  run(measure / 4);
  return { microseconds: run(measure / 2) };
}
