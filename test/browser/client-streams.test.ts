import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser, Page } from "playwright-core";
import type { Broadcast, Client, Viewing } from "../../src/client/index.ts";
import { eventually } from "../media/support/pages.ts";
import { type Cutter, openCutter } from "../support/cutter.ts";
import { workersOf } from "../support/media-workers.ts";
import { someOf } from "../support/seed.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { chromiumPath, sharedBrowser } from "./support/browser.ts";
import { buildPage } from "./support/built-server.ts";
import { clientPage } from "./support/client-page.ts";

/** What a page keeps between two looks into it. */
interface Kept {
  client: Client;
  broadcast: Broadcast;
  viewing: Viewing;
  states: string[];
  frames: number;
}
type KeptWindow = Kept;

/** Longer than the first attempts to come back. ms */
const cutFor = 1_500;

describe.skipIf(chromiumPath === null)("client.publish and client.view", () => {
  let server: RunningServer;
  let browser: Browser;
  let wire: Cutter;
  beforeAll(async () => {
    buildPage();
    // Longer than any test waits: where a stream ends, its publisher has said so.
    server = await startServer({ config: { media: { port: 0, workers: 1, linger: 600_000 } } });
    wire = await openCutter(server.port);
    browser = await sharedBrowser("slow", ["--autoplay-policy=no-user-gesture-required"]);
  }, 90_000);
  afterAll(async () => {
    await browser?.close();
    await wire?.close();
    await server?.stop();
  });

  /** A page that has signed in, by the wire that can be cut. */
  async function signIn(user: string): Promise<Page> {
    const context = await browser.newContext({ bypassCSP: true });
    const page = await clientPage(context, `http://localhost:${wire.port}`, "<video autoplay muted></video>");
    await page.evaluate(async (user) => {
      const { connect } = (await import(
        "/client.js" as string
      )) as typeof import("../../src/client/index.ts");
      const kept = window as unknown as KeptWindow;
      kept.client = connect({ token: `dev:${user}` });
      await kept.client.ready;
    }, user);
    return page;
  }

  function publish(page: Page, stream: string, simulcast = false): Promise<void> {
    return page.evaluate(
      async ({ stream, simulcast }) => {
        const kept = window as unknown as KeptWindow;
        kept.states = [];
        kept.broadcast = await kept.client.publish(stream, {
          media: { audio: true, video: { width: 640, height: 480 } },
          simulcast,
        });
        kept.broadcast.on("change", () => kept.states.push(kept.broadcast.state));
      },
      { stream, simulcast },
    );
  }

  function view(page: Page, stream: string): Promise<void> {
    return page.evaluate(async (stream) => {
      const kept = window as unknown as KeptWindow;
      kept.states = [];
      kept.viewing = await kept.client.view(stream);
      kept.viewing.on("change", () => kept.states.push(kept.viewing.state));
      const video = document.querySelector("video");
      if (video === null) return;
      video.srcObject = kept.viewing.remote;
      // What the eye sees, over all connections.
      kept.frames = 0;
      const count = () => {
        kept.frames += 1;
        video.requestVideoFrameCallback(count);
      };
      video.requestVideoFrameCallback(count);
    }, stream);
  }

  /** Waits until this many further frames have been shown. */
  async function seesFrames(page: Page, count = 5): Promise<void> {
    const look = () => page.evaluate(() => (window as unknown as KeptWindow).frames);
    const before = await look();
    await eventually(async () => (await look()) >= before + count, 60_000);
  }

  function stateIs(page: Page, end: "broadcast" | "viewing", state: string): Promise<void> {
    return eventually(
      async () => (await page.evaluate((end) => (window as unknown as KeptWindow)[end].state, end)) === state,
      60_000,
    );
  }

  const states = (page: Page) => page.evaluate(() => (window as unknown as KeptWindow).states);

  test("a stream is seen and counted; the viewer waits before it begins, and after it has ended", async () => {
    const [alice, victor] = [await signIn("alice"), await signIn("victor")];
    await view(victor, "stream:lobby");
    await stateIs(victor, "viewing", "waiting");
    await publish(alice, "lobby", true);
    await stateIs(alice, "broadcast", "live");
    await seesFrames(victor);
    await eventually(
      () => alice.evaluate(() => (window as unknown as KeptWindow).broadcast.viewers === 1),
      20_000,
    );
    await victor.evaluate(() => (window as unknown as KeptWindow).viewing.prefer({ rid: "h" }));
    await eventually(
      () =>
        victor.evaluate(async () => (await (window as unknown as KeptWindow).viewing.stats()).height === 240),
      60_000,
    );
    const stats = await alice.evaluate(async () => {
      const { broadcast } = window as unknown as KeptWindow;
      await broadcast.stats();
      await new Promise((resolve) => setTimeout(resolve, 500));
      return broadcast.stats();
    });
    // Of a picture of 640 × 480 browsers send two layers.
    expect(stats.layers.map(({ rid }) => rid)).toEqual(["h", "f"]);
    expect(stats.layers[0]?.bitrate).toBeGreaterThan(0);

    const camera = await alice.evaluate(async () => {
      const { broadcast } = window as unknown as KeptWindow;
      const tracks = broadcast.media?.stream.getTracks() ?? [];
      await broadcast.stop();
      return tracks.map(({ readyState }) => readyState);
    });
    expect(camera).toEqual(["ended", "ended"]);
    await stateIs(victor, "viewing", "waiting");
    await publish(alice, "lobby");
    await seesFrames(victor);
    await victor.evaluate(() => (window as unknown as KeptWindow).viewing.stop());
    await eventually(
      () => alice.evaluate(() => (window as unknown as KeptWindow).broadcast.viewers === 0),
      20_000,
    );
    for (const page of [alice, victor]) await page.context().close();
  }, 200_000);

  test("the picture goes on while the link to the server is lost, and both ends go on after it", async () => {
    const [alice, victor] = [await signIn("alice"), await signIn("victor")];
    await publish(alice, "link");
    await view(victor, "link");
    await seesFrames(victor);
    wire.cut();
    await seesFrames(victor);
    await Bun.sleep(cutFor);
    wire.restore();
    for (const page of [alice, victor])
      await eventually(
        () => page.evaluate(() => (window as unknown as KeptWindow).client.state === "online"),
        30_000,
      );
    await seesFrames(victor, 20);
    expect(await states(victor)).not.toContain("ended");
    // The server still knows the session: it ends the stream at once when it is told to.
    await alice.evaluate(() => (window as unknown as KeptWindow).broadcast.stop());
    await stateIs(victor, "viewing", "waiting");
    for (const page of [alice, victor]) await page.context().close();
  }, 200_000);

  // test/media/shared-port.test.ts kills a process that has the media server beneath the same client.
  if (process.env.TEST_LONG === "1" && process.platform === "linux")
    test("both ends come back by themselves after their media worker was killed", async () => {
      const [alice, victor] = [await signIn("alice"), await signIn("victor")];
      await publish(alice, "worker");
      await view(victor, "worker");
      await seesFrames(victor);
      const [worker, ...more] = workersOf(server.pid);
      expect(more).toEqual([]);
      process.kill(worker ?? 0, "SIGKILL");
      await eventually(async () => (await states(victor)).includes("reconnecting"), 30_000);
      await stateIs(alice, "broadcast", "live");
      await stateIs(victor, "viewing", "live");
      await seesFrames(victor, 10);
      expect(await states(alice)).not.toContain("ended");
      expect(workersOf(server.pid)).not.toContain(worker ?? 0);
      for (const page of [alice, victor]) await page.context().close();
    }, 200_000);

  test("who closes the client ends its streams", async () => {
    const [alice, victor] = [await signIn("alice"), await signIn("victor")];
    await publish(alice, "close");
    await view(victor, "close");
    await seesFrames(victor);
    const reason = await alice.evaluate(async () => {
      const { client, broadcast } = window as unknown as KeptWindow;
      await client.close();
      return (await broadcast.ended).reason;
    });
    expect(reason).toBe("closed");
    await stateIs(victor, "viewing", "waiting");
    for (const page of [alice, victor]) await page.context().close();
  }, 100_000);

  const leavers = [
    ["who leaves the page", (page: Page) => page.goto("about:blank")],
    ["who closes the tab", (page: Page) => page.close()],
  ] as const;
  test.each(someOf(leavers, 1))(
    "%s ends its streams",
    async (_, leave) => {
      const [alice, victor] = [await signIn("alice"), await signIn("victor")];
      await publish(alice, "page");
      await view(victor, "page");
      await seesFrames(victor);
      await leave(alice);
      await stateIs(victor, "viewing", "waiting");
      for (const page of [alice, victor]) await page.context().close();
    },
    100_000,
  );
});
