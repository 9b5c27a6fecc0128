import { afterEach, describe, expect, test } from "bun:test";
import { BunUdpSocket } from "../../net/bun-udp.ts";
import { openUdpBatch } from "../../net/open-udp-batch.ts";
import { bindUdp } from "../../net/udp.ts";
import type { MediaPath } from "../transport/path.ts";
import type { TransportTable } from "../transport/transport-table.ts";
import { BatchSink } from "./batch-sink.ts";
import { BusyMeter, gatherTime } from "./busy-meter.ts";
import { Gatherer } from "./gatherer.ts";
import { UdpPath, UdpPaths } from "./udp-paths.ts";

const open: { close(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

describe.each([false, true])("portable: %p", (portable) => {
  async function sending() {
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
    const sink = new BatchSink(batch);
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
    const { batch, send, arrived } = await sending();
    for (const length of [1_000, 1_000, 1_000, 900]) expect(send(length)).toBe(true);
    expect(batch.waiting).toBe(4);
    await new Promise((done) => setImmediate(done));
    expect(batch.waiting).toBe(0);
    expect(await arrived(4)).toEqual([1_000, 1_000, 1_000, 900]);
    expect(batch.counters.calls).toBe(1);
  });

  test("flushing by hand, and again, does no harm", async () => {
    const { batch, sink, send, arrived } = await sending();
    send(1_000);
    sink.flush();
    sink.flush();
    expect(batch.waiting).toBe(0);
    send(500);
    expect(await arrived(2)).toEqual([1_000, 500]);
  });

  test("a connection gets its packet at once", async () => {
    const { batch, sink } = await sending();
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

test("packets are gathered from a quarter of a core on, for 5 ms at most", () => {
  expect([0, 0.25, 0.3, 0.4, 0.5, 0.9, 1.5].map(gatherTime)).toEqual([0, 0, 1, 3, 5, 5, 5]);
});

describe("gathering", () => {
  function gathering(busy: number) {
    const flushed: string[] = [];
    const gatherer = new Gatherer(
      () => busy,
      () => 1_000,
      () => void flushed.push("sent"),
    );
    const add = (name: string, bytes: number) =>
      gatherer.add({ flush: (now) => void flushed.push(`${name} at ${now}`) }, bytes);
    const turn = () => new Promise((done) => setImmediate(done));
    return { flushed, gatherer, add, turn };
  }

  test("what comes in one turn of the event loop goes on together", async () => {
    const { flushed, add, turn } = gathering(0);
    add("video", 1_000);
    add("sound", 100);
    expect(flushed).toEqual([]);
    await turn();
    expect(flushed).toEqual(["video at 1000", "sound at 1000", "sent"]);
  });

  test("while the process is busy, video waits and sound doesn't", async () => {
    const { flushed, gatherer, add, turn } = gathering(1);
    add("sound", 100);
    await turn();
    expect(flushed.splice(0)).toEqual(["sound at 1000", "sent"]);
    // On a machine that stops for some ms the timer may come before the next turn: then again.
    for (let attempt = 1; ; attempt++) {
      add("video", 1_000);
      await turn();
      if (flushed.length === 0 || attempt === 20) break;
      flushed.length = 0;
    }
    expect(flushed).toEqual([]);
    // Sound that comes behind video goes on with it.
    add("sound", 100);
    gatherer.flush();
    expect(flushed.splice(0)).toEqual(["video at 1000", "sound at 1000", "sent"]);
    gatherer.flush();
    expect(flushed).toEqual([]);
    add("video", 1_000);
    while (flushed.length === 0) await turn();
    expect(flushed).toEqual(["video at 1000", "sent"]);
  });
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
