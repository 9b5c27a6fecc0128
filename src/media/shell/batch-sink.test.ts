import { afterEach, describe, expect, test } from "bun:test";
import { BunUdpSocket } from "../../net/bun-udp.ts";
import { openUdpBatch } from "../../net/open-udp-batch.ts";
import { bindUdp } from "../../net/udp.ts";
import type { MediaPath } from "../transport/path.ts";
import type { TransportTable } from "../transport/transport-table.ts";
import { BatchSink } from "./batch-sink.ts";
import { BusyMeter, gatherTime } from "./busy-meter.ts";
import { UdpPath, UdpPaths } from "./udp-paths.ts";

const open: { close(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

describe.each([false, true])("portable: %p", (portable) => {
  async function sending(busy: number) {
    const received: number[] = [];
    const batch = await openUdpBatch({ portable });
    const receiver = await bindUdp({
      address: "127.0.0.1",
      port: 0,
      receive: (bytes) => void received.push(bytes.length),
    });
    const socket = await bindUdp({ address: "127.0.0.1", port: 0, receive: () => {} });
    open.push(batch, receiver, socket);
    const { port, address } = receiver;
    const paths = new UdpPaths({} as TransportTable, () => 0);
    const to = { address: new Uint8Array([127, 0, 0, 1]), port };
    const path = new UdpPath(paths, socket, socket.target(port, address), to);
    const sink = new BatchSink(batch, () => busy);
    const send = (length: number) => {
      const { target, at } = sink.slot(length);
      target.fill(7, at, at + length);
      return sink.commit(length, path);
    };
    const arrived = async (count: number) => {
      while (received.length < count) await new Promise((done) => setImmediate(done));
      return received;
    };
    return { batch, sink, send, arrived };
  }

  test("what one turn of the event loop commits leaves together, without waiting", async () => {
    const { batch, send, arrived } = await sending(0);
    for (const length of [1_000, 1_000, 1_000, 900]) expect(send(length)).toBe(true);
    expect(batch.waiting).toBe(4);
    await new Promise((done) => setImmediate(done));
    expect(batch.waiting).toBe(0);
    expect(await arrived(4)).toEqual([1_000, 1_000, 1_000, 900]);
    expect(batch.counters.calls).toBe(1);
  });

  test("while the process is busy, video waits and sound doesn't", async () => {
    const { batch, send, arrived } = await sending(1);
    let sent = 0;
    /** How many wait once the event loop has turned. On a machine that stops for some ms the timer may come first: then again. */
    const waiting = async (...sizes: number[]): Promise<number> => {
      for (let attempt = 1; ; attempt++) {
        for (const size of sizes) send(size);
        sent += sizes.length;
        await new Promise((done) => setImmediate(done));
        const count = batch.waiting;
        await arrived(sent);
        if (count > 0 || attempt === 20) return count;
      }
    };
    expect(await waiting(1_000)).toBe(1);
    send(100);
    sent += 1;
    await new Promise((done) => setImmediate(done));
    expect(batch.waiting).toBe(0);
    await arrived(sent);
    // Sound that comes behind video leaves with it, in order.
    expect(await waiting(1_000, 100)).toBe(2);
    expect((await arrived(sent)).slice(-2)).toEqual([1_000, 100]);
  });

  test("flushing by hand, and again, does no harm", async () => {
    const { batch, sink, send, arrived } = await sending(1);
    send(1_000);
    sink.flush();
    sink.flush();
    expect(batch.waiting).toBe(0);
    send(500);
    expect(await arrived(2)).toEqual([1_000, 500]);
  });

  test("a connection gets its packet at once", async () => {
    const { batch, sink } = await sending(1);
    const sent: Uint8Array[] = [];
    const path = {
      sendMedia: (bytes: Uint8Array, length: number) => sent.push(bytes.slice(0, length)) < 2,
    } as unknown as MediaPath;
    const { target, at } = sink.slot(3);
    target.set([1, 2, 3], at);
    expect(sink.commit(3, path)).toBe(true);
    expect(sink.commit(2, path)).toBe(false);
    expect(sent).toEqual([new Uint8Array([1, 2, 3]), new Uint8Array([1, 2])]);
    expect(batch.waiting).toBe(0);
  });
});

test("these tests run on Bun's sockets", async () => {
  const socket = await bindUdp({ address: "127.0.0.1", port: 0, receive: () => {} });
  open.push(socket);
  expect(socket).toBeInstanceOf(BunUdpSocket);
});

test("packets are gathered from half of a core on, for 5 ms at most", () => {
  expect([0, 0.3, 0.5, 0.625, 0.75, 0.9, 1.5].map(gatherTime)).toEqual([0, 0, 0, 3, 5, 5, 5]);
});

test("the busy share follows what is used, and is read anew after 100 ms", () => {
  let [now, used] = [0, 0];
  const meter = new BusyMeter(
    () => now,
    () => used,
  );
  expect(meter.read()).toBe(0);
  [now, used] = [99, 99_000];
  expect(meter.read()).toBe(0);
  [now, used] = [100, 80_000];
  expect(meter.read()).toBeCloseTo(0.4);
  [now, used] = [200, 160_000];
  expect(meter.read()).toBeCloseTo(0.6);
  [now, used] = [10_200, 160_000];
  expect(meter.read()).toBeCloseTo(0.3);
});
