import { expect, test } from "bun:test";
import type { SimClient } from "../support/sim-core.ts";
import { answer, bare, offer, type SimPhone, SimSip } from "../support/sim-phone.ts";
import { chance, fuzzRounds, rounds } from "./target.ts";

/** What is done in one history. */
const steps = 150;
const histories = fuzzRounds(60, steps);
const users = ["alice", "bob"];
const statuses = [100, 180, 200, 302, 404, 480, 486, 487, 488, 491, 500, 600, 603];

/** Phones and native devices that do anything at any time. Whatever they do, nothing throws, and nothing is left of it. */
test("random phones leave nothing behind", () => {
  let connected = 0;
  for (const number of rounds(histories, steps)) {
    const random = chance(number);
    const world = new SimSip();
    const phones: SimPhone[] = [];
    const natives: SimClient[] = users.map((user) => world.sim.client(user, "native").connect());
    const pick = <T>(from: readonly T[]): T | undefined => from[random.int(0, Math.max(0, from.length - 1))];

    const acts: (() => void)[] = [
      () => {
        const phone = world.phone(pick(users) ?? "alice");
        if (phones.length < 6) {
          phone.register();
          phones.push(phone);
        } else phone.drop();
      },
      () => pick(phones)?.register({ expires: pick([0, 60, 600]) ?? 60 }),
      () => pick(phones)?.call(pick(users) ?? "bob"),
      () => {
        const phone = pick(phones);
        const request = pick(phone?.requests ?? []);
        const status = pick(statuses) ?? 200;
        if (request !== undefined)
          phone?.respond(
            request,
            status,
            status === 200 && request.method === "INVITE" ? { body: answer() } : {},
          );
      },
      () => {
        const phone = pick(phones);
        if (phone?.last("INVITE") !== undefined) phone.acknowledge();
      },
      () =>
        void pick(phones)?.ask(
          pick(["BYE", "UPDATE", "INFO", "OPTIONS", "PRACK", "CANCEL", "NOTIFY"]) ?? "BYE",
        ),
      () => {
        const phone = pick(phones);
        if (phone?.dialog !== undefined) phone.ask("INVITE", { body: offer(pick(["phone", "other"])) });
      },
      () => void pick(phones)?.ask("MESSAGE", { uri: "sip:bob@sim.test", body: "hi", type: "text/plain" }),
      () =>
        void pick(phones)?.ask("SUBSCRIBE", {
          uri: "sip:bob@sim.test",
          headers: ["Event: presence", `Expires: ${pick([0, 60, 600])}`],
        }),
      () => {
        const phone = pick(phones);
        if (phone === undefined) return;
        phones.splice(phones.indexOf(phone), 1);
        phone.drop();
      },
      () => void pick(natives)?.ask("call", { to: pick(users) ?? "bob" }),
      () => {
        const native = pick(natives);
        const session = pick(native?.heard.filter((frame) => frame.session !== undefined) ?? [])?.session;
        if (session === undefined) return;
        const description = pick([
          { type: "offer", sdp: bare(offer("core")) },
          { type: "answer", sdp: bare(answer("core")) },
        ]);
        const pair = { session, pair: 1, generation: pick([1, 1, 1, 2]) };
        const device = native?.last("accepted")?.device ?? "native";
        const said: readonly [string, object] | undefined = pick([
          ["accept", { session }],
          ["ringing", { session }],
          ["decline", { session }],
          ["cancel", { session }],
          ["hangup", { session }],
          ["confirm", { session, device }],
          ["signal", { ...pair, description }],
          ["signal", { ...pair, endOfCandidates: true }],
          ["restart", pair],
          ["move", { session, to: "native" }],
        ]);
        if (said !== undefined) native?.ask(...said);
      },
      // What well-behaved ones do, so that calls come about at all.
      () => {
        const phone = pick(phones);
        const invite = phone?.request("INVITE");
        if (invite !== undefined) phone?.respond(invite, 200, { body: answer() });
      },
      () => {
        const native = pick(natives);
        const session = native?.last("incoming")?.session;
        if (session === undefined) return;
        native?.ask("accept", { session });
        world.pass(0);
        const description = { type: "answer", sdp: bare(answer("core")) };
        native?.ask("signal", { session, pair: 1, generation: 1, description, endOfCandidates: true });
      },
      () => {
        const native = pick(natives);
        const accepted = native?.last("accepted");
        if (accepted !== undefined)
          native?.ask("confirm", { session: accepted.session, device: accepted.device });
      },
      () => {
        const native = pick(natives);
        const session = native?.ask("call", { to: pick(users) ?? "bob" })?.ok?.session;
        world.pass(0);
        const description = { type: "offer", sdp: bare(offer("core")) };
        if (session !== undefined) native?.ask("signal", { session, pair: 1, generation: 1, description });
      },
      () => world.pass(random.int(0, 5_000)),
      () => world.pass(random.chance(0.2) ? random.int(0, 60_000) : 10),
    ];
    for (let step = 0; step < steps; step++) {
      pick(acts)?.();
      world.pass(0);
    }
    for (const phone of phones) phone.drop();
    for (const native of natives) native.drop(1000);
    world.pass(200_000);
    const { phones: left, calls, subscriptions } = world.agent.numbers;
    expect({ left, calls, subscriptions }).toEqual({ left: 0, calls: 0, subscriptions: 0 });
    const { devices, sessionsRinging, sessionsActive } = world.sim.core.stats();
    expect([devices, sessionsRinging, sessionsActive]).toEqual([0, 0, 0]);
    connected += world.sim.events.filter(({ type }) => type === "session_accepted").length;
  }
  // Chance that never connects anybody would prove little.
  expect(connected).toBeGreaterThan((5 * histories) / 6);
});
