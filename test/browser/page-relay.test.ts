import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Browser, BrowserContext } from "playwright-core";
import type { RunningServer } from "../support/server.ts";
import { button, chromiumPath, seesVideo, sharedBrowser, signIn } from "./support/browser.ts";
import { pageUrl, startBuiltServer } from "./support/built-server.ts";

let server: RunningServer;
let browser: Browser;

beforeAll(async () => {
  if (chromiumPath === null) return;
  server = await startBuiltServer({ turn: { udpPort: 0, tcpPort: 0 } });
  browser = await sharedBrowser();
}, 60_000);

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

/** A context whose connections may use relays only, and can be looked at. */
async function relayOnly(): Promise<BrowserContext> {
  const context = await browser.newContext();
  await context.addInitScript(() => {
    const seen: RTCPeerConnection[] = [];
    class RelayOnly extends RTCPeerConnection {
      constructor(configuration: RTCConfiguration) {
        super({ ...configuration, iceTransportPolicy: "relay" });
        seen.push(this);
      }
    }
    Object.assign(window, { RTCPeerConnection: RelayOnly, connections: seen });
  });
  return context;
}

test.skipIf(chromiumPath === null)(
  "two pages that may only use relays see each other through the server's own TURN",
  async () => {
    const url = pageUrl(server);
    const alice = await signIn(await relayOnly(), url, "alice");
    const bob = await signIn(await relayOnly(), url, "bob");
    await button(alice, /^Call/).first().click();
    await button(bob, "Accept").click();
    await Promise.all([seesVideo(alice), seesVideo(bob)]);
    const types = await alice.page.evaluate(async () => {
      const { connections } = window as unknown as { connections: [RTCPeerConnection] };
      const report = await connections[0].getStats();
      const entries: Record<string, unknown>[] = [];
      report.forEach((entry) => {
        entries.push(entry);
      });
      const pair = entries.find(({ type, nominated }) => type === "candidate-pair" && nominated);
      const typeOf = (id: unknown) => entries.find((entry) => entry.id === id)?.candidateType;
      return [typeOf(pair?.localCandidateId), typeOf(pair?.remoteCandidateId)];
    });
    expect(types).toEqual(["relay", "relay"]);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    expect(Number(/turn_messages_total{direction="to_client"} (\d+)/.exec(metrics)?.[1])).toBeGreaterThan(50);
  },
  60_000,
);
