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

test("packets are gathered from a fifth of a core on, for 20 ms at most", () => {
  expect([0, 0.2, 0.25, 0.3, 0.4, 0.9, 1.5].map(gatherTime)).toEqual([0, 0, 5, 10, 20, 20, 20]);
});

describe("gathering", () => {
  function gathering(busy: number) {
    const done: string[] = [];
    let now = 1_000;
    const gatherer = new Gatherer(
      () => busy,
      () => now,
      () => void done.push("sent"),
    );
    /** Packets that wait for so many viewers, at each of which the time goes on by so many ms. */
    const add = (name: string, viewers = 1, ms = 0) => {
      let left = viewers;
      const flush = (at: number, most = Number.POSITIVE_INFINITY) => {
        const served = Math.min(left, most);
        left -= served;
        now += served * ms;
        done.push(`${served} ${name} at ${at}`);
        return left === 0;
      };
      gatherer.add({ flush });
    };
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    return { done, gatherer, add, turn };
  }

  test("what comes in one turn of the event loop goes on together", async () => {
    const { done, add, turn } = gathering(0);
    add("video");
    add("sound");
    expect(done).toEqual([]);
    await turn();
    expect(done).toEqual(["1 video at 1000", "1 sound at 1000", "sent"]);
  });

  test("what comes while viewers have their turn gathers for as long as anything else", () => {
    const { done, gatherer } = gathering(1);
    let rounds = 0;
    gatherer.add({
      flush: (at) => {
        rounds++;
        done.push(`round ${rounds} at ${at}`);
        return rounds === 3;
      },
      get waitingSince() {
        return rounds === 3 ? undefined : 1_000;
      },
    });
    for (let round = 1; round <= 3; round++) {
      gatherer.flush();
      expect(done.splice(0)).toEqual([`round ${round} at 1000`, "sent"]);
    }
  });

  test("while the process is busy, it goes on a little later", async () => {
    const { done, gatherer, add, turn } = gathering(1);
    // On a machine that stops for some ms the timer may come before the next turn: then again.
    for (let attempt = 1; ; attempt++) {
      add("sound");
      await turn();
      if (done.length === 0 || attempt === 20) break;
      done.length = 0;
    }
    expect(done).toEqual([]);
    add("video");
    gatherer.flush();
    expect(done.splice(0)).toEqual(["1 sound at 1000", "1 video at 1000", "sent"]);
    gatherer.flush();
    expect(done).toEqual([]);
    add("video");
    while (done.length === 0) await turn();
    expect(done).toEqual(["1 video at 1000", "sent"]);
  });

  test("many viewers are served some at a time, and other tasks run in between", async () => {
    const { done, add, turn } = gathering(0);
    add("video", 100, 0.1);
    add("sound");
    await turn();
    expect(done).toEqual(["32 video at 1000", "sent", "32 video at 1003.2", "sent"]);
    done.length = 0;
    while (done.length === 0) await turn();
    expect(done.map((text) => text.split(" at ")[0])).toEqual([
      ...["32 video", "sent", "4 video", "1 sound", "sent"],
    ]);
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
