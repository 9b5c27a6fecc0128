import { connect, type Socket } from "node:net";
import { BatchSink } from "../../../src/media/shell/batch-sink.ts";
import {
  type MediaSocketOptions,
  type MediaSockets,
  openMediaSockets,
} from "../../../src/media/shell/media-sockets.ts";
import { FrameReader, frame } from "../../../src/media/transport/ice-tcp.ts";
import type { PeerTransport } from "../../../src/media/transport/peer-transport.ts";
import { TransportTable, type TransportTableOptions } from "../../../src/media/transport/transport-table.ts";
import { every } from "../../../src/net/clock.ts";
import { dtlsCrypto } from "../../../src/net/dtls-crypto.ts";
import { openSrtpCrypto } from "../../../src/net/open-srtp-crypto.ts";
import { openUdpBatch } from "../../../src/net/open-udp-batch.ts";
import { stunCrypto } from "../../../src/net/stun-crypto.ts";
import { bindUdp } from "../../../src/net/udp.ts";
import { HandshakeGates } from "../../../src/wire/dtls/handshake-gate.ts";
import type { OpenedRtp } from "../../../src/wire/srtp/receiver.ts";
import { portable } from "./portable.ts";
import { TestPeer, workerCertificate } from "./test-peer.ts";

const now = (): number => performance.now();

/** What happened to a peer, as its worker saw it. */
interface Seen {
  transport: PeerTransport;
  readonly rtp: OpenedRtp[];
  readonly rtcp: Uint8Array[];
  connected: number;
  closed: string | undefined;
}

/** A worker's table on real sockets, with a clock. */
export interface LiveWorker {
  readonly table: TransportTable;
  readonly sockets: MediaSockets;
  add(parameters: Parameters<TransportTable["add"]>[0]): Seen;
  stop(): Promise<void>;
}

export async function liveWorker(
  options: Partial<MediaSocketOptions> = {},
  shared: Partial<TransportTableOptions> = {},
): Promise<LiveWorker> {
  const srtpCrypto = await openSrtpCrypto(portable);
  const batch = await openUdpBatch({ portable });
  const table = new TransportTable({
    certificate: workerCertificate,
    dtlsCrypto,
    srtpCrypto,
    iceCrypto: stunCrypto,
    gates: new HandshakeGates(),
    sink: new BatchSink(batch),
    ...shared,
  });
  const sockets = await openMediaSockets({ table, now, addresses: ["127.0.0.1"], port: 0, ...options });
  const stopTicking = every(10, () => table.tick(now()));
  return {
    table,
    sockets,
    add: (parameters) => {
      const seen = { rtp: [], rtcp: [], connected: 0, closed: undefined } as unknown as Seen;
      const ports = {
        connected: () => {
          seen.connected++;
        },
        lost: () => {},
        closed: (reason: string) => {
          seen.closed = reason;
        },
        rtp: (packet: OpenedRtp) => void seen.rtp.push(packet),
        rtcp: (compound: Uint8Array) => void seen.rtcp.push(compound),
      };
      seen.transport = table.add(parameters, ports, now());
      return seen;
    },
    stop: async () => {
      stopTicking();
      batch.close();
      await sockets.stop();
    },
  };
}

/** A {@link TestPeer} on a socket of its own. It checks until it is connected, and then each second. */
export interface LivePeer {
  readonly peer: TestPeer;
  readonly port: number;
  readonly socket: Socket | undefined;
  stop(): void;
}

export async function udpPeer(
  number: number,
  role: "client" | "server",
  address: string,
  port: number,
): Promise<LivePeer> {
  const own = address.includes(":") ? "::1" : "127.0.0.1";
  let peer: TestPeer | undefined;
  const receive = (bytes: Uint8Array) => peer?.receive(bytes, now());
  const socket = await bindUdp({ address: own, port: 0, receive });
  const target = socket.target(port, address);
  peer = new TestPeer(number, role, (bytes) => void socket.sendPart(bytes, bytes.length, target));
  const stopChecks = keepChecking(peer);
  const stop = () => {
    stopChecks();
    socket.close();
  };
  return { peer, port: socket.port, socket: undefined, stop };
}

export async function tcpPeer(
  number: number,
  role: "client" | "server",
  address: string,
  port: number,
): Promise<LivePeer> {
  const socket = connect({ host: address, port, noDelay: true });
  socket.on("error", () => {});
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  const peer = new TestPeer(number, role, (bytes) => void socket.write(frame(bytes, bytes.length)));
  const reader = new FrameReader();
  const take = (bytes: Uint8Array) => {
    peer.receive(bytes, now());
    return true;
  };
  socket.on("data", (chunk: Uint8Array) => void reader.push(new Uint8Array(chunk), take));
  const stopChecks = keepChecking(peer);
  const stop = () => {
    stopChecks();
    socket.destroy();
  };
  return { peer, port: socket.localPort ?? 0, socket, stop };
}

function keepChecking(peer: TestPeer): () => void {
  let checks = 0;
  return every(20, () => {
    if (checks++ % 50 === 0 || peer.mapped.length === 0) peer.send(peer.check());
    if (peer.mapped.length > 0) peer.dtls.start(now());
    peer.dtls.tick(now());
  });
}
