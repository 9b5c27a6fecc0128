import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { attributes, mediaLine } from "../../wire/sdp/attributes.ts";
import { parseDescription } from "../../wire/sdp/description.ts";
import type { AgreedCodec, CodecName, PublishedTrack, ViewedTrack } from "../negotiated.ts";
import type { LocalTransport, StreamInfo } from "../service.ts";
import { answerPublisher, answerViewer, formatCandidate } from "./answer.ts";
import { type MediaOffer, parseOffer } from "./offer.ts";
import { publishedTracks, viewedTracks } from "./tracks.ts";

const local: LocalTransport = {
  ufrag: "AbCd",
  pwd: "0123456789abcdef01234567",
  fingerprint: `sha-256 ${Array(32).fill("0A").join(":")}`,
  candidates: [
    { protocol: "udp", address: "203.0.113.7", port: 5000 },
    { protocol: "udp", address: "2001:db8::7", port: 5000 },
    { protocol: "tcp", address: "203.0.113.7", port: 5000 },
  ],
};

function text(name: string): string {
  return readFileSync(new URL(`../../../test/support/media-offers/${name}.sdp`, import.meta.url), "utf8");
}

function offerOf(name: string): MediaOffer {
  const offer = parseOffer(text(name));
  if (!offer.ok) throw new Error(offer.error.detail);
  return offer.value;
}

function published(name: string, preference?: readonly CodecName[]): PublishedTrack[] {
  const tracks = publishedTracks(offerOf(name), preference);
  if (!tracks.ok) throw new Error(tracks.error.detail);
  return tracks.value;
}

/** What somebody who publishes like this sends. */
function streamOf(name: string, preference?: readonly CodecName[]): StreamInfo["codecs"] {
  const of = (kind: string): AgreedCodec | undefined =>
    published(name, preference).find((track) => track.kind === kind)?.codecs[0];
  const [audio, video] = [of("audio"), of("video")];
  return { ...(audio === undefined ? {} : { audio }), ...(video === undefined ? {} : { video }) };
}

function viewed(name: string, stream: StreamInfo["codecs"]): ViewedTrack[] {
  let ssrc = 1_000;
  const tracks = viewedTracks(offerOf(name), stream, () => ssrc++);
  if (!tracks.ok) throw new Error(tracks.error.detail);
  return tracks.value;
}

/** The lines of each section of an answer, after a check of what every answer has. */
function sections(answer: string): (readonly string[])[] {
  const description = parseDescription(answer);
  if (description === undefined) throw new Error(answer);
  expect(description.session).toContain("a=ice-lite");
  const used = description.media.filter((one) => mediaLine(one).port !== "0");
  const candidates = used.map((one) => attributes(one.lines, "candidate").length);
  expect(candidates).toEqual([3, ...Array(used.length - 1).fill(0)]);
  for (const { lines } of used) {
    for (const line of ["a=rtcp-mux", "a=ice-ufrag:AbCd", `a=fingerprint:${local.fingerprint}`])
      expect(lines).toContain(line);
    expect(lines.filter((line) => /^a=(sendonly|recvonly|inactive|sendrecv)$/.test(line))).toHaveLength(1);
    // Every payload type of the m= line has its rtpmap, and no other has one.
    const types = attributes(lines, "rtpmap").map((value) => value.split(" ")[0]);
    expect(types.toSorted()).toEqual(mediaLine({ lines }).formats.split(" ").toSorted());
  }
  return description.media.map(({ lines }) => lines);
}

