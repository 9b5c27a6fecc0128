import { expect, test } from "bun:test";
import { loadSettings } from "../config/load.ts";
import type { SettingsInput } from "../config/schema.ts";
import { paths } from "../protocol/version.ts";
import { createLog } from "../telemetry/log.ts";
import type { Part, Service } from "./service.ts";
import { parts } from "./services.ts";
import { makeSwitchboard } from "./switchboard.ts";

const log = createLog({ level: "silent", format: "json" });
const client = { address: "127.0.0.1", peer: "127.0.0.1" };
const local = { Host: "localhost" };

function make(options: SettingsInput = {}, list: readonly Part[] = parts) {
  const quiet = {
    dev: true,
    page: false,
    turn: { embedded: false },
    sip: { enabled: false },
    peerjs: { enabled: false },
    media: { enabled: false },
  };
  const settings = loadSettings({ object: { ...quiet, ...options } });
  if (!settings.ok) throw new Error(settings.error);
  return makeSwitchboard(settings.value, log, {}, list);
}

function request(path: string, init: RequestInit = {}): Request {
  return new Request(`http://localhost${path}`, { ...init, headers: { ...local, ...init.headers } });
}

test("without a listener it answers requests, and a device can sign in by them", async () => {
  const switchboard = await make();
  const live = await switchboard.fetch(request("/health/live"), client);
  expect(await live.json()).toMatchObject({ status: "live" });
  const hello = {
    type: "hello",
    token: "dev:alice",
    device: { id: "d" },
    instance: "instance-1",
    attempt: 1,
  };
  const body = JSON.stringify(hello);
  const welcome = await switchboard.fetch(request(paths.http, { method: "POST", body }), client);
  expect(await welcome.json()).toMatchObject({ type: "welcome", user: "alice" });
  const metrics = await switchboard.fetch(request("/metrics"), client);
  expect(await metrics.text()).toContain('switchboard_links{state="live"} 1');
  expect(new Set(switchboard.routes.map(({ path }) => path))).toEqual(
    new Set(["/mqtt", "/xmpp", "/", paths.websocket]),
  );
  expect(switchboard.stun).toBeUndefined();
  await switchboard.stop();
});

test("in development mode it refuses strangers on whatever listens for it", async () => {
  const switchboard = await make();
  const stranger = { address: "192.0.2.1", peer: "192.0.2.1" };
  for (const fetch of [switchboard.fetch, switchboard.fetchAdmin])
    expect((await fetch(request("/health/live"), stranger)).status).toBe(403);
  await switchboard.stop();
});

test("only operators can ask for the drain", async () => {
  const switchboard = await make();
  const drain = () => request("/admin/drain", { method: "POST" });
  expect((await switchboard.fetch(drain(), client)).status).toBe(404);
  expect((await switchboard.fetchAdmin(drain(), client)).status).toBe(202);
  await switchboard.drainRequested;
  await switchboard.stop();
});

/** A part that notes what becomes of it. */
function noted(name: string, said: string[], service: Partial<Service> = {}, failure?: string): Part {
  return {
    start: async () => {
      if (failure !== undefined) throw new Error(failure);
      said.push(`${name} starts`);
      return { ...service, stop: async () => void said.push(`${name} stops`) };
    },
  };
}

test("a part is one entry of the list: requests, sockets, metrics, health, workers, certificates", async () => {
  const said: string[] = [];
  const radio = noted("radio", said, {
    routes: [{ path: "/radio", check: () => undefined, open: () => ({}) as never }],
    fetch: (asked) => (new URL(asked.url).pathname === "/radio" ? new Response("on air") : undefined),
    metrics: (registry) => registry.gauge("radio_listeners", "Who listens.", [], (set) => set(3)),
    health: () => ({ name: "radio", state: { frequency: 97.3 }, ok: false }),
    iceServers: () => ({ servers: [{ urls: ["stun:radio.example"] }] }),
    workerSettings: [{ RADIO: "1" }],
    stun: () => undefined,
    stunPort: (port) => void said.push(`STUN at ${port}`),
  });
  const switchboard = await make({}, [radio, ...parts]);
  const text = async (path: string) => await (await switchboard.fetch(request(path), client)).text();
  expect(await text("/radio")).toBe("on air");
  expect(await text("/nothing")).toContain("nothing at this address");
  expect(await text("/metrics")).toContain("switchboard_radio_listeners 3");
  expect(JSON.parse(await text("/health/ready"))).toMatchObject({
    status: "degraded",
    radio: { frequency: 97.3 },
    backplane: "none",
    turn: { state: "off" },
  });
  expect(switchboard.routes.map(({ path }) => path)).toContain("/radio");
  expect(switchboard.workerSettings).toEqual([[{ RADIO: "1" }]]);
  switchboard.carriedBy({ stunPort: 443, stop: async () => void said.push("listener stops") });
  await switchboard.stop();
  expect(said).toEqual(["radio starts", "STUN at 443", "radio stops", "listener stops"]);
});

test("what started stops in the reverse order, also where a later part can't start", async () => {
  const said: string[] = [];
  const [one, two] = [noted("one", said), noted("two", said)];
  const switchboard = await make({}, [one, two]);
  await switchboard.stop();
  expect(said.splice(0)).toEqual(["one starts", "two starts", "two stops", "one stops"]);
  const three = noted("three", said, {}, "setting three: no");
  await expect(make({}, [one, two, three])).rejects.toThrow("setting three: no");
  expect(said).toEqual(["one starts", "two starts", "two stops", "one stops"]);
});
