// Two RTCPeerConnections of libwebrtc that may use relays only: wrtc-pair.mjs URL USERNAME PASSWORD
import wrtc from "@roamhq/wrtc";

const [urls, username, credential] = process.argv.slice(2);
const config = { iceTransportPolicy: "relay", iceServers: [{ urls, username, credential }] };
const one = new wrtc.RTCPeerConnection(config);
const other = new wrtc.RTCPeerConnection(config);
const kinds = new Set();
for (const [here, there] of [
  [one, other],
  [other, one],
])
  here.onicecandidate = ({ candidate }) => {
    if (!candidate?.candidate) return;
    kinds.add(candidate.type ?? / typ (\w+)/.exec(candidate.candidate)?.[1]);
    void there.addIceCandidate(candidate);
  };
const channel = one.createDataChannel("test");
channel.onopen = () => {
  for (let n = 0; n < 20; n++) channel.send(`message ${n} ${"x".repeat(900)}`);
};
const done = new Promise((resolve) => {
  other.ondatachannel = ({ channel: incoming }) => {
    let count = 0;
    incoming.onmessage = () => {
      if (++count === 20) resolve();
    };
  };
});
await one.setLocalDescription(await one.createOffer());
await other.setRemoteDescription(one.localDescription);
await other.setLocalDescription(await other.createAnswer());
await one.setRemoteDescription(other.localDescription);
setTimeout(() => {
  console.log("timeout", one.iceConnectionState, [...kinds]);
  process.exit(1);
}, 15_000);
await done;
console.log("delivered", [...kinds].join());
one.close();
other.close();
process.exit(0);
