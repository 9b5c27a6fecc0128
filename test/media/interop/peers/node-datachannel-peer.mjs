// node-datachannel (libdatachannel) views a stream and publishes what it gets under another name, since it has no encoder:
// node-datachannel-peer.mjs publish WHEP_URL,WHIP_URL TOKEN CODEC SETUP. It goes on until it is killed.
import ndc from "node-datachannel";

const [, urls = "", token, codec, setup] = process.argv.slice(2);
const [from, to] = urls.split(",");
const ssrcs = { audio: 1_111, video: 2_222 };
const mediaSsrc = { audio: 0, video: 0 };

/** A connection with one track of each kind, in the direction given. */
async function connect(url, direction) {
  const connection = new ndc.PeerConnection(direction, { iceServers: [], forceMediaTransport: true });
  const gathered = new Promise((resolve) =>
    connection.onGatheringStateChange((state) => state === "complete" && resolve()),
  );
  const audio = new ndc.Audio("0", direction);
  audio.addOpusCodec(111);
  const video = new ndc.Video("1", direction);
  if (codec === "VP8") video.addVP8Codec(96);
  else video.addH264Codec(96);
  if (direction === "SendOnly") {
    audio.addSSRC(ssrcs.audio, "peer", "stream", "audio");
    video.addSSRC(ssrcs.video, "peer", "stream", "video");
  }
  const tracks = { audio: connection.addTrack(audio), video: connection.addTrack(video) };
  connection.setLocalDescription("offer");
  await gathered;
  const body = (connection.localDescription()?.sdp ?? "").replaceAll("a=setup:actpass", `a=setup:${setup}`);
  const headers = { "Content-Type": "application/sdp", Authorization: `Bearer ${token}` };
  const response = await fetch(url, { method: "POST", headers, body });
  if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
  connection.setRemoteDescription(await response.text(), "answer");
  return { connection, tracks };
}

const isRtcp = (packet) => packet[1] >= 192 && packet[1] < 224;
const viewer = await connect(from, "RecvOnly");
const publisher = await connect(to, "SendOnly");
for (const kind of ["audio", "video"]) {
  const [source, target] = [viewer.tracks[kind], publisher.tracks[kind]];
  source.onMessage((packet) => {
    if (isRtcp(packet) || packet.length < 12) return;
    mediaSsrc[kind] = packet.readUInt32BE(8);
    packet.writeUInt32BE(ssrcs[kind], 8);
    if (target.isOpen()) target.sendMessageBinary(packet);
  });
  // A request for a key frame is handed on.
  target.onMessage((packet) => {
    if (kind !== "video" || !isRtcp(packet) || mediaSsrc.video === 0 || !source.isOpen()) return;
    const request = Buffer.from([0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0]);
    request.writeUInt32BE(mediaSsrc.video, 8);
    source.sendMessageBinary(request);
  });
}
console.log("published");
setInterval(() => [viewer, publisher].length, 1_000);
