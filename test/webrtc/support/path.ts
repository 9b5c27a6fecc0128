import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
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

  async function open(hears: (socket: Socket, packet: Buffer, from: RemoteInfo) => void): Promise<Socket> {
    const socket = createSocket("udp4");
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("message", (packet, from) => {
      if (sockets.has(socket)) hears(socket, packet, from);
    });
    // A candidate may be on its way when the path is cut; what waits for this relay must not wait for ever then.
    const closed = new Promise<void>((resolve) => void socket.once("close", resolve));
    await Promise.race([closed, new Promise<void>((resolve) => socket.bind(0, "0.0.0.0", resolve))]);
    return socket;
  }

  /**
   * Opens a relay to that address and answers its port. As behind a NAT each sender has a socket of its own: a peer sends from
   * several addresses, and what answers one of them must not reach another.
   */
  async function relay(address: string, port: number): Promise<number | undefined> {
    const senders = new Map<string, Promise<Socket>>();
    const entrance = await open(async (front, packet, from) => {
      const name = `${from.address} ${from.port}`;
      const back =
        senders.get(name) ??
        open((_, answer) => sockets.has(front) && front.send(answer, from.port, from.address));
      senders.set(name, back);
      const socket = await back;
      if (sockets.has(socket)) socket.send(packet, port, address);
    });
    return sockets.has(entrance) ? entrance.address().port : undefined;
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
