import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { answerPublisher, answerViewer } from "../../src/media/sdp/answer.ts";
import { parseOffer } from "../../src/media/sdp/offer.ts";
import { pushOffer, readPushAnswer } from "../../src/media/sdp/push-offer.ts";
import { publishedTracks, viewedTracks } from "../../src/media/sdp/tracks.ts";
import type { LocalTransport, StreamInfo } from "../../src/media/service.ts";
import { attributes, isRejected, mediaLine, mid } from "../../src/wire/sdp/attributes.ts";
import { parseDescription } from "../../src/wire/sdp/description.ts";
import { mutatedText } from "./mutation.ts";
import type { Random } from "./random.ts";
import { chance, fuzzRounds, rounds } from "./target.ts";

const offers = fuzzRounds(2_000);
const answers = fuzzRounds(1_000);
/** Answers to one offer of ours. */
const answersEach = 10;
const folder = new URL("../support/media-offers/", import.meta.url);
const valid = readdirSync(folder)
  .filter((name) => name.endsWith(".sdp"))
  .map((name) => readFileSync(new URL(name, folder), "utf8"));
const lines = [
  "m=audio 9 UDP/TLS/RTP/SAVPF 111",
  "m=video 0 UDP/TLS/RTP/SAVPF 96 96 97",
  "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
  "m=",
  "a=mid:0",
  `a=mid:${"x".repeat(40)}`,
  "a=group:BUNDLE 0 1",
  "a=group:BUNDLE",
  "a=rtpmap:96 VP8/90000",
  "a=rtpmap:300 H264/90000",
  "a=rtpmap:111 opus/48000/2",
  "a=rtpmap:63 red/48000/2",
  "a=fmtp:63 111/111",
  "a=fmtp:97 apt=96",
  "a=fmtp:96 packetization-mode=1;profile-level-id=zzzzzz",
  `a=fmtp:96 ${"=;".repeat(500)}`,
  "a=rtcp-fb:* nack pli",
  "a=rtcp-fb:96 nack\rpli",
  "a=extmap:1/sendonly urn:ietf:params:rtp-hdrext:sdes:mid",
  "a=extmap:15 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
  "a=extmap:2 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
  "a=rid:h send pt=96;max-width=1280",
  "a=rid:h recv",
  "a=simulcast:send h,m;~l;;h recv x",
  "a=simulcast:",
  "a=ssrc:99999999999 cname:x",
  "a=ssrc-group:FID 1 1",
  "a=ssrc-group:SIM 1 2 3 4 5 6 7 8 9",
  "a=ssrc-group:FID",
  "a=setup:active",
  "a=setup:passive",
  "a=recvonly",
  "a=sendrecv",
  "a=inactive",
  "a=fingerprint:sha-256 00",
  "a=fingerprint:sha-1 00",
  "a=bundle-only",
  "a=ice-ufrag:x",
];
const local: LocalTransport = {
  ufrag: "AbCd",
  pwd: "0123456789abcdef01234567",
  fingerprint: `sha-256 ${Array(32).fill("0A").join(":")}`,
  candidates: [
    { protocol: "udp", address: "2001:db8::7", port: 5000 },
    { protocol: "tcp", address: "203.0.113.7", port: 5000 },
  ],
};

function broken(random: Random, text: string = random.pick(valid)): string {
  const all = text.split("\r\n");
  for (let times = random.int(0, 4); times > 0; times--) {
    const at = random.int(0, all.length - 1);
    const kind = random.int(0, 4);
    if (kind === 0) all.splice(at, 1);
    else if (kind === 1) all.splice(at, 0, random.pick(lines));
    else if (kind === 2) all.splice(random.int(0, all.length), 0, all[at] ?? "");
    else if (kind === 3) all[at] = mutatedText(random, all[at] ?? "");
    else all.splice(at, 0, ...random.pick(valid).split("\r\n").slice(random.int(0, 40), random.int(0, 40)));
  }
  return all.join(random.chance(0.9) ? "\r\n" : "\n");
}

/** What every answer must be, whatever the offer was. */
function check(answer: string, offered: string): void {
  const description = parseDescription(answer);
  const offer = parseDescription(offered);
  if (description === undefined || offer === undefined) throw new Error(`this is no answer: ${answer}`);
  // Nothing of the offer may add a line, or end one.
  expect(answer.replaceAll("\r\n", "")).not.toMatch(/[\r\n\0]/);
  expect(description.media.map((one) => mediaLine(one).kind)).toEqual(
    offer.media.map((one) => mediaLine(one).kind),
  );
  const used = description.media.filter((one) => !isRejected(one));
  expect(attributes(description.session, "group")).toEqual([`BUNDLE ${used.map(mid).join(" ")}`]);
  expect(used.filter(({ lines: own }) => attributes(own, "candidate").length > 0)).toHaveLength(1);
  for (const { lines: own } of used) {
    const types = mediaLine({ lines: own }).formats.split(" ");
    expect(new Set(types).size).toBe(types.length);
    expect(
      attributes(own, "rtpmap")
        .map((value) => value.split(" ")[0])
        .toSorted(),
    ).toEqual(types.toSorted());
    const extensions = attributes(own, "extmap").map((value) => /^\d+/.exec(value)?.[0]);
    expect(new Set(extensions).size).toBe(extensions.length);
  }
}

