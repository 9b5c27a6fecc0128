import { afterAll, beforeAll, describe, test } from "bun:test";
import type { Browser } from "playwright-core";
import { chromiumPath, launch } from "../browser/support/browser.ts";
import { pageUrl, startBuiltServer } from "../browser/support/built-server.ts";
import type { RunningServer } from "../support/server.ts";
import { closeAll } from "../webrtc/support/parties.ts";
import {
  bothEnd,
  connectParties,
  type Kind,
  mediaFlows,
  nodeParty,
  type Party,
  pageParty,
} from "./support/parties.ts";

const kinds = ["native", "node", "jssip", "sipjs"] as const satisfies readonly Kind[];

describe.skipIf(chromiumPath === null)("every ordered pair", () => {
  let server: RunningServer;
  let browser: Browser;
  const callers = new Map<Kind, Party>();
  const callees = new Map<Kind, Party>();
  beforeAll(async () => {
    server = await startBuiltServer();
    browser = await launch("fake");
    const url = pageUrl(server);
    for (const kind of kinds)
      for (const [parties, name] of [
        [callers, "caller"],
        [callees, "callee"],
      ] as const) {
        const user = `${kind}-${name}`;
        parties.set(
          kind,
          kind === "node" ? await nodeParty(server.url, user) : await pageParty(browser, url, kind, user),
        );
      }
  }, 60_000);
  afterAll(async () => {
    await closeAll();
    await browser?.close();
    await server?.stop();
  });

  for (const from of kinds)
    for (const to of kinds)
      test(`${from} calls ${to}: media both ways, and a hang-up of the caller`, async () => {
        const [caller, callee] = [callers.get(from)!, callees.get(to)!];
        await connectParties(caller, callee);
        await mediaFlows(caller, callee);
        await caller.hangup();
        await bothEnd(caller, callee);
      });
});
