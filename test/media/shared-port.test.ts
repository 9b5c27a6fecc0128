import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import type { Broadcast, Client, Viewing } from "../../src/client/index.ts";
import { chromiumPath, sharedBrowser } from "../browser/support/browser.ts";
import { buildPage } from "../browser/support/built-server.ts";
import { clientPage } from "../browser/support/client-page.ts";
import { freePort } from "../support/free-port.ts";
import { workersOf } from "../support/media-workers.ts";
import { hasNats, NatsServer } from "../support/nats-server.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { until } from "../support/until.ts";
import { eventually } from "./support/pages.ts";

interface Kept {
  client: Client;
  broadcast: Broadcast;
  viewing: Viewing;
  frames: number;
}

const viewOffer = readFileSync(new URL("../support/media-offers/chromium-view.sdp", import.meta.url), "utf8");
/** How long viewers wait for a publisher that has vanished, ms: so long that none waits to its end. */
const linger = 60_000;
const children = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);

describe.skipIf(chromiumPath === null || !hasNats || process.platform !== "linux")(
  "with --workers 2, one media server serves the clients of both processes",
  () => {
    let nats: NatsServer;
    let server: RunningServer;
    let browser: Browser;
    beforeAll(async () => {
      buildPage();
      nats = await NatsServer.start();
      server = await startServer({
        config: {
          port: await freePort(),
          node: "m",
          workers: 2,
          nats: { url: [nats.url] },
          media: { port: await freePort(), workers: 1, linger },
        },
      });
      await until(
        () => server.logs.filter((line) => line.includes("Switchboard is at")).length === 2,
        45_000,
      );
      browser = await sharedBrowser("fake", ["--autoplay-policy=no-user-gesture-required"]);
    }, 120_000);
    afterAll(async () => {
      await browser?.close();
      await server?.stop();
      await nats?.stop();
    });

    /** A page whose client is at that node: the kernel deals connections out, so it tries until it is. */
    async function signIn(user: string, node: string): Promise<Page> {
      const context = await browser.newContext({ bypassCSP: true });
      const page = await clientPage(context, server.url, "<video autoplay muted></video>");
      await page.evaluate(
        async ({ user, node }) => {
          const { connect } = (await import(
            "/client.js" as string
          )) as typeof import("../../src/client/index.ts");
          const kept = window as unknown as Kept;
          for (let n = 0; n < 100; n++) {
            let home: unknown;
            kept.client = connect({ token: `dev:${user}`, device: { id: `${user}-${n}` } });
            kept.client.on("frame", ({ frame }) => {
              home ??= (frame as { home?: string }).home;
            });
            await kept.client.ready;
            while (home === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
            if (home === node) return;
            await kept.client.close();
          }
          throw new Error(`no connection came to ${node}`);
        },
        { user, node },
      );
      return page;
    }

    const publish = (page: Page): Promise<void> =>
      page.evaluate(async () => {
        const kept = window as unknown as Kept;
        const media = { audio: false, video: { width: 320, height: 240 } };
        kept.broadcast = await kept.client.publish("shared", { media });
      });
    const view = (page: Page): Promise<void> =>
      page.evaluate(async () => {
        const kept = window as unknown as Kept;
        kept.viewing = await kept.client.view("shared");
        const video = document.querySelector("video");
        if (video === null) return;
        video.srcObject = kept.viewing.remote;
        kept.frames = 0;
        const count = () => {
          kept.frames += 1;
          video.requestVideoFrameCallback(count);
        };
        video.requestVideoFrameCallback(count);
      });
    async function sees(page: Page): Promise<void> {
      const look = () => page.evaluate(() => (window as unknown as Kept).frames);
      const before = await look();
      await eventually(async () => (await look()) >= before + 5, 60_000);
    }

    /** A request on a connection of its own, which either process may get. */
    const whep = (url: string, init: RequestInit): Promise<Response> =>
      fetch(new URL(url, server.url), {
        ...init,
        headers: {
          "Content-Type": "application/sdp",
          Authorization: "Bearer dev:victor",
          Connection: "close",
        },
        keepalive: false,
      });

    test("native streams and WHEP; all come back when the process that has the media server is killed", async () => {
      const [alice, here, there] = [
        await signIn("alice", "m-2"),
        await signIn("bob", "m-1"),
        await signIn("carol", "m-2"),
      ];
      await publish(alice);
      for (const page of [here, there]) await view(page);
      for (const page of [here, there]) await sees(page);

      const sessions: string[] = [];
      for (let n = 0; n < 12; n++) {
        const response = await whep("/whep/shared", { method: "POST", body: viewOffer });
        expect(response.status).toBe(201);
        sessions.push(response.headers.get("Location") ?? "");
      }
      await eventually(
        () => alice.evaluate(() => (window as unknown as Kept).broadcast.viewers === 14),
        20_000,
      );
      const events = await whep(`${sessions[0]}/events`, { method: "GET" });
      const reader = events.body?.getReader();
      expect(new TextDecoder().decode((await reader?.read())?.value)).toContain("event: active");
      for (const session of sessions) expect((await whep(session, { method: "DELETE" })).status).toBe(200);
      while ((await reader?.read())?.done === false);
      expect((await whep("/whep/other", { method: "POST", body: viewOffer })).status).toBe(409);

      const owner = children(server.pid).find((pid) => workersOf(pid).length > 0) ?? 0;
      process.kill(owner, "SIGKILL");
      await eventually(
        () => alice.evaluate(() => (window as unknown as Kept).broadcast.state !== "live"),
        30_000,
      );
      for (const page of [here, there]) await sees(page);

      // A client that is closed ends its stream at once, also at the process without a media server.
      await alice.evaluate(() => (window as unknown as Kept).client.close());
      for (const page of [here, there])
        await eventually(
          () => page.evaluate(() => (window as unknown as Kept).viewing.state === "waiting"),
          linger / 2,
        );
    }, 180_000);
  },
);
