import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import {
  attributes,
  bundle,
  direction,
  iceCredentials,
  inherited,
  isRejected,
  mediaLine,
  mid,
} from "./attributes.ts";
import { parseCandidate, type TrickleCandidate } from "./candidate.ts";
import { addCandidates, stripCandidates, withDefaultCandidates } from "./candidates.ts";
import { formatDescription, parseDescription, type SessionDescription } from "./description.ts";
import { formatFragment, fragmentType, parseFragment } from "./fragment.ts";
import { holdAnswer, turnedDown } from "./local-answer.ts";
import { offerChange } from "./offer-change.ts";
import { unbundledAnswer } from "./unbundled-answer.ts";

/** What Chromium 156 wrote, on a machine with one IPv4 and one IPv6 address. */
function chromium(name: string): string {
  return readFileSync(new URL(`../../../test/support/sdp/chromium-${name}`, import.meta.url), "utf8");
}

function parsed(text: string): SessionDescription {
  const description = parseDescription(text);
  if (description === undefined) throw new Error("no description");
  return description;
}

const read = (name: string) => parsed(chromium(`${name}.sdp`));
const names = [
  "offer",
  "offer-before-candidates",
  "answer",
  "hold-offer",
  "ice-restart-offer",
  "added-video-offer",
  "answerer-hold-offer",
  "answerer-ice-restart-offer",
];
const candidates: TrickleCandidate[] = JSON.parse(chromium("candidates.json"));
const small = (lines: string) => `v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n${lines}`;

describe("descriptions", () => {
  test("Chromium's are the same after reading and writing", () => {
    for (const name of names) expect(formatDescription(read(name))).toBe(chromium(`${name}.sdp`));
  });

  test("LF is read, CRLF is written", () => {
    const text = chromium("offer.sdp");
    expect(formatDescription(parsed(text.replaceAll("\r\n", "\n")))).toBe(text);
    expect(formatDescription(parsed(text.trimEnd()))).toBe(text);
  });

  test("what is none", () => {
    for (const wrong of [
      "",
      "o=- 1 1 IN IP4 0.0.0.0",
      "v=1\r\n",
      small("\r\na=x"),
      small("A=x"),
      small("hello"),
      small("m=audio 9 RTP/AVP 0\r\n".repeat(33)),
      small(`a=x:${"y".repeat(65_536)}`),
      small("a=x\r\n".repeat(5_000)),
    ])
      expect(parseDescription(wrong)).toBeUndefined();
    expect(parseDescription(small("m=audio 9 RTP/AVP 0\r\n".repeat(32)))?.media).toHaveLength(32);
  });

  test("what sections say", () => {
    const offer = read("offer");
    expect(offer.media.map((section) => mediaLine(section).kind)).toEqual(["audio", "video", "application"]);
    expect(offer.media.map(mid)).toEqual(["0", "1", "2"]);
    expect(bundle(offer)).toEqual(["0", "1", "2"]);
    expect(offer.media.map((section) => direction(offer, section))).toEqual([
      "sendrecv",
      "sendrecv",
      "sendrecv",
    ]);
    expect(new Set(offer.media.map((section) => iceCredentials(offer, section)?.ufrag)).size).toBe(1);
    expect(offer.media.some(isRejected)).toBe(false);
    expect(inherited(offer, offer.media[0]!, "setup")).toBe("actpass");
  });

  test("what the session says is said of its sections", () => {
    const text =
      "a=ice-ufrag:u\r\na=ice-pwd:p\r\na=setup:actpass\r\na=recvonly\r\nm=audio 9 RTP/AVP 0\r\nm=video 0 RTP/AVP 31\r\n";
    const description = parsed(small(text));
    const [audio, video] = description.media;
    expect(iceCredentials(description, audio!)).toEqual({ ufrag: "u", pwd: "p" });
    expect(direction(description, audio!)).toBe("recvonly");
    expect(isRejected(video!)).toBe(true);
    expect(mid(audio!)).toBeUndefined();
    expect(bundle(description)).toEqual([]);
  });
});

