// One stream to many viewers as fast as it goes, without handshakes: everything between an opened packet and the kernel. A process of its
// own, whose CPU time counts: bun test/bench/media-fan.ts '{"way":"gso","viewers":200,"burst":4,"port":22200,"seconds":3}'
import { randomBytes } from "node:crypto";
import { Stream } from "../../src/media/forward/stream.ts";
import { Gatherer } from "../../src/media/shell/gatherer.ts";
import { NativeUdpBatch } from "../../src/net/native-udp-batch.ts";
import { openSrtpCrypto } from "../../src/net/open-srtp-crypto.ts";
import { openUdpBatch } from "../../src/net/open-udp-batch.ts";
import { bindUdp } from "../../src/net/udp.ts";
import { srtpProfile } from "../../src/wire/srtp/profile.ts";
import { type SealedPayload, SrtpSender } from "../../src/wire/srtp/sender.ts";
import { MediaSource, publishedTracks, shape, videoSsrcs, viewedTracks } from "./media-source.ts";

export interface FanJob {
  /** Portable; libcrypto and sendmmsg; the same, and the kernel cuts messages. */
  readonly way: "portable" | "sendmmsg" | "gso";
  readonly viewers: number;
  /** Packets of one frame, which leave together. */
  readonly burst: number;
  readonly port: number;
  /** Of CPU time. */
  readonly seconds: number;
}

const job = JSON.parse(process.argv[2] ?? "{}") as FanJob;
const portable = job.way === "portable";
const crypto = await openSrtpCrypto(portable);
const batch = job.way === "sendmmsg" ? new NativeUdpBatch(8 << 20, false) : await openUdpBatch({ portable });
const socket = await bindUdp({ address: "127.0.0.1", port: 0, receive: () => {} });
const source = new MediaSource();
/** As a worker has it, but that nothing waits and nobody else has a turn. */
const gatherer = new Gatherer(
  () => 0,
  () => 0,
  () => batch.flush(),
);
const stream = new Stream({
  ...{ publisherBitrate: 1e12, startBitrate: 1e12 },
  gather: (packets) => gatherer.add(packets),
});

function viewerSender(number: number) {
  const secret = { key: new Uint8Array(randomBytes(16)), salt: new Uint8Array(randomBytes(12)) };
  const srtp = new SrtpSender(crypto, srtpProfile.aeadAes128Gcm, secret);
  const to = socket.target(job.port, `127.0.${number >> 8}.${number & 255}`);
  return {
    buffered: 0,
    rtp: (header: Uint8Array, headerBytes: number, payload: SealedPayload, index: number) => {
      const { target, at } = batch.slot(headerBytes + payload.length + srtp.overhead);
      for (let n = 0; n < headerBytes; n++) target[at + n] = header[n] ?? 0;
      const length = srtp.protect(target, at, headerBytes, payload, index);
      return length !== undefined && batch.commit(length, socket, to);
    },
    rtcp: () => {},
    expect: (ssrc: number, packets: number) => srtp.expect(ssrc, packets),
  };
}

let time = 1_000_000;
stream.setPublisher(publishedTracks, { buffered: 0, rtp: () => false, rtcp: askedFor }, time);
for (let viewer = 1; viewer <= job.viewers; viewer++)
  stream.addViewer(viewedTracks, viewerSender(viewer), time);

/** Keyframes: whatever comes from the stream asks for one. */
function askedFor(): void {
  source.keyframe(videoSsrcs.high);
}

/** Runs for so many seconds of CPU time: what else the machine does costs rounds, not accuracy. */
async function run(seconds: number): Promise<void> {
  const from = process.cpuUsage();
  for (let spent = 0; spent < seconds * 1e6; ) {
    for (let round = 0; round < 10; round++) {
      for (const packet of source.frame("high", job.burst, shape.videoBytes, time))
        stream.publisherRtp(packet, time);
      gatherer.flush();
      time += 33;
      stream.tick(time);
    }
    await new Promise((done) => setImmediate(done));
    const { user, system } = process.cpuUsage(from);
    spent = user + system;
  }
}

// What a worker does for days is compiled by now.
await run(3);
const [used, sent, messages] = [process.cpuUsage(), batch.counters.sent, batch.counters.messages];
await run(job.seconds);
const { user, system } = process.cpuUsage(used);
const packets = batch.counters.sent - sent;
console.log(
  JSON.stringify({
    cpu: (user + system) / packets,
    user: user / packets,
    packets,
    perMessage: packets / (batch.counters.messages - messages),
    lost: batch.counters.dropped + batch.counters.failed,
    sealing: crypto.name,
    sending: batch.name,
  }),
);
process.exit(0);
