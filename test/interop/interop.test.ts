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

/** For each client one that it calls, so that as many as can are called too; which, follows the commit. */
function covering(all: readonly Client[]): ReadonlyMap<Client, Client> {
  const chosen = new Map<Client, Client>();
  const called = new Set<Client>();
  const failing = knownToFail();
  for (const [n, caller] of all.entries()) {
    const others = all.map((_, m) => all[(n + 1 + m + seed) % all.length] as Client);
    const able = others.filter(
      (callee) =>
        callee !== caller &&
        whyNot(caller, callee) === undefined &&
        !failing.has(`${caller.name} ${callee.name}`),
    );
    const callee = able.find((one) => !called.has(one)) ?? able[0];
    if (callee === undefined) continue;
    called.add(callee);
    chosen.set(caller, callee);
  }
  return chosen;
}

/** A part of what `npm run interop` runs: each client calls one other, and is called by one, in a call with media, a hold and a hang-up. */
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