describe("candidates", () => {
  test("Chromium's own, trickled and put in, are those of its full description", () => {
    const before = read("offer-before-candidates");
    const { description, dropped } = addCandidates(before, candidates, false);
    expect(dropped).toBe(0);
    const full = read("offer");
    for (const [index, section] of description.media.entries()) {
      // What trickles names its generation, what stands in a description doesn't.
      const found = attributes(section.lines, "candidate").map((value) => value.replace(/ ufrag \S+/, ""));
      expect(found.sort()).toEqual(attributes(full.media[index]!.lines, "candidate").sort());
    }
  });

  test("the default candidate is where Chromium puts it", () => {
    const { description } = addCandidates(read("offer-before-candidates"), candidates, true);
    const chosen = withDefaultCandidates(description);
    for (const [index, section] of read("offer").media.entries()) {
      const lines = chosen.media[index]!.lines;
      expect(lines[0]).toBe(section.lines[0]!);
      expect(lines.find((line) => line.startsWith("c="))).toBe(
        section.lines.find((line) => line.startsWith("c="))!,
      );
      expect(lines.at(-1)).toBe("a=end-of-candidates");
    }
  });

  test("relayed before reflexive before host; never TCP, mDNS or RTCP", () => {
    const lines = [
      "candidate:1 1 udp 2122262783 192.0.2.1 5000 typ host",
      "candidate:2 1 udp 1685987071 198.51.100.1 5001 typ srflx raddr 192.0.2.1 rport 5000",
      "candidate:3 1 tcp 9999999999 192.0.2.1 9 typ relay raddr 0.0.0.0 rport 0 tcptype active",
      "candidate:4 2 udp 9999999999 203.0.113.9 6001 typ relay raddr 0.0.0.0 rport 0",
      "candidate:5 1 udp 41885439 2001:db8::1 6002 typ relay raddr 0.0.0.0 rport 0",
      "candidate:6 1 udp 999 0e8a6f2e-0000.local 6003 typ relay raddr 0.0.0.0 rport 0",
    ];
    const put = (some: readonly string[]) => {
      const trickled = some.map((candidate) => ({ candidate, sdpMLineIndex: 0 }));
      const { description, dropped } = addCandidates(
        parsed(small("m=audio 9 RTP/AVP 0\r\ni=mic\r\n")),
        trickled,
        false,
      );
      return [dropped, ...withDefaultCandidates(description).media[0]!.lines.slice(0, 3)];
    };
    expect(put(lines.slice(0, 1))).toEqual([0, "m=audio 5000 RTP/AVP 0", "i=mic", "c=IN IP4 192.0.2.1"]);
    expect(put(lines.slice(0, 4))).toEqual([0, "m=audio 5001 RTP/AVP 0", "i=mic", "c=IN IP4 198.51.100.1"]);
    expect(put(lines)).toEqual([0, "m=audio 6002 RTP/AVP 0", "i=mic", "c=IN IP6 2001:db8::1"]);
    expect(put(lines.slice(5))).toEqual([
      0,
      "m=audio 9 RTP/AVP 0",
      "i=mic",
      "a=candidate:6 1 udp 999 0e8a6f2e-0000.local 6003 typ relay raddr 0.0.0.0 rport 0",
    ]);
  });

  test("taken out, they can be put in again", () => {
    const offer = read("offer");
    const { description, candidates: found, complete } = stripCandidates(offer);
    expect(complete).toBe(false);
    expect(found).toHaveLength(
      attributes(
        offer.media.flatMap(({ lines }) => lines),
        "candidate",
      ).length,
    );
    expect(found[0]).toMatchObject({
      sdpMid: "0",
      sdpMLineIndex: 0,
      usernameFragment: iceCredentials(offer, offer.media[0]!)!.ufrag,
    });
    const again = addCandidates(description, found, true).description;
    const sorted = ({ media }: SessionDescription) =>
      media.map(({ lines }) => lines.filter((line) => line !== "a=end-of-candidates").sort());
    expect(sorted(again)).toEqual(sorted(offer));
    expect(stripCandidates(again).complete).toBe(true);
  });

  test("what is of another generation, of no section, or no candidate is dropped", () => {
    const before = read("offer-before-candidates");
    const [good] = candidates;
    const bad: TrickleCandidate[] = [
      { ...good!, usernameFragment: "other" },
      { candidate: good!.candidate.replace(/ufrag \S+/, "ufrag other"), sdpMid: "0" },
      { ...good!, sdpMid: "7" },
      { candidate: good!.candidate, sdpMid: null, sdpMLineIndex: 3 },
      { ...good!, candidate: "candidate:1 1 udp" },
      { ...good!, candidate: `${good!.candidate} ${"x".repeat(600)}` },
    ];
    expect(addCandidates(before, bad, true)).toEqual({ description: before, dropped: bad.length });
    expect(addCandidates(before, [{ candidate: "", sdpMid: "0" }], false).dropped).toBe(0);
    const twice = addCandidates(before, [good!, good!], false).description;
    expect(attributes(twice.media[0]!.lines, "candidate")).toHaveLength(1);
    const many = Array.from({ length: 100 }, (_, port) => ({
      candidate: `candidate:1 1 udp 1 192.0.2.1 ${port} typ host`,
      sdpMid: "1",
    }));
    expect(addCandidates(before, many, false).dropped).toBe(36);
  });

  test("fields", () => {
    expect(
      parseCandidate(
        "a=candidate:1 1 UDP 2122194687 192.0.2.2 53463 typ host generation 0 ufrag Q0FV network-id 1",
      ),
    ).toEqual({
      component: 1,
      transport: "udp",
      priority: 2_122_194_687,
      address: "192.0.2.2",
      port: 53_463,
      type: "host",
      ufrag: "Q0FV",
    });
    for (const wrong of [
      "",
      "candidate:",
      "1 1 udp 1 a 70000 typ host",
      "1 0 udp 1 a 1 typ host",
      "1 1 udp 1 a 1 type host",
      "1 1 udp x a 1 typ host",
    ])
      expect(parseCandidate(wrong)).toBeUndefined();
  });
});

