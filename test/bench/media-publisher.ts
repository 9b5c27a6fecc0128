// Publishes two layers and sound at LiveKit's shape to a media worker, from a process of its own so that nothing delays it. Says its
// parameters on its output, and reads the worker's port and fingerprint from its input.
import { createInterface } from "node:readline";
import { bindUdp } from "../../src/net/udp.ts";
import { parseRtcp } from "../../src/wire/rtp/rtcp.ts";
import { TestPeer } from "../media/support/test-peer.ts";
import { MediaSource, shape } from "./media-source.ts";

const number = Number(process.argv[2] ?? 0);
let peer: TestPeer | undefined;
const now = () => performance.now();
const socket = await bindUdp({
  address: "127.0.0.1",
  port: 0,
  receive: (bytes) => peer?.receive(bytes, now()),
});
console.log(JSON.stringify(new TestPeer(number, "server", () => {}).parameters()));
for await (const line of createInterface({ input: process.stdin })) {
  const { port, fingerprint } = JSON.parse(line) as { port: number; fingerprint: string };
  const target = socket.target(port, "127.0.0.1");
  peer = new TestPeer(number, "server", (bytes) => void socket.sendPart(bytes, bytes.length, target), {
    fingerprint,
  });
  publish(peer);
}
process.exit(0);

function publish(to: TestPeer): void {
  const source = new MediaSource();
  let [frames, sounds, checked] = [0, 0, Number.NEGATIVE_INFINITY];
  let began: number | undefined;
  setInterval(() => {
    const at = now();
    if (at - checked > (to.profile === undefined ? 50 : 1_000)) {
      to.send(to.check());
      checked = at;
    }
    if (to.mapped.length > 0) to.dtls.start(at);
    to.dtls.tick(at);
    if (to.profile === undefined) return;
    for (const compound of to.rtcp.splice(0))
      for (const packet of parseRtcp(compound) ?? [])
        if (packet.type === "pli") source.keyframe(packet.media);
        else if (packet.type === "fir") for (const ssrc of packet.media) source.keyframe(ssrc);
    began ??= at;
    const passed = at - began;
    for (; (sounds * 1_000) / shape.sounds < passed; sounds++) to.send(to.sealed(source.sound(passed)));
    for (; (frames * 1_000) / shape.frames < passed; frames++) {
      for (const packet of source.frame("low", 1, shape.videoBytes, passed)) to.send(to.sealed(packet));
      for (const packet of source.frame("high", frames % 2 === 0 ? 4 : 5, shape.videoBytes, passed))
        to.send(to.sealed(packet));
    }
  }, 5);
}
