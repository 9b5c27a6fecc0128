import assert from "node:assert/strict";
import type { Check } from "../check.ts";
import type { Client } from "../client.ts";

/** §7.14 Streams, and P5. What a server without a media server answers is checked in place of what it can't do. */
export const streamChecks: readonly Check[] = [
  {
    rule: "B1",
    title: "publish opens a session with the media server, where there is one",
    async run(t) {
      const to = `stream:${t.user("show")}`;
      const alice = await t.connect(t.user("alice"), "web");
      if (!served(alice)) {
        await alice.fails("no_media_server", "publish", { to });
        return;
      }
      const { session } = await alice.ok("publish", { to });
      const push = await alice.push("session", { session });
      const { stream, offer, pair, generation, state, direction, peer } = push;
      assert.deepEqual([stream, offer, state, direction, peer.user], [to, true, "active", "out", to]);
      assert.deepEqual([pair, generation], [1, 1]);
      const reply = alice.frames.findIndex(({ re }) => re === 1);
      assert.ok(reply < alice.frames.indexOf(push), "session came before the reply to publish");
      await alice.ok("hangup", { session });
      await alice.ok("hangup", { session });
    },
  },
  {
    rule: "B3",
    title: "a first offer that is of no use ends the session",
    async run(t) {
      const to = `stream:${t.user("show")}`;
      const alice = await t.connect(t.user("alice"), "web");
      if (!served(alice)) {
        await alice.fails("no_media_server", "publish", { to });
        return;
      }
      const { session } = await alice.ok("publish", { to });
      const description = { type: "offer", sdp: "v=0\r\n" };
      alice.fire("signal", { session, pair: 1, generation: 1, description });
      const { detail } = await alice.push("ended", { session, reason: "incompatible" });
      assert.equal(typeof detail, "string");
    },
  },
  {
    rule: "B5",
    title: "a stream that nobody publishes is not_live, and says when to ask again",
    async run(t) {
      const alice = await t.connect(t.user("alice"), "web");
      const to = `stream:${t.user("nothing")}`;
      if (!served(alice)) {
        await alice.fails("no_media_server", "view", { to });
        return;
      }
      const error = await alice.fails("not_live", "view", { to });
      assert.ok(error.temporary && error.retryAfter > 0);
    },
  },
  {
    rule: "B5",
    title: "without a grant publish, view and watch are refused",
    needs: "mint",
    async run(t) {
      const name = t.user("show");
      const eve = await t.connect(t.user("eve"), "web", {
        grants: { call: ["*"], watch: ["*"], view: ["stream:other"] },
      });
      const code = served(eve) ? "forbidden" : "no_media_server";
      for (const type of ["publish", "view"]) await eve.fails(code, type, { to: `stream:${name}` });
      await eve.fails(code, "watch", { streams: [name] });
    },
  },
  {
    rule: "B6",
    title: "streams is announced only where requests for streams are served",
    async run(t) {
      const alice = await t.connect(t.user("alice"), "web");
      for (const to of ["bob", "room:x", "stream:", "stream:a/b"])
        await alice.fails("bad_request", "publish", { to });
      if (served(alice)) return;
      const error = await alice.fails("no_media_server", "view", { to: "stream:show" });
      assert.equal(error.temporary, false);
      await alice.fails("no_media_server", "watch", { users: [t.user("bob")], streams: ["show"] });
      await alice.none("presence");
    },
  },
  {
    rule: "P5",
    title: "a watched stream is told after the reply; a request that names nothing is refused",
    async run(t) {
      const alice = await t.connect(t.user("alice"), "web");
      for (const type of ["watch", "unwatch"]) await alice.fails("bad_request", type);
      const name = t.user("show");
      if (!served(alice)) {
        await alice.fails("no_media_server", "watch", { streams: [name] });
        return;
      }
      await alice.ok("watch", { streams: [name] });
      const { live, viewers, layers } = await alice.push("stream", { name });
      assert.deepEqual([live, viewers, layers], [false, 0, []]);
      await alice.ok("unwatch", { streams: [name] });
    },
  },
];

function served(client: Client): boolean {
  return client.welcome.features.includes("streams");
}
