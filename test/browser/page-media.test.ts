import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { Browser } from "playwright-core";
import type { RunningServer } from "../support/server.ts";
import {
  button,
  chromiumPath,
  closeTab,
  sees,
  seesVideo,
  sharedBrowser,
  signIn,
  type Tab,
} from "./support/browser.ts";
import { pageUrl, startBuiltServer } from "./support/built-server.ts";

describe.skipIf(chromiumPath === null)("what is sent in a call", () => {
  let server: RunningServer;
  let browser: Browser;
  let alice: Tab;
  let bob: Tab;

  beforeAll(async () => {
    server = await startBuiltServer();
    browser = await sharedBrowser();
  }, 60_000);

  beforeEach(async () => {
    alice = await signIn(browser, pageUrl(server), "alice");
    bob = await signIn(browser, pageUrl(server), "bob");
  });

  afterEach(async () => {
    for (const tab of [alice, bob]) {
      expect(tab.errors).toEqual([]);
      await closeTab(tab);
    }
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  const talk = async () => {
    await button(alice, "Call").click();
    await button(bob, "Accept").click();
    await Promise.all([seesVideo(alice), seesVideo(bob)]);
  };
  const remoteWidth = (tab: Tab) =>
    tab.page.locator("#remote").evaluate((video: HTMLVideoElement) => video.videoWidth);

  test("a screen is shared beside the picture, and taken back", async () => {
    await talk();
    await button(alice, "Screen").click();
    await bob.page.getByLabel("alice’s screen").waitFor();
    await bob.page.locator(".pip-frame.left").waitFor();
    await seesVideo(bob);
    expect(await button(alice, "Screen").getAttribute("aria-pressed")).toBe("true");
    await button(alice, "Screen").click();
    await bob.page.getByLabel("alice’s screen").waitFor({ state: "detached" });
    await seesVideo(bob);
  });

  test("camera, test picture and beeps are a choice of the menu, in mid-call", async () => {
    await talk();
    await button(alice, "Choose a camera").click();
    await button(alice, "Test picture").click();
    await bob.page.waitForFunction(
      () => document.querySelector<HTMLVideoElement>("#remote")?.videoHeight === 360,
    );
    expect(await remoteWidth(bob)).toBe(640);
    await seesVideo(bob);
    await button(alice, "Choose a camera").click();
    await button(alice, "Beep every second").click();
    await bob.page.waitForFunction(async () => {
      const { madeConnections } = globalThis as unknown as { madeConnections: RTCPeerConnection[] };
      for (const connection of madeConnections)
        for (const report of (await connection.getStats()).values())
          if (report.type === "inbound-rtp" && report.kind === "audio" && report.audioLevel > 0.01)
            return true;
      return false;
    });
    await button(alice, "Choose a camera").click();
    await alice.page.getByRole("button", { name: /fake_device_0/ }).click();
    await seesVideo(bob);
    await bob.page.waitForFunction(
      () => document.querySelector<HTMLVideoElement>("#remote")?.videoHeight !== 360,
    );
  });

  test("sound alone: no picture is sent, and the camera can be added later", async () => {
    await button(alice, "Audio only").click();
    await sees(bob, "sound only");
    await button(bob, "Accept").click();
    await sees(bob, "alice’s picture is off");
    await alice.page.locator(".clock").waitFor();
    expect(await alice.page.locator("#own").count()).toBe(0);
    await button(alice, "Camera").click();
    await seesVideo(bob);
  });

  // src/signaling and test/model say that it becomes one call; here, what the two pages show meanwhile.
  if (process.env.TEST_LONG === "1")
    test("two who call each other at the same moment get one call", async () => {
      // By the element itself: the ring of whoever was a moment earlier already lies over the other's button.
      const press = (tab: Tab) => button(tab, "Call").evaluate((call) => (call as HTMLElement).click());
      await Promise.all([press(alice), press(bob)]);
      // A ring of one of the two calls may be there for a moment, until they have become one; then it goes by itself.
      for (const tab of [alice, bob])
        if ((await tab.page.getByRole("alertdialog").count()) > 0)
          await button(tab, "Accept")
            .click({ timeout: 2_000 })
            .catch(() => undefined);
      await Promise.all([seesVideo(alice), seesVideo(bob)]);
      await button(bob, "Hang up").click();
      await sees(alice, /^bob hung up after/);
      await button(bob, "Call").waitFor();
    });

  test("declining everywhere stops all devices", async () => {
    const phone = await signIn(browser, pageUrl(server), "bob");
    await sees(alice, /On 2 devices/);
    await button(alice, "Call").click();
    await button(bob, "Decline everywhere").click();
    await sees(phone, "Declined on Chrome on Linux");
    await sees(alice, "bob declined");
    await closeTab(phone);
  });

  test("the camera is closed when the call ends, and with the preview", async () => {
    const live = (tab: Tab) => tab.page.evaluate(() => document.querySelectorAll("video").length);
    await button(alice, "See yourself first").click();
    await alice.page.getByLabel("Your picture").waitFor();
    const track = await alice.page.evaluateHandle(() => {
      const stream = document.querySelector("video")?.srcObject as MediaStream | undefined;
      return stream?.getVideoTracks()[0];
    });
    await talk();
    expect(await track.evaluate((one) => one?.readyState)).toBe("live");
    await button(alice, "Hang up").click();
    await button(alice, "Call").waitFor();
    expect(await track.evaluate((one) => one?.readyState)).toBe("ended");
    expect(await live(alice)).toBe(0);
  });
});
