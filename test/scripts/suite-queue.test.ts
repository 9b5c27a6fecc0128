import { expect, test } from "bun:test";
// @ts-expect-error: a script, of which no types are kept.
import { runQueue } from "../../scripts/suite-queue.mjs";

interface Suite {
  readonly name: string;
  readonly seconds: number;
  readonly alone?: boolean;
  readonly computes?: boolean;
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

test("one that is to be alone is, and one that needs calm never runs beside one that computes", async () => {
  const suites: Suite[] = [
    { name: "media", seconds: 9, calm: true },
    { name: "fuzz", seconds: 8, computes: true },
    { name: "model", seconds: 7, computes: true },
    { name: "pages", seconds: 6 },
    { name: "check", seconds: 1, alone: true },
  ];
  expect(await order(suites)).toEqual([
    "0: check",
    "1: media",
    "1: pages beside media",
    "10: fuzz",
    "10: model beside fuzz",
  ]);
});

test("nothing to do is done", async () => {
  expect(await order([])).toEqual([]);
});
