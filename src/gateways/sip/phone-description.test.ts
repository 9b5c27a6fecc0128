import { expect, test } from "bun:test";
import { formatDescription } from "../../wire/sdp/description.ts";
import { answerFor } from "../answer-on-behalf.ts";
import { phoneDescription } from "./phone-description.ts";

const session = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "t=0 0"];
const text = (...lines: readonly string[]) => [...session, ...lines, ""].join("\r\n");
const completed = (...said: Parameters<typeof phoneDescription>) =>
  formatDescription(phoneDescription(...said)!);

test("a phone's one section gets a name and a BUNDLE group of its own", () => {
  const audio = ["m=audio 5000 UDP/TLS/RTP/SAVPF 96", "a=rtpmap:96 opus/48000/2"];
  expect(completed(text(...audio))).toBe(text("a=group:BUNDLE 0", ...audio, "a=mid:0"));
});

test("an answer has the names of its offer, and a group of what it took", () => {
  const offer = text(
    "a=group:BUNDLE a v",
    "m=audio 9 RTP/SAVPF 96",
    "a=mid:a",
    "m=video 9 RTP/SAVPF 97",
    "a=mid:v",
  );
  const answer = completed(text("m=audio 5000 RTP/SAVPF 96", "m=video 0 RTP/SAVPF 97"), { offer });
  expect(answer).toBe(
    text(
      ...["a=group:BUNDLE a", "m=audio 5000 RTP/SAVPF 96", "a=mid:a"],
      ...["m=video 0 RTP/SAVPF 97", "a=inactive", "a=mid:v"],
    ),
  );
});

test("the role that an answer leaves open is the one that the phone has, or that of who answers", () => {
  const open = text("a=setup:actpass", "m=audio 5000 RTP/SAVPF 96", "a=mid:0");
  expect(completed(open)).toBe(open);
  expect(completed(open, { offer: open })).toContain("a=setup:active");
  for (const [before, role] of [
    ["actpass", "passive"],
    ["passive", "passive"],
    ["active", "active"],
  ] as const) {
    const said = phoneDescription(open.replace("actpass", before));
    expect(completed(open, { offer: open, before: said })).toContain(`a=setup:${role}`);
  }
});

test("several sections that are not bundled stay so; who names its sections is let alone", () => {
  const both = ["m=audio 5000 RTP/SAVPF 96", "m=video 5002 RTP/SAVPF 97"];
  expect(completed(text(...both))).not.toContain("BUNDLE");
  const named = text("m=audio 5000 RTP/SAVPF 96", "a=mid:x");
  expect(completed(named)).toBe(named);
  expect(phoneDescription("nonsense")).toBeUndefined();
});

test("who refuses an offer is answered for in the role that it has, wherever it said so", () => {
  const said = phoneDescription(text("a=setup:actpass", "m=audio 5000 RTP/SAVPF 96"));
  const offer = phoneDescription(text("a=setup:actpass", "m=audio 9 RTP/SAVPF 96"));
  expect(answerFor(offer, said, 2)).toContain("a=setup:passive");
});
