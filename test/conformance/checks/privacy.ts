import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import type { Check } from "../check.ts";

/** §5 Tokens and grants, §14 Privacy. */
export const privacyChecks: readonly Check[] = [
  {
    rule: "T1",
    title: "what no grant covers is forbidden, whether its target exists or not",
    needs: "mint",
    async run(t) {
      const bob = t.user("bob");
      const callee = await t.connect(bob, "phone");
      const guest = await t.connect(t.user("guest"), "web", {
        grants: { call: ["shop"], join: ["room:visit-*"] },
      });
      for (const user of [bob, t.user("nobody")]) {
        await guest.fails("forbidden", "call", { to: user });
        await guest.fails("forbidden", "call", { to: `${user}/phone` });
        await guest.fails("forbidden", "send", { to: user, body: 1 });
        await guest.fails("forbidden", "watch", { users: [user] });
      }
      await guest.fails("forbidden", "join", { room: t.room("other") });
      await guest.ok("join", { room: `room:visit-${t.user("x")}` });
      await guest.ok("call", { to: "shop" });
      await callee.none("incoming");
      await callee.none("message");
    },
  },
  {
    rule: "A2",
    title: "a star covers users and devices, and no room",
    needs: "mint",
    async run(t) {
      const all = ["*"];
      const client = await t.connect(t.user("alice"), "web", {
        grants: { call: all, send: all, watch: all, join: all },
      });
      await client.ok("call", { to: t.user("bob") });
      await client.ok("call", { to: `${t.user("bob")}/phone` });
      await client.ok("watch", { users: [t.user("bob")] });
      await client.fails("forbidden", "join", { room: t.room("any") });
    },
  },
  {
    rule: "A3",
    title: "a pattern with a device covers devices and not the user; a prefix covers what begins with it",
    needs: "mint",
    async run(t) {
      const bob = t.user("bob");
      const grants = { call: [`${bob}/*`, "shop-*"], send: [bob] };
      const client = await t.connect(t.user("alice"), "web", { grants });
      await client.fails("forbidden", "call", { to: bob });
      await client.ok("call", { to: `${bob}/phone` });
      await client.ok("call", { to: "shop-1" });
      await client.fails("forbidden", "call", { to: "shop" });
      await client.ok("send", { to: bob, body: 1 });
      await client.ok("send", { to: `${bob}/phone`, body: 1 });
      await client.fails("forbidden", "send", { to: `${bob}x`, body: 1 });
    },
  },
  {
    rule: "T4",
    title: "oneself needs no grant",
    needs: "mint",
    async run(t) {
      const guest = t.user("guest");
      const web = await t.connect(guest, "web", { grants: {} });
      const phone = await t.connect(guest, "phone", { grants: {} });
      await web.ok("watch", { users: [guest] });
      await web.ok("send", { to: guest, body: 1 });
      await phone.push("message");
      await web.ok("call", { to: `${guest}/phone` });
      await phone.push("incoming");
    },
  },
  {
    rule: "T2",
    title: "in development mode dev:USER is the token of that user, with every grant",
    needs: "dev",
    async run(t) {
      const alice = t.user("alice");
      const client = await t.connect(alice, "web", { token: `dev:${alice}` });
      assert.equal(client.welcome.user, alice);
      await client.ok("call", { to: t.user("bob") });
      await client.ok("join", { room: t.room("any") });
      await client.ok("watch", { users: [t.user("bob")] });
    },
  },
  {
    rule: "T3",
    title: "a foreign Origin is refused at the upgrade, and a cookie opens nothing",
    async run(t) {
      const upgrade = (headers: Record<string, string>) =>
        new Promise<number>((resolve, reject) => {
          const url = new URL(t.url);
          url.protocol = url.protocol === "wss:" ? "https:" : "http:";
          const request = httpRequest(url, {
            headers: {
              connection: "Upgrade",
              upgrade: "websocket",
              "sec-websocket-version": "13",
              "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
              "sec-websocket-protocol": "switchboard.v1",
              ...headers,
            },
          });
          request.on("response", (response) => {
            response.resume();
            resolve(response.statusCode ?? 0);
          });
          request.on("upgrade", (_, socket) => {
            socket.destroy();
            resolve(101);
          });
          request.on("error", reject);
          request.end();
        });
      assert.equal(await upgrade({}), 101);
      assert.equal(await upgrade({ origin: "https://evil.example" }), 403);
      assert.equal(await upgrade({ origin: "null" }), 403);
    },
  },
  {
    rule: "V2",
    title: "who may not watch learns nothing: not from call, ringing, nor send",
    needs: "mint",
    takes: (limits) => limits.unreachableAfter + 3_500,
    async run(t) {
      const [bob, nobody] = [t.user("bob"), t.user("nobody")];
      const callee = await t.connect(bob, "phone");
      const grants = { call: ["*"], send: ["*"] };
      const guest = await t.connect(t.user("guest"), "web", { grants });
      const timeout = Math.max(1_000, t.limits.unreachableAfter + 1_000);
      const there = (await guest.ok("call", { to: bob, timeout })).session;
      const notThere = (await guest.ok("call", { to: nobody, timeout })).session;
      await callee.push("incoming", { session: there });
      await callee.ok("ringing", { session: there });
      await guest.none("ringing");
      const sentThere = await guest.ok("send", { to: bob, body: 1 });
      const sentNowhere = await guest.ok("send", { to: nobody, body: 1 });
      assert.deepEqual(sentThere, sentNowhere);
      const ends = await Promise.all(
        [there, notThere].map((session) => guest.push("ended", { session }, timeout + 3_000)),
      );
      for (const end of ends) assert.equal(end.reason, "no_answer");
      const shape = (end: object) => Object.keys(end).sort();
      assert.deepEqual(shape(ends[0] ?? {}), shape(ends[1] ?? {}));
      await guest.fails("forbidden", "watch", { users: [bob] });
    },
  },
  {
    rule: "V1",
    title: "nothing of a call reaches a third party",
    async run(t) {
      const [alice, bob] = [t.user("alice"), t.user("bob")];
      const mallory = await t.connect(t.user("mallory"), "web");
      const callee = await t.connect(bob, "phone");
      const caller = await t.connect(alice, "web");
      const { session } = await caller.ok("call", { to: bob });
      await callee.push("incoming", { session });
      callee.fire("accept", { session });
      await caller.push("accepted", { session });
      await caller.ok("confirm", { session, device: "phone" });
      caller.fire("signal", { session, pair: 1, generation: 1, description: { type: "offer", sdp: "v=0" } });
      await callee.push("signal", { session });
      await mallory.fence();
      assert.equal(mallory.frames.filter(({ seq }) => seq !== undefined).length, 0);
    },
  },
];
