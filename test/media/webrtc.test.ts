import { afterEach, describe, expect, test } from "bun:test";
import wrtc from "@roamhq/wrtc";
import { dtlsCrypto } from "../../src/net/dtls-crypto.ts";
import { fingerprintOf } from "../../src/wire/dtls/fingerprint.ts";
import { parseRtp } from "../../src/wire/rtp/packet.ts";
import { until } from "../support/until.ts";
import { liveWorker } from "./support/live-worker.ts";
import { rtpOf, workerCertificate } from "./support/test-peer.ts";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

const patience = 20_000;
const workerSsrc = 77_777;
/** The payload type of Opus in libwebrtc's offers. */
const opus = 111;

/** An answer by hand, to an offer of one m-line of audio: as much of SDP as the peer needs. */
function answerTo(offer: string, port: number, protocol: "udp" | "tcp", role: "client" | "server"): string {
  const mid = /a=mid:(\S+)/.exec(offer)?.[1] ?? "0";
  const candidate =
    protocol === "udp"
      ? `candidate:1 1 udp 2130706431 127.0.0.1 ${port} typ host`
      : `candidate:1 1 tcp 1518280447 127.0.0.1 ${port} typ host tcptype passive`;
  const lines = [
    "v=0",
    "o=- 1 1 IN IP4 127.0.0.1",
    "s=-",
    "t=0 0",
    "a=ice-lite",
    `a=group:BUNDLE ${mid}`,
    `m=audio 9 UDP/TLS/RTP/SAVPF ${opus}`,
    "c=IN IP4 0.0.0.0",
    `a=mid:${mid}`,
    "a=sendrecv",
    "a=rtcp-mux",
    `a=rtpmap:${opus} opus/48000/2`,
    `a=ssrc:${workerSsrc} cname:worker`,
    `a=ssrc:${workerSsrc} msid:stream track`,
    "a=ice-ufrag:workerUfrag",
    "a=ice-pwd:worker-password-0123456789",
    `a=fingerprint:${fingerprintOf(workerCertificate.der, dtlsCrypto)}`,
    `a=setup:${role === "server" ? "passive" : "active"}`,
    `a=${candidate}`,
    "a=end-of-candidates",
  ];
  return `${lines.join("\r\n")}\r\n`;
}

function attribute(sdp: string, name: string): string {
  return new RegExp(`^a=${name}:(.*?)\\r?$`, "m").exec(sdp)?.[1] ?? "";
}

function microphone(): MediaStreamTrack {
  const source = new wrtc.nonstandard.RTCAudioSource();
  const samples = new Int16Array(480).fill(1_000);
  const format = { sampleRate: 48_000, bitsPerSample: 16, channelCount: 1, numberOfFrames: 480 };
  const timer = setInterval(() => source.onData({ samples, ...format }), 10);
  open.push({ close: () => clearInterval(timer) });
  return source.createTrack();
}

describe.each(["udp", "tcp"] as const)("libwebrtc by %s", (protocol) => {
  test.each(["server", "client"] as const)(
    "connects, sends RTP and receives it, the worker the DTLS %s",
    async (role) => {
      const worker = await liveWorker();
      open.push({ close: () => worker.stop() });
      const peer: RTCPeerConnection = new wrtc.RTCPeerConnection();
      open.push(peer);
      peer.addTrack(microphone());
      const offer = await peer.createOffer();
      await peer.setLocalDescription(offer);
      const sdp = offer.sdp ?? "";
      const seen = worker.add({
        localUfrag: "workerUfrag",
        localPwd: "worker-password-0123456789",
        remoteUfrag: attribute(sdp, "ice-ufrag"),
        remotePwd: attribute(sdp, "ice-pwd"),
        dtlsRole: role,
        fingerprints: [attribute(sdp, "fingerprint")],
      });
      const { port } = worker.sockets;
      await peer.setRemoteDescription({ type: "answer", sdp: answerTo(sdp, port, protocol, role) });
      await until(() => seen.connected === 1 && seen.rtp.length > 20 && seen.rtcp.length > 0, patience);
      expect(parseRtp(seen.rtp[0]?.packet ?? new Uint8Array(0))?.payloadType).toBe(opus);
      expect(seen.transport.path?.key).toStartWith(`${protocol} `);
      // It has answered a Binding request of an agent that says it is lite.
      if (protocol === "udp") expect(seen.transport.rtt).toBeGreaterThanOrEqual(0);
      for (let index = 1_000; index < 1_050; index++) {
        const { header, payload } = rtpOf(index, "\u00f8\u00ff\u00fe", workerSsrc);
        header[1] = opus;
        expect(seen.transport.sendRtp(header, header.length, payload, index)).toBe(true);
      }
      let received = 0;
      const look = async () => {
        for (const [, stats] of (await peer.getStats()) as unknown as Map<string, Record<string, unknown>>)
          if (stats.type === "inbound-rtp") received = Number(stats.packetsReceived);
      };
      const looking = setInterval(() => void look(), 50);
      open.push({ close: () => clearInterval(looking) });
      await until(() => received === 50, patience);
    },
    60_000,
  );
});
