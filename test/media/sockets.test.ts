import { afterEach, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { BatchSink } from "../../src/media/shell/batch-sink.ts";
import { FrameReader, frame } from "../../src/media/transport/ice-tcp.ts";
import { openUdpBatch } from "../../src/net/open-udp-batch.ts";
import { formatAddress } from "../../src/shared/ip-address.ts";
import { parseMessage } from "../../src/wire/stun/message.ts";
import { until as untilWithin } from "../support/until.ts";
import { type LivePeer, type LiveWorker, liveWorker, tcpPeer, udpPeer } from "./support/live-worker.ts";
import { rtpOf, textOf } from "./support/test-peer.ts";

const open: { stop(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop();
});
function opened<T extends { stop(): unknown }>(one: T): T {
  open.push(one);
  return one;
}

const until = (condition: () => boolean) => untilWithin(condition, 10_000);
const kinds = { udp: udpPeer, tcp: tcpPeer };

/** Connects a peer, and sends a packet each way. */
async function talk(worker: LiveWorker, peer: LivePeer, role: "client" | "server") {
  const seen = worker.add(peer.peer.parameters(role));
  await until(() => seen.connected === 1 && peer.peer.profile !== undefined);
  peer.peer.send(peer.peer.packet(9, "to the worker"));
  await until(() => seen.rtp.length === 1);
  expect(textOf(seen.rtp[0]?.packet ?? new Uint8Array(0))).toBe("to the worker");
  const { header, payload } = rtpOf(4, "to the peer", 2_222);
  expect(seen.transport.sendRtp(header, header.length, payload, 4)).toBe(true);
  expect(seen.transport.sendRtcp(Uint8Array.of(0x80, 201, 0, 1, 0, 0, 0, 1))).toBe(true);
  await until(() => peer.peer.rtp.length === 1 && peer.peer.rtcp.length === 1);
  expect(peer.peer.rtp.map(textOf)).toEqual(["to the peer"]);
  return seen;
}

for (const address of ["127.0.0.1", "::1"])
  for (const role of ["server", "client"] as const)
    for (const kind of ["udp", "tcp"] as const)
      test(`a peer by ${kind} at ${address}, the worker the DTLS ${role}`, async () => {
        const worker = opened(await liveWorker({ addresses: ["127.0.0.1", "::1"] }));
        const peer = opened(await kinds[kind](1, role, address, worker.sockets.port));
        const seen = await talk(worker, peer, role);
        const [mapped] = peer.peer.mapped;
        expect(formatAddress(mapped?.address ?? new Uint8Array(4))).toBe(address);
        expect(mapped?.port).toBe(peer.port);
        expect(seen.transport.path?.key).toBe(`${kind} ${address} ${peer.port}`);
        expect(peer.peer.questions).toBeGreaterThan(kind === "udp" ? 0 : -1);
        seen.transport.close();
        await until(() => peer.peer.closed !== undefined);
        expect(peer.peer.closed).toEqual({ kind: "closeNotify" });
        expect(worker.table.size).toBe(0);
        expect(worker.sockets.udpPaths).toBe(0);
        if (kind === "tcp") await until(() => worker.sockets.connections === 0);
      });

describe("ports", () => {
  test("UDP and TCP have the same one at each address, and one that is taken is told", async () => {
    const worker = opened(await liveWorker({ addresses: ["127.0.0.1", "::1"] }));
    const again = liveWorker({ port: worker.sockets.port });
    await expect(again).rejects.toMatchObject({ code: "EADDRINUSE" });
  });
});

describe("a connection of ICE-TCP", () => {
  /** Connects without a word of ICE. */
  async function raw(port: number) {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    let closed = false;
    socket.on("error", () => {});
    socket.on("close", () => {
      closed = true;
    });
    await new Promise<void>((resolve) => socket.once("connect", resolve));
    return opened({ socket, isClosed: () => closed, stop: () => socket.destroy() });
  }

  test("on which no check has passed in time is closed", async () => {
    const worker = opened(await liveWorker({ tcpLimits: { firstCheck: 100 } }));
    const silent = await raw(worker.sockets.port);
    await until(silent.isClosed);
    expect(worker.table.drops.counts.tcp_no_check).toBe(1);
    const peer = opened(await tcpPeer(1, "server", "127.0.0.1", worker.sockets.port));
    const seen = await talk(worker, peer, "server");
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(seen.transport.state).toBe("connected");
    expect(worker.sockets.connections).toBe(1);
  });

  test("that says anything but a check first is closed, and so is one whose frames are too long", async () => {
    const worker = opened(await liveWorker());
    const web = await raw(worker.sockets.port);
    web.socket.write("GET / HTTP/1.1\r\n\r\n");
    await until(web.isClosed);
    const stranger = await raw(worker.sockets.port);
    for (let n = 0; n < 9; n++) stranger.socket.write(frame(Uint8Array.of(0x80, 96, n), 3));
    await until(stranger.isClosed);
    expect(worker.table.drops.counts).toMatchObject({ tcp_malformed: 2, unknown_sender: 9 });
  });

  test("is one of a few of its address", async () => {
    const worker = opened(await liveWorker({ connections: { perAddress: 3 } }));
    const all: { isClosed(): boolean }[] = [];
    for (let n = 0; n < 5; n++) all.push(await raw(worker.sockets.port));
    await until(() => all.filter((one) => one.isClosed()).length === 2);
    expect(worker.sockets.connections).toBe(3);
  });

  test("whose viewer doesn't read gets no more media once much waits, and is closed before STUN grows without a bound", async () => {
    const limits = { mediaBuffer: 50_000, buffer: 60_000 };
    const worker = opened(await liveWorker({ tcpLimits: limits }));
    const peer = opened(await tcpPeer(1, "server", "127.0.0.1", worker.sockets.port));
    const innocent = opened(await tcpPeer(2, "server", "127.0.0.1", worker.sockets.port));
    const seen = await talk(worker, peer, "server");
    const other = await talk(worker, innocent, "server");
    peer.socket?.pause();
    let index = 100;
    const send = () => {
      const { header, payload } = rtpOf(index, "x".repeat(1_100), 2_222);
      return seen.transport.sendRtp(header, header.length, payload, index++);
    };
    await until(() => {
      // What an earlier turn has written, and the system did not take.
      const waits = seen.transport.buffered > 40_000;
      for (let n = 0; n < 100; n++) send();
      expect(seen.transport.buffered).toBeLessThanOrEqual(limits.mediaBuffer);
      return waits && !send();
    });
    expect(seen.transport.state).toBe("connected");
    const { header, payload } = rtpOf(9, "goes on", 2_222);
    expect(other.transport.sendRtp(header, header.length, payload, 9)).toBe(true);
    await until(() => innocent.peer.rtp.length === 2);
    await until(() => {
      for (let n = 0; n < 20; n++) peer.peer.send(peer.peer.check());
      return worker.table.drops.counts.tcp_not_reading === 1;
    });
    await until(() => seen.transport.path === undefined);
    expect(seen.transport.buffered).toBe(0);
    expect(other.transport.state).toBe("connected");
  });

  test("that was cut leaves the peer, who comes back by another", async () => {
    const worker = opened(await liveWorker());
    const peer = opened(await tcpPeer(1, "server", "127.0.0.1", worker.sockets.port));
    const seen = await talk(worker, peer, "server");
    peer.socket?.destroy();
    await until(() => seen.transport.path === undefined);
    expect(seen.transport.state).toBe("connected");
    const again = await raw(worker.sockets.port);
    const reader = new FrameReader();
    const answer = (bytes: Uint8Array) => {
      const message = parseMessage(bytes);
      const success = message?.class === "request" ? peer.peer.success(message) : undefined;
      if (success !== undefined) again.socket.write(frame(success, success.length));
      return true;
    };
    again.socket.on("data", (chunk: Uint8Array) => void reader.push(new Uint8Array(chunk), answer));
    const check = peer.peer.check();
    again.socket.write(frame(check, check.length));
    await until(() => seen.transport.path !== undefined);
    const packet = peer.peer.packet(77, "again");
    again.socket.write(frame(packet, packet.length));
    await until(() => seen.rtp.length === 2);
  });
});

describe("UDP", () => {
  test("to a port that nobody has open harms nobody: the system's refusal is no error", async () => {
    const worker = opened(await liveWorker());
    const gone = await udpPeer(1, "server", "127.0.0.1", worker.sockets.port);
    const seen = await talk(worker, gone, "server");
    gone.stop();
    const other = opened(await udpPeer(2, "server", "127.0.0.1", worker.sockets.port));
    for (let index = 100; index < 200; index++) {
      const { header, payload } = rtpOf(index, "to nobody", 2_222);
      seen.transport.sendRtp(header, header.length, payload, index);
    }
    await talk(worker, other, "server");
  });

  test("of a stranger is kept nowhere", async () => {
    const worker = opened(await liveWorker());
    const peer = opened(await udpPeer(1, "server", "127.0.0.1", worker.sockets.port));
    peer.peer.send(Uint8Array.of(0x80, 96, 0, 0));
    await until(() => worker.table.drops.counts.unknown_sender === 1);
    await until(() => worker.table.drops.counts.unknown_ufrag > 1);
    expect(worker.sockets.udpPaths).toBe(0);
  });
});

test.each([false, true])(
  "packets gathered in a batch leave as the event loop turns (portable: %p)",
  async (portable) => {
    const batch = await openUdpBatch({ portable });
    opened({ stop: () => batch.close() });
    const worker = opened(await liveWorker({}, { sink: new BatchSink(batch) }));
    const { port } = worker.sockets;
    const udp = opened(await udpPeer(1, "server", "127.0.0.1", port));
    const tcp = opened(await tcpPeer(2, "server", "127.0.0.1", port));
    const all = [udp, tcp].map((peer) => ({ peer, seen: worker.add(peer.peer.parameters("server")) }));
    await until(() => all.every(({ seen }) => seen.connected === 1));
    for (let index = 0; index < 40; index++)
      for (const { seen } of all) {
        const { header, payload } = rtpOf(index, `${index} ${"x".repeat(index * 30)}`, 2_222);
        expect(seen.transport.sendRtp(header, header.length, payload, index)).toBe(true);
      }
    expect(batch.waiting).toBe(40);
    await until(() => tcp.peer.rtp.length === 40 && udp.peer.rtp.length === 40);
    expect(batch.waiting).toBe(0);
    for (const { peer } of all)
      expect(peer.peer.rtp.map((packet) => Number.parseInt(textOf(packet), 10))).toEqual(
        Array.from({ length: 40 }, (_, index) => index),
      );
  },
);
