import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Browser } from "playwright-core";
import { chromiumPath, sharedBrowser } from "../browser/support/browser.ts";
import { startBuiltServer } from "../browser/support/built-server.ts";
import { bothEnd, type End, eventually, gets } from "../interop/end.ts";
import { openEnd } from "../interop/page-ends.ts";
import type { RunningServer } from "../support/server.ts";
import { LibpeerCamera } from "./support/libpeer-camera.ts";
import { PiWebrtcCamera } from "./support/pi-webrtc-camera.ts";
import { tlsFront } from "./support/tls-front.ts";

setDefaultTimeout(120_000);

describe.skipIf(chromiumPath === null)("cameras, unmodified", () => {
  let server: RunningServer;
  let browser: Browser;
  let front: Awaited<ReturnType<typeof tlsFront>>;
  let mqttPort: number;
  let page: End;
  beforeAll(async () => {
    server = await startBuiltServer({
      mqtt: { tcp: { enabled: true, port: 0 }, limits: { cameraPoll: 1_000 } },
    });
    const line = server.logs.find((one) => one.includes("MQTT over TCP")) ?? "";
    mqttPort = Number(/"port":(\d+)/.exec(line)?.[1]);
    front = await tlsFront(mqttPort);
    browser = await sharedBrowser("slow");
    page = await openEnd(browser, server.port, {
      kind: "native",
      user: "watcher",
      color: "green",
      tone: 500,
    });
  }, 120_000);
  afterAll(async () => {
    await page?.close();
    await browser?.close();
    front?.close();
    await server?.stop();
  });
  const libpeer = (name: string, color: "red" | "blue" = "red") => {
    const [user = ""] = name.split("/");
    const url = `mqtts://localhost:${front.port}/${name}`;
    return LibpeerCamera.start({ url, username: name, password: `dev:${user}`, color, tone: 1_000 });
  };
  const pi = (name: string) => {
    const [user = "", uid = ""] = name.split("/");
    const url = `mqtt://127.0.0.1:${mqttPort}`;
    return PiWebrtcCamera.start({
      url,
      uid,
      username: name,
      password: `dev:${user}`,
      color: "blue",
      tone: 1_500,
    });
  };

  test("libpeer: the page calls it, sees its colour and hears its tone, and it hears the page", async () => {
    const camera = await libpeer("door/cam");
    await page.call("door/cam");
    await gets(page, { sends: { color: "red", tone: 1_000 } });
    await eventually(
      () => `the camera to hear the page: ${camera.hears}`,
      async () => Math.abs(Number(camera.hears) - 500) < 25,
    );
    await page.hold(true);
    await page.hold(false);
    await gets(page, { sends: { color: "red", tone: 1_000 } });
    await page.hangup();
    await camera.next(({ event, method }) => event === "invoke" && method === "close");
    expect(camera.invoked.filter((method) => method !== "state")).toEqual(["offer", "answer", "close"]);

    // It calls at its bell, and is free for that again.
    const { rings } = await page.state();
    camera.publish("doorbell", "watcher");
    await eventually("the page to ring", async () => (await page.state()).rings > rings);
    await page.answer();
    await gets(page, { sends: { color: "red", tone: 1_000 } });
    // Its media is over: it says so when it is asked.
    camera.become("closed");
    await bothEnd(page);
    expect(camera.overrun).toBeUndefined();
    camera.stop();
  });

  test("pi-webrtc: the page calls it, sees its colour and hears its tone", async () => {
    const camera = await pi("door/pi");
    await page.call("door/pi");
    await gets(page, { sends: { color: "blue", tone: 1_500 } });
    // Its own offer, once connected, is answered.
    await eventually("the camera's offer to be answered", async () => camera.log.includes("in answer"));
    await page.hangup();
    await bothEnd(page);
    const { rings } = await page.state();
    camera.publish("doorbell", "watcher");
    await eventually("the page to ring", async () => (await page.state()).rings > rings);
    await page.answer();
    await gets(page, { sends: { color: "blue", tone: 1_500 } });
    await page.hangup();
    await bothEnd(page);
    expect(camera.crash).toBeUndefined();
    await camera.stop();
  });
});
