import assert from "node:assert/strict";
import type { Check, Context } from "../check.ts";
import type { Frame } from "../client.ts";
import { linkUrl } from "../http-wire.ts";
import { answer } from "./call-setup.ts";

interface Opened {
  readonly url: string;
  readonly authorization: Record<string, string>;
  readonly welcome: Frame;
}

async function open(t: Context, hello: Frame): Promise<Opened> {
  const url = linkUrl(t.url);
  const response = await fetch(url, { method: "POST", body: JSON.stringify(hello) });
  assert.equal(response.status, 200);
  const secret = response.headers.get("switchboard-transport");
  assert.ok(secret !== null && secret.length >= 20);
  const [first = "{}"] = (await response.text()).split("\n");
  return { url, authorization: { authorization: `Bearer ${secret}` }, welcome: JSON.parse(first) };
}

const leave = ({ url, authorization }: Opened) => fetch(url, { method: "DELETE", headers: authorization });

/** §12 HTTP fallback. */
export const httpChecks: readonly Check[] = [
  {
    rule: "H1",
    title: "a hello by POST opens a transport; its answer is NDJSON that begins with welcome",
    async run(t) {
      const url = linkUrl(t.url);
      const response = await fetch(url, {
        method: "POST",
        body: JSON.stringify(t.hello(t.user("alice"), "web")),
      });
      assert.equal(response.status, 200);
      assert.match(response.headers.get("content-type") ?? "", /^application\/x-ndjson/);
      const welcome = JSON.parse((await response.text()).split("\n")[0] ?? "");
      assert.equal(welcome.type, "welcome");
      assert.equal(welcome.resumed, false);
    },
  },
  {
    rule: "H1",
    title: "a refusal is an HTTP error with the close code",
    async run(t) {
      const url = linkUrl(t.url);
      const refused = async (body: string) => {
        const response = await fetch(url, { method: "POST", body });
        assert.ok(response.status >= 400 && response.status < 600, `status ${response.status}`);
        return ((await response.json()) as { close: number }).close;
      };
      assert.equal(await refused(JSON.stringify(t.hello(t.user("alice"), "web", { token: "x" }))), 4303);
      assert.equal(await refused("{"), 4306);
      assert.equal(await refused('{"type":"ping"}'), 4306);
    },
  },
  {
    rule: "H2",
    title: "GET waits for a frame; a newer GET ends the older with 204",
    async run(t) {
      const bob = t.user("bob");
      const link = await open(t, t.hello(bob, "web"));
      const older = fetch(link.url, { headers: link.authorization });
      await new Promise((resolve) => setTimeout(resolve, 100));
      const newer = fetch(link.url, { headers: link.authorization });
      assert.equal((await older).status, 204);
      const alice = await t.connect(t.user("alice"), "web");
      await alice.ok("send", { to: bob, body: "hello" });
      // A ping may come first, where the server is slow.
      let response = await newer;
      for (let bodies: unknown[] = []; !bodies.includes("hello"); ) {
        assert.equal(response.status, 200);
        const lines = (await response.text()).split("\n").filter((line) => line !== "");
        bodies = lines.map((line) => JSON.parse(line).body);
        if (!bodies.includes("hello")) response = await fetch(link.url, { headers: link.authorization });
      }
      await leave(link);
    },
  },
  {
    rule: "H3",
    title: "frames go up as NDJSON and are answered 204; their replies come down",
    async run(t) {
      const link = await open(t, t.hello(t.user("alice"), "web"));
      const frames = [{ id: 1, type: "status", status: "a" }, { id: 2, type: "teleport" }, { type: "ping" }];
      const body = frames.map((frame) => JSON.stringify(frame)).join("\n");
      const response = await fetch(link.url, { method: "POST", headers: link.authorization, body });
      assert.equal(response.status, 204);
      const seen: Frame[] = [];
      while (seen.length < 3) {
        const down = await fetch(link.url, { headers: link.authorization });
        assert.equal(down.status, 200);
        const lines = (await down.text()).split("\n").filter((line) => line !== "");
        seen.push(...lines.map((line) => JSON.parse(line)));
      }
      assert.deepEqual(seen[0]?.ok, {});
      assert.equal(seen[1]?.error.code, "unknown_type");
      assert.equal(seen[2]?.type, "pong");
      await leave(link);
    },
  },
  {
    rule: "H4",
    title: "after the server closed the transport GET and POST are 410 with the close code",
    async run(t) {
      const link = await open(t, t.hello(t.user("alice"), "web"));
      const down = fetch(link.url, { headers: link.authorization });
      await fetch(link.url, { method: "POST", headers: link.authorization, body: "[]" });
      const code = async (response: Response) => {
        assert.equal(response.status, 410);
        return ((await response.json()) as { close: number }).close;
      };
      const first = await down;
      if (first.status === 410) assert.equal(await code(first), 4200);
      assert.equal(await code(await fetch(link.url, { headers: link.authorization })), 4200);
      assert.equal(
        await code(await fetch(link.url, { method: "POST", headers: link.authorization, body: "{}" })),
        4200,
      );
    },
  },
  {
    rule: "H5",
    title: "DELETE is the client's own close: its calls end",
    async run(t) {
      const bob = t.user("bob");
      const callee = await t.connect(bob, "phone");
      const link = await open(t, t.hello(t.user("alice"), "web"));
      const body = JSON.stringify({ id: 1, type: "call", to: bob });
      await fetch(link.url, { method: "POST", headers: link.authorization, body });
      const { session } = await callee.push("incoming");
      await leave(link);
      await callee.push("ended", { session, reason: "cancelled" });
    },
  },
  {
    rule: "H6",
    title: "a link moves from WebSocket to HTTP and back, and loses nothing",
    async run(t) {
      const [alice, bob] = [t.user("alice"), t.user("bob")];
      const instance = t.instance();
      const first = await t.connect(bob, "web", { instance });
      const sender = await t.connect(alice, "web");
      await first.drop();
      await sender.ok("send", { to: bob, body: 1 });
      const { link, secret, home } = first.welcome;
      const second = await t.connectHttp(bob, "web", {
        instance,
        attempt: 2,
        resume: { link, secret, home, seq: 0 },
      });
      assert.equal(second.welcome.resumed, true);
      await second.push("message", { body: 1 });
      await sender.ok("send", { to: bob, body: 2 });
      await second.push("message", { body: 2 });
      const third = await t.resume(second, bob, "web", { instance, attempt: 3 });
      assert.equal(third.welcome.resumed, true);
      assert.equal(await second.closed(), 4300);
      await sender.ok("send", { to: bob, body: 3 });
      await third.push("message", { body: 3 });
    },
  },
  {
    rule: "H3",
    title: "a whole call runs over HTTP at one end",
    async run(t) {
      const bob = t.user("bob");
      const callee = await t.connectHttp(bob, "web");
      const caller = await t.connect(t.user("alice"), "web");
      const { session } = await caller.ok("call", { to: bob });
      await callee.push("incoming", { session });
      await answer(caller, callee, session, "web");
      caller.fire("signal", { session, pair: 1, generation: 1, description: { type: "offer", sdp: "v=0" } });
      await callee.push("signal", { session });
      for (let n = 1; n <= 20; n++)
        caller.fire("signal", {
          session,
          pair: 1,
          generation: 1,
          candidates: [{ candidate: `candidate:${n}` }],
        });
      for (let n = 1; n <= 20; n++)
        assert.equal((await callee.push("signal", { session })).candidates[0].candidate, `candidate:${n}`);
      await callee.ok("hangup", { session });
      await caller.push("ended", { session, reason: "hangup" });
    },
  },
  {
    rule: "H7",
    title: "an unknown secret is 410, none 401; a preflight of a foreign page is not answered as allowed",
    async run(t) {
      const url = linkUrl(t.url);
      const headers = { authorization: "Bearer nonsense" };
      assert.equal((await fetch(url, { headers })).status, 410);
      assert.equal((await fetch(url, { method: "POST", headers, body: "{}" })).status, 410);
      assert.equal((await fetch(url, { method: "DELETE", headers })).status, 410);
      assert.equal((await fetch(url)).status, 401);
      const preflight = await fetch(url, {
        method: "OPTIONS",
        headers: { origin: "https://evil.example", "access-control-request-method": "POST" },
      });
      assert.equal(preflight.headers.get("access-control-allow-origin"), null);
      const post = await fetch(url, {
        method: "POST",
        headers: { origin: "https://evil.example" },
        body: JSON.stringify(t.hello(t.user("alice"), "web")),
      });
      assert.equal(post.status, 403);
    },
  },
];
