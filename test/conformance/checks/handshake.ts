import assert from "node:assert/strict";
import { type Check, resumeOf } from "../check.ts";
import { signedToken } from "../token-source.ts";

/** §4.2–4.6 and §5: hello, acknowledgements, liveness, tokens. */
export const handshakeChecks: readonly Check[] = [
  {
    rule: "L14",
    title: "a first frame that is no hello, or a hello that breaks its schema, closes 4306",
    async run(t) {
      const hello = t.hello(t.user("alice"), "web");
      for (const frame of [
        { type: "ping" },
        { id: 1, type: "status", status: "x" },
        { type: "hello" },
        { ...hello, instance: "short" },
        { ...hello, attempt: 0 },
        { ...hello, device: { id: "web", kind: "Not A Kind" } },
        { ...hello, sessions: "none" },
        { ...hello, resume: {} },
        { ...hello, pad: "x".repeat(t.limits.helloBytes) },
      ]) {
        const client = await t.open();
        client.send(frame);
        assert.equal(await client.closed(), 4306);
      }
      const ignored = await t.connect(t.user("alice"), "web", { extra: { unknown: 1 } });
      assert.ok(ignored.welcome);
    },
  },
  {
    rule: "L14",
    title: "silence instead of hello closes 4202",
    takes: (limits) => limits.helloTimeout + 1_000,
    async run(t) {
      const client = await t.open();
      assert.equal(await client.closed(t.limits.helloTimeout + 3_000), 4202);
    },
  },
  {
    rule: "L14",
    title: "welcome is the first frame, before any push",
    async run(t) {
      const client = await t.connect(t.user("alice"), "web");
      assert.equal(client.frames[0]?.type, "welcome");
    },
  },
  {
    rule: "A4",
    title: "a device id that breaks the grammar closes 4306; an address is answered bad_request",
    async run(t) {
      for (const device of ["a b", "a/b", "a:b", "a*", "a\u0000b", "x".repeat(129)])
        assert.equal(await t.refusal(t.user("alice"), device), 4306);
      const client = await t.connect(t.user("alice"), "web");
      for (const to of ["a b", "a/b/c", "bob/", "sip:bob", "bob\u0007", "bob\u202e"])
        await client.fails("bad_request", "call", { to });
      await client.fails("bad_request", "watch", { users: ["a b"] });
    },
  },
  {
    rule: "A5",
    title: "names have every letter of every script; control characters close 4306, direction overrides go",
    async run(t) {
      const bob = t.user("bob");
      const callee = await t.connect(bob, "phone");
      const shown = async (name: string) => {
        const caller = await t.connect(t.user("alice"), undefined, { name });
        await caller.ok("send", { to: bob, body: name });
        caller.close();
        return (await callee.push("message")).from.name;
      };
      for (const name of ["می\u200cلاد", "क्\u200dष", "שלום\u200f", "👩\u200d💻 Uma", "Donau\u00addampf"])
        assert.equal(await shown(name), name);
      assert.equal(await shown("\u202eecila\u202c \u2066x\u2069"), "ecila x");
      for (const name of ["", "a\u0000", "a\nb", "\u0085", "x\ud83d", "x".repeat(129)])
        assert.equal(await t.refusal(t.user("alice"), "web", { name }), 4306);
    },
  },
  {
    rule: "L15",
    title: "without a device id the server makes one",
    async run(t) {
      const client = await t.connect(t.user("alice"));
      assert.ok(typeof client.welcome.device === "string" && client.welcome.device.length > 0);
      const other = await t.connect(t.user("alice"));
      assert.notEqual(client.welcome.device, other.welcome.device);
    },
  },
  {
    rule: "L15",
    title: "a token's device is the device; another one in hello is closed 4304",
    needs: "mint",
    async run(t) {
      const client = await t.connect(t.user("alice"), undefined, {
        token: t.tokens.token({ user: t.user("alice"), device: "door" }),
      });
      assert.equal(client.welcome.device, "door");
      const token = t.tokens.token({ user: t.user("alice"), device: "door" });
      assert.equal(await t.refusal(t.user("alice"), "web", { token }), 4304);
    },
  },
  {
    rule: "L16",
    title: "what is no token is closed 4303",
    async run(t) {
      for (const token of ["x", "a.b.c", "dev:", "dev:a b", "dev:a/b"])
        assert.equal(await t.refusal(t.user("alice"), "web", { token }), 4303);
    },
  },
  {
    rule: "L16",
    title: "a forged, unsigned, expired or foreign token is closed 4303",
    needs: "mint",
    async run(t) {
      const user = t.user("alice");
      const unsigned = `${Buffer.from('{"alg":"none","typ":"JWT"}').toString("base64url")}.${Buffer.from(
        JSON.stringify({ sub: user, exp: 4_000_000_000, iss: "x", aud: "x" }),
      ).toString("base64url")}.`;
      const bad = {
        forged: t.tokens.token({ user, forged: true }),
        unsigned,
        expired: t.tokens.token({ user, lifetime: -600 }),
        otherAudience: t.tokens.token({ user, claims: { aud: "somebody-else" } }),
        otherIssuer: t.tokens.token({ user, claims: { iss: "somebody-else" } }),
        noSubject: t.tokens.token({ user, claims: { sub: undefined } }),
        noExpiry: t.tokens.token({ user, claims: { exp: undefined } }),
        withKeyUrl: signedToken({ sub: user, exp: 4_000_000_000 }, "mine", {
          jku: "http://127.0.0.1:1/keys",
        }),
      };
      for (const [what, token] of Object.entries(bad))
        assert.equal(await t.refusal(user, "web", { token }), 4303, what);
    },
  },
  {
    rule: "L18",
    title: "each welcome brings a new secret; the one before is void once the client was heard",
    async run(t) {
      const alice = t.user("alice");
      const instance = t.instance();
      const first = await t.connect(alice, "web", { instance });
      const second = await t.resume(first, alice, "web", { instance, attempt: 2 });
      assert.notEqual(second.welcome.secret, first.welcome.secret);
      assert.ok(second.welcome.secret.length >= 43);
      await second.ok("status", { status: "heard" });
      const resume = { ...resumeOf(second), secret: first.welcome.secret };
      assert.equal(await t.refusal(alice, "web", { instance, attempt: 3, resume }), 4302);
      await second.ok("status", { status: "here" });
    },
  },
  {
    rule: "L18",
    title: "a welcome that was lost locks nobody out",
    async run(t) {
      const alice = t.user("alice");
      const instance = t.instance();
      const first = await t.connect(alice, "web", { instance });
      const lost = await t.resume(first, alice, "web", { instance, attempt: 2 });
      // As if the second welcome had never come: the client has only the first one's secret.
      const again = await t.resume(first, alice, "web", { instance, attempt: 3 });
      assert.equal(again.welcome.resumed, true);
      assert.equal(await lost.closed(), 4300);
      await again.ok("status", { status: "here" });
    },
  },
  {
    rule: "L19",
    title: "what is not acknowledged is kept up to a bound; beyond it who sent most loses the oldest",
    async run(t) {
      const [alice, bob] = [t.user("alice"), t.user("bob")];
      const instance = t.instance();
      const client = await t.connect(alice, "web", { instance });
      await client.drop();
      const sender = await t.connect(bob, "web");
      const friend = await t.connect(t.user("carol"), "web");
      await friend.ok("send", { to: alice, body: "of a friend" });
      const body = "x".repeat(t.limits.bodyBytes - 100);
      const count = Math.ceil(t.limits.logBytes / body.length) + 1;
      for (let n = 0; n < count; n++) await sender.ok("send", { to: alice, body });
      const after = await t.connect(alice, "web", { instance, attempt: 2, resume: resumeOf(client) });
      assert.equal(after.welcome.resumed, true);
      await after.push("message", { body: "of a friend" });
      await after.push("dropped");
      await after.push("message", { body });
    },
  },
  {
    rule: "L21",
    title: "after a resume, requests beyond got are taken as new, those up to it are not done twice",
    async run(t) {
      const [alice, bob] = [t.user("alice"), t.user("bob")];
      const other = await t.connect(bob, "web");
      const instance = t.instance();
      const client = await t.connect(alice, "web", { instance });
      await client.ok("send", { to: bob, body: "one" });
      await client.drop();
      const after = await t.resume(client, alice, "web", { instance, attempt: 2 });
      assert.equal(after.welcome.got, 1);
      after.send({ id: 1, type: "send", to: bob, body: "one" });
      after.send({ id: 2, type: "send", to: bob, body: "two" });
      await after.reply(2);
      await other.push("message", { body: "one" });
      await other.push("message", { body: "two" });
      await other.none("message");
    },
  },
  {
    rule: "L23",
    title: "with seq 0 everything of the link is replayed, the replies too",
    async run(t) {
      const alice = t.user("alice");
      const instance = t.instance();
      const client = await t.connect(alice, "web", { instance });
      await client.ok("status", { status: "x" });
      await client.fails("no_session", "hangup", { session: "s_none" });
      await client.drop();
      client.lastSeq = 0;
      const after = await t.resume(client, alice, "web", { instance, attempt: 2 });
      assert.equal(after.welcome.resumed, true);
      assert.deepEqual((await after.reply(1)).ok, {});
      assert.equal((await after.reply(2)).error.code, "no_session");
    },
  },
  {
    rule: "L24",
    title: "ping is answered with pong",
    async run(t) {
      const client = await t.connect(t.user("alice"), "web");
      for (let n = 0; n < 3; n++) await client.fence();
    },
  },
  {
    rule: "L24",
    title: "the server pings a quiet client, and one that answers stays",
    takes: (limits) => limits.silence + limits.pingAfter,
    async run(t) {
      const client = await t.connect(t.user("alice"), "web");
      await client.push("ping", {}, t.limits.pingAfter + 2_500);
      await new Promise((resolve) => setTimeout(resolve, t.limits.silence));
      await client.ok("status", { status: "here" });
    },
  },
  {
    rule: "L11",
    title: "when the token expires the transport is closed 4102, and a fresh token resumes",
    needs: "mint",
    takes: () => 4_000,
    async run(t) {
      const alice = t.user("alice");
      const instance = t.instance();
      const client = await t.connect(alice, "web", { instance, lifetime: 2 });
      assert.ok(client.welcome.expires <= 2_000);
      assert.equal(await client.closed(6_000), 4102);
      const after = await t.resume(client, alice, "web", { instance, attempt: 2 });
      assert.equal(after.welcome.resumed, true);
    },
  },
  {
    rule: "L27",
    title: "refresh renews; another subject or a bad token is refused, and the link goes on",
    async run(t) {
      const alice = t.user("alice");
      const client = await t.connect(alice, "web");
      const { expires } = await client.ok("refresh", { token: t.tokens.token({ user: alice }) });
      assert.ok(expires > 0);
      await client.fails("subject_mismatch", "refresh", {
        token: t.tokens.token({ user: t.user("mallory") }),
      });
      await client.fails("unauthorized", "refresh", { token: "x.y.z" });
      await client.ok("status", { status: "here" });
    },
  },
  {
    rule: "L27",
    title: "refresh checks grants and watches anew, and takes a token only for its own device",
    needs: "mint",
    async run(t) {
      const [alice, bob] = [t.user("alice"), t.user("bob")];
      const client = await t.connect(alice, "web");
      const other = await t.connect(bob, "web");
      await client.ok("watch", { users: [bob] });
      await client.push("presence", { user: bob });
      await client.fails("token_expired", "refresh", {
        token: t.tokens.token({ user: alice, lifetime: -600 }),
      });
      await client.fails("subject_mismatch", "refresh", {
        token: t.tokens.token({ user: alice, device: "phone" }),
      });
      await client.ok("refresh", { token: t.tokens.token({ user: alice, grants: { send: ["*"] } }) });
      await client.fails("forbidden", "call", { to: bob });
      await other.ok("status", { status: "unseen" });
      await new Promise((resolve) => setTimeout(resolve, t.limits.presenceInterval + 100));
      await client.none("presence");
    },
  },
  {
    rule: "L29",
    title: "push registers a device and ends that, and a server that wakes none says so",
    async run(t) {
      const client = await t.connect(t.user("alice"), "web");
      if (!client.welcome.features.includes("push")) {
        await client.fails("no_push", "push", {});
        return;
      }
      const { key, registered } = await client.ok("push", {});
      assert.equal(registered, undefined);
      const webPush = {
        endpoint: "https://push.example/x",
        keys: { p256dh: `B${"A".repeat(85)}`, auth: "A".repeat(22) },
      };
      await client.fails("bad_request", "push", {
        webPush: { ...webPush, keys: { p256dh: "x", auth: "x" } },
      });
      await client.fails("bad_request", "push", { webPush, off: true });
      if (key === undefined) await client.fails("no_push", "push", { webPush });
      assert.deepEqual(await client.ok("push", { off: true }), key === undefined ? {} : { key });
    },
  },
];
