import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { chromiumPath, sharedBrowser } from "../browser/support/browser.ts";
import { startBuiltServer } from "../browser/support/built-server.ts";
import { clientPage } from "../browser/support/client-page.ts";
import { bothEnd, contentFlows, converse, eventually } from "../interop/end.ts";
import { type PageEnd as End, openEnd, peerjsScript, type Version, versions } from "../interop/page-ends.ts";
import { someOf } from "../support/seed.ts";
import type { RunningServer } from "../support/server.ts";

setDefaultTimeout(120_000);

interface PeerjsData {
  connect(
    to: string,
    options: object,
  ): { on(event: string, hear: (value: unknown) => void): void; send(data: unknown): void };
  disconnect(): void;
}

describe.skipIf(chromiumPath === null)("PeerJS, unmodified, with our address and path alone", () => {
  let server: RunningServer;
  let browser: Browser;
  const ends = new Map<string, Promise<End>>();
  beforeAll(async () => {
    server = await startBuiltServer();
    browser = await sharedBrowser("slow");
  }, 60_000);
  afterAll(async () => {
    for (const end of ends.values()) await (await end).close();
    await browser?.close();
    await server?.stop();
  });

  const colors = { native: "green", jssip: "blue", peerjs: "red", camera: "blue" } as const;
  const tones = { native: 500, jssip: 800, peerjs: 1_200, camera: 2_000 } as const;
  function end(
    kind: keyof typeof colors,
    version: Version = "1.5.5",
    user = `${kind}-${version.replaceAll(".", "")}`,
  ) {
    const known = ends.get(user);
    if (known !== undefined) return known;
    const made = openEnd(
      browser,
      server.port,
      { kind, user, color: colors[kind], tone: tones[kind] },
      version,
    );
    ends.set(user, made);
    return made;
  }

  /** Of PeerJS a connection is over when its peer says so; to the others its device says so. */
  async function over(by: End, ...ends: End[]) {
    await by.hangup();
    await bothEnd(...ends);
  }

  for (const version of someOf(Object.keys(versions) as Version[], 1))
    test(`${version} calls the page's user and is called by it`, async () => {
      const [peerjs, native] = [await end("peerjs", version), await end("native")];
      await converse(peerjs, native);
      await native.hangup();
      await bothEnd(peerjs, native);
      await converse(native, peerjs);
      // It tells nobody but its peer.
      await peerjs.hangup();
      await bothEnd(native);
      expect((await peerjs.state()).errors).toEqual([]);
    });

  test("JsSIP and PeerJS call each other", async () => {
    const [peerjs, jssip] = [await end("peerjs"), await end("jssip")];
    await converse(peerjs, jssip);
    await over(jssip, peerjs, jssip);
    await converse(jssip, peerjs);
    await over(jssip, peerjs, jssip);
  });

  test("two clients of PeerJS: media and data pass, with metadata and label", async () => {
    const [one, two] = [await end("peerjs", "1.5.5"), await end("peerjs", "1.3.2")];
    await converse(one, two);
    await converse(two, one);
    const said = await two.page
      .evaluate(
        (to) =>
          new Promise((resolve) => {
            const { peerjs } = globalThis as unknown as { peerjs: PeerjsData };
            const data = peerjs.connect(to, { label: "chat", metadata: { n: 7 }, reliable: true });
            data.on("data", resolve);
            data.on("open", () => data.send({ hello: ["world", 1] }));
          }),
        one.user,
      )
      .catch((error) => error);
    expect(said).toEqual({ heard: { hello: ["world", 1] }, label: "chat", metadata: { n: 7 } });
  });

  for (const kind of someOf(["native", "jssip", "peerjs"] as const, 1))
    test(`a camera that only makes offers is called by ${kind}`, async () => {
      const [camera, caller] = [await end("camera"), await end(kind)];
      await converse(caller, camera);
      // Of PeerJS a connection is over when its peer says so.
      if (kind === "peerjs") await over(camera, caller);
      else await over(caller, camera);
      expect((await camera.state()).errors).toEqual([]);
    });

  test("the page answers an offer without BUNDLE", async () => {
    const options = {
      kind: "camera",
      user: "unbundled",
      color: "blue",
      tone: 2_000,
      unbundled: true,
    } as const;
    const camera = await openEnd(browser, server.port, options);
    await converse(await end("native"), camera);
    await over(camera, await end("native"));
    await camera.close();
  });

  test("the client that docs/peerjs.md begins with has 15 lines at most, and calls", async () => {
    const docs = readFileSync(fileURLToPath(new URL("../../docs/peerjs.md", import.meta.url)), "utf8");
    const html = /```html\n([\s\S]*?)```/.exec(docs)?.[1] ?? "";
    expect(html.trimEnd().split("\n").length).toBeLessThanOrEqual(15);
    const script = /<script type="module">([\s\S]*?)<\/script>/.exec(html)?.[1] ?? "";
    const here = script
      .replace(
        'host: "switchboard.example", port: 443, secure: true',
        `host: "localhost", port: ${server.port}`,
      )
      .replaceAll("bob", "reader");
    expect(here).not.toContain("switchboard.example");
    const reader = await openEnd(browser, server.port, {
      kind: "native",
      user: "reader",
      color: "green",
      tone: 500,
    });
    const context = await browser.newContext({ bypassCSP: true });
    const page = await clientPage(
      context,
      `http://localhost:${server.port}`,
      "<video autoplay playsinline></video>",
    );
    await page.addScriptTag({ content: peerjsScript("1.5.5") });
    await page.addScriptTag({ content: here, type: "module" });
    await eventually("the reader to ring", async () => (await reader.state()).rings === 1);
    await reader.answer();
    await page.waitForFunction(() => (document.querySelector("video")?.videoWidth ?? 0) > 0);
    await context.close();
    await reader.close();
  });

  test("disconnect() ends no call whose media flows", async () => {
    const [peerjs, native] = [await end("peerjs", "1.4.7"), await end("native")];
    await converse(peerjs, native);
    await peerjs.page.evaluate(() => (globalThis as unknown as { peerjs: PeerjsData }).peerjs.disconnect());
    await contentFlows(peerjs, native);
    expect((await native.state()).ended).toBeUndefined();
    await peerjs.hangup();
    await bothEnd(native);
  });
});
