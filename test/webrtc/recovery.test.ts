import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import wrtc from "@roamhq/wrtc";
import type { Call, Client, ConnectOptions } from "../../src/client/index.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { camera, closeAll, device, frames, until } from "./support/parties.ts";
import { startProxy, type TestProxy } from "./support/proxy.ts";
import { strict, token } from "./support/tokens.ts";

let server: RunningServer;
const proxies: TestProxy[] = [];
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());
afterEach(async () => {
  await closeAll();
  for (const proxy of proxies.splice(0)) await proxy.stop();
});

test("an ICE restart opens the next generation, and media goes on", async () => {
  const { alice, call, theirs } = await talk(server.url);
  const generations = signals(alice);
  const before = ufrag(call);
  await call.restartIce();
  await until(() => ufrag(call) !== before, "new ICE credentials");
  await until(() => call.pc?.signalingState === "stable", "the answer");
  expect(Math.max(...generations)).toBe(2);
  await Promise.all([frames(call.remote), frames(theirs.remote)]);
  // Both at once: one restart, for the second has what it wanted.
  const now = ufrag(call);
  await Promise.all([call.restartIce(), theirs.restartIce()]);
  await until(() => ufrag(call) !== now && call.pc?.signalingState === "stable", "the second restart");
  await Promise.all([frames(call.remote), frames(theirs.remote)]);
  expect(Math.max(...generations)).toBe(3);
  expect([call.state, theirs.state]).toEqual(["connected", "connected"]);
});

test("the link is cut in mid-call: it resumes, the call goes on, nothing is lost", async () => {
  const proxy = await network();
  const { alice, bob, call, theirs } = await talk(server.url, proxy.url);
  const welcomes = resumes(bob);
  const heard: unknown[] = [];
  bob.on("message", ({ body }) => heard.push(body));
  for (let round = 0; round < 3; round++) {
    proxy.cut();
    for (let n = 0; n < 5; n++) void alice.send("bob", `${round}.${n}`);
    const sent = bob.send("alice", "still here");
    await until(() => bob.state === "reconnecting", "the loss to be seen");
    expect(theirs.state).toBe("connected");
    await sent;
    await until(() => heard.length === 5 * (round + 1), "the messages");
  }
  expect(heard).toEqual([0, 1, 2].flatMap((round) => [0, 1, 2, 3, 4].map((n) => `${round}.${n}`)));
  expect(welcomes).toEqual([true, true, true]);
  await frames(theirs.remote);
  await theirs.hangup();
  expect((await call.ended).reason).toBe("hangup");
});

test("the other end is told of a lost link, and an ICE restart waits for it", async () => {
  const proxy = await network();
  const { bob, call, theirs } = await talk(server.url, proxy.url);
  proxy.block(true);
  await until(() => call.peerLink === "suspended", "the other end to hear of it");
  const before = ufrag(call);
  const restarted = theirs.restartIce();
  expect([call.state, theirs.state]).toEqual(["connected", "connected"]);
  await frames(call.remote);
  proxy.block(false);
  bob.retry();
  await restarted;
  await until(() => call.peerLink === "live", "the other end to be back");
  await until(() => ufrag(call) !== before && call.pc?.signalingState === "stable", "the restart");
  await Promise.all([frames(call.remote), frames(theirs.remote)]);
});

test("a hang-up while the link is lost is told when it is back", async () => {
  const proxy = await network();
  const { bob, call, theirs } = await talk(server.url, proxy.url);
  proxy.block(true);
  await until(() => bob.state === "reconnecting", "the loss to be seen");
  void theirs.hangup();
  expect((await theirs.ended).reason).toBe("hangup");
  expect(call.state).toBe("connected");
  proxy.block(false);
  bob.retry();
  expect((await call.ended).reason).toBe("hangup");
});

