import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Browser } from "playwright-core";
import { chromiumPath, sharedBrowser } from "../browser/support/browser.ts";
import { startBuiltServer } from "../browser/support/built-server.ts";
import { bothEnd, contentFlows, eventually } from "../interop/end.ts";
import { openEnd, type PageEnd } from "../interop/page-ends.ts";
import { makeCertificate, temporaryFolder } from "../support/certificates.ts";
import type { RunningServer } from "../support/server.ts";
import { until } from "../support/until.ts";
import { libraries } from "./support/clients.ts";
import { type Dino, dinoIsMissing, startDino } from "./support/dino.ts";
import { type Prosody, prosodyPath, startProsody } from "./support/prosody.ts";

setDefaultTimeout(180_000);

const domain = "dino.test";
/** Dino knows no other port than 5222. */
const address = "127.77.52.22";

function missing(): string | undefined {
  if (prosodyPath === undefined) return "prosody is not installed";
  if (chromiumPath === null) return "Chromium is not installed";
  return dinoIsMissing();
}
const why = missing();
if (why !== undefined) console.warn(`Dino is not tried: ${why}`);

describe.skipIf(why !== undefined)("Dino, with an account of Prosody", () => {
  let prosody: Prosody;
  let server: RunningServer;
  let browser: Browser;
  let page: PageEnd;
  let dino: Dino;
  beforeAll(async () => {
    const names = makeCertificate(temporaryFolder(), domain, [domain, `call.${domain}`]);
    prosody = await startProsody(["alice"], { domain, clients: { address, ...names } });
    const component = {
      server: `127.0.0.1:${prosody.componentPort}`,
      domain: `call.${domain}`,
      secret: "component",
      users: [`alice@${domain}`],
    };
    server = await startBuiltServer({ xmpp: { component } });
    browser = await sharedBrowser("fake");
    page = await openEnd(browser, server.port, { kind: "native", user: "nora", color: "green", tone: 500 });
    await befriend("nora");
    dino = await startDino({
      jid: `alice@${domain}`,
      password: "pw",
      domain: `call.${domain}`,
      address,
      cert: names.cert,
      tone: 1_200,
    });
  });
  afterAll(async () => {
    await dino?.close();
    await browser?.close();
    await server?.stop();
    await prosody?.stop();
  });

  /** Dino shows its button to call for contacts alone. */
  async function befriend(user: string) {
    const { service } = prosody;
    const client = await libraries["@xmpp/client"]({ service, user: "alice", domain, password: "pw" });
    client.subscribe(`${user}@call.${domain}`);
    await until(() => client.seen.some((one) => one.startsWith(`${user}@`)), 30_000);
    await client.close();
  }
  const ringing = async (end: PageEnd | Dino, rings: number) =>
    eventually(`${end.user} to ring`, async () => (await end.state()).rings > rings);
  /** The page calls, and Dino rings. */
  async function rung(caller: PageEnd) {
    const { rings } = await dino.state();
    await caller.call(dino.user);
    await ringing(dino, rings);
  }
  /** Dino calls, and the page rings. */
  async function calling(video: boolean) {
    const { rings } = await page.state();
    await dino.calls(page.user, video);
    await ringing(page, rings);
  }
  const connected = (transports: number) =>
    eventually("Dino to be connected", async () => (await dino.connections()) >= transports);
  const hears = async (end: PageEnd | Dino, tone: number) =>
    eventually(
      `${end.user} to hear ${tone} Hz`,
      async () => Math.abs((await end.content()).tone - tone) < 25,
    );

  test("calls the page with sound, and hangs up", async () => {
    await calling(false);
    await page.answer();
    await hears(page, 1_200);
    await hears(dino, 500);
    await dino.hangup();
    await bothEnd(page, dino);
    expect((await page.state()).ended).toBe("hangup");
  });

  test("calls the page with video, each content on a transport of its own; the page hangs up", async () => {
    await calling(true);
    await page.answer();
    await connected(2);
    await contentFlows(page, dino);
    await page.hangup();
    await bothEnd(page, dino);
    expect((await page.state()).errors).toEqual([]);
  });

  test("is called by the page with video, each content on a transport of its own", async () => {
    await rung(page);
    await dino.answer();
    await connected(2);
    await contentFlows(page, dino);
    expect(dino.log()).not.toContain("'content-remove'");
    await page.hangup();
    await bothEnd(page, dino);
  });

  test("declines, and is declined", async () => {
    await rung(page);
    await dino.decline();
    await eventually("the page to be told", async () => (await page.state()).ended === "declined");
    await calling(false);
    await page.decline();
    await eventually("Dino to be told", async () => (await dino.state()).ended === "declined");
  });

  test("misses a call that the page gives up, and gives one up", async () => {
    await rung(page);
    await page.hangup();
    await eventually("Dino to be told", async () => (await dino.state()).ended === "missed");
    await calling(false);
    await dino.hangup();
    await eventually("the page to be told", async () => (await page.state()).ended === "cancelled");
  });
});
