import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deriveSecret } from "../../../src/auth/credential-verifiers.ts";
import { bindUdp } from "../../../src/net/udp.ts";
import { TurnClient } from "../../../src/turn/shell/turn-client.ts";
import { RawClient } from "../../sip/support/raw-client.ts";
import { freePort } from "../../support/free-port.ts";
import { hasNats, NatsServer } from "../../support/nats-server.ts";
import { type RunningServer, startServer } from "../../support/server.ts";
import { signIn } from "../../support/sign-in.ts";
import { strict, token } from "../../webrtc/support/tokens.ts";

const key = "a key of which device secrets are derived";
const secretFor = (login: string): string => deriveSecret(key, login, 1);
const grants = { call: ["*"] };

const kick = (admin: number, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`http://127.0.0.1:${admin}/admin/kick`, {
    method: "POST",
    headers,
    body: typeof body === "string" ? body : JSON.stringify(body),
  });

/** Until tokens have a later `iat`. */
const nextSecond = () => Bun.sleep(1_010 - (Date.now() % 1_000));

async function turnClient(username: string, password: string, port: number) {
  let client: TurnClient | undefined;
  const socket = await bindUdp({
    address: "127.0.0.1",
    port: 0,
    receive: (bytes) => client?.receive(bytes),
  });
  client = new TurnClient((bytes) => socket.send(bytes, port, "127.0.0.1"), username, password);
  return { client, close: () => socket.close() };
}

describe("POST /admin/kick", () => {
  test("ends links, SIP registrations and TURN allocations, and refuses what was issued before", async () => {
    const [admin, udpPort] = [await freePort(), await freePort()];
    const turn = { embedded: true, udpPort, tcpPort: 0, publicAddresses: ["127.0.0.1"] };
    const config = { ...strict, credentials: { key }, admin: { port: admin }, turn };
    const server = await startServer({ config });
    const before = await token("mallory", grants);
    const mallory = await signIn(server, before);
    const innocent = await signIn(server, await token("alice", grants));
    const phone = new RawClient(server.url);
    await phone.register("mallory", secretFor("mallory"));
    const ice = mallory.welcome.iceServers.find((one: { username?: string }) => one.username !== undefined);
    const relay = await turnClient(ice.username, ice.credential, udpPort);
    await relay.client.allocate();
    await relay.client.refresh(600);

    const answer = await kick(admin, { user: "mallory" });
    expect([answer.status, await answer.json()]).toEqual([200, { links: 2 }]);
    expect(await mallory.closed()).toBe(4305);
    // The allocation is gone, and its credential makes no other.
    await expect(relay.client.refresh(600)).rejects.toThrow();
    const again = await turnClient(ice.username, ice.credential, udpPort);
    await expect(again.client.allocate()).rejects.toThrow();
    // Neither the token nor the secret lets anybody in.
    await expect(signIn(server, before)).rejects.toThrow("4303");
    await expect(signIn(server, before, "another")).rejects.toThrow("4303");
    await expect(new RawClient(server.url).register("mallory", secretFor("mallory"))).rejects.toThrow("403");
    // Others are not concerned, and neither is a token that is issued after it.
    await innocent.ok("status", { status: "here" });
    await nextSecond();
    const back = await signIn(server, await token("mallory", grants));
    await back.ok("status", { status: "back" });
    for (const one of [relay, again]) one.close();
    phone.close();
    await server.stop();
  });

  test("of one device leaves the user's others alone", async () => {
    const admin = await freePort();
    const server = await startServer({ config: { ...strict, credentials: { key }, admin: { port: admin } } });
    const mallory = await token("mallory", grants);
    const [phone, desk] = [await signIn(server, mallory, "phone"), await signIn(server, mallory, "desk")];
    expect(await (await kick(admin, { user: "mallory", device: "phone" })).json()).toEqual({ links: 1 });
    expect(await phone.closed()).toBe(4305);
    await expect(signIn(server, mallory, "phone")).rejects.toThrow("4303");
    await desk.ok("status", { status: "here" });
    const sip = new RawClient(server.url);
    await expect(sip.register("mallory/phone", secretFor("mallory/phone"))).rejects.toThrow();
    sip.close();
    await server.stop();
  });

  test("refuses a body that is none, and a page", async () => {
    const admin = await freePort();
    const server = await startServer({ config: { admin: { port: admin } } });
    const alice = await signIn(server, "dev:alice");
    const bodies = ["", "{", "[]", "null", {}, { user: 7 }, { user: "a b" }, { user: "alice", device: "" }];
    for (const body of [...bodies, { user: "alice", devise: "phone" }, { user: "alice", device: null }]) {
      const answer = await kick(admin, body);
      expect([answer.status, await answer.json()]).toMatchObject([400, { error: { code: "bad_request" } }]);
    }
    const page = { Origin: `http://127.0.0.1:${admin}` };
    expect((await kick(admin, { user: "alice" }, page)).status).toBe(403);
    const outside = await fetch(`${server.url}/admin/kick`, { method: "POST", body: '{"user":"alice"}' });
    expect(outside.status).toBe(404);
    await alice.ok("status", { status: "here" });
    await server.stop();
  });

  test("outlives the server, and refuses TURN credentials as well", async () => {
    const [admin, udpPort] = [await freePort(), await freePort()];
    const turn = {
      embedded: true,
      udpPort,
      tcpPort: 0,
      publicAddresses: ["127.0.0.1"],
      secret: "t".repeat(32),
    };
    const stateFolder = mkdtempSync(join(tmpdir(), "switchboard-state-"));
    const config = { ...strict, stateFolder, admin: { port: admin }, turn };
    const first = await startServer({ config });
    const before = await token("mallory", grants);
    const mallory = await signIn(first, before);
    const ice = mallory.welcome.iceServers.find((one: { username?: string }) => one.username !== undefined);
    expect((await kick(admin, { user: "mallory" })).status).toBe(200);
    // At once after the answer.
    await first.kill();
    const second = await startServer({ config });
    await expect(signIn(second, before)).rejects.toThrow("4303");
    const relay = await turnClient(ice.username, ice.credential, udpPort);
    await expect(relay.client.allocate()).rejects.toThrow();
    relay.close();
    await nextSecond();
    const back = await signIn(second, await token("mallory", grants));
    await back.ok("status", { status: "back" });
    await second.stop();
    rmSync(stateFolder, { recursive: true, force: true });
  });

  test.skipIf(!hasNats)("holds at every node, and at one that joins later", async () => {
    const nats = await NatsServer.start();
    const admin = await freePort();
    const start = (node: string, more: object = {}): Promise<RunningServer> =>
      startServer({
        config: {
          ...strict,
          node,
          ticketKey: "t".repeat(32),
          nats: { url: [`nats://127.0.0.1:${nats.port}`] },
          ...more,
        },
      });
    const [one, two] = await Promise.all([start("n1", { admin: { port: admin } }), start("n2")]);
    const before = await token("mallory", grants);
    const mallory = await signIn(two, before);
    expect((await kick(admin, { user: "mallory" })).status).toBe(200);
    expect(await mallory.closed()).toBe(4305);
    await expect(signIn(two, before)).rejects.toThrow("4303");
    const three = await start("n3");
    // It hears of it with the first beats of the others.
    for (let left = 200; left > 0; left--) {
      const refused = await signIn(three, before).then(
        (client) => client.close(),
        (error) => String(error).includes("4303"),
      );
      if (refused === true) break;
      if (left === 1) throw new Error("the new node never heard of it");
      await Bun.sleep(50);
    }
    for (const server of [one, two, three]) await server.stop();
    await nats.kill();
  });
});