test("where WebSocket is blocked it talks HTTP, resumes over it, and calls as ever", async () => {
  const proxy = await network({ noUpgrades: true });
  const { alice, bob, call, theirs } = await talk(server.url, proxy.url);
  const welcomes = resumes(bob);
  const heard: unknown[] = [];
  alice.on("message", ({ body }) => heard.push(body));
  await frames(theirs.remote);
  await bob.send("alice", 1);
  proxy.block(true);
  await until(() => bob.state === "reconnecting", "the loss to be seen");
  const sent = bob.send("alice", 2);
  proxy.block(false);
  bob.retry();
  await sent;
  await until(() => heard.length === 2, "the messages");
  expect(welcomes).toEqual([true]);
  expect(theirs.state).toBe("connected");
  await theirs.hangup();
  expect((await call.ended).reason).toBe("hangup");
});

test("gone for longer than the window: a new link finds the call by its ticket; what is in doubt says so", async () => {
  const brief = await startServer({ config: { limits: { resumeWindow: 300 } } });
  const proxy = await startProxy(brief.url);
  proxies.push(proxy);
  try {
    const { alice, bob, call, theirs } = await talk(brief.url, proxy.url);
    const welcomes = resumes(bob);
    bob.watch(["alice"]);
    await until(() => bob.presence.has("alice"), "presence");
    proxy.swallow();
    const doubtful = bob.send("alice", "did it come?");
    proxy.block(true);
    await until(() => call.peerLink === "detached", "the window to be over");
    proxy.block(false);
    bob.retry();
    await expect(doubtful).rejects.toMatchObject({ code: "outcome_unknown", temporary: true });
    await until(() => call.peerLink === "live", "bob to be back");
    expect(welcomes).toEqual([false]);
    await alice.setStatus("in a call");
    await until(
      () => bob.presence.get("alice")?.devices[0]?.status === "in a call",
      "what was watched before",
    );
    const before = ufrag(call);
    await theirs.restartIce();
    await until(() => ufrag(call) !== before && call.pc?.signalingState === "stable", "the restart");
    await Promise.all([frames(call.remote), frames(theirs.remote)]);
    expect([call.state, theirs.state]).toEqual(["connected", "connected"]);
    await theirs.hangup();
    expect((await call.ended).reason).toBe("hangup");
  } finally {
    await brief.stop();
  }
});

test("the server restarts with another key: calls go on while their media flows, and the next one works", async () => {
  let other = await startServer();
  try {
    const { alice, bob, call, theirs } = await talk(other.url);
    await alice.setStatus("here");
    bob.watch(["alice"]);
    const { port } = other;
    await other.stop();
    await until(() => alice.state === "reconnecting" && bob.state === "reconnecting", "the loss to be seen");
    expect([call.state, theirs.state]).toEqual(["connected", "connected"]);
    const waits = bob.call("alice", { media: false });
    other = await startServer({ config: { port } });
    for (const client of [alice, bob]) client.retry();
    await (await alice.next("incoming")).accept({ media: false });
    await waits.connected;
    expect([call.state, theirs.state]).toEqual(["connected", "connected"]);
    await Promise.all([call.hangup(), theirs.hangup()]);
    await until(() => bob.presence.get("alice")?.devices[0]?.status === "here", "status and presence");
  } finally {
    await other.stop();
  }
});

test("a refused token closes, one that is not there yet is asked for again, another place replaces this one", async () => {
  const refused = device(server.url, "alice", "laptop", { token: "nonsense" });
  expect(await refused.closed).toMatchObject({ reason: "closed", error: { code: "unauthorized" } });
  await expect(refused.ready).rejects.toMatchObject({ code: "unauthorized" });
  const misnamed = device(server.url, "mallory", "m", { device: { id: "m", name: "a\u0000" } });
  await expect(misnamed.ready).rejects.toMatchObject({
    code: "bad_request",
    message: expect.stringContaining("device.name"),
  });
  expect(misnamed.state).toBe("closed");
  await expect(refused.send("bob", 1)).rejects.toMatchObject({ code: "closed" });

  let asked = 0;
  const flaky = () => {
    asked++;
    if (asked === 1) throw new Error("no network yet");
    return "dev:alice";
  };
  const first = device(server.url, "alice", "laptop", { token: flaky });
  await first.ready;
  expect(asked).toBe(2);
  const second = device(server.url, "alice", "laptop");
  expect(await first.closed).toMatchObject({ reason: "closed", error: { code: "replaced" } });
  await second.ready;

  const abort = new AbortController();
  const third = device(server.url, "carol", "laptop", { signal: abort.signal });
  await third.ready;
  abort.abort();
  expect(await third.closed).toEqual({ reason: "closed", error: undefined });
});

