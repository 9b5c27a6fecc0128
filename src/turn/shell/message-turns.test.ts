import { expect, test } from "bun:test";
import { MessageTurns } from "./message-turns.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const bytes = new Uint8Array(1);

/** Datagrams that are numbered by their port. */
function start(cost: () => void = () => {}) {
  const turns = new MessageTurns();
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

test("each stream has its turn, in its order; one that brings much is not read meanwhile, and nothing of it is lost", async () => {
  const { turns, come, done } = start();
  const heard: string[] = [];
  const calls: string[] = [];
  const stream = (name: string) =>
    turns.stream({
      perform: (message) => {
        heard.push(`${name}${message.length}`);
        for (const end = performance.now() + 0.1; performance.now() < end; );
      },
      pause: () => calls.push(`${name} pauses`),
      resume: () => calls.push(`${name} resumes`),
    });
  const [flood, innocent] = [stream("f"), stream("i")];
  for (let n = 0; n < 500; n++) flood.take(new Uint8Array(1_000));
  expect(heard.length).toBe(16);
  expect(calls).toEqual(["f pauses"]);
  innocent.take(new Uint8Array(1));
  innocent.take(new Uint8Array(2));
  flood.take(() => heard.push("f closed"));
  come(0, 1);
  for (let n = 0; done.length === 0 || !heard.includes("i2"); n++) {
    expect(n).toBeLessThan(20);
    await turn();
  }
  // The flood has hardly begun.
  expect(heard.length).toBeLessThan(100);
  expect(heard.filter((name) => name.startsWith("i"))).toEqual(["i1", "i2"]);
  while (heard.at(-1) !== "f closed") await turn();
  expect(heard.filter((name) => name === "f1000").length).toBe(500);
  expect(calls).toEqual(["f pauses", "f resumes"]);
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
