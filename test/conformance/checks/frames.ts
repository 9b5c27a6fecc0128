import assert from "node:assert/strict";
import type { Check } from "../check.ts";
import type { Client } from "../client.ts";

async function closesWith(client: Client, code: number): Promise<void> {
  assert.equal(await client.closed(), code);
}

/** §3 Frames. */
export const frameChecks: readonly Check[] = [
  {
    rule: "F1",
    title: "replies and pushes share one count from 1",
    async run(t) {
      const [alice, bob] = [t.user("alice"), t.user("bob")];
      const a = await t.connect(alice, "web");
      const b = await t.connect(bob, "web");
      for (let n = 0; n < 5; n++) {
        await a.ok("send", { to: bob, body: n });
        await b.ok("send", { to: alice, body: n });
      }
      for (let n = 0; n < 5; n++) await a.push("message", { body: n });
      const counted = a.frames.map((frame) => frame.seq).filter((seq) => seq !== undefined);
      assert.deepEqual(counted, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    },
  },
  {
    rule: "F2",
    title: "unknown fields are ignored, in hello and in requests",
    async run(t) {
      const client = await t.connect(t.user("alice"), "web", { extra: { future: { a: [1] } } });
      await client.ok("status", { status: "here", future: { deep: [{}] } });
      client.send({ type: "ack", seq: client.lastSeq, future: 1 });
      client.send({ type: "ping", future: null });
      await client.expect("pong", (frame) => frame.type === "pong");
    },
  },
  {
    rule: "F3",
    title: "an unknown type is answered unknown_type, and the link goes on",
    async run(t) {
      const client = await t.connect(t.user("alice"), "web");
      for (const type of ["teleport", "constructor", "__proto__", "incoming", ""])
        await client.fails("unknown_type", type);
      await client.ok("status", { status: "here" });
    },
  },
  {
    rule: "F4",
    title:
      "a request that breaks its schema is answered bad_request with the field's name, and counts as admitted",
    async run(t) {
      const client = await t.connect(t.user("alice"), "web");
      const error = await client.fails("bad_request", "ringing", { session: 5 });
      assert.match(error.message, /session/);
      assert.match((await client.fails("bad_request", "call")).message, /to/);
      await client.fails("bad_request", "signal", { session: "s", pair: 0, generation: 1 });
      await client.fails("bad_request", "watch", { users: [] });
      await client.fails("bad_request", "join", { room: "standup" });
      await client.ok("status", { status: "here" });
    },
  },
  ...(
    [
      ["what is no JSON", "{"],
      ["an array", "[]"],
      ["null", "null"],
      ["a frame without type", '{"id":1}'],
      ["a request without id", '{"type":"call","to":"bob"}'],
      ["an id that is no whole number", '{"id":1.5,"type":"status","status":"x"}'],
      ["a second hello", '{"type":"hello","token":"t","instance":"12345678","attempt":9}'],
    ] as const
  ).map(
    ([what, text]): Check => ({
      rule: "F5",
      title: `${what} closes with 4200`,
      async run(t) {
        const client = await t.connect(t.user("alice"), "web");
        client.sendText(text);
        await closesWith(client, 4200);
      },
    }),
  ),
  {
    rule: "F5",
    title: "a binary message closes with 4200, before the welcome with 4306",
    async run(t) {
      const client = await t.connect(t.user("alice"), "web");
      client.sendBinary(new TextEncoder().encode('{"type":"ping"}'));
      await closesWith(client, 4200);
      const silent = await t.open();
      silent.sendBinary(new Uint8Array([1, 2, 3]));
      await closesWith(silent, 4306);
    },
  },
  {
    rule: "F6",
    title: "a frame over frameBytes closes with 4201; one below does not",
    async run(t) {
      const client = await t.connect(t.user("alice"), "web");
      const frame = (size: number) => {
        const empty = JSON.stringify({ type: "ping", pad: "" });
        return JSON.stringify({ type: "ping", pad: "x".repeat(size - empty.length) });
      };
      client.sendText(frame(t.limits.frameBytes));
      await client.expect("pong", ({ type }) => type === "pong");
      client.sendText(frame(t.limits.frameBytes + 1));
      await closesWith(client, 4201);
    },
  },
  {
    rule: "F6",
    title: "sizes are bytes, not characters",
    async run(t) {
      const client = await t.connect(t.user("alice"), "web");
      client.sendText(
        JSON.stringify({ type: "ping", pad: "é".repeat(Math.ceil(t.limits.frameBytes / 2) + 8) }),
      );
      await closesWith(client, 4201);
    },
  },
  {
    rule: "F6",
    title: "a hello over helloBytes closes with 4306",
    async run(t) {
      const client = await t.open();
      client.send(t.hello(t.user("alice"), "web", { extra: { pad: "x".repeat(t.limits.helloBytes) } }));
      await closesWith(client, 4306);
    },
  },
  {
    rule: "F7",
    title: "JSON nested deeper than 64 levels is answered bad_request",
    async run(t) {
      const alice = t.user("alice");
      const client = await t.connect(alice, "web");
      const nest = (levels: number) => JSON.parse("[".repeat(levels) + "]".repeat(levels));
      await client.ok("send", { to: alice, body: nest(60) });
      await client.fails("bad_request", "send", { to: alice, body: nest(65) });
      await client.fails("bad_request", "send", { to: alice, body: nest(10_000) });
      await client.ok("status", { status: "here" });
    },
  },
  {
    rule: "F8",
    title: "each request has one reply, with exactly one of ok and error",
    async run(t) {
      const client = await t.connect(t.user("alice"), "web");
      await client.ok("status", { status: "here" });
      await client.fails("no_session", "hangup", { session: "s_none" });
      await client.fence();
      for (const frame of client.frames.filter(({ re }) => re !== undefined))
        assert.equal(Number("ok" in frame) + Number("error" in frame), 1);
      assert.equal(client.frames.filter(({ re }) => re === 1).length, 1);
    },
  },
  {
    rule: "F8",
    title: "signal and report are silent, unless they fail",
    async run(t) {
      const client = await t.connect(t.user("alice"), "web");
      await client.fails("no_session", "signal", { session: "s_none", pair: 1, generation: 1 });
      await client.fails("no_session", "report", { session: "s_none", stats: { state: "connected" } });
    },
  },
  {
    rule: "F10",
    title: "more requests in flight than allowed are answered too_many_requests",
    takes: (limits) =>
      limits.requestsInFlight <= Math.min(15, limits.ringsPerCallee - 1) ? 0 : Number.POSITIVE_INFINITY,
    async run(t) {
      const bob = t.user("bob");
      const callee = await t.connect(bob, "web");
      const sessions: string[] = [];
      for (let n = 0; n <= t.limits.requestsInFlight; n++) {
        const caller = await t.connect(t.user(`caller${n}`), "web");
        sessions.push((await caller.ok("call", { to: bob })).session);
      }
      // An accept waits for the caller's confirm: these stay in flight.
      const last = sessions.pop() ?? "";
      for (const session of sessions) callee.fire("accept", { session });
      await callee.fails("too_many_requests", "accept", { session: last });
    },
  },
  {
    rule: "F10",
    title: "malformed and unknown requests count for the rate as well",
    async run(t) {
      const client = await t.connect(t.user("alice"), "web");
      for (let n = 0; n < 2_000; n++) client.fire(n % 2 === 0 ? "teleport" : "call");
      await client.expect("rate_limited", (frame) => frame.error?.code === "rate_limited");
      await closesWith(client, 4203);
    },
  },
  {
    rule: "F10",
    title: "a flood is answered rate_limited, then closed with 4203; another client goes on",
    async run(t) {
      const innocent = await t.connect(t.user("bob"), "web");
      const client = await t.connect(t.user("alice"), "web");
      for (let n = 0; n < 4_000 && client.closeCode === undefined; n++)
        client.fire("status", { status: "x" });
      const { error } = await client.expect("rate_limited", (frame) => frame.error?.code === "rate_limited");
      assert.equal(error.temporary, true);
      assert.ok(error.retryAfter > 0);
      await closesWith(client, 4203);
      await innocent.ok("status", { status: "undisturbed" });
    },
  },
  {
    rule: "F11",
    title:
      "frames that are no requests count as well: a flood of pings is closed with 4203; another client goes on",
    async run(t) {
      const innocent = await t.connect(t.user("bob"), "web");
      const client = await t.connect(t.user("alice"), "web");
      for (let n = 0; n < 2_000; n++) client.send({ type: "ping" });
      await closesWith(client, 4203);
      await innocent.ok("status", { status: "undisturbed" });
    },
  },
];
