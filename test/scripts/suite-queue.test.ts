import { expect, test } from "bun:test";
// @ts-expect-error: a script, of which no types are kept.
import { runQueue } from "../../scripts/suite-queue.mjs";

interface Suite {
  readonly name: string;
  readonly seconds: number;
  readonly cores?: number;
  readonly calm?: boolean;
}

/** Runs the suites in simulated time. Says when each began, and what ran beside it then. */
async function order(suites: readonly Suite[]): Promise<string[]> {
  const began: string[] = [];
  const running = new Map<string, { ends: number; end: () => void }>();
  let now = 0;
  const all = runQueue(suites, ({ name, seconds }: Suite) => {
    began.push([`${now}: ${name}`, ...running.keys()].join(" beside "));
    return new Promise<void>((end) => running.set(name, { ends: now + seconds, end }));
  });
  while (running.size > 0) {
    const [name, { ends, end }] = [...running].sort(([, one], [, other]) => one.ends - other.ends)[0]!;
    now = ends;
    running.delete(name);
    end();
    await Bun.sleep(0);
  }
  await all;
  return began;
}

test("suites run two at a time, the longest first", async () => {
  const suites = ["a 1", "b 6", "c 3", "d 2"].map((text) => ({
    name: text.slice(0, 1),
    seconds: Number(text.slice(2)),
  }));
  expect(await order(suites)).toEqual(["0: b", "0: c beside b", "3: d beside b", "5: a beside b"]);
});

test("those that mostly wait run beside others, as far as there are cores", async () => {
  const suites: Suite[] = [
    { name: "pages", seconds: 9, cores: 1.2 },
    { name: "cluster", seconds: 8, cores: 0.6 },
    { name: "relay", seconds: 7, cores: 0.6 },
    { name: "server", seconds: 6, cores: 0.4 },
    { name: "types", seconds: 1, cores: 2 },
  ];
  expect(await order(suites)).toEqual([
    "0: pages",
    "0: cluster beside pages",
    "0: server beside pages beside cluster",
    "8: relay beside pages",
    "15: types",
  ]);
});

test("one that needs calm leaves room, and is left it", async () => {
  const suites: Suite[] = [
    { name: "media", seconds: 9, cores: 0.8, calm: true },
    { name: "fuzz", seconds: 8 },
    { name: "model", seconds: 7, cores: 1.1 },
    { name: "pages", seconds: 6, cores: 0.2 },
  ];
  expect(await order(suites)).toEqual([
    "0: media",
    "0: fuzz beside media",
    "8: pages beside media",
    "9: model beside pages",
  ]);
});

test("one that wants more than there is runs alone", async () => {
  expect(
    await order([
      { name: "all", seconds: 3, cores: 9 },
      { name: "one", seconds: 2 },
    ]),
  ).toEqual(["0: all", "3: one"]);
});

test("nothing to do is done", async () => {
  expect(await order([])).toEqual([]);
});
