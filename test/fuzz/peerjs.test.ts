import { expect, test } from "bun:test";
import { parseFrame } from "../../src/gateways/peerjs/frames.ts";
import type { SimClient } from "../support/sim-core.ts";
import { answerSdp, offerSdp, type SimPeer, SimPeerjs } from "../support/sim-peerjs.ts";
import { chance, fuzzRounds, rounds } from "./target.ts";

const inputs = fuzzRounds(5_000);
/** What is done in one history. */
const steps = 120;
const histories = fuzzRounds(60, steps);

const pieces = [
  '{"type":"',
  "OFFER",
  "ANSWER",
  "CANDIDATE",
  "LEAVE",
  "HEARTBEAT",
  '"',
  ",",
  '"dst":"bob"',
  '"dst":',
  "null",
  "7",
  "{",
  "}",
  "[",
  "]",
  '"payload":{',
  '"connectionId":"mc_1"',
  '"type":"media"',
  '"sdp":{"type":"offer","sdp":"v=0"}',
  '"candidate":{',
  '"candidate":"c"',
  '"sdpMLineIndex":',
  "-1",
  "1e999",
  '"__proto__":{',
  "\\ud800",
  "\u0000",
  ":",
  "true",
];

test("any text is read without a throw, and what is read has its bounds", () => {
  const random = chance();
  let read = 0;
  for (const n of rounds(inputs)) {
    let text = "";
    if (n % 3 === 0)
      text = `{"type":"OFFER","dst":"bob","payload":{"type":"media","connectionId":"mc_1","sdp":{"sdp":"v=0"}}}`;
    const cuts = random.int(0, 12);
    for (let k = 0; k < cuts; k++) {
      const piece = pieces[random.int(0, pieces.length - 1)] ?? "";
      const at = n % 3 === 0 ? random.int(0, text.length) : text.length;
      text = text.slice(0, at) + piece + text.slice(n % 2 === 0 ? at : at + piece.length);
    }
    const frame = parseFrame(text);
    if (!frame.ok) continue;
    read++;
    if ("connectionId" in frame.value) {
      expect(frame.value.dst.length).toBeLessThanOrEqual(264);
      expect(frame.value.connectionId.length).toBeLessThanOrEqual(128);
    }
  }
  expect(read).toBeGreaterThan(inputs / 100);
});

/** Clients and native devices that do anything at any time: nothing throws, one end at most wins, and nothing is left of them. */
test("random clients leave nothing behind", () => {
  let answered = 0;
  for (const number of rounds(histories, steps)) {
    const random = chance(number);
    const world = new SimPeerjs({ connectionsPerClient: 4 });
    const { sim } = world;
    const users = ["alice", "bob", "carol"];
    const natives: SimClient[] = ["bob", "carol"].map((user) => sim.client(user, "native").connect());
    natives.push(sim.client("cam", "eye", { capabilities: { sdpRole: "offer-only" } }).connect());
    const peers: SimPeer[] = [];
    const everybody = [...users, "cam", "nobody"];
    const pick = <T>(from: readonly T[]): T | undefined => from[random.int(0, Math.max(0, from.length - 1))];
    const position = (native: SimClient | undefined) => {
      const push = pick(native?.heard.filter((frame) => frame.session !== undefined) ?? []);
      return push && { session: push.session, pair: push.pair ?? 1, generation: random.int(1, 2) };
    };
    const acts: (() => void)[] = [
      () =>
        void peers.push(
          world.client(pick(users) ?? "alice", random.int(0, 5) === 0 ? { token: "other" } : {}),
        ),
      () => pick(peers)?.drop(),
      () => pick(peers)?.offer(pick(everybody) ?? "bob", `mc_${random.int(1, 3)}`),
      () => {
        const peer = pick(peers);
        const offer = pick(peer?.of("OFFER") ?? []);
        if (offer !== undefined) peer?.answer(offer.src, offer.payload.connectionId);
      },
      () => pick(peers)?.candidate(pick(everybody) ?? "bob", `mc_${random.int(1, 3)}`, random.int(1, 9)),
      () => pick(peers)?.say("LEAVE", random.int(0, 1) === 0 ? {} : { dst: pick(everybody) }),
      () => pick(peers)?.say("HEARTBEAT"),
      () =>
        void pick(natives)?.ask("call", {
          to: pick(everybody),
          description: { type: "offer", sdp: offerSdp },
        }),
      () => void pick(natives)?.ask("call", { to: pick(everybody), offer: false }),
      () => {
        const native = pick(natives);
        const ring = pick(native?.pushes("incoming") ?? []);
        if (ring === undefined) return;
        const type = ring.offer ? "offer" : "answer";
        const description = { type, sdp: ring.offer ? offerSdp : answerSdp };
        native?.ask("accept", { session: ring.session, ...(random.int(0, 1) === 0 ? {} : { description }) });
      },
      () => {
        const native = pick(natives);
        const accepted = pick(native?.pushes("accepted") ?? []);
        if (accepted) native?.ask("confirm", { session: accepted.session, device: accepted.device });
      },
      () => {
        const native = pick(natives);
        const type = pick(["offer", "answer"]) ?? "offer";
        native?.ask("signal", {
          ...position(native),
          description: { type, sdp: pick([offerSdp, answerSdp]) },
        });
      },
      () => {
        const native = pick(natives);
        native?.ask(pick(["restart", "resync", "hangup", "cancel", "decline"]) ?? "hangup", {
          ...position(native),
        });
      },
      () => {
        const native = pick(natives);
        const state = pick(["connected", "failed", "closed", "disconnected"]);
        native?.ask("report", { ...position(native), stats: { state } });
      },
      () => sim.pass(random.int(0, 40_000)),
    ];
    for (let step = 0; step < steps; step++) {
      pick(acts)?.();
      sim.pass(0);
      for (const client of world.agent.clients.all) expect(client.connectionCount).toBeLessThanOrEqual(4);
    }
    for (const peer of peers) {
      answered += peer.of("ANSWER").length;
      peer.drop();
    }
    for (const native of natives) native.drop(1_000);
    sim.pass(900_000);
    const { sessionsRinging, sessionsActive } = sim.core.stats();
    expect([world.agent.clients.size, world.agent.connections, sessionsRinging, sessionsActive]).toEqual([
      0, 0, 0, 0,
    ]);
  }
  expect(answered).toBeGreaterThan(histories / 20);
});
