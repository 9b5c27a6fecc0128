import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser, Page } from "playwright-core";
import { chromiumPath, sharedBrowser } from "../browser/support/browser.ts";
import { runtimesFor } from "../support/runtimes.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { blankTab, end, eventually, figure, publish, view } from "./support/pages.ts";

/** The URL of the page's session. */
function sessionOf(page: Page): Promise<string> {
  return page.evaluate(() => (globalThis as unknown as { kept: { session: string } }).kept.session);
}

/** Restarts ICE as RFC 9725 §4.3.2 says: with the new credentials alone. Resolves with the status, or what went wrong. */
function restart(page: Page): Promise<string> {
  return page.evaluate(async () => {
    const { connection, session } = (
      globalThis as unknown as { kept: { connection: RTCPeerConnection; session: string } }
    ).kept;
    await connection.setLocalDescription(await connection.createOffer({ iceRestart: true }));
    const sdp = connection.localDescription?.sdp ?? "";
    const line = (text: string, name: string): string =>
      new RegExp(`a=${name}:(.*)\r\n`).exec(text)?.[1] ?? "";
    const response = await fetch(session, {
      method: "PATCH",
      headers: { "Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*" },
      body: `a=ice-ufrag:${line(sdp, "ice-ufrag")}\r\na=ice-pwd:${line(sdp, "ice-pwd")}\r\n`,
    });
    const fragment = await response.text();
    const before = connection.remoteDescription?.sdp ?? "";
    const answer = before
      .replaceAll(/a=ice-ufrag:.*\r\n/g, `a=ice-ufrag:${line(fragment, "ice-ufrag")}\r\n`)
      .replaceAll(/a=ice-pwd:.*\r\n/g, `a=ice-pwd:${line(fragment, "ice-pwd")}\r\n`);
    await connection.setRemoteDescription({ type: "answer", sdp: answer });
    return `${response.status} ${line(before, "ice-ufrag") === line(fragment, "ice-ufrag") ? "unchanged" : "changed"}`;
  });
}

/** Gathers the events of a stream, until the returned function is called. */
async function gather(url: string, heard: { name: string; data: string }[]): Promise<() => void> {
  const stop = new AbortController();
  const response = await fetch(url, { signal: stop.signal });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const read = async (): Promise<void> => {
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      const parts = text.split("\n\n");
      text = parts.pop() ?? "";
      for (const part of parts) {
        const [, name = "", data = ""] = /^event: (.*)\ndata: (.*)$/.exec(part) ?? [];
        heard.push({ name, data });
      }
    }
  };
  // It ends with an error once it is aborted.
  read().catch(() => undefined);
  return () => stop.abort();
}

describe.skipIf(chromiumPath === null).each(runtimesFor("whep-extensions"))("a server on %s", (runtime) => {
  let server: RunningServer;
  let browser: Browser;
  beforeAll(async () => {
    server = await startServer({ runtime, config: { media: { port: 0, workers: 1 } } });
    browser = await sharedBrowser("fake", ["--autoplay-policy=no-user-gesture-required"]);
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  test("a viewer hears of the stream, chooses a layer, and restarts ICE", async () => {
    const publisher = await blankTab(browser, server.url);
    expect(await publish(publisher.page, `${server.url}/whip/lobby`, { simulcast: true })).toBe(201);
    const { page } = await blankTab(browser, server.url);
    await eventually(async () => (await view(page, `${server.url}/whep/lobby`)) === 201, 30_000);
    await eventually(async () => (await figure(page, "video", "framesDecoded")) > 10, 60_000);
    const session = await sessionOf(page);

    const heard: { name: string; data: string }[] = [];
    const stop = await gather(`${session}/events`, heard);
    await eventually(async () => heard.some(({ name }) => name === "active"), 20_000);
    await eventually(async () => heard.some(({ data }) => data === '{"viewercount":1}'), 20_000);
    // A busy machine sends the smallest layer only.
    const small = '"encodingId":"q"';
    await eventually(
      async () => heard.some(({ name, data }) => name === "layers" && data.includes(small)),
      60_000,
    );

    const choose = (layer: object): Promise<Response> =>
      fetch(`${session}/layer`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(layer),
      });
    expect((await choose({ encodingId: "q" })).status).toBe(200);
    await eventually(async () => (await figure(page, "video", "frameHeight")) === 120, 60_000);
    expect((await fetch(`${session}/layer`, { method: "DELETE" })).status).toBe(200);

    for (const tab of [page, publisher.page]) expect(await restart(tab)).toBe("200 changed");
    const decoded = await figure(page, "video", "framesDecoded");
    await eventually(async () => (await figure(page, "video", "framesDecoded")) > decoded + 30, 60_000);

    expect(await end(publisher.page)).toBe(200);
    await eventually(async () => heard.some(({ name }) => name === "inactive"), 20_000);
    stop();
  }, 300_000);
});