describe("publishers", () => {
  test("Chromium, one layer", () => {
    const [audio, video] = published("chromium-publish");
    expect(audio).toMatchObject({ kind: "audio", mid: "0", rids: [], extensions: { audioLevel: 1, mid: 4 } });
    expect(audio?.codecs).toEqual([
      {
        name: "opus",
        payloadType: 111,
        clockRate: 48_000,
        parameters: "minptime=10;useinbandfec=1",
        red: 63,
        nack: false,
        pli: false,
        fir: false,
        remb: false,
        transportFeedback: true,
      },
    ]);
    expect(video?.codecs[0]).toMatchObject({
      name: "vp8",
      payloadType: 96,
      repair: 97,
      nack: true,
      pli: true,
      fir: true,
      remb: true,
      transportFeedback: true,
    });
    expect(new Set(video?.codecs.map(({ name }) => name))).toEqual(new Set(["vp8", "h264", "av1", "vp9"]));
    expect(video?.codecs.every(({ repair }) => repair !== undefined)).toBe(true);
    expect(video?.ssrcs).toHaveLength(1);
    expect(video?.repairs).toHaveLength(1);
    expect(video?.repairs[0]?.[0]).toBe(video?.ssrcs[0] ?? 0);
    expect(video?.extensions).toMatchObject({ absoluteSendTime: 2, transportSequence: 3, mid: 4 });
    // A sender without this extension turns the picture itself.
    expect(video?.extensions.videoOrientation).toBeUndefined();
  });

  test("Chromium, simulcast", () => {
    const tracks = published("chromium-simulcast");
    const [, video] = tracks;
    expect(video).toMatchObject({ rids: ["l", "m", "h"], ssrcs: [], repairs: [] });
    expect(video?.extensions).toMatchObject({ mid: 4, rid: 10, repairedRid: 11, dependencyDescriptor: 12 });
    const [, lines = []] = sections(answerPublisher(offerOf("chromium-simulcast"), tracks, local, 2_500_000));
    expect(lines).toContain("a=recvonly");
    expect(lines).toContain("a=simulcast:recv l;m;h");
    expect(lines.filter((line) => line.startsWith("a=rid:"))).toEqual([
      "a=rid:l recv",
      "a=rid:m recv",
      "a=rid:h recv",
    ]);
    expect(lines).toContain("a=rtcp-rsize");
    expect(lines).toContain("a=setup:passive");
    expect(lines).toContain("b=AS:2500");
    expect(lines).toContain("a=rtcp-fb:96 transport-cc");
  });

  test("Firefox, simulcast: extensions of one direction are answered with the other", () => {
    const tracks = published("firefox-simulcast");
    expect(tracks[1]).toMatchObject({
      rids: ["h", "m", "l"],
      extensions: { rid: 8, repairedRid: 9, mid: 3 },
    });
    // The mode without fragments is no use: payload type 97.
    expect(tracks[1]?.codecs.map(({ payloadType }) => payloadType)).toEqual([120, 121, 126, 99]);
    const [audio = [], video = []] = sections(answerPublisher(offerOf("firefox-simulcast"), tracks, local));
    expect(audio).toContain("a=fmtp:109 useinbandfec=1;stereo=1;maxplaybackrate=48000");
    expect(video).toContain("a=extmap:8/recvonly urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id");
    expect(video).toContain("a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid");
  });

  test("OBS: the transport is that of the session, and tracks are told apart by SSRC", () => {
    const offer = offerOf("obs");
    expect(offer.transport).toMatchObject({ ufrag: "p2Fz", dtlsRole: "server" });
    const tracks = published("obs");
    expect(tracks.map(({ ssrcs }) => ssrcs)).toEqual([[1_918_246_071], [1_918_246_072]]);
    expect(tracks[1]?.codecs).toMatchObject([{ name: "h264", payloadType: 96, nack: true, pli: true }]);
    const [audio = []] = sections(answerPublisher(offer, tracks, local));
    expect(audio).toContain(
      "a=fmtp:111 minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1;maxaveragebitrate=96000",
    );
    expect(audio).not.toContain("a=rtcp-rsize");
  });

  test("FFmpeg is the DTLS server, so that the answer is active", () => {
    const offer = offerOf("ffmpeg");
    expect(offer.transport.dtlsRole).toBe("client");
    const tracks = published("ffmpeg");
    expect(tracks[1]).toMatchObject({ ssrcs: [1_734_297_622], codecs: [{ name: "h264", payloadType: 106 }] });
    const answer = sections(answerPublisher(offer, tracks, local));
    for (const lines of answer) expect(lines).toContain("a=setup:active");
    // It takes the first candidate, and that must be UDP.
    expect(attributes(answer[0] ?? [], "candidate")[0]).toContain(" udp ");
  });

  test("FFmpeg with video alone still lists both sections in BUNDLE", () => {
    const [before = "", , video = ""] = text("ffmpeg").split(/(?=^m=)/m);
    const offer = parseOffer(before + video);
    expect(offer).toMatchObject({ ok: true, value: { media: [{ kind: "video", mid: "1" }] } });
    if (!offer.ok) return;
    const tracks = publishedTracks(offer.value);
    if (!tracks.ok) throw new Error(tracks.error.detail);
    expect(answerPublisher(offer.value, tracks.value, local)).toContain("a=group:BUNDLE 1\r\n");
  });

  test("aiortc: the strongest fingerprint alone, repair streams by FID", () => {
    const offer = offerOf("aiortc");
    expect(offer.transport.fingerprints).toHaveLength(1);
    expect(offer.transport.fingerprints[0]).toStartWith("sha-512 00:03:06:09:0C:");
    const [, video] = published("aiortc");
    expect(video?.ssrcs).toEqual([1_207_846_330]);
    expect(video?.repairs).toEqual([[1_207_846_330, 3_319_562_517]]);
  });

  test("GStreamer: words as mids, a bundle-only section, codec names in capitals", () => {
    const tracks = published("gstreamer");
    expect(tracks.map(({ mid }) => mid)).toEqual(["video0", "audio1"]);
    expect(tracks[0]?.codecs[0]?.parameters).toBe("packetization-mode=1;profile-level-id=42c01f");
    const answer = answerPublisher(offerOf("gstreamer"), tracks, local);
    expect(answer).toContain("a=group:BUNDLE video0 audio1");
    for (const lines of sections(answer)) expect(lines[0]).toContain(" 5000 ");
  });

  test("codecs that the settings name come first, of H.264 the constrained baseline", () => {
    const [, video] = published("chromium-publish", ["h264", "av1"]);
    const names = video?.codecs.map(({ name }) => name) ?? [];
    expect([...new Set(names)]).toEqual(["h264", "av1", "vp8", "vp9"]);
    expect(video?.codecs[0]?.parameters).toContain("profile-level-id=42e01f");
    const answer = answerPublisher(
      offerOf("chromium-publish"),
      published("chromium-publish", ["h264"]),
      local,
    );
    expect(answer).toMatch(/m=video 5000 UDP\/TLS\/RTP\/SAVPF 108 /);
  });

  test("RED that the offer has before Opus stays before it, so that it is what the publisher sends", () => {
    const changed = text("chromium-publish").replace("SAVPF 111 63 ", "SAVPF 63 111 ");
    const offer = parseOffer(changed);
    if (!offer.ok) throw new Error(offer.error.detail);
    const tracks = publishedTracks(offer.value);
    if (!tracks.ok) throw new Error(tracks.error.detail);
    expect(answerPublisher(offer.value, tracks.value, local)).toContain("SAVPF 63 111\r\n");
    expect(answerPublisher(offerOf("chromium-publish"), published("chromium-publish"), local)).toContain(
      "SAVPF 111 63\r\n",
    );
  });

  test("layers by SSRCs: those of the SIM group in its order, without repairs and error correction", () => {
    const lines = [
      "a=ssrc-group:FID 30 31",
      "a=ssrc-group:SIM 10 20 30",
      "a=ssrc-group:FID 10 11",
      "a=ssrc-group:FEC-FR 10 12",
      ...[10, 11, 12, 20, 30, 31].map((ssrc) => `a=ssrc:${ssrc} cname:x`),
    ];
    const offer = parseOffer(
      text("ffmpeg")
        .replace(/a=ssrc:1734297622 cname:FFmpeg\r\n/, `${lines.join("\r\n")}\r\n`)
        .replace(/a=ssrc:1734297622.*\r\n/, ""),
    );
    if (!offer.ok) throw new Error(offer.error.detail);
    const tracks = publishedTracks(offer.value);
    expect(tracks).toMatchObject({ value: [{}, { ssrcs: [10, 20, 30] }] });
    expect(tracks.ok && tracks.value[1]?.repairs.toSorted()).toEqual([
      [10, 11],
      [30, 31],
    ]);
  });

  test("data channels are turned down, and inactive sections are kept", () => {
    const data = [
      "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
      "c=IN IP4 0.0.0.0",
      "a=mid:2",
      "a=sctp-port:5000",
      "",
    ];
    const silent = text("chromium-publish").replace("a=sendonly", "a=inactive") + data.join("\r\n");
    const offer = parseOffer(silent);
    if (!offer.ok) throw new Error(offer.error.detail);
    const tracks = publishedTracks(offer.value);
    if (!tracks.ok) throw new Error(tracks.error.detail);
    expect(tracks.value.map(({ kind }) => kind)).toEqual(["video"]);
    const [audio = [], , application = []] = sections(answerPublisher(offer.value, tracks.value, local));
    expect(audio).toContain("a=inactive");
    expect(application[0]).toBe("m=application 0 UDP/DTLS/SCTP webrtc-datachannel");
  });
});

