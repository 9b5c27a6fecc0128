import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { answerFor, canAnswerOnBehalf } from "../../src/gateways/answer-on-behalf.ts";
import { direction } from "../../src/wire/sdp/attributes.ts";
import { addCandidates, stripCandidates, withDefaultCandidates } from "../../src/wire/sdp/candidates.ts";
import { formatDescription, parseDescription } from "../../src/wire/sdp/description.ts";
import { formatFragment, parseFragment } from "../../src/wire/sdp/fragment.ts";
import { holdAnswer, turnedDown } from "../../src/wire/sdp/local-answer.ts";
import { offerChange } from "../../src/wire/sdp/offer-change.ts";
import { mutatedText } from "./mutation.ts";
import type { Random } from "./random.ts";
import { chance, fuzzRounds, rounds } from "./target.ts";

const count = fuzzRounds(600);
const folder = new URL("../support/sdp/", import.meta.url);
const valid = readdirSync(folder)
  .filter((name) => name.endsWith(".sdp"))
  .map((name) => readFileSync(new URL(name, folder), "utf8"));
const lines = [
  "m=audio",
  "m=",
  "a=",
  "a=mid:",
  "a=group:BUNDLE",
  "a=candidate:",
  "a=candidate:1 1 udp 1 192.0.2.1 1 typ host",
  "a=end-of-candidates",
  "a=ice-ufrag:x",
  "c=",
  "o=",
  "a=inactive",
  "i=x",
  "a=bundle-only",
];

/** A description with lines added, removed, doubled or broken. */
function broken(random: Random): string {
  let text = random.pick(valid);
  for (let times = random.int(1, 5); times > 0; times--) {
    const all = text.split("\r\n");
    const at = random.int(0, all.length - 1);
    const kind = random.int(0, 3);
    if (kind === 0) all.splice(at, 1);
    else if (kind === 1) all.splice(at, 0, random.pick(lines));
    else if (kind === 2) all.splice(random.int(0, all.length), 0, all[at] ?? "");
    else all[at] = mutatedText(random, all[at] ?? "");
    text = all.join("\r\n");
  }
  return text;
}

describe("SDP", () => {
  test("whatever comes is a description or none, and what is made of it is one again", () => {
    const random = chance(1);
    let taken = 0;
    for (const run of rounds(count)) {
      const text = broken(random);
      try {
        const description = parseDescription(text);
        if (description === undefined) continue;
        taken++;
        const written = formatDescription(description);
        expect(parseDescription(written)).toEqual(description);
        const { description: bare, candidates } = stripCandidates(description);
        const other = parseDescription(random.pick(valid));
        if (other === undefined) throw new Error("a valid one is none");
        const made = [
          bare,
          addCandidates(bare, candidates, random.chance(0.5)).description,
          withDefaultCandidates(description),
          holdAnswer(description, other, 9, "active"),
          holdAnswer(other, description, 9),
          { session: description.session, media: description.media.map(turnedDown) },
        ];
        for (const one of made) {
          const again = parseDescription(formatDescription(one));
          expect(again).toEqual(one);
          for (const section of one.media) direction(one, section);
        }
        expect(bare.media).toHaveLength(description.media.length);
        const instead = answerFor(description, other, 3);
        if (instead !== undefined)
          expect(parseDescription(instead)?.media).toHaveLength(description.media.length);
        canAnswerOnBehalf(description, other);
        offerChange(description, other);
        expect(offerChange(description, description)).toBe("direction-only");
      } catch (error) {
        throw new Error(`run ${run}: ${JSON.stringify(text).slice(0, 3_000)}`, { cause: error });
      }
    }
    expect(taken).toBeGreaterThan(count / 4);
  });

  test("fragments", () => {
    const random = chance(2);
    for (const _ of rounds(count)) {
      const text = broken(random)
        .split("\r\n")
        .filter((line) => /^[am]=/.test(line))
        .join("\r\n");
      const fragment = parseFragment(text);
      if (fragment === undefined) continue;
      const again = parseFragment(formatFragment(fragment));
      expect(new Set(again?.candidates.map((one) => one.candidate))).toEqual(
        new Set(fragment.candidates.map((one) => one.candidate)),
      );
      expect(again?.complete).toBe(fragment.complete);
    }
  });

  test("the worst that fits takes no more than its length: were it squared, this would not end in time", () => {
    const start = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n";
    const worst = [
      `m=audio 9 RTP/AVP${" 0".repeat(30_000)}\r\n`,
      "a=x\r\n".repeat(4_000),
      "a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n".repeat(1_400),
      `m=audio 9 RTP/AVP 0\r\n${"a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n".repeat(1_400)}`,
      "m=audio 9 RTP/AVP 0\r\na=mid:x\r\n".repeat(32),
      `a=group:BUNDLE${" x".repeat(30_000)}\r\n${"m=audio 9 RTP/AVP 0\r\na=mid:x\r\n".repeat(32)}`,
    ];
    for (const text of worst)
      for (let times = 0; times < 10; times++) {
        const description = parseDescription(start + text);
        if (description === undefined) throw new Error("refused");
        const { description: bare, candidates } = stripCandidates(description);
        withDefaultCandidates(addCandidates(bare, candidates, true).description);
        offerChange(description, bare);
        holdAnswer(description, bare, 2);
      }
  });
});
