import { afterEach, describe, expect, test } from "bun:test";
import { BunUdpSocket } from "./bun-udp.ts";
import { BunUdpBatch } from "./bun-udp-batch.ts";
import { DirectUdpBatch } from "./direct-udp-batch.ts";
import { errorNumber, lastError, nativeSockets, sendMessages, setSocketOption } from "./native-socket.ts";
import { type MessageSystem, NativeUdpBatch } from "./native-udp-batch.ts";
import { openUdpBatch } from "./open-udp-batch.ts";
import { bindUdp } from "./udp.ts";
import type { UdpBatch } from "./udp-batch.ts";
import type { UdpSocket, UdpTarget } from "./udp-socket.ts";

const arena = 1 << 20;
const loopbacks = ["127.0.0.1", "::1"] as const;
const kinds = [
  ["sendmmsg+gso", () => new NativeUdpBatch(arena, true)],
  ["sendmmsg", () => new NativeUdpBatch(arena, false)],
  ["sendMany", () => new BunUdpBatch(arena)],
  ["sendto", () => new DirectUdpBatch()],
] as const satisfies readonly (readonly [string, () => UdpBatch])[];
const cases = kinds.flatMap(([name, make]) => loopbacks.map((address) => [name, address, make] as const));

const open: { close(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

async function socketAt(
  address: string,
  receive: (bytes: Uint8Array) => void = () => {},
): Promise<BunUdpSocket> {
  const socket = await bindUdp({ address, port: 0, receive, receiveBuffer: 1 << 20 });
  open.push(socket);
  if (!(socket instanceof BunUdpSocket)) throw new Error("these tests run on Bun");
  return socket;
}

/** A socket that receives, and what must come: any other byte, length or order counts as wrong. */
class Receiver {
  readonly #expected: Uint8Array[] = [];
  wrong = 0;
  received = 0;
  target!: UdpTarget;

  static async open(sender: UdpSocket): Promise<Receiver> {
    const receiver = new Receiver();
    const socket = await socketAt(sender.address, (bytes) => receiver.#receive(bytes));
    receiver.target = sender.target(socket.port, socket.address);
    return receiver;
  }

  get missing(): number {
    return this.#expected.length;
  }

  expect(bytes: Uint8Array): void {
    this.#expected.push(bytes);
  }

  #receive(bytes: Uint8Array): void {
    this.received++;
    const expected = this.#expected.shift();
    if (expected === undefined || Buffer.compare(bytes, expected) !== 0) this.wrong++;
  }
}

/** Commits a datagram whose bytes depend on the number; the receiver expects them. */
function commit(batch: UdpBatch, socket: UdpSocket, to: Receiver, length: number, number: number): boolean {
  const { target, at } = batch.slot(length);
  for (let n = 0; n < length; n++) target[at + n] = number + n * 7;
  const copy = Uint8Array.from({ length }, (_, n) => number + n * 7);
  const taken = batch.commit(length, socket, to.target);
  if (taken) to.expect(copy);
  return taken;
}

/** Until everything has come, or nothing has for a while. */
async function arrival(receivers: readonly Receiver[]): Promise<void> {
  const end = performance.now() + 2_000;
  while (receivers.some(({ missing }) => missing > 0) && performance.now() < end)
    await new Promise((done) => setImmediate(done));
}

function check(receivers: readonly Receiver[]): void {
  for (const { missing, wrong } of receivers) expect({ missing, wrong }).toEqual({ missing: 0, wrong: 0 });
}

test("the best kind there is runs, and the portable one where it is asked for", async () => {
  const [best, portable] = [await openUdpBatch(), await openUdpBatch({ portable: true })];
  open.push(best, portable);
  expect(best.name).toBe(nativeSockets ? "sendmmsg+gso" : "sendMany");
  expect(portable.name).toBe("sendMany");
});

describe.each(cases)("%s from %s", (name, address, make) => {
  const opened = async (count: number) => {
    const batch: UdpBatch = make();
    open.push(batch);
    const socket = await socketAt(address);
    const receivers: Receiver[] = [];
    while (receivers.length < count) receivers.push(await Receiver.open(socket));
    return { batch, socket, receivers };
  };

  test("of all datagrams that hot code sends, each byte arrives, and those to one target in their order", async () => {
    const { batch, socket, receivers } = await opened(8);
    let number = 0;
    // What a receiver's buffer holds limits what is under way: nothing may be lost. The code is the same for both kinds of address.
    const enough = name === "sendto" || address === "::1" ? 10_000 : 100_000;
    while (number < enough) {
      for (let round = 0; round < 10; round++)
        for (const [index, receiver] of receivers.entries()) {
          number++;
          // Runs of equal lengths, some of which a shorter one ends, some a longer one.
          const length = 40 + 8 * ((number >> 5) % 5) + ((number >> 3) % 4 === 3 ? index - 4 : 0);
          expect(commit(batch, socket, receiver, length, number)).toBe(true);
        }
      batch.flush();
      await arrival(receivers);
    }
    check(receivers);
    expect(batch.counters).toMatchObject({ sent: number, failed: 0, dropped: 0 });
    expect(batch.waiting).toBe(0);
    if (name === "sendmmsg+gso") expect(batch.counters.messages).toBeLessThan(number / 2);
  }, 60_000);

  test("large datagrams arrive", async () => {
    const { batch, socket, receivers } = await opened(2);
    for (let number = 0; number < 400; number++) {
      for (const receiver of receivers) commit(batch, socket, receiver, 1_200 - (number % 3), number);
      if (number % 8 < 7) continue;
      batch.flush();
      await arrival(receivers);
    }
    check(receivers);
  });

  test("a port that answers with ICMP loses nothing for the others", async () => {
    const { batch, socket, receivers } = await opened(3);
    const closed = await socketAt(address);
    const dead = socket.target(closed.port, address);
    closed.close();
    setSocketOption(socket.descriptor, address === "::1" ? "reportErrors6" : "reportErrors4", 1);
    for (let number = 0; number < 400; number++) {
      for (const receiver of receivers) {
        const { target, at } = batch.slot(100);
        target.fill(1, at, at + 100);
        batch.commit(100, socket, dead);
        // One by one, an error of the one before it is the next one's to lose.
        while (!commit(batch, socket, receiver, 100, number)) {}
      }
      batch.flush();
      await arrival(receivers);
    }
    check(receivers);
    for (const { received } of receivers) expect(received).toBe(400);
    // The errors were there: each cut a call short.
    if (name.startsWith("sendmmsg")) expect(batch.counters.calls).toBeGreaterThan(600);
  }, 20_000);

  test("a socket that was closed with datagrams waiting is no trouble, nor is committing to it", async () => {
    const { batch, socket, receivers } = await opened(1);
    const other = await socketAt(address);
    const [to] = receivers;
    const late = await Receiver.open(other);
    for (let number = 0; number < 10; number++) {
      commit(batch, socket, to!, 50, number);
      commit(batch, other, late, 50, number);
    }
    socket.close();
    batch.flush();
    await arrival([late]);
    check([late]);
    expect(batch.waiting).toBe(0);
    batch.slot(10);
    batch.commit(10, socket, to!.target);
    batch.flush();
    expect(batch.waiting).toBe(0);
  });
});

describe.each(kinds.filter(([name]) => name !== "sendto"))("the memory of %s", (_, make) => {
  test("is sent from when it is full, and takes no datagram beyond its slot", async () => {
    const batch: UdpBatch = make();
    open.push(batch);
    const socket = await socketAt("127.0.0.1");
    const to = await Receiver.open(socket);
    // More than the arena holds, so that it flushes by itself. The receiver's buffer holds less.
    for (let number = 0; number < arena / 20_000 + 10; number++) {
      commit(batch, socket, to, 20_000, number);
    }
    expect(batch.counters.sent).toBeGreaterThan(40);
    expect(batch.counters.dropped).toBe(0);
    batch.slot(10);
    for (const length of [0, -1, 1.5, Number.NaN, arena + 1])
      expect(() => batch.commit(length, socket, to.target)).toThrow(RangeError);
    batch.slot(arena + 1);
    expect(batch.commit(arena + 1, socket, to.target)).toBe(false);
    expect(batch.counters.dropped).toBe(1);
  });
});

describe.skipIf(!nativeSockets)("what the system may answer to sendmmsg", () => {
  const withSystem = async (answer: (count: number) => number | "send", error = 0) => {
    let asked = true;
    const system: MessageSystem = {
      send: (descriptor, messages, count) => {
        const answered = answer(count);
        asked = answered !== "send";
        return answered === "send" || answered > 0
          ? sendMessages(descriptor, messages, answered === "send" ? count : answered)
          : answered;
      },
      error: () => (asked ? error : lastError()),
    };
    const batch = new NativeUdpBatch(arena, true, system);
    open.push(batch);
    const socket = await socketAt("127.0.0.1");
    const receivers: Receiver[] = [];
    while (receivers.length < 5) receivers.push(await Receiver.open(socket));
    return { batch, socket, receivers };
  };
  const fill = (batch: UdpBatch, socket: UdpSocket, receivers: readonly Receiver[], rounds = 6) => {
    for (let number = 0; number < rounds; number++)
      for (const receiver of receivers) commit(batch, socket, receiver, 60 + (number % 3), number);
  };

  test("runs of one length are one message; the last may be shorter, a longer one begins another", async () => {
    const { batch, socket, receivers } = await withSystem(() => "send");
    const [one] = receivers;
    for (const length of [100, 100, 100, 90, 90, 120, 120, 121]) commit(batch, socket, one!, length, length);
    batch.flush();
    await arrival(receivers);
    check(receivers);
    // 100 100 100 90 | 90 | 120 120 | 121
    expect(batch.counters).toMatchObject({ sent: 8, messages: 4, calls: 1 });
    for (let number = 0; number < 130; number++) commit(batch, socket, one!, 20, number);
    batch.flush();
    await arrival(receivers);
    check(receivers);
    // No message has more than 64.
    expect(batch.counters).toMatchObject({ sent: 138, messages: 7 });
  });

  test("one message at a time", async () => {
    const { batch, socket, receivers } = await withSystem(() => 1);
    fill(batch, socket, receivers);
    batch.flush();
    await arrival(receivers);
    check(receivers);
    expect(batch.counters.calls).toBe(batch.counters.messages);
  });

  test.each(["again", "noBuffers"] as const)(
    "%s, now and then: what is left goes later, in its order",
    async (name) => {
      let calls = 0;
      const { batch, socket, receivers } = await withSystem(
        (count) => (++calls % 3 === 0 ? -1 : Math.min(count, 2)),
        errorNumber[name],
      );
      for (let round = 0; round < 50; round++) {
        fill(batch, socket, receivers, 3);
        batch.flush();
        if (round % 5 === 4) await arrival(receivers);
      }
      await arrival(receivers);
      check(receivers);
      expect(batch.waiting).toBe(0);
      expect(batch.counters.blocked).toBeGreaterThan(10);
      expect(batch.counters).toMatchObject({ sent: 50 * 15, failed: 0, dropped: 0 });
    },
  );

  test("a buffer that stays full: datagrams are dropped, and later ones leave", async () => {
    let full = true;
    const { batch, socket, receivers } = await withSystem(() => (full ? -1 : "send"), errorNumber.again);
    fill(batch, socket, receivers);
    batch.flush();
    expect(batch.waiting).toBe(30);
    // Until the memory is full, more may wait.
    for (let number = 0; number < arena / 1_000; number++) {
      batch.slot(1_000);
      batch.commit(1_000, socket, receivers[0]!.target);
    }
    const early = batch.counters.dropped;
    expect(early).toBeGreaterThan(0);
    while (batch.waiting > 0) await new Promise((done) => setTimeout(done, 5));
    expect(batch.counters.dropped).toBeGreaterThan(early + 900);
    full = false;
    const late = await Receiver.open(socket);
    commit(batch, socket, late, 500, 1);
    batch.flush();
    await arrival([late]);
    check([late]);
  });

  test("a message that it won't cut leaves datagram by datagram, and so do the next ones to that target", async () => {
    let refusals = 3;
    const { batch, socket, receivers } = await withSystem(() => (refusals-- > 0 ? -1 : "send"), 22);
    for (let time = 0; time < 2; time++) {
      for (let number = 0; number < 6; number++)
        for (const receiver of receivers) commit(batch, socket, receiver, 100, number);
      batch.flush();
    }
    await arrival(receivers);
    check(receivers);
    // Twice six to the target that was refused, and twice one to each of the others.
    expect(batch.counters).toMatchObject({ sent: 60, messages: 2 * 6 + 2 * 4, failed: 0, dropped: 0 });
  });

  test("a datagram that it refuses is lost alone", async () => {
    let refusals = 3;
    const { batch, socket, receivers } = await withSystem(() => (refusals-- > 0 ? -1 : "send"), 1);
    const [first, ...others] = receivers;
    batch.slot(10);
    batch.commit(10, socket, first!.target);
    fill(batch, socket, others);
    batch.flush();
    await arrival(others);
    check(others);
    expect(first?.received).toBe(0);
    expect(batch.counters).toMatchObject({ sent: 24, failed: 1, dropped: 0 });
  });
});
