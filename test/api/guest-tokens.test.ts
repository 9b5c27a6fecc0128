import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createToken } from "../../src/application/create-token.ts";
import { closeCodes } from "../../src/protocol/close-codes.ts";
import type { Client } from "../conformance/client.ts";
import { command } from "../support/command.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { signIn } from "../support/sign-in.ts";
import { type Ask, api } from "./support.ts";

const secret = "a secret of at least thirty-two characters";
const unauthorized = closeCodes.unauthorized.code;
const shop = "https://shop.example.com";
let folder: string;
let server: RunningServer;
let ask: Ask;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "switchboard-guests-"));
  const made = command(["api-key", "test"], { SWITCHBOARD_STATE_FOLDER: folder });
  server = await startServer({ config: { dev: false, tokens: { secret }, stateFolder: folder } });
  ask = api(server, made.out.trim());
}, 60_000);
afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const publish = async (more: object = {}) =>
  (await ask("POST", "/publishable-keys", { name: "shop", target: "owner", origins: [shop], ...more })).body;

function guestToken(key: string, origin: string | null = shop): Promise<Response> {
  return fetch(`${server.url}/api/v1/guest-tokens`, {
    method: "POST",
    headers: { Authorization: `Bearer ${key}`, ...(origin !== null && { Origin: origin }) },
  });
}

/** A client whose page is of that origin, once it was welcomed; else the code with which it was refused, or 0 before the handshake. */
async function enter(origin: string, token: string): Promise<WebSocket | number> {
  const url = `${server.url.replace("http", "ws")}/ws`;
  const options = { headers: { Origin: origin }, protocols: ["switchboard.v1"] };
  const socket = new WebSocket(url, options as never);
  const opened = await new Promise<boolean>((resolve) => {
    socket.onopen = () => resolve(true);
    socket.onerror = () => resolve(false);
  });
  if (!opened) return 0;
  return await new Promise((resolve) => {
    socket.onclose = ({ code }) => resolve(code);
    socket.onmessage = ({ data }) => {
      if (JSON.parse(data).type === "welcome") resolve(socket);
    };
    const device = { id: "tab" };
    socket.send(JSON.stringify({ type: "hello", token, device, instance: crypto.randomUUID(), attempt: 1 }));
  });
}

test("a page of the key's origin gets a token for a guest, who may call that target and nobody else", async () => {
  const { key, id } = await publish();
  expect(key).toStartWith("sbp_");
  const answer = await guestToken(key);
  expect(answer.status).toBe(201);
  expect(answer.headers.get("access-control-allow-origin")).toBe(shop);
  const { token, user, target, expires } = await answer.json();
  expect([target, expires > Date.now()]).toEqual(["owner", true]);
  const owner = await signIn(server, await createToken({ secret, user: "owner" }));
  const guest = await signIn(server, token, "tab");
  const { session } = await guest.ok("call", { to: "owner" });
  expect((await owner.push("incoming")).from).toMatchObject({ user });
  await guest.ok("cancel", { session });
  for (const [type, fields] of [
    ["call", { to: "somebody" }],
    ["send", { to: "owner", body: 1 }],
    ["watch", { users: ["owner"] }],
    ["join", { room: "room:x" }],
  ] as const)
    expect([type, (await guest.request(type, fields)).error?.code]).toEqual([type, "forbidden"]);
  expect((await ask("GET", "/publishable-keys")).body.items).toContainEqual(
    expect.objectContaining({ id, target: "owner", origins: [shop], perMinute: 60 }),
  );
  expect(JSON.stringify((await ask("GET", "/publishable-keys")).body)).not.toContain(key);
});

test("/ws lets pages of the key's origin in with its tokens alone", async () => {
  const { key, id } = await publish({ origins: ["https://*.store.example"] });
  const origin = "https://a.store.example";
  const { token } = await (await guestToken(key, origin)).json();
  expect(await enter(origin, token)).toBeInstanceOf(WebSocket);
  const { token: foreign } = await (await guestToken((await publish()).key)).json();
  expect(await enter(origin, foreign)).toBe(unauthorized);
  expect(await enter(origin, await createToken({ secret, user: "owner" }))).toBe(unauthorized);
  expect(await enter("https://evil.example", token)).toBe(0);
  const poll = (from: string, held: string) =>
    fetch(`${server.url}/link`, {
      method: "POST",
      headers: { Origin: from, "Content-Type": "application/x-ndjson" },
      body: JSON.stringify({
        type: "hello",
        token: held,
        device: { id: "t" },
        instance: "i".repeat(20),
        attempt: 1,
      }),
    });
  expect((await poll(origin, token)).status).toBe(200);
  expect((await poll(origin, foreign)).status).toBe(401);
  expect((await poll("https://evil.example", token)).status).toBe(403);
  expect((await ask("DELETE", `/publishable-keys/${id}`)).status).toBe(204);
  expect(await enter(origin, token)).toBe(0);
  await expect(signIn(server, token, "tab")).rejects.toThrow(`${unauthorized}`);
  expect((await guestToken(key, origin)).status).toBe(403);
});