test("a fetched token is renewed before it expires; one that cannot be fetched anew ends the client", async () => {
  const guarded = await startServer({ config: strict });
  try {
    let fetched = 0;
    const renewed = device(guarded.url, "alice", "laptop", {
      token: () => {
        fetched++;
        return token("alice", {}, 3);
      },
    });
    const fixed = device(guarded.url, "bob", "phone", { token: await token("bob", {}, 3) });
    await Promise.all([renewed.ready, fixed.ready]);
    expect((await fixed.closed).error?.code).toBe("token_expired");
    await until(() => fetched >= 3, "two renewals");
    expect(renewed.state).toBe("online");
  } finally {
    await guarded.stop();
  }
});

test("fresh TURN credentials are taken into the running connection", async () => {
  const turn = {
    external: ["turn:127.0.0.1:9?transport=udp"],
    secret: "shared with the TURN server",
    ttl: 60_000,
  };
  const relayed = await startServer({ config: { turn } });
  const names = new Set<string>();
  class Watched extends wrtc.RTCPeerConnection {
    override setConfiguration(config: RTCConfiguration): void {
      for (const { username } of config.iceServers ?? []) names.add(username ?? "");
      super.setConfiguration(config);
    }
  }
  try {
    const rtc = { RTCPeerConnection: Watched, MediaStream: wrtc.MediaStream };
    const proxy = await startProxy(relayed.url);
    proxies.push(proxy);
    const { theirs } = await talk(relayed.url, proxy.url, { rtc });
    expect(names.size).toBe(0);
    proxy.cut();
    await until(() => names.size === 1, "the credentials of the next welcome");
    expect([...names][0]).toMatch(/^\d+:bob\/phone$/);
    expect(theirs.state).toBe("connected");
    await frames(theirs.remote);
  } finally {
    await relayed.stop();
  }
});

async function network(options?: { noUpgrades: boolean }): Promise<TestProxy> {
  const proxy = await startProxy(server.url, options);
  proxies.push(proxy);
  return proxy;
}

/** Alice and bob in a call with video both ways; bob may have his own way to the server. */
async function talk(
  url: string,
  bobsUrl = url,
  options: Partial<ConnectOptions> = {},
): Promise<{ alice: Client; bob: Client; call: Call; theirs: Call }> {
  const alice = device(url, "alice", "laptop", options);
  const bob = device(bobsUrl, "bob", "phone", options);
  await bob.ready;
  const ring = bob.next("incoming");
  const call = alice.call("bob", { media: await camera() });
  const theirs = await (await ring).accept({ media: await camera() });
  await Promise.all([call.connected, theirs.connected]);
  return { alice, bob, call, theirs };
}

/** The `resumed` of every later welcome. */
function resumes(client: Client): boolean[] {
  const all: boolean[] = [];
  client.on("frame", ({ frame }) => {
    if (frame.type === "welcome") all.push(frame.resumed as boolean);
  });
  return all;
}

/** The generations of everything that the client signals from now on. */
function signals(client: Client): number[] {
  const all: number[] = [];
  client.on("frame", ({ out, frame }) => {
    if (out && frame.type === "signal") all.push(frame.generation as number);
  });
  return all;
}

function ufrag(call: Call): string | undefined {
  return /a=ice-ufrag:(\S+)/.exec(call.pc?.localDescription?.sdp ?? "")?.[1];
}
