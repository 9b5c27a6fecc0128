// node-datachannel in the place of a media worker: answers offers, one a line, with a peer connection each. Ends with its input.
import { createInterface } from "node:readline";
import { PeerConnection } from "node-datachannel";

/** Kept, or the garbage collector ends them. */
const connections = [];
for await (const line of createInterface({ input: process.stdin })) {
  const { number, offer } = JSON.parse(line);
  const connection = new PeerConnection(`${number}`, { iceServers: [], bindAddress: "127.0.0.1" });
  connections.push(connection);
  connection.onGatheringStateChange((state) => {
    if (state === "complete")
      console.log(JSON.stringify({ number, answer: connection.localDescription()?.sdp ?? "" }));
  });
  connection.setRemoteDescription(offer, "offer");
}
process.exit(0);
