import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasNats, NatsServer } from "../support/nats-server.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { answeredCall, signIn } from "../support/sign-in.ts";
import { type Ask, api } from "./support.ts";

/** Asks again until it is true. The test's own timeout bounds it. */
async function eventually(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** The API of a cluster of three nodes, each a process of its own, joined by a real NATS server. */
describe.skipIf(!hasNats)("the API of a cluster", () => {
  const names = ["n1", "n2", "n3"];
  let nats: NatsServer;
  let servers: RunningServer[] = [];
  let asks: Ask[] = [];
  const folders = names.map(() => mkdtempSync(join(tmpdir(), "switchboard-cluster-")));

  beforeAll(async () => {
    nats = await NatsServer.start();
    const ticketKey = Buffer.alloc(32, 7).toString("base64");
    const limits = { nodeSilence: 30_000 };
    const start = (node: string, n: number) =>
      startServer({
        config: { node, nats: { url: [nats.url] }, limits, ticketKey, stateFolder: folders[n] },
      });
    servers = await Promise.all(names.map(start));
    asks = servers.map((server) => api(server));
    for (const ask of asks)
      await eventually(async () => (await ask("GET", "/nodes")).body.items.length === 3);
  }, 120_000);
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.kill()));
    await nats?.stop();
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });

  const at = (node: number): RunningServer => servers[node] as RunningServer;
  const ask = (node: number): Ask => asks[node] as Ask;

  test("users, devices and nodes of all nodes are seen at each, in pages that hold each once", async () => {
    const users = ["ann", "ben", "cat", "dan", "eve", "fay", "gus"];
    for (const [n, user] of users.entries()) await signIn(at(n % 3), `dev:${user}`);
    // One user at two nodes is one entry.
    await signIn(at(1), "dev:ann", "tablet");
    for (const one of asks) {
      const seen: { user: string; devices: { device: string; node: string }[] }[] = [];
      let cursor: string | undefined;
      do {
        const { body } = await one("GET", `/users?limit=2${cursor === undefined ? "" : `&cursor=${cursor}`}`);
        expect(body.partial).toBeUndefined();
        expect(body.items.length).toBeLessThanOrEqual(2);
        seen.push(...body.items);
        cursor = body.next;
      } while (cursor !== undefined);
      expect(seen.map(({ user }) => user)).toEqual(users);
      const devices = new Map(seen[0]?.devices.map(({ device, node }) => [device, node]));
      expect(devices).toEqual(
        new Map([
          ["phone", "n1"],
          ["tablet", "n2"],
        ]),
      );
      expect((await one("GET", "/users/ann")).body.devices).toHaveLength(2);
      expect((await one("GET", "/devices/cat/phone")).body.node).toBe("n3");
      expect((await one("GET", "/devices/cat/none")).status).toBe(404);
      expect((await one("GET", "/devices?user=ann")).body.items).toHaveLength(2);
      const { body } = await one("GET", "/statistics");
      expect([body.nodes, body.devices, body.partial]).toEqual([3, 8, undefined]);
    }
    expect((await ask(0)("GET", "/users?cursor=nonsense")).status).toBe(400);
  }, 60_000);

  test("a call is shown, restarted and hung up from a node that holds no part of it", async () => {
    const caller = await signIn(at(0), "dev:cara");
    const callee = await signIn(at(1), "dev:carl");
    const session = await answeredCall(caller, callee, "carl");
    const third = ask(2);
    expect((await third("GET", `/sessions/${session}`)).body).toMatchObject({ node: "n1", state: "active" });
    const listed = await third("GET", "/sessions?user=carl");
    expect(listed.body.items.map((one: { session: string }) => one.session)).toEqual([session]);
    expect((await third("POST", `/sessions/${session}/restart`)).status).toBe(202);
    expect((await callee.push("restart")).generation).toBe(2);
    // Several hang up at once: one does, and the others are told that it is over.
    const ends = await Promise.all(asks.map((one) => one("DELETE", `/sessions/${session}`)));
    expect(ends.map(({ status }) => status).sort()).toEqual([204, 404, 404]);
    for (const one of [caller, callee]) expect((await one.push("ended")).reason).toBe("shutdown");
    expect((await third("GET", "/sessions/none")).status).toBe(404);
  }, 60_000);

  test("records of all nodes are found at each, page by page, shown and erased", async () => {
    const sessions: string[] = [];
    for (const [n, to] of ["rita", "rosa", "ruth", "rene", "rolf"].entries()) {
      const [caller, callee] = [
        await signIn(at(n % 3), "dev:ralf"),
        await signIn(at((n + 1) % 3), `dev:${to}`),
      ];
      const { session } = await caller.ok("call", { to });
      await callee.push("incoming");
      await caller.ok("hangup", { session });
      sessions.unshift(String(session));
    }
    const found = async (one: Ask): Promise<string[]> => {
      const seen: string[] = [];
      for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
        const { body } = await one("GET", `/records?user=ralf&limit=2${cursor ? `&cursor=${cursor}` : ""}`);
        seen.push(...body.items.map(({ session }: { session: string }) => session));
        cursor = body.next;
      }
      return seen;
    };
    await eventually(async () => (await found(ask(0))).length === sessions.length);
    for (const one of asks) expect(await found(one)).toEqual(sessions);
    for (const session of sessions)
      expect((await ask(2)("GET", `/records/${session}`)).body.ladder.length).toBeGreaterThan(0);
    expect((await ask(1)("GET", "/users/ralf/records")).body.items).toHaveLength(5);
    expect((await ask(0)("DELETE", "/users/ralf/records")).body).toEqual({ records: 5 });
    expect(await found(ask(2))).toEqual([]);
  }, 60_000);

  test("a room that is opened at one node has its rules at all", async () => {
    expect((await ask(2)("PUT", "/rooms/ward", { size: 1 })).status).toBe(200);
    for (const one of asks)
      expect((await one("GET", "/rooms/ward")).body).toMatchObject({ policy: { size: 1 }, members: [] });
    await (await signIn(at(0), "dev:nurse")).ok("join", { room: "room:ward" });
    const refused = await (await signIn(at(1), "dev:guest")).request("join", { room: "room:ward" });
    expect(refused.error.code).toBe("room_full");
    for (const one of asks) expect((await one("GET", "/rooms/ward")).body.members).toHaveLength(1);
    expect((await ask(1)("POST", "/rooms/ward/close")).status).toBe(204);
  });

  test("a room and its members are reached from every node", async () => {
    const [doctor, patient] = [await signIn(at(0), "dev:doctor"), await signIn(at(1), "dev:patient")];
    await doctor.ok("join", { room: "room:visit" });
    await patient.ok("join", { room: "room:visit" });
    for (const one of asks) expect((await one("GET", "/rooms")).body.items).toHaveLength(1);
    const { body } = await ask(2)("GET", "/rooms/visit");
    const { member } = body.members.find(({ user }: { user: string }) => user === "patient");
    expect((await ask(2)("POST", "/messages", { to: "room:visit", body: 7 })).body).toEqual({ delivered: 2 });
    expect((await ask(1)("POST", "/messages", { to: "room:none", body: 7 })).status).toBe(404);
    expect((await ask(2)("POST", `/rooms/visit/members/${member}/remove`)).status).toBe(204);
    expect(await patient.push("room_ended")).toMatchObject({ reason: "refused" });
    expect((await ask(1)("POST", "/rooms/visit/close")).status).toBe(204);
    expect(await doctor.push("room_ended")).toMatchObject({ reason: "closed" });
  }, 60_000);

  test("a user is followed from any node, and nothing secret is told", async () => {
    const lea = await signIn(at(1), "dev:lea");
    const leaving = new AbortController();
    const response = await fetch(`${at(0).url}/api/v1/users/lea/frames`, {
      headers: { Authorization: "Bearer dev:admin" },
      signal: leaving.signal,
    });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = (await reader.read()).value ?? "";
    // Whoever has read the first bytes misses nothing from then on.
    await lea.ok("call", { to: "nobody", data: { token: "hunter2" } });
    const max = await signIn(at(2), "dev:max");
    await max.ok("call", { to: "lea" });
    await lea.push("incoming");
    await signIn(at(0), "dev:lea", "tablet");
    while (!/"type":"incoming"/.test(text) || !/"note":"opened"/.test(text))
      text += (await reader.read()).value ?? "";
    leaving.abort();
    const frames = [...text.matchAll(/^event: frame\ndata: (.*)$/gm)].map(([, data]) =>
      JSON.parse(data ?? ""),
    );
    const found = frames.map(({ node, device, type, note, outcome }) =>
      [node, device, type, note ?? outcome].filter(Boolean).join(" "),
    );
    expect(found).toContain("n2 phone call nobody");
    expect(found).toContain("n2 phone reply ok");
    expect(found.filter((one) => one.includes("incoming"))).toContain("n2 phone incoming");
    expect(found).toContain("n1 tablet link opened");
    expect(frames.filter(({ type }) => type === "call")).toHaveLength(1);
    expect(text).not.toContain("hunter2");
  }, 60_000);

  test("the settings of any node are shown, without secrets", async () => {
    const { status, body } = await ask(0)("GET", "/nodes/n2/settings");
    expect(status).toBe(200);
    const shown = new Map(body.items.map(({ path, ...one }: { path: string }) => [path, one]));
    expect(shown.get("node")).toEqual({ value: '"n2"', given: true });
    expect(shown.get("ticketKey")).toEqual({ value: "(set)", given: true });
    expect((await ask(0)("GET", "/nodes/n9/settings")).status).toBe(404);
  }, 60_000);

  test("who is kicked is gone at all nodes, and all links are counted", async () => {
    const links = [await signIn(at(0), "dev:kim", "one"), await signIn(at(1), "dev:kim", "two")];
    expect((await ask(2)("POST", "/users/kim/kick")).body).toEqual({ links: 2 });
    for (const link of links) expect(await link.closed()).toBe(4305);
  }, 60_000);

  test("guests of a key that is revoked at one node are cut at every node, and copies of the key are gone", async () => {
    const origin = "http://localhost:3000";
    const made = await ask(0)("POST", "/publishable-keys", { name: "x", target: "ann", origins: [origin] });
    const { key, id } = made.body;
    const file = "publishable-keys.json";
    copyFileSync(join(folders[0] as string, file), join(folders[1] as string, file));
    const response = await fetch(`${at(0).url}/api/v1/guest-tokens`, {
      method: "POST",
      headers: { Authorization: `Bearer ${key}`, Origin: origin },
    });
    const { token } = await response.json();
    const guest = await signIn(at(1), token, "tab");
    expect((await ask(0)("DELETE", `/publishable-keys/${id}`)).status).toBe(204);
    expect(await guest.closed()).toBe(4305);
    expect((await ask(1)("GET", "/publishable-keys")).body.items).toEqual([]);
    await expect(signIn(at(1), token, "tab")).rejects.toThrow("refused");
  }, 60_000);

  test("a node that stands still for a second is named, and what it may hold is not said to be missing", async () => {
    const ida = await signIn(at(1), "dev:ida");
    const joe = await signIn(at(2), "dev:joe");
    const { session } = await ida.ok("call", { to: "joe" });
    await joe.push("incoming");
    process.kill(at(1).pid, "SIGSTOP");
    try {
      const { body } = await ask(0)("GET", "/users?limit=1000");
      expect(body.partial).toEqual(["n2"]);
      const users = body.items.map(({ user }: { user: string }) => user);
      expect(users).toContain("joe");
      expect(users).not.toContain("ida");
      for (const verb of ["GET", "DELETE"]) {
        const refused = await ask(0)(verb, `/sessions/${session}`);
        expect(refused.body).toMatchObject({ status: 503, code: "temporary", partial: ["n2"] });
      }
      expect((await ask(0)("GET", "/statistics")).body).toMatchObject({ nodes: 2, partial: ["n2"] });
    } finally {
      process.kill(at(1).pid, "SIGCONT");
    }
    await eventually(async () => (await ask(0)("GET", "/users/ida")).body.online === true);
  }, 60_000);

  test("a node is drained from another one", async () => {
    expect((await ask(0)("POST", "/nodes/n9/drain")).status).toBe(404);
    expect((await ask(0)("POST", "/nodes/n3/drain")).status).toBe(202);
    await eventually(async () => (await ask(0)("GET", "/nodes")).body.items.length === 2);
  }, 60_000);
});