describe("offers of an established call", () => {
  test("Chromium's hold, ICE restart and added video are told apart", () => {
    const offer = read("offer");
    expect(offerChange(offer, offer)).toBe("direction-only");
    expect(offerChange(offer, read("hold-offer"))).toBe("direction-only");
    expect(offerChange(offer, read("ice-restart-offer"))).toBe("ice-restart");
    expect(offerChange(offer, read("added-video-offer"))).toBe("media-change");
    expect(offerChange(read("added-video-offer"), offer)).toBe("media-change");
    // The one who had answered offers; its last description is that answer.
    expect(offerChange(read("answer"), read("answerer-hold-offer"))).toBe("direction-only");
    expect(offerChange(read("answer"), read("answerer-ice-restart-offer"))).toBe("ice-restart");
  });

  test("a section turned off, other formats, another kind", () => {
    const text = chromium("offer.sdp");
    const change = (from: RegExp | string, to: string) =>
      offerChange(parsed(text), parsed(text.replace(from, to)));
    expect(change(/m=video \d+/, "m=video 0")).toBe("media-change");
    expect(change("SAVPF 111 63", "SAVPF 111")).toBe("media-change");
    expect(change("m=video", "m=audio")).toBe("media-change");
    expect(change("a=mid:1", "a=mid:x")).toBe("media-change");
    expect(change("BUNDLE 0 1 2", "BUNDLE 0 1")).toBe("media-change");
    const anew = parsed(
      text.replaceAll(/a=ice-ufrag:.*/g, "a=ice-ufrag:anew").replace(/m=video \d+/, "m=video 0"),
    );
    expect(offerChange(parsed(text), anew)).toBe("ice-restart");
    expect(offerChange(parsed(text.replace("SAVPF 111 63", "SAVPF 111")), parsed(text))).toBe(
      "direction-only",
    );
  });
});

describe("answers in the name of a peer", () => {
  test("hold and resume", () => {
    const answer = read("answer");
    const held = holdAnswer(read("hold-offer"), answer, 3);
    expect(held.media.map((section) => direction(held, section))).toEqual([
      "recvonly",
      "recvonly",
      "sendrecv",
    ]);
    expect(held.session[1]).toMatch(/^o=- \d+ 3 IN IP4 127\.0\.0\.1$/);
    const resumed = holdAnswer(read("offer"), answer, 4);
    expect(resumed.media).toEqual(answer.media);
  });

  test("who had offered keeps the DTLS role that it got", () => {
    const offer = read("offer");
    const held = holdAnswer(read("answerer-hold-offer"), offer, 9, "passive");
    expect(held.media.map((section) => direction(held, section))).toEqual([
      "inactive",
      "recvonly",
      "sendrecv",
    ]);
    expect(held.media.map((section) => inherited(held, section, "setup"))).toEqual([
      "passive",
      "passive",
      "passive",
    ]);
  });

  test("nothing is given that the peer did not", () => {
    const last = parsed(small("m=audio 9 RTP/AVP 0\r\na=recvonly\r\nm=video 9 RTP/AVP 31\r\na=inactive\r\n"));
    const offer = parsed(
      small("m=audio 9 RTP/AVP 0\r\na=sendrecv\r\nm=video 9 RTP/AVP 31\r\na=sendrecv\r\n"),
    );
    const answer = holdAnswer(offer, last, 2);
    expect(answer.media.map((section) => direction(answer, section))).toEqual(["recvonly", "inactive"]);
    const held = holdAnswer(
      parsed(small("m=audio 9 RTP/AVP 0\r\na=recvonly\r\nm=video 9 RTP/AVP 31\r\n")),
      last,
      2,
    );
    expect(held.media.map((section) => direction(held, section))).toEqual(["inactive", "inactive"]);
  });

  test("a section that is turned down keeps its place, its name and its protocol", () => {
    const refused = read("offer").media.map(turnedDown);
    expect(refused.every(isRejected)).toBe(true);
    expect(refused.map(mid)).toEqual(["0", "1", "2"]);
    expect(refused.map((section) => mediaLine(section).protocol)).toEqual([
      "UDP/TLS/RTP/SAVPF",
      "UDP/TLS/RTP/SAVPF",
      "UDP/DTLS/SCTP",
    ]);
  });
});

