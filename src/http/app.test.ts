import { describe, expect, test } from "bun:test";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import type { CoreStats } from "../signaling/core.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { type AppParts, createApp } from "./app.ts";

const stats: CoreStats = {
  linksLive: 3,
  linksSuspended: 1,
  devices: 4,
  users: 2,
  sessionsRinging: 1,
  sessionsActive: 1,
  sessionsPublishing: 1,
  sessionsViewing: 2,
  rooms: 0,
  transportsOpen: 3,
  logBytes: 0,
  signals: 0,
};

const backplane = { name: "backplane", state: "up", ok: true };
const turn = { name: "turn", state: { state: "ok", ms: 12 }, ok: true };

function app(parts: Partial<AppParts> = {}) {
  const answer = createApp({
    version: "1.2.3",
    core: { draining: false, stats: () => stats },
    health: () => [backplane, turn],
    metrics: new Metrics(() => stats),
    forOperators: true,
    metricsToken: "",
    pageFolder: undefined,
    ...parts,
  });
  return (path: string, init: RequestInit = {}) =>
    Promise.resolve(answer(new Request(`http://x.example${path}`, init)));
}

describe("health", () => {
  test("live says the version", async () => {
    const response = await app()("/health/live");
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: "live", version: "1.2.3" });
  });

  test("ready, degraded, draining", async () => {
    const ready = await app()("/health/ready");
    expect([ready.status, await ready.json()]).toEqual([
      200,
      { status: "ready", backplane: "up", links: 4, sessions: 2, turn: { state: "ok", ms: 12 } },
    ]);
    const degraded = await app({ health: () => [{ ...backplane, state: "down", ok: false }, turn] })(
      "/health/ready",
    );
    expect([degraded.status, await degraded.json()]).toMatchObject([
      200,
      { status: "degraded", backplane: "down" },
    ]);
    const failed = { state: "failed", failure: "allocate: no answer" };
    const mute = await app({ health: () => [backplane, { ...turn, state: failed, ok: false }] })(
      "/health/ready",
    );
    expect(await mute.json()).toMatchObject({ status: "degraded", turn: { failure: "allocate: no answer" } });
    const draining = await app({ core: { draining: true, stats: () => stats } })("/health/ready");
    expect([draining.status, await draining.json()]).toMatchObject([503, { status: "draining" }]);
  });
});

describe("metrics", () => {
  test("are open where no token is set", async () => {
    const response = await app()("/metrics");
    expect(response.headers.get("content-type")).toStartWith("text/plain; version=0.0.4");
    expect(await response.text()).toContain('switchboard_links{state="live"} 3');
  });

  test("are for operators only where no token is set, like the counts of health", async () => {
    const get = app({ forOperators: false });
    const response = await get("/metrics");
    expect([response.status, await response.text()]).toEqual([
      403,
      "The metrics are at admin.port, or here with the setting metricsToken.\n",
    ]);
    const ready = await get("/health/ready");
    expect(await ready.json()).toEqual({ status: "ready", backplane: "up", turn: { state: "ok", ms: 12 } });
  });

  test("want the token where one is set", async () => {
    const get = app({ metricsToken: "hush" });
    expect((await get("/metrics")).status).toBe(401);
    expect((await get("/metrics", { headers: { Authorization: "Bearer wrong" } })).status).toBe(401);
    expect((await get("/metrics", { headers: { Authorization: "Bearer hush" } })).status).toBe(200);
  });
});

describe("pages", () => {
  const folder = mkdtempSync(join(tmpdir(), "switchboard-page-"));
  const put = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    writeFileSync(join(folder, `${name}.gz`), gzipSync(text));
  };
  put("index.html", "<p>page</p>");
  put("client.js", "export {};");
  put("index-as7x4efj.js", "1;");
  put("live.html", "<p>live</p>");
  put("broadcast.html", "<p>broadcast</p>");
  const get = app({ pageFolder: folder });

  test("are served with a policy that lets nothing else in", async () => {
    const response = await get("/");
    expect(await response.text()).toBe("<p>page</p>");
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    const policy = response.headers.get("content-security-policy");
    expect(policy).toContain("default-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(response.headers.get("referrer-policy")).toBe("no-referrer");
  });

  test("of streams have addresses without an ending, and one page serves all names", async () => {
    expect(await (await get("/broadcast")).text()).toBe("<p>broadcast</p>");
    for (const path of ["/live", "/live/lobby", "/live/lobby/", "/live/%F0%9F%8E%A5?token=x"]) {
      const response = await get(path);
      expect(await response.text()).toBe("<p>live</p>");
      expect(response.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
    }
    for (const path of ["/live.html", "/live/", "/live/a/b", "/broadcast/"])
      expect((await get(path)).status).toBe(404);
  });

  test("are kept for good where their name has a hash, else asked for again", async () => {
    expect((await get("/index-as7x4efj.js")).headers.get("cache-control")).toContain("immutable");
    const first = await get("/client.js");
    expect(first.headers.get("cache-control")).toBe("no-cache");
    const again = await get("/client.js", { headers: { "If-None-Match": first.headers.get("etag") ?? "" } });
    expect(again.status).toBe(304);
    expect(await again.text()).toBe("");
  });

  test("may be imported by pages of other origins, also where they have not changed", async () => {
    const first = await get("/client.js");
    const again = await get("/client.js", { headers: { "If-None-Match": first.headers.get("etag") ?? "" } });
    for (const response of [first, again])
      expect(response.headers.get("access-control-allow-origin")).toBe("*");
    expect((await get("/health/live")).headers.get("access-control-allow-origin")).toBeNull();
  });

  test("are gzipped for who takes it", async () => {
    const zipped = await get("/client.js", { headers: { "Accept-Encoding": "br, gzip" } });
    expect(zipped.headers.get("content-encoding")).toBe("gzip");
    expect(gunzipSync(await zipped.arrayBuffer()).toString()).toBe("export {};");
    for (const accept of ["br", "gzip;q=0"]) {
      const plain = await get("/client.js", { headers: { "Accept-Encoding": accept } });
      expect(plain.headers.get("content-encoding")).toBeNull();
    }
  });

  test("no path leads out of the folder, and other methods are refused", async () => {
    for (const path of [
      "/../package.json",
      "/%2e%2e/package.json",
      "/..%2fpackage.json",
      "//etc/passwd",
      "/index.html.gz",
    ])
      expect((await get(path)).status).toBe(404);
    expect((await get("/", { method: "POST" })).status).toBe(404);
  });

  test("that were not built say how to build them", async () => {
    const response = await app({ pageFolder: join(folder, "none") })("/");
    expect(response.status).toBe(503);
    expect(await response.text()).toContain("npm run build");
  });

  test("may be left out", async () => {
    expect((await app()("/")).status).toBe(404);
  });
});
