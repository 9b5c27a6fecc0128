import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { chromiumPath } from "../browser/support/browser.ts";
import { seed } from "../support/seed.ts";
import { converseOnce, whyNot } from "./cell.ts";
import type { Client } from "./client.ts";
import { clients } from "./clients.ts";
import { runMatrix } from "./matrix.ts";
import { type Rig, startRig } from "./rig.ts";

/** Pairs that docs/interop.md shows as ✗, with their reason: `caller callee`. They are the business of `npm run interop`, this holds what is ✓ there. */
function knownToFail(): ReadonlySet<string> {
  const page = readFileSync(new URL("../../docs/interop.md", import.meta.url), "utf8");
  const cells = (line: string): string[] =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.replaceAll("*", "").trim());
  const [head = "", , ...rows] = (/^\| caller ↓.*\n(?:\|.*\n)+/m.exec(page)?.[0] ?? "").split("\n");
  const callees = cells(head);
  return new Set(
    rows.flatMap((row) => {
      const [caller, ...outcomes] = cells(row);
      return outcomes.flatMap((one, n) => (one.startsWith("✗") ? [`${caller} ${callees[n + 1]}`] : []));
    }),
  );
}

/** Each client with another one, as its caller or its callee; with whom, and in which part, follows the commit. */
function covering(all: readonly Client[]): ReadonlyMap<Client, Client> {
  const chosen = new Map<Client, Client>();
  const placed = new Set<Client>();
  const failing = knownToFail();
  const can = (caller: Client, callee: Client): boolean =>
    caller !== callee &&
    whyNot(caller, callee) === undefined &&
    !failing.has(`${caller.name} ${callee.name}`) &&
    !chosen.has(caller);
  for (const [n, client] of turned(all, seed).entries()) {
    if (placed.has(client)) continue;
    const others = turned(all, seed + n + 1).toSorted(
      (one, other) => Number(placed.has(one)) - Number(placed.has(other)),
    );
    const pairs = others.flatMap((other) => {
      const both = [[client, other] as const, [other, client] as const];
      return (seed + n) % 2 === 0 ? both : both.toReversed();
    });
    const pair = pairs.find(([caller, callee]) => can(caller, callee));
    if (pair === undefined) continue;
    chosen.set(...pair);
    for (const one of pair) placed.add(one);
  }
  return chosen;
}

/** The same, beginning elsewhere. */
function turned<T>(all: readonly T[], by: number): T[] {
  return all.map((_, n) => all[(n + by) % all.length] as T);
}

/** A part of what `npm run interop` runs: each client is in a call with another one, with media, a hold and a hang-up. */
describe.skipIf(chromiumPath === null)("clients call each other", () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig();
  }, 180_000);
  afterAll(() => rig?.stop());

  test("ring, media both ways, hold, and hang-up with the right reason", async () => {
    // Firefox takes long to start, and has a test of its own.
    const all = clients().filter(({ lacks, engine }) => lacks === undefined && engine === undefined);
    const chosen = covering(all);
    const { outcomes } = await runMatrix(rig, all, {
      oneEndEach: true,
      converse: converseOnce,
      wanted: (caller, callee) => chosen.get(caller) === callee,
    });
    const failed = [...outcomes].flatMap(([caller, row]) =>
      [...row].flatMap(([callee, { result, notes }]) =>
        result === "failed" ? [`${caller} calls ${callee}: ${notes}`] : [],
      ),
    );
    expect(failed).toEqual([]);
  }, 300_000);
});
