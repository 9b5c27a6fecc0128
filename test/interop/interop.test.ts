import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chromiumPath } from "../browser/support/browser.ts";
import { seed } from "../support/seed.ts";
import { clients } from "./clients.ts";
import { runMatrix } from "./matrix.ts";
import { type Rig, startRig } from "./rig.ts";

/** A part of what `npm run interop` runs: each client calls one other, and is called by one; which, follows the commit. */
describe.skipIf(chromiumPath === null)("clients call each other", () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig();
  }, 180_000);
  afterAll(() => rig?.stop());

  test("ring, media both ways, hold, ICE restart, hang-up, refusal and cancel", async () => {
    const all = clients().filter(({ lacks }) => lacks === undefined);
    const step = 1 + (seed % (all.length - 1));
    const { outcomes } = await runMatrix(rig, all, {
      oneEndEach: true,
      wanted: (caller, callee) => all[(all.indexOf(caller) + step) % all.length] === callee,
    });
    const failed = [...outcomes].flatMap(([caller, row]) =>
      [...row].flatMap(([callee, { result, notes }]) =>
        result === "failed" ? [`${caller} calls ${callee}: ${notes}`] : [],
      ),
    );
    expect(failed).toEqual([]);
  }, 300_000);
});
