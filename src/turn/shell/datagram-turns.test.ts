import { expect, test } from "bun:test";
import { DatagramTurns } from "./datagram-turns.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const bytes = new Uint8Array(1);

/** Datagrams that are numbered by their port. */
function start(cost: () => void = () => {}) {
  const turns = new DatagramTurns();
  const done: number[] = [];
  const receive = turns.bounded((_bytes, port) => {
    cost();
    done.push(port);
  });
  return {
    turns,
    done,
    come: (from: number, to: number) => range(from, to).map((n) => receive(bytes, n, "")),
  };
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

test("many datagrams at once are acted on in their order, a few at once and the rest in later turns", async () => {
  const { done, come } = start();
  come(0, 100);
  expect(done).toEqual(range(0, 16));
  // What comes meanwhile goes behind what waits.
  come(100, 110);
  while (done.length < 110) await turn();
  expect(done).toEqual(range(0, 110));
  come(110, 111);
  expect(done.length).toBe(111);
});

test("a turn ends after a while, so that others have theirs", async () => {
  const { done, come } = start(() => {
    for (const end = performance.now() + 0.5; performance.now() < end; );
  });
  come(0, 60);
  let turns = 0;
  for (; done.length < 60; turns++) await turn();
  // Two or three datagrams a turn.
  expect(turns).toBeGreaterThan(10);
});

test("what is too much is lost, and so is what waits when the sockets close", async () => {
  const { turns, done, come } = start();
  come(0, 10_000);
  while (done.length < 16 + 4_096) await turn();
  await turn();
  expect(done).toEqual(range(0, 16 + 4_096));
  come(0, 100);
  turns.clear();
  await turn();
  await turn();
  expect(done.length).toBe(2 * 16 + 4_096);
});
