import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { Browser, BrowserContext, Page } from "playwright-core";
import type { Call, Client, IncomingCall } from "../../src/client/index.ts";
import type { RunningServer } from "../support/server.ts";
import { chromiumPath, sharedBrowser } from "./support/browser.ts";
import { pageUrl, startBuiltServer } from "./support/built-server.ts";
import { clientPage } from "./support/client-page.ts";

/** What the tests keep in the page between two looks into it. */
interface Kept {
  client: Client;
  call: Call;
  rings: IncomingCall[];
  log: string[];
}
type KeptWindow = Window & Kept;

const root = new URL("../../", import.meta.url);

describe.skipIf(chromiumPath === null)("the SDK in Chromium", () => {
  let server: RunningServer;
  let browser: Browser;
  let url: string;
  const contexts: BrowserContext[] = [];
  beforeAll(async () => {
    server = await startBuiltServer();
    url = pageUrl(server);
    browser = await sharedBrowser("slow");
  }, 60_000);
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  async function context(): Promise<BrowserContext> {
    const made = await browser.newContext({ bypassCSP: true });
    contexts.push(made);
    return made;
  }

  /** Signs in; rings are kept, and answered when `answers`. */
  function signIn(
    page: Page,
    user: string,
    { keep = false, answers = false, device = "" } = {},
  ): Promise<void> {
    return page.evaluate(
      async ({ user, keep, answers, device }) => {
        const { connect } = (await import(
          "/client.js" as string
        )) as typeof import("../../src/client/index.ts");
        const kept = window as unknown as KeptWindow;
        kept.rings = [];
        kept.client = connect({
          token: `dev:${user}`,
          pageHide: keep ? "keep" : "hangup",
          device: device ? { id: device } : {},
        });
        kept.client.on("incoming", async (ring) => {
          kept.rings.push(ring);
          if (answers) kept.call = await ring.accept();
        });
        await kept.client.ready;
      },
      { user, keep, answers, device },
    );
  }

  function call(page: Page, to: string): Promise<void> {
    return page.evaluate(async (to) => {
      const kept = window as unknown as KeptWindow;
      kept.call = kept.client.call(to);
      await kept.call.connected;
    }, to);
  }

  /** Waits for frames of the call's video that are newer than now. */
  function seesVideo(page: Page): Promise<unknown> {
    return page.evaluate(async () => {
      const { call } = window as unknown as KeptWindow;
      const video = document.createElement("video");
      video.muted = true;
      video.srcObject = call.remote;
      await video.play();
      const before = video.getVideoPlaybackQuality().totalVideoFrames;
      while (video.getVideoPlaybackQuality().totalVideoFrames < before + 5)
        await new Promise((resolve) => setTimeout(resolve, 50));
      video.srcObject = null;
    });
  }

  const deviceOf = (page: Page) => page.evaluate(() => (window as unknown as KeptWindow).client.self?.device);

  test("the smallest call: 15 lines at most, the same in the README, and both see each other", async () => {
    const html = readFileSync(new URL("examples/smallest-call/index.html", root), "utf8");
    expect(html.trim().split("\n").length).toBeLessThanOrEqual(15);
    expect(readFileSync(new URL("README.md", root), "utf8")).toContain(html.trim());
    const bob = await clientPage(await context(), url, html, "#bob");
    await bob.waitForFunction(() => (document.querySelector("#me") as HTMLVideoElement).currentTime > 0);
    const alice = await clientPage(await context(), url, html, "#alice/bob");
    for (const page of [alice, bob])
      await page.waitForFunction(
        () =>
          (document.querySelector("#them") as HTMLVideoElement).getVideoPlaybackQuality().totalVideoFrames >
          10,
      );
  });

  test("closing the page ends its calls at once", async () => {
    const [alice, bob] = await pair();
    const ended = alice.evaluate(async () => (await (window as unknown as KeptWindow).call.ended).reason);
    await bob.close();
    expect(await ended).toBe("closed");
  });

  test("a reloaded page is the same device, and with `keep` finds its call again", async () => {
    const [alice, bob] = await pair({ keep: true });
    await alice.evaluate(() => (window as unknown as KeptWindow).call.channel("chat").send("before"));
    const before = await deviceOf(bob);
    await bob.reload();
    await signIn(bob, "bob", { keep: true });
    expect(await deviceOf(bob)).toBe(before);
    await bob.waitForFunction(() => (window as unknown as KeptWindow).rings.length === 1);
    await bob.evaluate(async () => {
      const kept = window as unknown as KeptWindow;
      const [ring] = kept.rings;
      if (!ring?.resumed) throw new Error("not resumed");
      kept.call = await ring.accept();
      await kept.call.connected;
    });
    await Promise.all([seesVideo(alice), seesVideo(bob)]);
    expect(await alice.evaluate(() => (window as unknown as KeptWindow).call.state)).toBe("connected");
    const heard = bob.evaluate(async () => {
      for await (const text of await (window as unknown as KeptWindow).call.next("channel")) return text;
    });
    await alice.evaluate(() => (window as unknown as KeptWindow).call.channel("chat").send("after"));
    expect(await heard).toBe("after");
    const ended = alice.evaluate(async () => (await (window as unknown as KeptWindow).call.ended).reason);
    await bob.evaluate(() => (window as unknown as KeptWindow).call.hangup());
    expect(await ended).toBe("hangup");
  });

  test("a duplicated tab is another device, and both stay", async () => {
    const where = await context();
    const first = await clientPage(where, url);
    await signIn(first, "alice");
    const [second] = await Promise.all([
      where.waitForEvent("page"),
      first.evaluate(() => {
        window.open(location.href);
      }),
    ]);
    await second.waitForLoadState();
    expect(await second.evaluate(() => sessionStorage.getItem("switchboard.device"))).toBe(
      (await deviceOf(first)) ?? "",
    );
    await signIn(second, "alice");
    expect(await deviceOf(second)).not.toBe(await deviceOf(first));
    expect(await first.evaluate(() => (window as unknown as KeptWindow).client.state)).toBe("online");
  });

  test("connect, close, connect opens one socket", async () => {
    const page = await clientPage(await context(), url);
    const opened = await page.evaluate(async () => {
      const { connect } = (await import(
        "/client.js" as string
      )) as typeof import("../../src/client/index.ts");
      let sockets = 0;
      const Original = WebSocket;
      window.WebSocket = class extends Original {
        constructor(url: string | URL, protocols?: string | string[]) {
          super(url, protocols);
          sockets++;
        }
      };
      await connect({ token: "dev:alice" }).close();
      const client = connect({ token: "dev:alice" });
      await client.ready;
      return sockets;
    });
    expect(opened).toBe(1);
  });

  test("the back/forward cache: out with a goodbye, back as the same client", async () => {
    const page = await clientPage(await context(), url);
    await signIn(page, "alice");
    const states = await page.evaluate(async () => {
      const { client } = window as unknown as KeptWindow;
      const states: string[] = [];
      window.dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true }));
      states.push(client.state);
      await new Promise((resolve) => setTimeout(resolve, 100));
      states.push(client.state, String((await navigator.locks.query()).held?.length));
      window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
      while (client.state !== "online") await client.next("change");
      states.push(client.state, String((await navigator.locks.query()).held?.length));
      return states;
    });
    expect(states).toEqual(["reconnecting", "reconnecting", "0", "online", "1"]);
  });

  test("another network: the link is looked at, and ICE restarts at once", async () => {
    const [alice, bob] = await pair();
    const generation = await alice.evaluate(async () => {
      const { client } = window as unknown as KeptWindow;
      const seen: unknown[] = [];
      client.on("frame", ({ out, frame }) => out && seen.push(frame));
      window.dispatchEvent(new Event("online"));
      const types = () => seen.map((frame) => (frame as { type: string }).type);
      while (!types().includes("signal")) await client.next("frame");
      return [
        types().slice(0, 2),
        (seen.find((frame) => "description" in (frame as object)) as { generation: number })?.generation,
      ];
    });
    expect(generation).toEqual([["ping", "restart"], 2]);
    await Promise.all([seesVideo(alice), seesVideo(bob)]);
  });

  test("a muted camera is closed and opened again; another one is used; a shared screen comes and goes", async () => {
    const [alice, bob] = await pair();
    const lights = await alice.evaluate(async () => {
      const { call } = window as unknown as KeptWindow;
      const media = call.media;
      if (!media) throw new Error("no media");
      const first = media.stream.getVideoTracks()[0];
      await media.mute("video");
      const dark = media.stream.getVideoTracks().length;
      await media.mute("video", false);
      const again = media.stream.getVideoTracks()[0];
      await media.use("video", { facingMode: "environment" });
      return [first?.readyState, dark, again?.readyState, media.stream.getVideoTracks()[0]?.readyState];
    });
    expect(lights).toEqual(["ended", 0, "ended", "live"]);
    await seesVideo(bob);
    await alice.evaluate(async () => {
      const canvas = document.createElement("canvas");
      const draw = canvas.getContext("2d");
      setInterval(() => draw?.fillRect(0, 0, Math.random() * 100, 100), 100);
      navigator.mediaDevices.getDisplayMedia = async () => canvas.captureStream(10);
      await (window as unknown as KeptWindow).call.media?.share();
    });
    await bob.waitForFunction(
      () => (window as unknown as KeptWindow).call.remoteScreen?.getVideoTracks().length === 1,
    );
    expect(
      await bob.evaluate(() => (window as unknown as KeptWindow).call.remote.getVideoTracks().length),
    ).toBe(1);
    await alice.evaluate(() => (window as unknown as KeptWindow).call.media?.unshare());
    await bob.waitForFunction(() => !(window as unknown as KeptWindow).call.remoteScreen);
    await seesVideo(bob);
  });

  test("a call that opened the camera closes it; media of one's own goes on", async () => {
    const [alice] = await pair();
    const track = await alice.evaluateHandle(
      () => (window as unknown as KeptWindow).call.media?.stream.getVideoTracks()[0],
    );
    await alice.evaluate(() => (window as unknown as KeptWindow).call.hangup());
    expect(await track.evaluate((its) => its?.readyState)).toBe("ended");
    const states = await alice.evaluate(async () => {
      const { capture } = (await import(
        "/client.js" as string
      )) as typeof import("../../src/client/index.ts");
      const own = await navigator.mediaDevices.getUserMedia({ video: true });
      const given = await capture(own);
      given.stop();
      const opened = await capture({ audio: true });
      opened.stop();
      return [own.getTracks(), opened.stream.getTracks()].map((tracks) =>
        tracks.map(({ readyState }) => readyState),
      );
    });
    expect(states).toEqual([["live"], []]);
  });

  test("a camera that is refused, and none at all", async () => {
    const outcomes: unknown[] = [];
    for (const camera of ["denied", "none"] as const) {
      const other = await sharedBrowser(camera);
      try {
        const page = await clientPage(await other.newContext({ bypassCSP: true }), url);
        outcomes.push(
          await page.evaluate(async () => {
            const sdk = (await import("/client.js" as string)) as typeof import("../../src/client/index.ts");
            const outcome = (promise: ReturnType<typeof sdk.capture>) =>
              promise.then(
                (media) => media.stream.getTracks().length,
                (error) => (sdk.SwitchboardError.is(error) ? error.code : String(error)),
              );
            return [await outcome(sdk.capture({ video: true })), await outcome(sdk.capture())];
          }),
        );
      } finally {
        await other.close();
      }
    }
    expect(outcomes).toEqual([
      ["media_denied", "media_denied"],
      ["media_missing", 0],
    ]);
  });

  /** Alice and bob in a call, each in a page. */
  async function pair({ keep = false } = {}): Promise<[Page, Page]> {
    const alice = await clientPage(await context(), url);
    const bob = await clientPage(await context(), url);
    await signIn(alice, "alice", { keep });
    await signIn(bob, "bob", { keep, answers: true });
    await call(alice, "bob");
    await bob.waitForFunction(() => (window as unknown as KeptWindow).call?.state === "connected");
    await Promise.all([seesVideo(alice), seesVideo(bob)]);
    return [alice, bob];
  }
});