test("whose key is revoked, by the API or a command, is cut in the middle of a call", async () => {
  const owner = await signIn(server, await createToken({ secret, user: "owner" }), "desk");
  for (const revoke of [
    (id: string) => ask("DELETE", `/publishable-keys/${id}`),
    async (id: string) => command(["api-key", "--revoke", id], { SWITCHBOARD_STATE_FOLDER: folder }),
  ]) {
    const [revoked, other] = [await publish(), await publish()];
    const guests = [];
    for (const { key } of [revoked, other]) {
      const { token } = await (await guestToken(key)).json();
      guests.push(await signIn(server, token, "tab"));
    }
    const [guest, stays] = guests as [Client, Client];
    const { session } = await guest.ok("call", { to: "owner" });
    await owner.push("incoming", { session });
    const closed = guest.closed();
    await revoke(revoked.id);
    expect(await closed).toBe(closeCodes.kicked.code);
    expect((await owner.push("ended", { session })).session).toBe(session);
    expect((await stays.ok("call", { to: "owner" })).session).toBeString();
    await stays.drop();
  }
  await owner.drop();
});

test("a PeerJS client of the key's page comes in with the guest's name and token, and is cut with the key", async () => {
  const { key, id } = await publish();
  const { token, user } = await (await guestToken(key)).json();
  const connect = (origin: string, as: string, held: string): Promise<string | WebSocket> => {
    const url = `${server.url.replace("http", "ws")}/peerjs/peerjs?key=peerjs&id=${as}&token=${held}`;
    const socket = new WebSocket(url, { headers: { Origin: origin } } as never);
    return new Promise((resolve) => {
      socket.onerror = () => resolve("refused");
      socket.onmessage = ({ data }) => {
        const { type } = JSON.parse(data);
        resolve(type === "OPEN" ? socket : type);
      };
    });
  };
  const peer = await connect(shop, user, token);
  expect(peer).toBeInstanceOf(WebSocket);
  expect(await connect("https://evil.example", user, token)).toBe("refused");
  expect(await connect(shop, "somebody", token)).toBe("ID-TAKEN");
  expect(await connect(shop, "owner", await createToken({ secret, user: "owner" }))).toBe("ERROR");
  expect(await connect(shop, "owner", "a-device-secret")).toBe("ERROR");
  const cut = new Promise<void>((resolve) => {
    (peer as WebSocket).onclose = () => resolve();
  });
  await ask("DELETE", `/publishable-keys/${id}`);
  await cut;
  expect(await connect(shop, user, token)).toBe("ERROR");
});

test("without the key, from another page, or too often there is no token", async () => {
  const { key } = await publish({ perAddress: 2 });
  expect((await guestToken("sbp_unknown")).status).toBe(401);
  expect((await guestToken(key, "https://evil.example")).status).toBe(403);
  expect((await guestToken(key, null)).status).toBe(403);
  const preflight = await fetch(`${server.url}/api/v1/guest-tokens`, {
    method: "OPTIONS",
    headers: { Origin: shop, "Access-Control-Request-Method": "POST" },
  });
  expect([preflight.status, preflight.headers.get("access-control-allow-headers")]).toEqual([
    204,
    "Authorization, Content-Type",
  ]);
  const answers = [await guestToken(key), await guestToken(key), await guestToken(key)];
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 429]);
  expect(Number(answers[2]?.headers.get("retry-after"))).toBeGreaterThan(0);
  for (const wrong of [{ target: "room:x" }, { origins: ["*"] }, { origins: [] }, { expires: 1 }])
    expect(
      (await ask("POST", "/publishable-keys", { name: "x", target: "owner", origins: [shop], ...wrong }))
        .status,
    ).toBe(400);
});

test("the command makes, lists and revokes them", async () => {
  const env = { SWITCHBOARD_STATE_FOLDER: folder };
  const args = [
    "api-key",
    "site",
    "--publishable",
    "--target",
    "owner/desk",
    "--origin",
    "https://cmd.example",
  ];
  const key = command(args, env).out.trim();
  const answer = await guestToken(key, "https://cmd.example");
  expect([answer.status, (await answer.json()).target]).toEqual([201, "owner/desk"]);
  const listed = command(["api-key", "--list"], env).out;
  const line = listed.split("\n").find((one) => one.includes("cmd.example")) ?? "";
  expect(line).toContain("guests of https://cmd.example call owner/desk");
  command(["api-key", "--revoke", line.split(" ")[0] ?? ""], env);
  expect((await guestToken(key, "https://cmd.example")).status).toBe(403);
  const wrong = command(["api-key", "site", "--publishable", "--target", "room:x"], env);
  expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining("--target")]);
});
