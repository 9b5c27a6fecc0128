import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser } from "playwright-core";
import type { RunningServer } from "../support/server.ts";
import { button, chromiumPath, sees, seesVideo, sharedBrowser, signIn, type Tab } from "./support/browser.ts";
import { pageUrl, startBuiltServer } from "./support/built-server.ts";

describe.skipIf(chromiumPath === null)("a call between two users on three pages", () => {
  let server: RunningServer;
  let browser: Browser;
  let bob: Tab;
  let laptop: Tab;
  let phone: Tab;

  beforeAll(async () => {
    server = await startBuiltServer();
    browser = await sharedBrowser();
    bob = await signIn(browser, pageUrl(server), "bob");
    laptop = await signIn(browser, pageUrl(server), "alice");
    phone = await signIn(browser, pageUrl(server), "alice");
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  test("the directory shows a user once, with both devices", async () => {
    await sees(bob, "On 2 devices: Chrome on Linux, Chrome on Linux (2)");
    expect(await bob.page.locator(".people .person").count()).toBe(1);
  });

  test("both devices ring, one answers, the other says where", async () => {
    await button(bob, "Call").click();
    await laptop.page.getByRole("alertdialog", { name: "bob is calling" }).waitFor();
    await phone.page.getByRole("alertdialog", { name: "bob is calling" }).waitFor();
    expect(await laptop.page.title()).toBe("☎ bob");
    await sees(bob, "Ringing alice");
    await sees(bob, "Chrome on Linux, Chrome on Linux (2)");
    await button(laptop, "Accept").click();
    await sees(phone, "Answered on Chrome on Linux");
    expect(await phone.page.getByRole("alertdialog").count()).toBe(0);
    await phone.page.getByRole("status").getByText("Online", { exact: true }).waitFor();
  });

  test("video plays at both ends", async () => {
    await Promise.all([seesVideo(bob), seesVideo(laptop)]);
    expect(
      await bob.page.locator("#remote").evaluate((video: HTMLVideoElement) => video.videoWidth),
    ).toBeGreaterThan(0);
  });

  test("path, delay and a clock stand on the picture", async () => {
    await bob.page
      .locator(".badge")
      .getByText(/^direct, \d+ ms$/)
      .waitFor();
    await bob.page
      .locator(".badge")
      .getByText(/^0:\d\d$/)
      .waitFor();
    await bob.page.getByRole("img", { name: "Good" }).waitFor();
  });

  test("words pass beside the call", async () => {
    await bob.page.getByLabel("Message to alice").fill("Do you hear me?");
    await bob.page.keyboard.press("Enter");
    await laptop.page.locator(".line", { hasText: "Do you hear me?" }).waitFor();
    await laptop.page.getByLabel("Message to bob").fill("Yes!");
    await laptop.page.keyboard.press("Enter");
    await bob.page.locator(".line", { hasText: "Yes!" }).waitFor();
  });

  test("a picture that is off says so at the other end, and comes back", async () => {
    await button(laptop, "Camera").click();
    await sees(bob, "alice’s picture is off");
    await button(laptop, "Camera").click();
    await seesVideo(bob);
    await button(laptop, "Mute").click();
    await bob.page.locator(".badge").getByText("muted").waitFor();
    await button(laptop, "Unmute").click();
  });

  test("the ladder tells the call in phases", async () => {
    const ladder = bob.page.getByRole("region", { name: "What the server did" });
    await ladder
      .getByText("The server found alice at two devices; the first to answer got the call.")
      .waitFor();
    expect(await ladder.getByRole("heading").allInnerTexts()).toEqual(["Find", "Negotiate"]);
    await ladder.getByText(/^Set up in \d+ ms/).waitFor();
    // The eye may get it shortened, who listens hears it whole.
    const call = ladder.getByRole("button", { name: /^You to server: call alice ✓ \d+ ms$/ });
    await call.click();
    await ladder.getByText('"type": "call"').waitFor();
  });

  test("an ICE restart is a reset to watch", async () => {
    await button(bob, "Restart ICE").click();
    const ladder = bob.page.getByRole("region", { name: "What the server did" });
    await ladder.getByRole("heading", { name: "Reset" }).waitFor();
    await ladder.getByText("Both ends agreed on a new path. The call continued.").waitFor();
    await Promise.all([seesVideo(bob), seesVideo(laptop)]);
  });

  test("the call moves to the other device and goes on", async () => {
    await button(laptop, "Move").click();
    await button(laptop, "Chrome on Linux (2)").click();
    await phone.page.getByRole("alertdialog", { name: "Continue with bob here?" }).waitFor();
    await button(phone, "Take it").click();
    await sees(laptop, "Moved to your Chrome on Linux (2)");
    await Promise.all([seesVideo(bob), seesVideo(phone)]);
    await sees(bob, "alice moved to Chrome on Linux (2).");
    await button(laptop, "Done").click();
  });

  test("hanging up ends it everywhere", async () => {
    await button(bob, "Hang up").click();
    await sees(phone, /^bob hung up after/);
    await button(bob, "Call").waitFor();
    const live = await bob.page.evaluate(() => {
      const { madeConnections } = globalThis as unknown as { madeConnections: RTCPeerConnection[] };
      return madeConnections.filter((one) => one.connectionState !== "closed").length;
    });
    expect(live).toBe(0);
  });

  test("nothing went wrong unseen", () => {
    expect([...bob.errors, ...laptop.errors, ...phone.errors]).toEqual([]);
  });
});