describe(fragmentType, () => {
  test("what sections and the session say", () => {
    const fragment = parseFragment(
      "a=group:BUNDLE 1 2\r\na=ice-pwd:asd88fgpdd777uzjYhagZg\r\na=ice-ufrag:8hhY\r\n" +
        "m=audio 9 RTP/AVP 0\r\na=mid:1\r\na=candidate:1 1 UDP 2130706432 2001:db8:a0b:12f0::1 5000 typ host\r\n" +
        "a=candidate:3 1 UDP 1685987071 192.0.2.1 4234 typ srflx raddr 192.0.2.9 rport 5555\r\n" +
        "m=audio 9 RTP/AVP 0\r\na=mid:2\r\na=end-of-candidates\r\n",
    );
    expect(fragment).toEqual({
      candidates: [
        {
          candidate: "candidate:1 1 UDP 2130706432 2001:db8:a0b:12f0::1 5000 typ host",
          sdpMid: "1",
          usernameFragment: "8hhY",
        },
        {
          candidate: "candidate:3 1 UDP 1685987071 192.0.2.1 4234 typ srflx raddr 192.0.2.9 rport 5555",
          sdpMid: "1",
          usernameFragment: "8hhY",
        },
      ],
      complete: true,
      ufrag: "8hhY",
      pwd: "asd88fgpdd777uzjYhagZg",
    });
  });

  test("written and read again", () => {
    const some = candidates
      .slice(0, 6)
      .map(({ candidate, sdpMid = null }) => ({ candidate, sdpMid, usernameFragment: "u" }));
    const fragment = { candidates: some, complete: true, ufrag: "u", pwd: "p" };
    expect(parseFragment(formatFragment(fragment))).toEqual(fragment as ReturnType<typeof parseFragment>);
    const end = { candidates: [], complete: true, ufrag: undefined, pwd: undefined };
    expect(formatFragment(end)).toBe("a=end-of-candidates\r\n");
    expect(parseFragment(formatFragment(end))).toEqual(end);
  });

  test("what is none", () => {
    for (const wrong of [
      "hello",
      "v=0\r\n",
      "a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n",
      "a=mid:0\r\na=candidate:x\r\n",
      "a=x\r\n".repeat(600),
    ])
      expect(parseFragment(wrong)).toBeUndefined();
  });
});

describe("the answer of an end that knows no BUNDLE", () => {
  const offer = parsed(chromium("offer-before-candidates.sdp"));
  const bundled = parsed(chromium("answer.sdp"));
  const answer = { ...bundled, session: bundled.session.filter((line) => !line.startsWith("a=group:")) };

  test("has one section of an offer with one transport", () => {
    const fits = unbundledAnswer(answer, offer);
    expect(fits.media.map(isRejected)).toEqual(answer.media.map((_, index) => index > 0));
    expect(bundle(fits)).toEqual([mid(answer.media[0]!)!]);
    const later = { ...answer, media: answer.media.with(0, turnedDown(answer.media[0]!)) };
    expect(bundle(unbundledAnswer(later, offer))).toEqual([mid(answer.media[1]!)!]);
  });

  test("keeps the sections that have a transport of their own in the offer", () => {
    const media = offer.media.map(({ lines }, index) => ({
      lines: lines.map((line) => line.replace(/^a=ice-ufrag:.*/, `a=ice-ufrag:own${index}`)),
    }));
    expect(unbundledAnswer(answer, { ...offer, media })).toEqual(answer);
  });

  test("keeps the sections that have candidates in the offer, and is left alone where it bundles", () => {
    const media = offer.media.map(({ lines }) => ({
      lines: [...lines, "a=candidate:1 1 udp 1 192.0.2.1 9 typ host"],
    }));
    expect(unbundledAnswer(answer, { ...offer, media })).toEqual(answer);
    expect(unbundledAnswer(bundled, offer)).toBe(bundled);
  });
});