describe("viewers", () => {
  test("Chromium gets one MediaStream, RTX, REMB and playout delay, but no transport-wide feedback", () => {
    const tracks = viewed("chromium-view", streamOf("chromium-publish"));
    expect(tracks.map(({ ssrc, repairSsrc }) => [ssrc, repairSsrc])).toEqual([
      [1_000, 1_001],
      [1_002, 1_003],
    ]);
    expect(tracks[1]?.extensions).toMatchObject({ mid: 4, absoluteSendTime: 2, playoutDelay: 5 });
    expect(tracks[1]?.extensions.transportSequence).toBeUndefined();
    expect(tracks[1]?.codecs[0]).toMatchObject({ name: "vp8", transportFeedback: false, remb: true });
    const answer = answerViewer(offerOf("chromium-view"), tracks, local);
    const [audio = [], video = []] = sections(answer);
    expect(answer).not.toContain("transport-");
    expect(video).toContain("a=sendonly");
    expect(video).toContain("a=msid:live video");
    expect(audio).toContain("a=msid:live audio");
    expect(video).toContain("a=ssrc-group:FID 1002 1003");
    expect(video).toContain("a=ssrc:1003 cname:switchboard");
    expect(audio).toContain("a=ssrc:1000 cname:switchboard");
    expect(audio.join()).not.toContain("FID");
    expect(video).toContain("a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay");
  });

  test("the codec of the stream comes first, and the others follow in case the publisher changes", () => {
    const [, video] = viewed("firefox-view", streamOf("chromium-publish", ["av1"]));
    expect(video?.codecs.map(({ name }) => name)).toEqual(["av1", "vp8", "vp9", "h264"]);
    expect(viewed("firefox-view", streamOf("obs"))[1]?.codecs[0]?.name).toBe("h264");
  });

  test("of H.264 the same profile comes first, then the closest", () => {
    const profile = (name: string): string | undefined =>
      /profile-level-id=(\w+)/.exec(
        viewed("chromium-view", streamOf(name))[1]?.codecs[0]?.parameters ?? "",
      )?.[1];
    expect(profile("obs")).toBe("42e01f");
    expect(profile("ffmpeg")).toBe("4d001f");
    // Firefox has no other than the constrained baseline: it decodes more than it offers.
    expect(viewed("firefox-view", streamOf("ffmpeg"))[1]?.codecs[0]?.payloadType).toBe(126);
  });

  test("an extension that the viewer only receives is answered as one that is only sent", () => {
    const tracks = viewed("firefox-view", streamOf("obs"));
    expect(tracks[1]?.extensions.playoutDelay).toBe(6);
    const [, video = []] = sections(answerViewer(offerOf("firefox-view"), tracks, local));
    expect(video).toContain("a=extmap:6/sendonly http://www.webrtc.org/experiments/rtp-hdrext/playout-delay");
  });

  test("an id that means another extension in each section of the offer means one in the answer", () => {
    // aiortc 1.4 counts from 1 in each section.
    const offer = parseOffer(text("aiortc").replace("a=extmap:3 ", "a=extmap:2 "));
    if (!offer.ok) throw new Error(offer.error.detail);
    const tracks = viewedTracks(offer.value, streamOf("chromium-publish"), () => 1);
    if (!tracks.ok) throw new Error(tracks.error.detail);
    expect(tracks.value.map(({ extensions }) => extensions)).toEqual([
      { mid: 1 },
      { mid: 1, absoluteSendTime: 2 },
    ]);
    const answer = answerViewer(offer.value, tracks.value, local);
    expect(answer.match(/a=extmap:2 \S+/g)).toEqual([
      "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    ]);
  });

  test("viewers of sound or picture alone", () => {
    const stream = streamOf("chromium-publish");
    const offer = (from: string, to: string): MediaOffer => {
      const parsed = parseOffer(from.replace("a=recvonly", to));
      if (!parsed.ok) throw new Error(parsed.error.detail);
      return parsed.value;
    };
    const onlyVideo = offer(text("chromium-view"), "a=inactive");
    const tracks = viewedTracks(onlyVideo, stream, () => 1);
    expect(tracks).toMatchObject({ ok: true, value: [{ kind: "video" }] });
    if (!tracks.ok) return;
    expect(sections(answerViewer(onlyVideo, tracks.value, local))[0]).toContain("a=inactive");
    const [session = "", audio = ""] = text("chromium-view").split(/(?=^m=)/m);
    const onlyAudio = offer(session.replace("BUNDLE 0 1", "BUNDLE 0") + audio, "a=recvonly");
    expect(viewedTracks(onlyAudio, stream, () => 1)).toMatchObject({ ok: true, value: [{ kind: "audio" }] });
  });

  test("what the stream does not have is inactive", () => {
    const { audio } = streamOf("chromium-publish");
    if (audio === undefined) throw new Error("no audio");
    const tracks = viewed("chromium-view", { audio });
    expect(tracks.map(({ kind }) => kind)).toEqual(["audio"]);
    expect(sections(answerViewer(offerOf("chromium-view"), tracks, local))[1]).toContain("a=inactive");
  });
});

describe("refusals", () => {
  const good = text("chromium-publish");
  const cases: readonly (readonly [string, string, number, RegExp])[] = [
    ["nothing", "", 400, /not a session description/],
    ["JSON", '{"sdp":"v=0"}', 400, /not a session description/],
    ["no media", good.split("m=")[0] ?? "", 400, /no m= section/],
    ["10,000 sections", good + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n".repeat(10_000), 422, /more than 8/],
    [
      "two videos",
      good + (good.split(/(?=^m=)/m)[2] ?? "").replace("a=mid:1", "a=mid:2"),
      422,
      /more than one video/,
    ],
    ["the same mid twice", good.replace("a=mid:1", "a=mid:0"), 400, /same a=mid/],
    ["a NUL in an m= line", `${good}m=audi\0 0 UDP/TLS/RTP/SAVPF 97\r\n`, 400, /byte/],
    ["no mid", good.replace("a=mid:1\r\n", ""), 400, /a=mid/],
    ["no rtcp-mux", good.replace("a=rtcp-mux\r\n", ""), 422, /a=rtcp-mux/],
    ["no BUNDLE", good.replace("a=group:BUNDLE 0 1\r\n", ""), 422, /BUNDLE/],
    ["half a BUNDLE", good.replace("BUNDLE 0 1", "BUNDLE 0"), 422, /video section is not in the BUNDLE/],
    ["plain RTP", good.replaceAll("UDP/TLS/RTP/SAVPF", "RTP/AVP"), 422, /profile RTP\/AVP/],
    ["an unknown profile", good.replaceAll("UDP/TLS/RTP/SAVPF", "QUIC/\u0007X"), 422, /profile QUIC\/\?X/],
    ["no fingerprint", good.replaceAll(/a=fingerprint.*\r\n/g, ""), 400, /no a=fingerprint/],
    ["a short fingerprint", good.replaceAll(/(a=fingerprint:sha-256 ..:)..:/g, "$1"), 400, /malformed/],
    ["a fingerprint of letters", good.replaceAll(/(a=fingerprint:sha-256 )../g, "$1XY"), 400, /malformed/],
    [
      "SHA-1",
      good.replaceAll(/a=fingerprint:.*/g, `a=fingerprint:sha-1 ${Array(20).fill("AB").join(":")}`),
      422,
      /sha-256/,
    ],
    ["no ufrag", good.replaceAll(/a=ice-ufrag.*\r\n/g, ""), 400, /ice-ufrag/],
    ["a short password", good.replaceAll(/a=ice-pwd.*/g, "a=ice-pwd:short"), 400, /ice-pwd/],
    ["no setup", good.replaceAll(/a=setup.*\r\n/g, ""), 400, /a=setup/],
    ["holdconn", good.replaceAll("a=setup:actpass", "a=setup:holdconn"), 400, /a=setup/],
    ["another ICE-lite", good.replace("t=0 0", "t=0 0\r\na=ice-lite"), 422, /ice-lite/],
    ["all rejected", good.replaceAll(/^m=(\w+) \d+/gm, "m=$1 0"), 422, /no audio or video section in use/],
  ];
  for (const [name, offer, status, detail] of cases)
    test(name, () => {
      const parsed = parseOffer(offer);
      expect(parsed).toMatchObject({ ok: false, error: { status } });
      expect(parsed.ok ? "" : parsed.error.detail).toMatch(detail);
    });

  test("no codec in common", () => {
    const h261 = parseOffer(good.replaceAll(/(VP8|VP9|AV1|H264)\/90000/g, "H261/90000"));
    if (!h261.ok) throw new Error(h261.error.detail);
    expect(publishedTracks(h261.value)).toMatchObject({ ok: false, error: { status: 406 } });
    const { video } = streamOf("chromium-publish", ["av1"]);
    const refused = viewedTracks(offerOf("aiortc"), video === undefined ? {} : { video }, () => 1);
    expect(refused).toMatchObject({ ok: false, error: { status: 406 } });
    expect(refused.ok ? "" : refused.error.detail).toContain("sends av1 video");
  });

  test("nothing to send, nothing to receive, nothing of what there is", () => {
    const stream = streamOf("chromium-publish");
    expect(publishedTracks(offerOf("chromium-view"))).toMatchObject({ ok: false, error: { status: 422 } });
    expect(viewedTracks(offerOf("obs"), stream, () => 1)).toMatchObject({
      ok: false,
      error: { status: 422 },
    });
    expect(viewedTracks(offerOf("chromium-view"), {}, () => 1)).toMatchObject({
      ok: false,
      error: { status: 406 },
    });
  });

  test("a single section needs no BUNDLE group", () => {
    const [session = "", audio = ""] = text("chromium-view").split(/(?=^m=)/m);
    expect(parseOffer(session.replace("a=group:BUNDLE 0 1\r\n", "") + audio).ok).toBe(true);
  });
});

test("fingerprints of the section count before those of the session, and MD5 never", () => {
  const session = `a=fingerprint:sha-256 ${Array(32).fill("11").join(":")}\r\n`;
  const weak = `a=fingerprint:md5 ${Array(16).fill("22").join(":")}\r\n`;
  const offer = parseOffer(
    text("chromium-publish").replace("m=audio", `${session}m=audio`).replace("a=setup", `${weak}a=setup`),
  );
  expect(offer.ok && offer.value.transport.fingerprints).toHaveLength(1);
  expect(offer.ok && offer.value.transport.fingerprints[0]).not.toContain("11:11:11");
});

test("candidates: UDP before TCP, the first before the second (RFC 8445 §5.1.2, RFC 6544 §4.2)", () => {
  const lines = local.candidates.map(formatCandidate);
  expect(lines).toEqual([
    "candidate:1 1 udp 2130706431 203.0.113.7 5000 typ host",
    "candidate:2 1 udp 2130706175 2001:db8::7 5000 typ host",
    "candidate:3 1 tcp 1520434687 203.0.113.7 5000 typ host tcptype passive",
  ]);
});

test("the dependency descriptor is for viewers who take long header extensions, and both ends are told that they may be sent", () => {
  const uri = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
  const asked = text("chromium-view").replace(/(a=mid:1\r\n)/, `$1a=extmap:12 ${uri}\r\n`);
  const answerTo = (sdp: string): string => {
    const offer = parseOffer(sdp);
    if (!offer.ok) throw new Error(offer.error.detail);
    const tracks = viewedTracks(offer.value, streamOf("chromium-publish"), () => 1);
    if (!tracks.ok) throw new Error(tracks.error.detail);
    return answerViewer(offer.value, tracks.value, local);
  };
  const answer = answerTo(asked);
  expect(answer).toContain(`a=extmap:12 ${uri}`);
  expect(answer).toContain("a=extmap-allow-mixed\r\n");
  const short = answerTo(asked.replace("a=extmap-allow-mixed\r\n", ""));
  expect(short).not.toContain(uri);
  expect(short).not.toContain("extmap-allow-mixed");
});
