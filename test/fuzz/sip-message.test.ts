import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { parseAuthorization } from "../../src/gateways/sip/authorization.ts";
import { addresses, type SipMessage } from "../../src/gateways/sip/message.ts";
import { messageLimits } from "../../src/gateways/sip/message-limits.ts";
import { sessionDescription } from "../../src/gateways/sip/multipart.ts";
import { refusal } from "../../src/gateways/sip/parse-error.ts";
import { parseMessage } from "../../src/gateways/sip/parser.ts";
import { acceptObjection, contentObjection, objection } from "../../src/gateways/sip/sanity.ts";
import { serializeBytes, serializeText } from "../../src/gateways/sip/serializer.ts";
import { StreamFraming } from "../../src/gateways/sip/stream-framing.ts";
import { mutatedText } from "./mutation.ts";
import type { Random } from "./random.ts";
import { chance, fuzzRounds, rounds } from "./target.ts";

const messages = fuzzRounds(2_000);
/** Messages of one stream. */
const streamed = 5;
const streams = fuzzRounds(100, streamed);
const encoder = new TextEncoder();
const folder = join(dirname(createRequire(import.meta.url).resolve("sip/package.json")), "test", "messages");
const valid = readdirSync(folder)
  .filter((name) => name.endsWith(".dat"))
  .map((name) => readFileSync(join(folder, name)).toString());
/** What is worth putting somewhere. */
const words = [
  "\r\n",
  "\r\n ",
  ",",
  ";",
  '"',
  "<",
  ">",
  "\\",
  "%",
  "%0",
  "=",
  ":",
  "@",
  "\0",
  "é",
  " ",
  "[",
  "99999999999",
];

function broken(random: Random): string {
  let text = random.pick(valid);
  for (let times = random.int(1, 4); times > 0; times--) {
    const at = random.int(0, text.length);
    const word = random.pick(words);
    if (random.chance(0.2)) text = mutatedText(random, text);
    else
      text =
        text.slice(0, at) + (random.chance(0.1) ? word.repeat(random.int(2, 500)) : word) + text.slice(at);
  }
  return text;
}

/** Everything that reads a message once it is one. */
function use(message: SipMessage): void {
  for (const name of ["Contact", "Route", "Record-Route", "P-Asserted-Identity"]) addresses(message, name);
  parseAuthorization(message.headers.get("Authorization") ?? "");
  sessionDescription(message);
  if (message.kind === "response") return;
  objection(message, { methods: ["INVITE"], extensions: [] });
  contentObjection(message, ["application/sdp"]);
  acceptObjection(message, "application/sdp");
}

describe("SIP", () => {
  test("whatever comes is a message or a typed error, never an exception", () => {
    const random = chance(1);
    let taken = 0;
    for (const run of rounds(messages)) {
      const text = broken(random);
      try {
        const parsed = parseMessage(random.chance(0.5) ? text : encoder.encode(text));
        if (parsed.ok) {
          taken++;
          use(parsed.value);
        } else {
          expect(parsed.error.reason).not.toBe("");
          const answer = refusal(parsed.error);
          // A broken value goes back as it came, so the answer need not be right; it must have a head, and an end.
          if (answer !== undefined) expect(answer.endsWith("\r\n\r\n")).toBe(true);
        }
      } catch (error) {
        throw new Error(`run ${run}: ${JSON.stringify(text).slice(0, 2_000)}`, { cause: error });
      }
    }
    // Some are right still: otherwise this tests nothing behind the first check.
    expect(taken).toBeGreaterThan(messages / 20);
  });

  test("what is taken means the same after it was written", () => {
    const random = chance(2);
    for (const run of rounds(messages)) {
      const text = broken(random);
      const first = parseMessage(text);
      if (!first.ok) continue;
      const again = parseMessage(serializeText(first.value) ?? serializeBytes(first.value));
      const where = `run ${run}: ${JSON.stringify(text).slice(0, 2_000)}`;
      if (!again.ok) throw new Error(`${where}: ${again.error.reason}`);
      const { headers: _one, ...rest } = first.value;
      const { headers: _other, ...restAgain } = again.value;
      try {
        expect(restAgain).toEqual(rest as typeof restAgain);
        expect(serializeBytes(again.value)).toEqual(serializeBytes(first.value));
      } catch (error) {
        throw new Error(where, { cause: error });
      }
    }
  });

  test("a stream of anything keeps no more than one message, and ends in the same way whatever its chunks", () => {
    const random = chance(3);
    for (const _ of rounds(streams, streamed)) {
      const stream = encoder.encode(Array.from({ length: streamed }, () => broken(random)).join(""));
      const cutUp = (size: () => number) => {
        const framing = new StreamFraming();
        const got: string[] = [];
        const taker = {
          message: (bytes: Uint8Array) => void got.push(Buffer.from(bytes).toString("latin1")),
          ping: () => void got.push("ping"),
        };
        for (let at = 0; at < stream.length; ) {
          const end = at + size();
          const fault = framing.push(stream.slice(at, end), taker);
          expect(framing.pending).toBeLessThanOrEqual(messageLimits.message);
          if (fault !== undefined) return [...got, fault.reason];
          at = end;
        }
        return got;
      };
      expect(cutUp(() => random.int(1, 200))).toEqual(cutUp(() => stream.length));
    }
  });

  test("the worst that fits takes no more than its length: were it squared, this would not end in time", () => {
    const head = (line: string) =>
      `INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/WS c;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n${line}\r\n\r\n`;
    const lines = [
      ...words.flatMap((word) => [
        `Contact: ${word.repeat(8_000)}`,
        `X: ${word.repeat(30_000)}`,
        `${word.repeat(30_000)}: x`,
        `Contact: <sip:a@b>${`;a${word}`.repeat(3_000)}`,
      ]),
      "X: a\r\n b".repeat(3_500),
      "X: a\r\n".repeat(5_000),
      `Contact: ${'"a",'.repeat(2_000)}`,
      `Contact: ${"<sip:a@b>,".repeat(800)}`,
      `Via: ${"SIP/2.0/UDP a,".repeat(580)}`,
      `Contact: <sip:${"%41".repeat(2_600)}@b>`,
      `Content-Type: multipart/mixed;boundary=-\r\n\r\n${"\r\n--".repeat(8_000)}`,
    ];
    for (const line of lines)
      for (let times = 0; times < 5; times++) {
        const parsed = parseMessage(head(line).slice(0, messageLimits.message));
        if (parsed.ok) use(parsed.value);
      }
  });
});
