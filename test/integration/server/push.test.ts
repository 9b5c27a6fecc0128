import { afterEach, expect, test } from "bun:test";
import { createDecipheriv, createECDH, createPublicKey, hkdfSync, verify } from "node:crypto";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSwitchboard, type SwitchboardServer } from "../../../src/main.ts";
import { hasNats, NatsServer } from "../../support/nats-server.ts";
import { signIn } from "../../support/sign-in.ts";

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "switchboard-push-"));
  stops.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function serve(options: object = {}): Promise<SwitchboardServer> {
  const server = await createSwitchboard({
    ...{ port: 0, host: "127.0.0.1", dev: true, page: false, drain: 100, stateFolder: folder() },
    ...{ log: { level: "silent" }, turn: { embedded: false }, media: { enabled: false } },
    ...options,
  });
  stops.push(() => server.stop());
  return server;
}

/** A browser's subscription, and the push service that it is of: what comes is decrypted as RFC 8291 §3 says. */
function pushService(answer: (n: number) => Response = () => new Response(null, { status: 201 })) {
  const browser = createECDH("prime256v1");
  const own = browser.generateKeys();
  const auth = Buffer.alloc(16, 9);
  const received: { readonly message: Record<string, unknown>; readonly headers: Headers }[] = [];
  const server = Bun.serve({
    ...{ port: 0, hostname: "127.0.0.1" },
    fetch: async (request) => {
      const body = Buffer.from(await request.arrayBuffer());
      received.push({ message: JSON.parse(decrypt(body)), headers: request.headers });
      return answer(received.length);
    },
  });
  stops.push(() => server.stop(true));
  const decrypt = (body: Buffer): string => {
    const [salt, theirs] = [body.subarray(0, 16), body.subarray(21, 21 + (body[20] ?? 0))];
    const info = Buffer.concat([Buffer.from("WebPush: info\0"), own, theirs]);
    const secret = Buffer.from(hkdfSync("sha256", browser.computeSecret(theirs), auth, info, 32));
    const key = (label: string, length: number) =>
      Buffer.from(hkdfSync("sha256", secret, salt, `Content-Encoding: ${label}\0`, length));
    const decipher = createDecipheriv("aes-128-gcm", key("aes128gcm", 16), key("nonce", 12));
    const sealed = body.subarray(21 + theirs.length);
    decipher.setAuthTag(sealed.subarray(-16));
    const plain = Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
    return plain.subarray(0, plain.lastIndexOf(2)).toString();
  };
  const origin = `http://127.0.0.1:${server.port}`;
  const keys = { p256dh: own.toString("base64url"), auth: auth.toString("base64url") };
  return { received, origin, subscription: { endpoint: `${origin}/subscription`, keys } };
}

/** Checks the signature of a VAPID token (RFC 8292 §2) by the key that the server gave to browsers. */
function claims(authorization: string, key: string): Record<string, unknown> {
  const [, token = "", shown = ""] = /^vapid t=(\S+?),\s*k=(\S+)$/.exec(authorization) ?? [];
  expect(shown).toBe(key);
  const point = Buffer.from(key, "base64url");
  const jwk = { kty: "EC", crv: "P-256" };
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((one) => one.toString("base64url"));
  const publicKey = createPublicKey({ key: { ...jwk, x, y } as JsonWebKey, format: "jwk" });
  const [head, body = "", signature = ""] = token.split(".");
  const options = { key: publicKey, dsaEncoding: "ieee-p1363" } as const;
  const signed = Buffer.from(signature, "base64url");
  expect(verify("sha256", Buffer.from(`${head}.${body}`), options, signed)).toBe(true);
  return JSON.parse(Buffer.from(body, "base64url").toString());
}

