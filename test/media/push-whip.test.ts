import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser } from "playwright-core";
import { interfaceAddresses } from "../../src/net/interfaces.ts";
import { chromiumPath, sharedBrowser } from "../browser/support/browser.ts";
import { freePort } from "../support/free-port.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import {
  blankTab,
  colors,
  end,
  eventually,
  figure,
  makeColors,
  publish,
  tone,
  view,
} from "./support/pages.ts";
import { portable } from "./support/portable.ts";

const token = "dev:secret-pusher";

interface Push {
  readonly id: string;
  readonly kind: string;
  readonly to: string;
  readonly state: string;
  readonly failure?: string;
}

describe.skipIf(chromiumPath === null)("pushes by WHIP, to another of our servers", () => {
  let port: number;
  let source: RunningServer;
  let sink: RunningServer;
  let browser: Browser;
  const startSink = (): Promise<RunningServer> =>
    startServer({ config: { port, media: { enabled: true, port: 0, workers: 1, portable } } });
  beforeAll(async () => {
    port = await freePort();
    sink = await startSink();
    const to = `http://127.0.0.1:${port}/whip/copy`;
    source = await startServer({
      config: {
        media: {
          ...{ enabled: true, port: 0, workers: 1, push: [{ stream: "show-*", to, token }], portable },
          // Where browsers of this machine are.
          pushAllow: interfaceAddresses().map(({ address }) => address),
        },
      },
    });
    browser = await sharedBrowser("fake", ["--autoplay-policy=no-user-gesture-required"]);
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await source?.stop();
    await sink?.stop();
  });

  const api = (path: string, method = "GET", body?: object): Promise<Response> =>
    fetch(`${source.url}/api/v1/streams/${path}`, {
      method,
      headers: { Authorization: "Bearer dev:admin", "Content-Type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  const pushes = async (stream: string): Promise<readonly Push[]> => {
    const response = await api(`${stream}/pushes`);
    return response.status === 200 ? ((await response.json()) as { items: Push[] }).items : [];
  };
  const becomes = async (stream: string, state: string): Promise<void> => {
    await eventually(async () => (await pushes(stream)).at(-1)?.state === state, 60_000).catch(async () => {
      throw new Error(`not ${state}: ${JSON.stringify(await pushes(stream))}`);
    });
  };
  const seesColors = async (stream: string): Promise<void> => {
    const viewer = await blankTab(browser, sink.url);
    expect(await view(viewer.page, `${sink.url}/whep/${stream}`)).toBe(201);
    expect((await colors(viewer.page, 30_000)).join(" ")).toMatch(/red green|green blue|blue red/);
    expect(Math.round((await tone(viewer.page)) / 20)).toBe(22);
    await viewer.page.context().close();
  };

  test("picture and sound arrive, also after the target was away; the token is seen nowhere", async () => {
    const { page } = await blankTab(browser, source.url);
    await makeColors(page);
    const status = await publish(page, `${source.url}/whip/show-1`, {
      codec: "video/H264",
      picture: "given",
    });
    expect(status).toBe(201);
    await becomes("show-1", "live");
    await seesColors("copy");
    expect(await pushes("show-1")).toMatchObject([{ kind: "whip", to: `http://127.0.0.1:${port}` }]);
    await sink.stop();
    await becomes("show-1", "waiting");
    sink = await startSink();
    await becomes("show-1", "live");
    await seesColors("copy");

    // Another one by the API, in the codec of another publisher.
    const vp8 = await blankTab(browser, source.url);
    await makeColors(vp8.page);
    const options = { codec: "video/VP8", picture: "given" } as const;
    expect(await publish(vp8.page, `${source.url}/whip/other`, options)).toBe(201);
    await eventually(async () => (await api("other")).status === 200, 10_000);
    const to = `http://127.0.0.1:${port}/whip/second`;
    for (const wrong of ["ftp://127.0.0.1/a", `http://u:p@127.0.0.1:${port}/whip/second`])
      expect((await api("other/pushes", "POST", { to: wrong, token })).status).toBe(422);
    const made = await api("other/pushes", "POST", { to, token });
    expect(made.status).toBe(201);
    const { id } = (await made.json()) as Push;
    await becomes("other", "live");
    await seesColors("second");
    expect((await api(`other/pushes/${id}`, "DELETE")).status).toBe(204);
    await eventually(async () => (await fetch(`${sink.url}/whep/second`)).status !== 200, 10_000);
    // No address that isn't allowed is reached, and no body without a session is taken for one.
    await api("other/pushes", "POST", { to: "http://169.254.169.254/whip/x", token });
    await becomes("other", "waiting");
    expect((await pushes("other"))[0]?.failure).toContain("is not allowed (link_local)");

    const shown = JSON.stringify([await pushes("show-1"), await pushes("other")]);
    for (const text of [shown, source.logs.join("\n")]) expect(text).not.toContain("secret-pusher");
    expect(await end(vp8.page)).toBe(200);
    expect(await end(page)).toBe(200);
    await eventually(async () => source.logs.some((line) => line.includes("push ended")), 10_000);
  }, 300_000);

  test("a browser that answers our offer, with full ICE, sees it too", async () => {
    const { page } = await blankTab(browser, source.url);
    expect(await publish(page, `${source.url}/whip/full`, { codec: "video/H264" })).toBe(201);
    await eventually(async () => (await api("full")).status === 200, 10_000);
    const answerer = await blankTab(browser, source.url);
    const asked: string[] = [];
    const endpoint = Bun.serve({
      ...{ port: 0, hostname: "127.0.0.1" },
      fetch: async (request) => {
        asked.push(`${request.method} ${request.headers.get("authorization")}`);
        if (request.method !== "POST") return new Response();
        const offer = await request.text();
        const sdp = await answerer.page.evaluate(answerOffer, offer);
        return new Response(sdp, { status: 201, headers: { Location: "/session/1" } });
      },
    });
    const made = await api("full/pushes", "POST", { to: `${endpoint.url}whip`, token });
    const { id } = (await made.json()) as Push;
    await becomes("full", "live");
    await eventually(async () => (await figure(answerer.page, "video", "framesDecoded")) > 30, 30_000);
    await eventually(async () => (await figure(answerer.page, "audio", "packetsReceived")) > 50, 30_000);
    expect((await api(`full/pushes/${id}`, "DELETE")).status).toBe(204);
    await eventually(async () => asked.length === 2, 10_000);
    expect(asked).toEqual([`POST Bearer ${token}`, `DELETE Bearer ${token}`]);
    await endpoint.stop(true);
    expect(await end(page)).toBe(200);
  }, 120_000);
});

/** In a page: answers an offer, once all candidates are there. */
async function answerOffer(sdp: string): Promise<string> {
  // Whoever may use the camera may tell addresses.
  await navigator.mediaDevices.getUserMedia({ audio: true });
  const connection = new RTCPeerConnection();
  Object.assign(globalThis, { kept: { connection } });
  await connection.setRemoteDescription({ type: "offer", sdp });
  await connection.setLocalDescription();
  while (connection.iceGatheringState !== "complete") await new Promise((done) => setTimeout(done, 50));
  return connection.localDescription?.sdp ?? "";
}