test("whatever is offered is refused with a reason, or becomes tracks and a whole answer", () => {
  const random = chance(1);
  const streams: StreamInfo["codecs"][] = valid.flatMap((text) => {
    const offer = parseOffer(text);
    const tracks = offer.ok ? publishedTracks(offer.value) : undefined;
    if (tracks?.ok !== true) return [];
    const codec = (kind: string) => tracks.value.find((track) => track.kind === kind)?.codecs[0];
    const [audio, video] = [codec("audio"), codec("video")];
    return [{ ...(audio && { audio }), ...(video && { video }) }];
  });
  expect(streams.length).toBeGreaterThan(5);
  let [published, viewed, refused] = [0, 0, 0];
  for (const run of rounds(offers)) {
    const text = broken(random);
    try {
      const offer = parseOffer(text);
      if (!offer.ok) {
        expect([400, 422]).toContain(offer.error.status);
        expect(offer.error.detail).toMatch(/^[\x20-\x7e§]{10,300}$/);
        refused++;
        continue;
      }
      const sent = publishedTracks(offer.value, random.pick([[], ["h264"], ["av1", "opus"]]));
      if (sent.ok) {
        published++;
        for (const { rids, ssrcs, repairs } of sent.value) {
          expect(rids.length).toBeLessThanOrEqual(4);
          expect(ssrcs.length).toBeLessThanOrEqual(4);
          for (const [ssrc] of repairs) expect(ssrcs).toContain(ssrc);
        }
        check(answerPublisher(offer.value, sent.value, local, 1_000), text);
      }
      let ssrc = 1;
      const received = viewedTracks(offer.value, random.pick(streams), () => ssrc++);
      if (received.ok) {
        viewed++;
        check(answerViewer(offer.value, received.value, local), text);
      }
    } catch (error) {
      throw new Error(`run ${run}: ${JSON.stringify(text).slice(0, 4_000)}`, { cause: error });
    }
  }
  for (const count of [published, viewed, refused]) expect(count).toBeGreaterThan(offers / 20);
});

/** An offer of ours for what somebody publishes, and a whole answer. */
function pushed(random: Random): [ReturnType<typeof pushOffer>, string] {
  for (;;) {
    const theirs = parseOffer(random.pick(valid));
    const published = theirs.ok ? publishedTracks(theirs.value) : undefined;
    if (published?.ok !== true) continue;
    let ssrc = 1;
    const offer = pushOffer(published.value, local, () => ssrc++);
    const sink = parseOffer(offer.sdp);
    const taken = sink.ok ? publishedTracks(sink.value) : undefined;
    if (!sink.ok || taken?.ok !== true) throw new Error(`our own server refuses ${offer.sdp}`);
    const answer = answerPublisher(sink.value, taken.value, local);
    expect(readPushAnswer(answer, offer)).toMatchObject({
      value: {
        candidates: local.candidates.flatMap(({ protocol, address, port }) =>
          protocol === "udp" ? [{ address, port }] : [],
        ),
      },
    });
    return [offer, answer];
  }
}

test("our own offers are whole, and whatever they are answered is refused with a reason, or becomes tracks and candidates", () => {
  const random = chance(2);
  let [read, refused] = [0, 0];
  let [offer, answer] = pushed(random);
  for (const run of rounds(answers)) {
    if (run % answersEach === 0) [offer, answer] = pushed(random);
    const text = broken(random, answer);
    const result = readPushAnswer(text, offer);
    if (result.ok) {
      read++;
      expect(result.value.candidates.length).toBeLessThanOrEqual(10);
      expect(result.value.tracks.length).toBeLessThanOrEqual(offer.tracks.length);
    } else {
      refused++;
      expect(result.error.length).toBeLessThan(400);
    }
  }
  for (const count of [read, refused]) expect(count).toBeGreaterThan(answers / 25);
});

test("the worst that fits takes no more than its length: were it squared, this would not end in time", () => {
  const start = valid[0]?.split(/(?=^m=)/m)[0] ?? "";
  const section = (worst: string): string => {
    const head = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=rtcp-mux\r\na=sendonly\r\n";
    return start + head + worst.repeat(Math.floor(60_000 / worst.length));
  };
  const worst = [
    ..."rtpmap:96 VP8/90000|fmtp:96 a=1;b=2|rtcp-fb:96 nack|ssrc:1 cname:x|ssrc-group:FID 1 2|rid:h send|extmap:1 x"
      .split("|")
      .map((line) => section(`a=${line}\r\n`)),
    section(`a=simulcast:send ${"h;".repeat(20_000)}\r\n`),
    section(`a=fmtp:96 ${"a=1;".repeat(10_000)}\r\n`),
    `${start}m=video 9 UDP/TLS/RTP/SAVPF${" 96".repeat(20_000)}\r\na=mid:0\r\na=rtcp-mux\r\n`,
    `${start}a=fingerprint:sha-256 ${"AB:".repeat(20_000)}\r\n`,
  ];
  for (const text of worst)
    for (let times = 0; times < 20; times++) {
      const offer = parseOffer(text);
      if (offer.ok) publishedTracks(offer.value);
    }
});
