import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import { createServer } from "node:tls";
import type { Browser } from "playwright-core";
import { chromiumPath, sharedBrowser, type Tab } from "../browser/support/browser.ts";
import { makeCertificate, temporaryFolder } from "../support/certificates.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { blankTab, end, eventually, makeColors, publish } from "./support/pages.ts";
import { portable } from "./support/portable.ts";
import { colorsIn, hasRtmpSink, probe, RtmpSink, toneIn } from "./support/rtmp-sink.ts";

const withSound = ["--autoplay-policy=no-user-gesture-required"];
const key = "secret-key-of-the-target";

interface Push {
  readonly id: string;
  readonly state: string;
  readonly failures: number;
  readonly failure?: string;
}

interface TlsRelay {
  readonly port: number;
  close(): void;
}

/** TLS ahead of a port of this machine. */
async function tlsBefore(port: number, { cert, key }: { cert: string; key: string }): Promise<TlsRelay> {
  const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (socket) => {
    const inner = connect(port, "127.0.0.1");
    for (const one of [socket, inner]) one.on("error", () => {});
    socket.pipe(inner).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

/** The command lines of all processes of this machine. */
function commandLines(): string {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .map((id) => {
      try {
        return readFileSync(`/proc/${id}/cmdline`, "utf8");
      } catch {
        return "";
      }
    })
    .join("\n");
}

describe.skipIf(chromiumPath === null || !hasRtmpSink)("pushes by RTMP, to nginx", () => {
  let sink: RtmpSink;
  let server: RunningServer;
  let browser: Browser;
  let trusted: TlsRelay;
  let untrusted: TlsRelay;
  beforeAll(async () => {
    sink = await RtmpSink.start();
    const push = [{ stream: "show-*", to: `rtmp://127.0.0.1:${sink.port}/live/${key}` }];
    const folder = temporaryFolder();
    const known = makeCertificate(folder, "known");
    trusted = await tlsBefore(sink.port, known);
    untrusted = await tlsBefore(sink.port, makeCertificate(folder, "unknown"));
    server = await startServer({
      config: { media: { enabled: true, port: 0, workers: 1, push, portable } },
      env: { NODE_EXTRA_CA_CERTS: known.cert },
    });
    browser = await sharedBrowser("fake", withSound);
  }, 60_000);
  // A page that is left open goes on capturing and encoding.
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    await sink?.stop();
    trusted?.close();
    untrusted?.close();
  });

  const api = (path: string, method = "GET", body?: object): Promise<Response> =>
    fetch(`${server.url}/api/v1/streams/${path}`, {
      method,
      headers: { Authorization: "Bearer dev:admin", "Content-Type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  const pushes = async (stream: string): Promise<readonly Push[]> => {
    const response = await api(`${stream}/pushes`);
    return response.status === 200 ? ((await response.json()) as { items: Push[] }).items : [];
  };
  const becomes = async (stream: string, state: string): Promise<void> => {
    await eventually(async () => (await pushes(stream))[0]?.state === state, 30_000).catch(async () => {
      throw new Error(`not ${state}: ${JSON.stringify(await pushes(stream))}`);
    });
  };
  const publishColors = async (name: string, codec: string): Promise<Tab> => {
    const tab = await blankTab(browser, server.url);
    await makeColors(tab.page);
    expect(await publish(tab.page, `${server.url}/whip/${name}`, { codec, picture: "given" })).toBe(201);
    return tab;
  };
  /** True once the file holds so many pictures, and as many pieces of sound. */
  const holds = async (at: number, frames: number): Promise<boolean> => {
    const file = sink.files()[at];
    if (file === undefined) return false;
    const tracks = probe(file);
    return tracks.length === 2 && tracks.every(({ nb_read_frames }) => Number(nb_read_frames) >= frames);
  };

  test("H.264 and a tone by rule, through a crash of the target; the key is seen nowhere", async () => {
    const { page } = await publishColors("show-1", "video/H264");
    await becomes("show-1", "live");
    await eventually(() => holds(0, 40), 30_000);
    expect(commandLines()).not.toContain(key);
    await sink.kill();
    await becomes("show-1", "waiting");
    const [broken] = await pushes("show-1");
    expect(broken?.failure).toMatch(/^the (target closed the connection|connection to the target failed: E)/);
    await sink.start();
    await becomes("show-1", "live");
    await eventually(() => holds(1, 40), 30_000);
    expect(JSON.stringify(await pushes("show-1"))).not.toContain(key);
    expect(await end(page)).toBe(200);
    await eventually(async () => server.logs.some((line) => line.includes("push ended")), 10_000);
    for (const file of sink.files()) {
      expect(
        probe(file)
          .map(({ codec_name }) => codec_name)
          .sort(),
      ).toEqual(["aac", "h264"]);
      expect(colorsIn(file).join(" ")).toMatch(/red green|green blue|blue red/);
      expect(Math.round(toneIn(file) / 20)).toBe(22);
    }
    expect(server.logs.join("\n")).not.toContain(key);
  }, 180_000);

  // test/media/hls.test.ts has a stream of another codec made H.264, by the same transcoder.
  if (process.env.TEST_LONG === "1")
    test("VP8 is made H.264", async () => {
      const { page } = await publishColors("show-2", "video/VP8");
      const before = sink.files().length;
      await becomes("show-2", "live");
      await eventually(() => holds(before, 40), 30_000);
      expect(await end(page)).toBe(200);
      await eventually(async () => (await pushes("show-2")).length === 0, 10_000);
      expect(colorsIn(sink.files()[before] ?? "").join(" ")).toMatch(/red green|green blue|blue red/);
    }, 120_000);

  test("on request, until it is removed; bad targets are refused, and private ones never reached", async () => {
    const { page } = await publishColors("other", "video/H264");
    await eventually(async () => (await api("other")).status === 200, 10_000);
    const to = `rtmp://127.0.0.1:${sink.port}/live/${key}`;
    expect((await api("nobody/pushes", "POST", { to })).status).toBe(404);
    for (const wrong of ["rtmp://127.0.0.1/live", "ftp://127.0.0.1/a/b", `rtmp://u:p@127.0.0.1/live/${key}`])
      expect((await api("other/pushes", "POST", { to: wrong })).status).toBe(422);
    const made = await api("other/pushes", "POST", { to });
    expect(made.status).toBe(201);
    const { id } = (await made.json()) as Push;
    await becomes("other", "live");
    expect((await api(`other/pushes/${id}`, "DELETE")).status).toBe(204);
    expect((await api(`other/pushes/${id}`, "DELETE")).status).toBe(404);
    const private_ = await api("other/pushes", "POST", { to: `rtmp://169.254.169.254/live/${key}` });
    expect(private_.status).toBe(201);
    await becomes("other", "waiting");
    expect((await pushes("other"))[0]?.failure).toContain("is not allowed (link_local)");
    await Promise.all((await pushes("other")).map(({ id }) => api(`other/pushes/${id}`, "DELETE")));

    // RTMPS: by a certificate of an authority that the server trusts, and not by another one.
    await api("other/pushes", "POST", { to: `rtmps://localhost:${trusted.port}/live/${key}` });
    await becomes("other", "live");
    await Promise.all((await pushes("other")).map(({ id }) => api(`other/pushes/${id}`, "DELETE")));
    await api("other/pushes", "POST", { to: `rtmps://localhost:${untrusted.port}/live/${key}` });
    await becomes("other", "waiting");
    expect((await pushes("other"))[0]?.failure).toContain("SELF_SIGNED_CERT");
    expect(await end(page)).toBe(200);
  }, 120_000);
});
