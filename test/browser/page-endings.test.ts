import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { Browser } from "playwright-core";
import { someOf } from "../support/seed.ts";
import type { RunningServer } from "../support/server.ts";
import {
  button,
  type Camera,
  chromiumPath,
  closeTab,
  openTab,
  sees,
  seesVideo,
  sharedBrowser,
  signIn,
  type Tab,
} from "./support/browser.ts";
import { pageUrl, startBuiltServer } from "./support/built-server.ts";
import { type RawDevice, rawDevice } from "./support/raw-device.ts";

describe.skipIf(chromiumPath === null)("how calls, names and cameras fail, and what the page says", () => {
  let server: RunningServer;
  let browser: Browser;
  const tabs: Tab[] = [];
  const devices: RawDevice[] = [];

  const enter = async (name: string): Promise<Tab> => {
    const tab = await signIn(browser, pageUrl(server), name);
    tabs.push(tab);
    return tab;
  };
  const device = async (name: string): Promise<RawDevice> => {
    const raw = await rawDevice(server.url, name);
    devices.push(raw);
    return raw;
  };

  beforeAll(async () => {
    server = await startBuiltServer({ limits: { ringTimeout: 2_500, unreachableAfter: 500 } });
    browser = await sharedBrowser();
  }, 60_000);

  afterEach(async () => {
    for (const raw of devices.splice(0)) raw.close();
    for (const tab of tabs.splice(0)) {
      expect(tab.errors).toEqual([]);
      await closeTab(tab);
    }
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  test("declined", async () => {
    const [alice, bob] = [await enter("alice"), await enter("bob")];
    await button(alice, "Call").click();
    await button(bob, "Decline").click();
    await sees(alice, "bob declined");
    await button(alice, "Again").click();
    await bob.page.getByRole("alertdialog").waitFor();
    await button(alice, "Cancel").click();
    await sees(bob, "You missed a call from alice.");
    await button(alice, "Call").waitFor();
  });

  test("busy", async () => {
    const alice = await enter("alice");
    const bob = await device("bob");
    await button(alice, "Call").click();
    const { session } = await bob.next("incoming");
    bob.ask("decline", { session, reason: "busy" });
    await sees(alice, "bob is busy");
    await button(alice, "Tell me when free").click();
    await sees(alice, "You will be told when bob is free.");
    bob.ask("status", { status: "back" });
    await sees(alice, "bob is free now.");
    await alice.page.locator(".note").getByRole("button", { name: "Call" }).click();
    await bob.next("incoming");
  });

  test("no answer", async () => {
    const [alice, bob] = [await enter("alice"), await enter("bob")];
    await button(alice, "Audio only").click();
    await sees(bob, "from Chrome on Linux, sound only");
    await sees(alice, "bob did not answer");
    await sees(bob, "You missed a call from alice.");
  });

  test("offline, and told when that has changed", async () => {
    const alice = await enter("alice");
    const bob = await device("bob");
    await button(alice, "Call").click();
    const { session } = await bob.next("incoming");
    bob.ask("decline", { session });
    await sees(alice, "bob declined");
    bob.close();
    await button(alice, "Again").click();
    await sees(alice, "bob is offline");
    await button(alice, "Tell me when free").click();
    await device("bob");
    await sees(alice, "bob is free now.");
  });

  test("a ring in a call: the other call is ended by answering, and only by that", async () => {
    const [alice, bob] = [await enter("alice"), await enter("bob")];
    await button(alice, "Call").click();
    await button(bob, "Accept").click();
    await Promise.all([seesVideo(alice), seesVideo(bob)]);
    const carol = await device("carol");
    carol.ask("call", { to: "bob", media: { audio: true, video: true } });
    await bob.page.getByRole("alertdialog", { name: "carol is calling" }).waitFor();
    await button(bob, "Decline").click();
    await seesVideo(bob);
    carol.ask("call", { to: "bob", media: { audio: true, video: true } });
    await button(bob, "End and accept").click();
    const { session, device: answered } = await carol.next("accepted");
    carol.ask("confirm", { session, device: answered });
    await sees(alice, /^bob hung up after/);
    await bob.page.getByRole("region", { name: "Call with carol" }).waitFor();
  });

  test("a name that the rules refuse", async () => {
    const tab = await openTab(browser, pageUrl(server));
    tabs.push(tab);
    await tab.page.getByLabel("Your name").fill("al ice");
    await button(tab, "Go online").click();
    await sees(tab, /The server refused this name\. Use up to 128/);
    expect(await tab.page.getByLabel("Your name").getAttribute("aria-invalid")).toBe("true");
    await tab.page.getByLabel("Your name").fill("alice");
    await button(tab, "Go online").click();
    await tab.page.getByRole("img", { name: "online" }).waitFor();
    expect(new URL(tab.page.url()).search).toBe("?as=alice");
  });

  test("a server with keys asks for a token, and says where to get one", async () => {
    const keyed = await startBuiltServer({
      dev: false,
      tokens: { secret: "a secret of thirty-two characters" },
    });
    const tab = await openTab(browser, pageUrl(keyed));
    tabs.push(tab);
    try {
      await button(tab, "Go online").click();
      await sees(tab, /This server has keys and takes no plain names\./);
      await tab.page.getByLabel("Token").fill("not.a.token");
      await button(tab, "Go online").click();
      await sees(tab, /The server refused this token/);
    } finally {
      await keyed.stop();
    }
  });

  test("one device in two places: the newer one wins, the older can take it back", async () => {
    const first = await enter("alice");
    const id = await first.page.evaluate(() => sessionStorage.getItem("switchboard.device"));
    const other = await rawDevice(server.url, "alice", id ?? "");
    devices.push(other);
    await sees(first, "Open in another window");
    await button(first, "Use here").click();
    await first.page.getByRole("img", { name: "online" }).waitFor();
  });

  const cameras = [
    ["denied", "The camera is blocked"],
    ["none", undefined],
  ] as const satisfies readonly (readonly [Camera, string | undefined])[];
  // What the SDK says of each, test/browser/client-page.test.ts shows.
  for (const [camera, title] of someOf(cameras, 1)) {
    test(`a call with ${camera === "none" ? "no camera" : "a camera that is refused"} sends the test picture`, async () => {
      const bare = await sharedBrowser(camera);
      const [alice, bob] = [
        await signIn(bare, pageUrl(server), "alice"),
        await signIn(bare, pageUrl(server), "bob"),
      ];
      try {
        await button(alice, "Call").click();
        if (title !== undefined) {
          await sees(alice, title);
          await alice.page.getByText("How to allow it").click();
          await sees(alice, /set camera and microphone to “Allow”/);
          await button(alice, "Call with the test picture").click();
        }
        await button(bob, "Accept").click();
        if (title !== undefined) await button(bob, "Answer with the test picture").click();
        await Promise.all([seesVideo(alice), seesVideo(bob)]);
        expect([...alice.errors, ...bob.errors]).toEqual([]);
      } finally {
        await bare.close();
      }
    });
  }
});
