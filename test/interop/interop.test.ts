import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser } from "playwright-core";
import { chromiumPath, launch } from "../browser/support/browser.ts";
import { startBuiltServer } from "../browser/support/built-server.ts";
import { seed } from "../support/seed.ts";
import type { RunningServer } from "../support/server.ts";
import { clients } from "./clients.ts";
import { runMatrix } from "./matrix.ts";
import { settings } from "./settings.ts";

/** A part of what `npm run interop` runs: each client calls one other, and is called by one; which, follows the commit. */
describe.skipIf(chromiumPath === null)("clients call each other", () => {
  let server: RunningServer;
  let chromium: Browser;
  beforeAll(async () => {
    server = await startBuiltServer(settings);
    chromium = await launch("fake");
  }, 60_000);
  afterAll(async () => {
    await chromium?.close();
    await server?.stop();
  });

  test("ring, media both ways, hold, ICE restart, hang-up, refusal and cancel", async () => {
    const all = clients();
    const step = 1 + (seed % (all.length - 1));
    const { outcomes } = await runMatrix({ server, chromium }, all, {
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
