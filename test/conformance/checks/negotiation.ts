import assert from "node:assert/strict";
import type { Check, Context } from "../check.ts";
import { answer, candidate, establish, ring, sdp } from "./call-setup.ts";

const one = { pair: 1, generation: 1 };

/** A call whose first offer was answered. The caller takes refusals, the callee does not say so. */
async function negotiated(t: Context, capabilities = {}) {
  const bob = t.user("bob");
  const callee = await t.connect(bob, "phone", { capabilities });
  const caller = await t.connect(t.user("alice"), "web", { capabilities: { refusals: true } });
  const { session } = await caller.ok("call", { to: bob });
  await callee.push("incoming", { session });
  await answer(caller, callee, session, "phone");
  caller.fire("signal", { session, ...one, description: { type: "offer", sdp: sdp("offer") } });
  await callee.push("signal", { session });
  callee.fire("signal", { session, ...one, description: { type: "answer", sdp: sdp("answer") } });
  await caller.push("signal", { session });
  return { caller, callee, session };
}

/** §7.6–7.8: signals, ICE restarts, moves. */
export const negotiationChecks: readonly Check[] = [
  {
    rule: "N1",
    title: "signals reach the other end in order, each once, unchanged",
    async run(t) {
      const { caller, callee, session } = await establish(t);
      const description = { type: "offer", sdp: `${sdp("é 😀")}a=x:"\\\u2028` };
      caller.fire("signal", { session, ...one, description });
      const media = { "0": { muted: true }, "1": { screen: true } };
      caller.fire("signal", { session, ...one, media });
      for (let n = 1; n <= 30; n++) caller.fire("signal", { session, ...one, candidates: [candidate(n)] });
      caller.fire("signal", { session, ...one, endOfCandidates: true });
      const offered = await callee.push("signal", { session });
      assert.deepEqual(offered.description, description);
      assert.deepEqual((await callee.push("signal", { session })).media, media);
      for (let n = 1; n <= 30; n++)
        assert.deepEqual((await callee.push("signal", { session })).candidates, [candidate(n)]);
      assert.equal((await callee.push("signal", { session })).endOfCandidates, true);
      await callee.none("signal");
    },
  },
  {
    rule: "L20",
    title: "silent requests are acknowledged every 16, and after a second",
    takes: () => 1_500,
    async run(t) {
      const { caller, session } = await establish(t);
      for (let n = 1; n <= 16; n++) caller.fire("signal", { session, ...one, candidates: [candidate(n)] });
      const sixteenth = caller.nextId - 1;
      await caller.push("ack", { id: sixteenth });
      const last = caller.fire("signal", { session, ...one, candidates: [candidate(17)] });
      await caller.push("ack", { id: last });
    },
  },
  {
    rule: "N2",
    title: "no candidate crosses before the accept is confirmed; then all do, in order",
    async run(t) {
      const { caller, callee, session } = await ring(t, {
        description: { type: "offer", sdp: sdp("offer") },
      });
      caller.fire("signal", { session, ...one, candidates: [candidate(1)] });
      caller.fire("signal", { session, ...one, candidates: [candidate(2)] });
      await callee.none("signal");
      const accept = callee.fire("accept", { session, description: { type: "answer", sdp: sdp("answer") } });
      await caller.push("accepted", { session });
      callee.fire("signal", { session, ...one, candidates: [candidate(3)] });
      await caller.none("signal");
      await callee.none("signal");
      await caller.ok("confirm", { session, device: "phone" });
      await callee.reply(accept);
      const toCallee: unknown[] = [];
      while (toCallee.length < 2) toCallee.push(...(await callee.push("signal", { session })).candidates);
      assert.deepEqual(toCallee, [candidate(1), candidate(2)]);
      assert.deepEqual((await caller.push("signal", { session })).candidates, [candidate(3)]);
    },
  },
  {
    rule: "N2",
    title: "a description with candidates before the accept is refused, and rings nobody",
    async run(t) {
      const bob = t.user("bob");
      const callee = await t.connect(bob, "phone");
      const caller = await t.connect(t.user("alice"), "web");
      const withCandidates = `${sdp("x")}a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n`;
      await caller.fails("candidates_before_accept", "call", {
        to: bob,
        description: { type: "offer", sdp: withCandidates },
      });
      await callee.none("incoming");
      const { session } = await caller.ok("call", { to: bob, description: { type: "offer", sdp: sdp("x") } });
      await callee.push("incoming", { session });
      await callee.fails("candidates_before_accept", "accept", {
        session,
        description: { type: "answer", sdp: withCandidates },
      });
      await caller.none("accepted");
    },
  },
  {
    rule: "N3",
    title:
      "descriptions before the accept are wrong_state, and a callee that has not accepted may not signal",
    async run(t) {
      const { caller, callee, session } = await ring(t);
      const description = { type: "offer", sdp: sdp("early") };
      await caller.fails("wrong_state", "signal", { session, ...one, description });
      await callee.fails("wrong_state", "signal", { session, ...one, candidates: [candidate(1)] });
      await caller.none("signal");
    },
  },
  {
    rule: "N4",
    title:
      "candidates wait for the description of their generation; older ones are dropped, other generations refused",
    async run(t) {
      const { caller, callee, session } = await establish(t);
      const offer = (mark: string) => ({ description: { type: "offer", sdp: sdp(mark) } });
      caller.fire("signal", { session, ...one, candidates: [candidate(1)] });
      await callee.none("signal");
      caller.fire("signal", { session, ...one, ...offer("one") });
      assert.ok((await callee.push("signal", { session })).description);
      assert.deepEqual((await callee.push("signal", { session })).candidates, [candidate(1)]);
      await caller.ok("restart", { session, ...one });
      await callee.push("restart", { session, generation: 2 });
      await caller.fails("stale_generation", "signal", { session, ...one, ...offer("old") });
      await caller.fails("stale_generation", "signal", { session, pair: 1, generation: 9, ...offer("new") });
      await caller.fails("stale_generation", "signal", {
        session,
        pair: 1,
        generation: 3,
        candidates: [candidate(9)],
      });
      caller.fire("signal", { session, ...one, candidates: [candidate(1)] });
      caller.fire("signal", { session, pair: 1, generation: 2, candidates: [candidate(2)] });
      await callee.none("signal");
      caller.fire("signal", { session, pair: 1, generation: 2, ...offer("two") });
      await callee.push("signal", { session, generation: 2 });
      assert.deepEqual((await callee.push("signal", { session, generation: 2 })).candidates, [candidate(2)]);
    },
  },
  {
    rule: "N5",
    title: "a pair that is not open is stale_pair",
    async run(t) {
      const { caller, callee, session } = await establish(t);
      await caller.fails("stale_pair", "signal", {
        session,
        pair: 2,
        generation: 1,
        description: { type: "offer", sdp: sdp("x") },
      });
      await caller.fails("stale_pair", "restart", { session, pair: 2, generation: 1 });
      await callee.none("signal");
    },
  },
  {
    rule: "N6",
    title: "an SDP over sdpBytes, or more candidates than allowed, is too_large",
    async run(t) {
      const { caller, callee, session } = await establish(t);
      const { sdpBytes, candidates } = t.limits;
      const big = (bytes: number) => ({ type: "offer", sdp: "v".repeat(bytes) });
      await caller.fails("too_large", "signal", { session, ...one, description: big(sdpBytes + 1) });
      caller.fire("signal", { session, ...one, description: big(sdpBytes) });
      assert.equal((await callee.push("signal")).description.sdp.length, sdpBytes);
      const many = (count: number) => Array.from({ length: count }, (_, n) => candidate(n));
      await caller.fails("too_large", "signal", { session, ...one, candidates: many(candidates + 1) });
      caller.fire("signal", { session, ...one, candidates: many(candidates) });
      assert.equal((await callee.push("signal")).candidates.length, candidates);
    },
  },
  {
    rule: "N16",
    title: "an offer is refused in place of an answer, and the session stays as it was",
    async run(t) {
      const { caller, callee, session } = await negotiated(t);
      const refused = { reason: "no ice-ufrag" };
      caller.fire("signal", { session, ...one, description: { type: "offer", sdp: sdp("again") } });
      await callee.push("signal", { session });
      callee.fire("signal", { session, ...one, refused });
      assert.deepEqual((await caller.push("signal", { session })).refused, refused);
      await caller.none("ended");
      caller.fire("signal", { session, ...one, candidates: [candidate(1)] });
      assert.ok((await callee.push("signal", { session })).candidates);
    },
  },
  {
    rule: "N17",
    title: "without an offer of the other end that waits, a refusal is wrong_state",
    async run(t) {
      const { caller, callee, session } = await negotiated(t);
      const refused = { reason: "why not" };
      await callee.fails("wrong_state", "signal", { session, ...one, refused });
      caller.fire("signal", { session, ...one, description: { type: "offer", sdp: sdp("again") } });
      await callee.push("signal", { session });
      await caller.fails("wrong_state", "signal", { session, ...one, refused });
      await callee.fails("bad_request", "signal", {
        session,
        ...one,
        refused,
        description: { type: "answer", sdp: sdp("and") },
      });
      await callee.fails("stale_generation", "signal", { session, pair: 1, generation: 2, refused });
      await caller.none("signal");
    },
  },
  {
    rule: "N18",
    title: "a device that says nothing of refusals gets none",
    async run(t) {
      const { caller, callee, session } = await negotiated(t);
      callee.fire("signal", { session, ...one, description: { type: "offer", sdp: sdp("again") } });
      await caller.push("signal", { session });
      await caller.fails("incompatible", "signal", { session, ...one, refused: { reason: "why not" } });
      await callee.none("signal");
      caller.fire("signal", { session, ...one, description: { type: "answer", sdp: sdp("after all") } });
      assert.equal((await callee.push("signal", { session })).description.type, "answer");
    },
  },
  {
    rule: "N19",
    title: "a session whose first offer is refused ends incompatible",
    async run(t) {
      const { caller, callee, session } = await establish(t);
      caller.fire("signal", { session, ...one, description: { type: "offer", sdp: sdp("first") } });
      await callee.push("signal", { session });
      callee.fire("signal", { session, ...one, refused: { reason: "no codec" } });
      for (const end of [caller, callee]) {
        const { reason, detail } = await end.push("ended", { session });
        assert.deepEqual([reason, detail], ["incompatible", "no codec"]);
      }
    },
  },
  {
    rule: "N20",
    title: "accept with refused puts the device out of the ring",
    async run(t) {
      const { caller, callee, session } = await ring(t, {
        description: { type: "offer", sdp: sdp("offer") },
      });
      await callee.fails("incompatible", "accept", { session, refused: { reason: "no codec" } });
      assert.equal((await caller.push("ended", { session })).reason, "incompatible");
      await callee.none("ended");
    },
  },
  {
    rule: "N21",
    title: "a device that takes no offers in a call gets none: the server answers or refuses in its place",
    async run(t) {
      const { caller, callee, session } = await negotiated(t, { renegotiation: "none" });
      caller.fire("signal", { session, ...one, description: { type: "offer", sdp: sdp("again") } });
      const { description, refused } = await caller.push("signal", { session });
      assert.ok(refused !== undefined || description.type === "answer");
      await callee.none("signal");
      caller.fire("signal", { session, ...one, candidates: [candidate(1)] });
      assert.ok((await callee.push("signal", { session })).candidates);
    },
  },
  {
    rule: "N8",
    title: "restart goes to the next generation, replies before its push, and lets exactly one end offer",
    async run(t) {
      const { caller, callee, session } = await establish(t);
      for (const [n, requester] of [callee, caller].entries()) {
        const generation = n + 2;
        const reply = await requester.ok("restart", { session, pair: 1, generation: generation - 1 });
        assert.equal(reply.generation, generation);
        const atCaller = await caller.push("restart", { session, pair: 1, generation });
        const atCallee = await callee.push("restart", { session, pair: 1, generation });
        assert.equal(Number(atCaller.offer) + Number(atCallee.offer), 1);
        const mine = requester === caller ? atCaller : atCallee;
        assert.equal(reply.offer, mine.offer);
        const answered = requester.frames.findIndex(({ ok }) => ok?.generation === generation);
        assert.ok(
          answered >= 0 && answered < requester.frames.indexOf(mine),
          "the push came before the reply",
        );
      }
    },
  },
  {
    rule: "N9",
    title: "both ends may ask at once: one new generation, one push each",
    async run(t) {
      const { caller, callee, session } = await establish(t);
      const [a, b] = await Promise.all([
        caller.ok("restart", { session, ...one }),
        callee.ok("restart", { session, ...one }),
      ]);
      assert.equal(a.generation, 2);
      assert.equal(b.generation, 2);
      assert.equal(Number(a.offer) + Number(b.offer), 1);
      await caller.push("restart", { session, generation: 2 });
      await callee.push("restart", { session, generation: 2 });
      await caller.none("restart");
      await callee.none("restart");
      await caller.fails("stale_generation", "restart", { session, pair: 1, generation: 7 });
      await caller.ok("restart", { session, pair: 1, generation: 2 });
      await caller.fails("stale_generation", "restart", { session, ...one });
    },
  },
  {
    rule: "N10",
    title: "the pair's offerer offers in a restart too",
    async run(t) {
      const { caller, callee, session } = await establish(t);
      await callee.ok("restart", { session, ...one });
      assert.equal((await caller.push("restart", { session })).offer, true);
      assert.equal((await callee.push("restart", { session })).offer, false);
    },
  },
];