test("a call wakes a device by Web Push; its ticket signs it in, and it rings with the call's age", async () => {
  const service = pushService();
  const server = await serve();
  const bob = await signIn(server, "dev:bob", "phone");
  const asked = (await bob.request("push", {})).ok;
  expect(asked.registered).toBeUndefined();
  const { ok } = await bob.request("push", { webPush: service.subscription });
  expect(ok).toEqual({ registered: "webPush", key: asked.key });
  bob.close();
  const alice = await signIn(server, "dev:alice", "laptop");
  const { session } = (await alice.request("call", { to: "bob" })).ok;
  while (service.received.length === 0) await Bun.sleep(5);
  const [{ message, headers }] = service.received as [(typeof service.received)[number]];
  expect(message).toEqual({ session, caller: "alice", left: message.left, ticket: message.ticket });
  expect(message.left).toBeWithin(40_000, 60_001);
  expect(Number(headers.get("ttl"))).toBe(Math.ceil(Number(message.left) / 1_000));
  expect(headers.get("urgency")).toBe("high");
  expect(headers.get("content-encoding")).toBe("aes128gcm");
  const { aud, sub } = claims(headers.get("authorization") ?? "", String(asked.key));
  expect([aud, sub]).toEqual([service.origin, "mailto:nobody@localhost"]);

  const woken = await signIn(server, String(message.ticket), "phone");
  const incoming = await woken.push("incoming");
  expect(incoming).toMatchObject({ session, from: { user: "alice" } });
  expect(incoming.age).toBeGreaterThan(0);
  expect((await woken.request("decline", { session, everywhere: true })).error).toBeUndefined();
  expect(await alice.push("ended")).toMatchObject({ session, reason: "declined" });
  // The ladder shows it.
  const answer = await fetch(`${server.url}/api/v1/records/${session}`, {
    headers: { authorization: "Bearer dev:admin" },
  });
  const { ladder } = (await answer.json()) as { ladder: { to: string; type: string; outcome?: string }[] };
  expect(ladder.find(({ to }) => to === "push")).toMatchObject({ type: "web push", outcome: "ok" });
}, 20_000);

test("the ticket is for the registered device alone", async () => {
  const service = pushService();
  const server = await serve();
  const bob = await signIn(server, "dev:bob", "phone");
  await bob.request("push", { webPush: service.subscription });
  bob.close();
  const alice = await signIn(server, "dev:alice", "laptop");
  await alice.request("call", { to: "bob" });
  while (service.received.length === 0) await Bun.sleep(5);
  const ticket = String(service.received[0]?.message.ticket);
  await expect(signIn(server, ticket, "tablet")).rejects.toThrow();
  await expect(signIn(server, `${ticket}x`, "phone")).rejects.toThrow();
});

test("a subscription that is gone is forgotten", async () => {
  const service = pushService(() => new Response(null, { status: 410 }));
  const server = await serve();
  const bob = await signIn(server, "dev:bob", "phone");
  await bob.request("push", { webPush: service.subscription });
  bob.close();
  const alice = await signIn(server, "dev:alice", "laptop");
  await alice.request("call", { to: "bob" });
  while (service.received.length === 0) await Bun.sleep(5);
  const again = await signIn(server, "dev:bob", "phone");
  const { ok } = await again.request("push", {});
  expect(ok.registered).toBeUndefined();
});

test("a restart forgets no registration, and keeps the key", async () => {
  const service = pushService();
  const stateFolder = folder();
  const first = await serve({ stateFolder });
  const bob = await signIn(first, "dev:bob", "phone");
  const { key } = (await bob.request("push", { webPush: service.subscription })).ok;
  await first.stop();
  for (const file of ["vapid-keys.json", "push-registrations.ndjson"])
    expect(statSync(join(stateFolder, file)).mode & 0o777).toBe(0o600);
  const second = await serve({ stateFolder });
  const alice = await signIn(second, "dev:alice", "laptop");
  expect((await alice.request("push", {})).ok).toEqual({ key });
  await alice.request("call", { to: "bob" });
  while (service.received.length === 0) await Bun.sleep(5);
  expect(service.received).toHaveLength(1);
});

test("who registers by the application is woken by its webhook, and who was kicked is not woken", async () => {
  const heard: { type: string; data: Record<string, unknown> }[] = [];
  const receiver = Bun.serve({
    ...{ port: 0, hostname: "127.0.0.1" },
    fetch: async (request) => {
      heard.push((await request.json()) as (typeof heard)[number]);
      return new Response();
    },
  });
  stops.push(() => receiver.stop(true));
  const secret = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
  const url = `http://127.0.0.1:${receiver.port}/`;
  const server = await serve({ webhooks: [{ url, secret, events: ["wake.*"] }] });
  const bob = await signIn(server, "dev:bob", "phone");
  expect((await bob.request("push", { application: { apns: "t0ken" } })).ok.registered).toBe("application");
  bob.close();
  const alice = await signIn(server, "dev:alice", "laptop");
  const { session } = (await alice.request("call", { to: "bob" })).ok;
  while (heard.length === 0) await Bun.sleep(5);
  expect(heard[0]).toMatchObject({
    type: "wake.needed",
    data: { session, user: "bob", device: "phone", caller: { user: "alice" }, data: { apns: "t0ken" } },
  });
  const woken = await signIn(server, String(heard[0]?.data.ticket), "phone");
  expect((await woken.push("incoming")).session).toBe(session);
  const kicked = await fetch(`${server.url}/api/v1/users/bob/kick`, {
    method: "POST",
    headers: { authorization: "Bearer dev:admin" },
  });
  expect(kicked.status).toBe(200);
  expect(await woken.closed()).toBeWithin(4_300, 4_400);
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  expect(metrics).toContain("switchboard_push_registrations 0");
});

