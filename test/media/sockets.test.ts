import { afterEach, describe, expect, test } from "bun:test";
import { formatAddress } from "../../src/shared/ip-address.ts";
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
