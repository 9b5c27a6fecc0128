// Two peers of libjuice that may use relays only: juice-pair.mjs HOST PORT USERNAME PASSWORD
import { PeerConnection } from "node-datachannel";

const [hostname, port, username, password] = process.argv.slice(2);
const config = {
  iceServers: [{ hostname, port: Number(port), username, password, relayType: "TurnUdp" }],
  iceTransportPolicy: "relay",
};
const one = new PeerConnection("one", config);
const other = new PeerConnection("other", config);
const kinds = new Set();
/** node-datachannel closes what is collected as garbage: whatever is to go on has to be held. */
const held = [one, other];
for (const [here, there] of [
  [one, other],
  [other, one],
]) {
  here.onLocalDescription((sdp, type) => there.setRemoteDescription(sdp, type));
  here.onLocalCandidate((candidate, mid) => {
    kinds.add(/ typ (\w+)/.exec(candidate)?.[1]);
    there.addRemoteCandidate(candidate, mid);
  });
}
const done = new Promise((resolve) => {
  other.onDataChannel((channel) => {
    held.push(channel);
    let count = 0;
    channel.onMessage(() => {
      if (++count === 20) resolve();
    });
  });
});
const channel = one.createDataChannel("test");
held.push(channel);
channel.onOpen(() => {
  // Of a size that no two share a packet.
  for (let n = 0; n < 20; n++) channel.sendMessage(`message ${n} ${"x".repeat(900)}`);
});
setTimeout(() => {
  const states = held.slice(0, 2).map((peer) => `${peer.state()}/${peer.iceState()}`);
  console.log("timeout", ...states, [...kinds].join());
  process.exit(1);
}, 9_000);
await done;
console.log("delivered", [...kinds].join());
process.exit(0);
