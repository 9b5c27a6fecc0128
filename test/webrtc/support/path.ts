import { createSocket, type Socket } from "node:dgram";
import wrtc from "@roamhq/wrtc";
import type { Rtc } from "../../../src/client/index.ts";

export interface MediaPath {
  /** WebRTC whose packets go by this path only. */
  readonly rtc: Partial<Rtc>;
  /** Relays that carry packets. */
  readonly relays: number;
  /** Every relay that there is dies; those of later candidates live. So it is when a device changes its network. */
  cut(): void;
  stop(): void;
}

/** A network between peers: each remote candidate is replaced by a UDP relay to it, so that media can be cut. */
export function mediaPath(): MediaPath {
  const sockets = new Set<Socket>();
  class Peer extends wrtc.RTCPeerConnection {
    override async addIceCandidate(candidate?: RTCIceCandidateInit | null): Promise<void> {
      if (!candidate?.candidate) return super.addIceCandidate(candidate ?? undefined);
      const fields = candidate.candidate.split(" ");
      const [, , protocol, , address = "", port] = fields;
      // One way is enough, and one family is easier to relay.
      if (protocol !== "udp" || !address.includes(".")) return;
      const entrance = await relay(address, Number(port));
      // Cut before it was there: the candidate leads nowhere.
      if (entrance === undefined) return;
      const relayed = [...fields];
      relayed[4] = "127.0.0.1";
      relayed[5] = String(entrance);
      await super.addIceCandidate({ ...candidate, candidate: relayed.join(" ") });
    }
  }

  /** Opens a relay to that address and answers its port. */
  async function relay(address: string, port: number): Promise<number | undefined> {
    const socket = createSocket("udp4");
    sockets.add(socket);
    let near: { address: string; port: number } | undefined;
    socket.on("error", () => {});
    socket.on("message", (packet, from) => {
      if (!sockets.has(socket)) return;
      if (from.port !== port) near = from;
      const to = from.port === port ? near : { address, port };
      if (to) socket.send(packet, to.port, to.address);
    });
    // A candidate may be on its way when the path is cut; what waits for this relay must not wait for ever then.
    const closed = new Promise<void>((resolve) => void socket.once("close", resolve));
    await Promise.race([closed, new Promise<void>((resolve) => socket.bind(0, "0.0.0.0", resolve))]);
    return sockets.has(socket) ? socket.address().port : undefined;
  }

  const cut = () => {
    for (const socket of sockets) socket.close();
    sockets.clear();
  };
  return {
    rtc: { RTCPeerConnection: Peer, MediaStream: wrtc.MediaStream },
    get relays() {
      return sockets.size;
    },
    cut,
    stop: cut,
  };
}
