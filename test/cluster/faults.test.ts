import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { hasNats } from "../support/nats-server.ts";
import { runLanes } from "./fault-lanes.ts";
import { type FaultRow, table } from "./fault-run.ts";
import { scenarios } from "./scenarios.ts";

/** The longest scenario, on a machine that has other things to do. ms */
const patience = 150_000;

/**
 * What the death of a node does, test/records/copies.test.ts and src/cluster show, and src/cluster/drain.test.ts what a drain does.
 * `npm run test:long` and `npm run faults` run them all.
 */
const everyday = ["nats-short"];
const wanted = Object.entries(scenarios).filter(
  ([name]) => process.env.TEST_LONG === "1" || everyday.includes(name),
);

describe.skipIf(!hasNats)("what happens to clusters", () => {
  const rows: FaultRow[] = [];
  let running = new Map<string, Promise<FaultRow>>();

  beforeAll(() => {
    running = runLanes(
      wanted.map(([name]) => name),
      1,
      "short",
    );
  });

  for (const [name, { title }] of wanted)
    test(`${name}: ${title}`, { timeout: patience }, async () => {
      const row = await running.get(name);
      if (row === undefined) throw new Error(`${name} runs in no lane`);
      rows.push(row);
      expect(row.findings).toEqual([]);
    });

  afterAll(() => {
    if (rows.length > 0) console.log(`\n${table(rows)}`);
  });
});