/** Two nodes of a cluster that know each other. */
async function cluster(): Promise<[SwitchboardServer, SwitchboardServer]> {
  const nats = await NatsServer.start();
  stops.push(() => nats.stop());
  const joined = { nats: { url: [nats.url] }, ticketKey: Buffer.alloc(32, 7).toString("base64") };
  const [first, second] = await Promise.all(["n1", "n2"].map((node) => serve({ node, ...joined })));
  if (first === undefined || second === undefined) throw new Error("no servers");
  while ((await items(first, "/nodes")).length < 2) await Bun.sleep(50);
  return [first, second];
}

/** What a list of the API has. */
async function items({ url }: SwitchboardServer, path: string): Promise<unknown[]> {
  const response = await fetch(`${url}/api/v1${path}`, { headers: { authorization: "Bearer dev:admin" } });
  return ((await response.json()) as { items: unknown[] }).items;
}

test.skipIf(!hasNats)("a ring at one node wakes a device that is registered at another", async () => {
  const { received, subscription } = pushService();
  const [first, second] = await cluster();
  const bob = await signIn(second, "dev:bob", "phone");
  expect((await bob.request("push", { webPush: subscription })).ok.registered).toBe("webPush");
  bob.close();
  const alice = await signIn(first, "dev:alice", "laptop");
  const { session } = (await alice.request("call", { to: "bob" })).ok;
  while (received.length === 0) await Bun.sleep(5);
  expect(received[0]?.message).toMatchObject({ session, caller: "alice" });
  const woken = await signIn(second, String(received[0]?.message.ticket), "phone");
  expect((await woken.push("incoming")).session).toBe(session);
});

test.skipIf(!hasNats)(
  "a registration ends at every node, whichever hears that it is over",
  async () => {
    const { subscription } = pushService(() => new Response(null, { status: 410 }));
    const [first, second] = await cluster();
    const registered = () => items(first, "/users/bob/push");
    const until = async (count: number) => {
      while ((await registered()).length !== count) await Bun.sleep(20);
    };
    const register = async (server: SwitchboardServer) => {
      const bob = await signIn(server, "dev:bob", "phone");
      expect((await bob.request("push", { webPush: subscription })).ok.registered).toBe("webPush");
      bob.close();
    };
    const device = `${first.url}/api/v1/devices/bob/phone/push`;
    const remove = () => fetch(device, { method: "DELETE", headers: { authorization: "Bearer dev:admin" } });
    // The device itself, connected to another node, which finds it registered.
    await register(second);
    const bob = await signIn(first, "dev:bob", "phone");
    expect((await bob.request("push", {})).ok.registered).toBe("webPush");
    expect((await bob.request("push", { off: true })).ok.registered).toBeUndefined();
    expect((await bob.request("push", {})).ok.registered).toBeUndefined();
    bob.close();
    await until(0);
    // The API, where the device had been registered at the other node before: that registration must not come back.
    await register(second);
    await register(first);
    expect((await remove()).status).toBe(204);
    await until(0);
    expect((await remove()).status).toBe(404);
    // The push service.
    await register(second);
    await until(1);
    const alice = await signIn(first, "dev:alice", "laptop");
    expect((await alice.request("call", { to: "bob" })).ok).toBeDefined();
    await until(0);
  },
  20_000,
);

test("what can't be used is refused, and says why", async () => {
  const { subscription } = pushService();
  const server = await serve();
  const bob = await signIn(server, "dev:bob", "phone");
  const code = async (fields: object) => (await bob.request("push", fields)).error?.code;
  const { endpoint, keys } = subscription;
  expect(await code({ webPush: { endpoint: "ftp://x/", keys } })).toBe("bad_request");
  expect(await code({ webPush: { endpoint, keys: { ...keys, auth: "x" } } })).toBe("bad_request");
  expect(await code({ webPush: subscription, off: true })).toBe("bad_request");
  expect(await code({ application: "x".repeat(2_050) })).toBe("too_large");
  expect((await bob.request("push", { webPush: subscription })).ok.registered).toBe("webPush");
  expect((await bob.request("push", { off: true })).ok.registered).toBeUndefined();
  const unheard = await serve({ records: { enabled: false } });
  const dave = await signIn(unheard, "dev:dave", "phone");
  expect((await dave.request("push", { application: 1 })).error.code).toBe("no_push");
  const none = await serve({ push: { enabled: false } });
  const carol = await signIn(none, "dev:carol", "phone");
  expect((await carol.request("push", {})).error.code).toBe("no_push");
});
