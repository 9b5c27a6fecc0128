import { describe, expect, test } from "bun:test";
import type { SimClient } from "../../../test/support/sim-core.ts";
import { answer, bare, offer, type SimPhone, SimSip } from "../../../test/support/sim-phone.ts";
import { bodyText } from "./message.ts";

const candidate = { candidate: "candidate:7 1 udp 9 198.51.100.7 6000 typ host", sdpMid: "0" };

/** A phone calls a native device, which has accepted and not yet described itself. */
function phoneIsAccepted(world = new SimSip(), headers: readonly string[] = []) {
  const alice = world.phone("alice");
  expect(alice.register()?.status).toBe(200);
  const bob = world.sim.client("bob", "laptop").connect();
  alice.call("bob", { headers });
  const { session } = bob.last("incoming");
  bob.ask("accept", { session });
  world.pass(0);
  return { world, alice, bob, session: session as string };
}

/** A phone and a native device in a call that the phone started. */
function phoneCalls(world = new SimSip()) {
  const headers = ["Supported: timer", "Allow: INVITE,ACK,BYE,UPDATE"];
  const { alice, bob, session } = phoneIsAccepted(world, headers);
  bob.ask("signal", {
    session,
    pair: 1,
    generation: 1,
    description: { type: "answer", sdp: bare(answer()) },
    candidates: [candidate],
    endOfCandidates: true,
  });
  world.pass(0);
  return { world, alice, bob, session };
}

/** A native device and a phone in a call that the device started. */
function phoneIsCalled(world = new SimSip()) {
  const bob = world.phone("bob");
  bob.register();
  const alice = world.sim.client("alice", "laptop").connect();
  const { session } = alice.ask("call", { to: "bob" }).ok;
  world.pass(0);
  const description = { type: "offer", sdp: bare(offer("native")) };
  alice.ask("signal", {
    session,
    pair: 1,
    generation: 1,
    description,
    candidates: [candidate],
    endOfCandidates: true,
  });
  world.pass(0);
  return { world, alice, bob, session: session as string };
}

function taken(call: ReturnType<typeof phoneIsCalled>): void {
  const { world, alice, bob, session } = call;
  bob.respond(bob.request("INVITE"), 200, {
    body: answer("phone"),
    headers: ["Allow: INVITE,ACK,BYE,UPDATE"],
  });
  world.pass(0);
  alice.ask("confirm", { session, device: alice.last("accepted").device });
  world.pass(0);
}

const signals = (client: SimClient) => client.pushes("signal");

describe("a phone calls", () => {
  test("the offer goes without candidates, they follow the accept; the answer comes whole", () => {
    const { alice, bob } = phoneCalls();
    expect(bob.last("incoming")).toMatchObject({
      media: { audio: true, video: false },
      from: { user: "alice", kind: "phone" },
    });
    expect(bob.last("incoming").description.sdp).not.toContain("candidate");
    expect(signals(bob)[0]).toMatchObject({ endOfCandidates: true, candidates: [{ sdpMid: "0" }] });
    expect(alice.statuses("INVITE")).toEqual([100, 200]);
    const sdp = bodyText(alice.last("INVITE")!) ?? "";
    expect(sdp).toContain("a=candidate:7 1 udp 9 198.51.100.7 6000 typ host");
    expect(sdp).toContain("a=end-of-candidates");
    expect(alice.last("INVITE")?.headers.get("Content-Type")).toBe("application/sdp");
  });

  test("a 200 is sent again until its ACK; without one the call is given up after 32 s", () => {
    const { world, alice, bob } = phoneCalls();
    world.pass(1_600);
    expect(alice.statuses("INVITE").filter((status) => status === 200)).toHaveLength(3);
    world.pass(31_000);
    expect(bob.last("ended").reason).toBe("failed");
    expect(alice.request("BYE")).toBeDefined();
    const acknowledged = phoneCalls();
    acknowledged.alice.acknowledge();
    acknowledged.world.pass(40_000);
    expect(acknowledged.alice.statuses("INVITE")).toEqual([100, 200]);
    expect(acknowledged.bob.last("ended")).toBeUndefined();
  });

  test("a native device that never says that its candidates are all is waited for two seconds", () => {
    const { world, alice, bob, session } = phoneIsAccepted();
    bob.ask("signal", {
      session,
      pair: 1,
      generation: 1,
      description: { type: "answer", sdp: bare(answer()) },
    });
    world.pass(1_900);
    expect(alice.statuses("INVITE")).toEqual([100]);
    world.pass(200);
    expect(alice.statuses("INVITE")).toEqual([100, 200]);
  });

  test("an offer that follows the answer before its candidates are all there waits for the ACK", () => {
    const { world, alice, bob, session } = phoneIsAccepted();
    const say = (type: string, sdp: string, more = {}) =>
      bob.ask("signal", { session, pair: 1, generation: 1, description: { type, sdp: bare(sdp) }, ...more });
    say("answer", answer());
    say("offer", offer("far", "recvonly"));
    bob.ask("signal", { session, pair: 1, generation: 1, candidates: [candidate], endOfCandidates: true });
    world.pass(0);
    expect(alice.last("INVITE")?.status).toBe(200);
    expect(alice.sdp).toContain("a=setup:active");
    expect(alice.request("INVITE")).toBeUndefined();
    alice.acknowledge();
    expect(alice.sdp).toContain("a=recvonly");
    alice.respond(alice.request("INVITE"), 200, { body: answer("near") });
    // The same in an exchange that the phone began.
    alice.ask("INVITE", { body: offer("other") });
    world.pass(0);
    say("answer", answer("anew"), { generation: 2 });
    say("offer", offer("anew", "sendonly"), { generation: 2 });
    world.pass(2_100);
    expect(alice.sdp).toContain("a=setup:active");
    alice.acknowledge();
    expect(alice.sdp).toContain("a=sendonly");
  });

  test("gives up: 200 to the CANCEL, 487 to the INVITE", () => {
    const world = new SimSip();
    const alice = world.phone("alice");
    alice.register();
    const bob = world.sim.client("bob", "laptop").connect();
    alice.call("bob", { branch: "z9hG4bK-c", callId: "c" });
    alice.ask("CANCEL", { uri: "sip:bob@sim.test", branch: "z9hG4bK-c", callId: "c" });
    expect(alice.statuses("CANCEL")).toEqual([200]);
    expect(alice.statuses("INVITE")).toEqual([100, 487]);
    expect(bob.last("ended").reason).toBe("cancelled");
    alice.ask("CANCEL", { uri: "sip:bob@sim.test", branch: "z9hG4bK-d", callId: "c" });
    expect(alice.statuses("CANCEL")).toEqual([200, 481]);
  });

  test("refusals say why", () => {
    for (const [reason, status] of [
      ["busy", 486],
      ["incompatible", 488],
      ["declined", 603],
    ] as const) {
      const world = new SimSip();
      const alice = world.phone("alice");
      alice.register();
      const bob = world.sim.client("bob", "laptop").connect();
      alice.call("bob");
      bob.ask("decline", { session: bob.last("incoming").session, reason });
      world.pass(0);
      expect(alice.last("INVITE")?.status).toBe(status);
    }
  });

  test("a provisional response is sent again until its PRACK, and no 200 comes before", () => {
    const world = new SimSip();
    const alice = world.phone("alice");
    alice.register();
    const bob = world.sim.client("bob", "laptop").connect();
    alice.call("bob", { headers: ["Require: 100rel"] });
    const { session } = bob.last("incoming");
    bob.ask("ringing", { session });
    world.pass(1_600);
    expect(alice.statuses("INVITE")).toEqual([100, 180, 180, 180]);
    const ringing = alice.last("INVITE")!;
    const sequence = ringing.headers.get("RSeq");
    bob.ask("accept", { session });
    world.pass(0);
    const description = { type: "answer", sdp: bare(answer()) };
    bob.ask("signal", { session, pair: 1, generation: 1, description, endOfCandidates: true });
    world.pass(0);
    expect(alice.last("INVITE")?.status).toBe(180);
    alice.dialog = {
      callId: ringing.callId,
      to: ringing.headers.get("To") ?? "",
      target: "sip:x@gateway.invalid",
    };
    expect(alice.ask("PRACK", { headers: ["RAck: 1 99 INVITE"] })?.status).toBe(481);
    const rack = `RAck: ${sequence} ${ringing.cseq.sequence} INVITE`;
    expect(alice.ask("PRACK", { headers: [rack] })?.status).toBe(200);
    world.pass(0);
    expect(alice.last("INVITE")?.status).toBe(200);
  });

  test("session timers: 422 for one too short, the caller refreshes, and an expired one ends the call", () => {
    const world = new SimSip();
    const alice = world.phone("alice");
    alice.register();
    alice.call("bob", { headers: ["Supported: timer", "Session-Expires: 30"] });
    expect(alice.last("INVITE")?.status).toBe(422);
    expect(alice.last("INVITE")?.headers.get("Min-SE")).toBe("60");

    const timed = phoneCalls();
    timed.alice.acknowledge();
    const refresh = () =>
      timed.alice.ask("UPDATE", { headers: ["Supported: timer", "Session-Expires: 90;refresher=uac"] });
    expect(refresh()?.headers.get("Session-Expires")).toBe("90;refresher=uac");
    timed.world.pass(45_000);
    expect(refresh()?.status).toBe(200);
    timed.world.pass(59_000);
    expect(timed.bob.last("ended")).toBeUndefined();
    timed.world.pass(2_000);
    expect(timed.bob.last("ended").reason).toBe("failed");
    expect(timed.alice.request("BYE")?.headers.get("Reason")).toContain("SIP;cause=408");
  });

  test("where it wants us to refresh, we do: by UPDATE if it takes that", () => {
    const timed = phoneCalls();
    timed.alice.acknowledge();
    timed.alice.ask("UPDATE", { headers: ["Supported: timer", "Session-Expires: 90;refresher=uas"] });
    timed.world.pass(45_100);
    const update = timed.alice.request("UPDATE");
    expect(update?.body.length).toBe(0);
    timed.alice.respond(update, 481);
    expect(timed.bob.last("ended").reason).toBe("failed");
  });

  test("hold: the re-INVITE goes through, and one that crosses the native device's gets 491", () => {
    const { world, alice, bob, session } = phoneCalls();
    alice.acknowledge();
    alice.ask("INVITE", { body: offer("near", "sendonly") });
    expect(signals(bob).at(-1).description).toEqual({ type: "offer", sdp: offer("near", "sendonly") });
    // A second one before the first is answered.
    expect(alice.ask("INVITE", { body: offer("near", "inactive") })?.status).toBe(500);
    const description = { type: "answer", sdp: bare(answer("far", "recvonly")) };
    bob.ask("signal", { session, pair: 1, generation: 1, description });
    world.pass(0);
    expect(alice.last("INVITE")?.status).toBe(200);
    expect(alice.sdp).toContain("a=recvonly");
    // Its own candidates are still there: nothing was gathered anew.
    expect(alice.sdp).toContain("198.51.100.7");
    alice.acknowledge();
    bob.ask("signal", {
      session,
      pair: 1,
      generation: 1,
      description: { type: "offer", sdp: bare(offer("far")) },
    });
    world.pass(0);
    const reinvite = alice.request("INVITE");
    expect(alice.ask("INVITE", { body: offer("near") })?.status).toBe(491);
    alice.respond(reinvite, 200, { body: answer("near") });
    expect(alice.request("ACK")?.cseq.sequence).toBe(reinvite?.cseq.sequence);
    expect(signals(bob).at(-1).description.type).toBe("answer");
  });

  test("a re-INVITE that the phone refuses is answered for it, and the call goes on; after 491 it is sent again", () => {
    const { world, alice, bob, session } = phoneCalls();
    alice.acknowledge();
    const description = { type: "offer", sdp: bare(offer("far", "sendonly")) };
    bob.ask("signal", { session, pair: 1, generation: 1, description });
    world.pass(0);
    alice.respond(alice.request("INVITE"), 491);
    alice.ask("ACK", { sequence: 1 });
    const before = alice.requests.length;
    world.pass(2_100);
    expect(alice.requests.length).toBe(before + 1);
    alice.respond(alice.request("INVITE"), 488);
    expect(signals(bob).at(-1).description.type).toBe("answer");
    expect(signals(bob).at(-1).description.sdp).toContain("a=recvonly");
    expect(bob.last("ended")).toBeUndefined();
  });

  test("an ICE restart of the phone is a new generation", () => {
    const { world, alice, bob, session } = phoneCalls();
    alice.acknowledge();
    alice.ask("INVITE", { body: offer("other") });
    world.pass(0);
    expect(bob.last("restart")).toMatchObject({ generation: 2, offer: false });
    expect(signals(bob).at(-1)).toMatchObject({ generation: 2, description: { type: "offer" } });
    const description = { type: "answer", sdp: bare(answer("anew")) };
    bob.ask("signal", { session, pair: 1, generation: 2, description, endOfCandidates: true });
    world.pass(0);
    expect(alice.last("INVITE")?.status).toBe(200);
    expect(alice.sdp).not.toContain("198.51.100.7");
  });

  test("an INVITE that leaves the offer to us is 488 with a Warning, in a call as well, which goes on", () => {
    const { world, alice, bob } = phoneCalls();
    const warning = () => alice.last("INVITE")?.headers.get("Warning");
    alice.acknowledge();
    expect(alice.ask("INVITE")?.status).toBe(488);
    expect(warning()).toContain("must bring its offer");
    alice.acknowledge();
    alice.ask("INVITE", { body: offer("near", "sendonly") });
    world.pass(0);
    expect(signals(bob).at(-1).description.sdp).toContain("a=sendonly");
    const carol = world.phone("carol");
    carol.register();
    expect(carol.ask("INVITE", { uri: "sip:bob@sim.test" })?.status).toBe(488);
    expect(carol.last("INVITE")?.headers.get("Warning")).toContain("must bring its offer");
    expect(bob.pushes("incoming")).toHaveLength(1);
  });

  test("an offer that is never answered is refused after a while, and the next one is taken", () => {
    const { world, alice, bob } = phoneCalls();
    alice.acknowledge();
    alice.ask("INVITE", { body: offer("near", "sendonly") });
    world.pass(12_100);
    expect(alice.last("INVITE")?.status).toBe(500);
    alice.ask("INVITE", { body: offer("near", "sendonly") });
    expect(signals(bob).filter(({ description }) => description !== undefined)).toHaveLength(2);
  });
});

describe("a phone is called", () => {
  test("it rings with the caller's offer, without candidates, which follow in a re-INVITE", () => {
    const call = phoneIsCalled();
    const { world, alice, bob, session } = call;
    const invite = bob.request("INVITE")!;
    expect(invite.uri.text).toBe(bob.contact.slice(1, -1));
    expect(bodyText(invite)).toBe(bare(offer("native")));
    bob.respond(invite, 180);
    expect(alice.last("ringing")).toMatchObject({ device: { user: "bob" } });
    bob.respond(invite, 200, { body: answer("phone") });
    world.pass(0);
    expect(bob.request("ACK")?.cseq.sequence).toBe(invite.cseq.sequence);
    expect(alice.last("accepted").description.sdp).toBe(bare(answer("phone")));
    alice.ask("confirm", { session, device: alice.last("accepted").device });
    world.pass(0);
    expect(signals(alice)[0]).toMatchObject({ endOfCandidates: true, candidates: [{ sdpMid: "0" }] });
    const second = bob.request("INVITE")!;
    expect(second.cseq.sequence).toBe(2);
    expect(bodyText(second)).toContain("198.51.100.7");
    bob.respond(second, 200, { body: answer("phone") });
    expect(signals(alice)).toHaveLength(1);
  });

  test("a CANCEL waits for a provisional response, and says why", () => {
    const { alice, bob, session } = phoneIsCalled();
    alice.ask("cancel", { session });
    expect(bob.request("CANCEL")).toBeUndefined();
    const invite = bob.request("INVITE");
    bob.respond(invite, 180);
    expect(bob.request("CANCEL")?.headers.get("Reason")).toContain("cause=487");
    expect(bob.request("CANCEL")?.via.branch).toBe(invite?.via.branch ?? "");
    bob.respond(bob.request("CANCEL"), 200);
    bob.respond(invite, 487);
    expect(bob.request("ACK")?.via.branch).toBe(invite?.via.branch ?? "");
  });

  test("of two phones that answer at once one wins; the other is told that the call was completed elsewhere", () => {
    const world = new SimSip();
    const desk = world.phone("bob", { device: "desk" });
    const soft = world.phone("bob", { device: "soft" });
    for (const one of [desk, soft]) one.register();
    const alice = world.phone("alice");
    alice.register();
    alice.call("bob");
    const invites = [desk.request("INVITE"), soft.request("INVITE")];
    desk.respond(invites[0], 200, { body: answer("desk") });
    soft.respond(invites[1], 200, { body: answer("soft") });
    world.pass(0);
    expect(alice.statuses("INVITE")).toEqual([100, 200]);
    expect(alice.sdp).toContain("ufrag:desk");
    expect(soft.request("ACK")).toBeDefined();
    expect(soft.request("BYE")?.headers.get("Reason")).toBe('SIP;cause=200;text="Call completed elsewhere"');
    expect(desk.request("BYE")).toBeUndefined();
  });

  test("600 and 603 end the call for all devices, 480 for this one only", () => {
    for (const [status, ends] of [
      [603, true],
      [600, true],
      [480, false],
    ] as const) {
      const world = new SimSip();
      const [one, other] = [world.phone("bob", { device: "one" }), world.phone("bob", { device: "other" })];
      one.register();
      other.register();
      const alice = world.phone("alice");
      alice.register();
      alice.call("bob");
      other.respond(other.request("INVITE"), 180);
      one.respond(one.request("INVITE"), status);
      expect(other.request("CANCEL") !== undefined).toBe(ends);
      expect((alice.last("INVITE")?.status ?? 0) >= 300).toBe(ends);
    }
  });

  test("a caller that makes no offer in time can't be heard by a phone", () => {
    const world = new SimSip();
    const bob = world.phone("bob");
    bob.register();
    const alice = world.sim.client("alice", "laptop").connect();
    alice.ask("call", { to: "bob" });
    world.pass(5_100);
    expect(bob.request("INVITE")).toBeUndefined();
    expect(alice.last("ended").reason).toBe("incompatible");
  });

  test("a BYE that comes before the ACK of the phone waits for it", () => {
    const { world, alice, bob } = phoneCalls();
    bob.ask("hangup", { session: bob.last("incoming").session });
    world.pass(0);
    expect(alice.request("BYE")).toBeUndefined();
    alice.acknowledge();
    expect(alice.request("BYE")).toBeDefined();
  });

  test("a BYE for which no ACK comes goes out when there is no more time for one", () => {
    const { world, alice, bob } = phoneCalls();
    bob.ask("hangup", { session: bob.last("incoming").session });
    world.pass(1_600);
    expect(alice.statuses("INVITE").filter((status) => status === 200)).toHaveLength(3);
    expect(alice.request("BYE")).toBeUndefined();
    world.pass(31_000);
    expect(alice.request("BYE")).toBeDefined();
  });
});

describe("registration", () => {
  test("a challenge offers SHA-256, then MD5; both are taken", () => {
    const world = new SimSip();
    for (const algorithm of ["SHA-256", "MD5"] as const) {
      const phone = world.phone("alice");
      const extra = { to: "<sip:alice@sim.test>", uri: "sip:sim.test", callId: algorithm };
      const challenge = phone.ask("REGISTER", extra);
      expect(
        challenge?.headers.lines("WWW-Authenticate").map((line) => /algorithm=([\w-]+)/.exec(line)?.[1]),
      ).toEqual(["SHA-256", "MD5"]);
      const proof = phone.authorization("REGISTER", "sip:sim.test", challenge, algorithm);
      expect(phone.ask("REGISTER", { ...extra, headers: [proof] })?.status).toBe(200);
      expect(
        phone.ask("REGISTER", { ...extra, headers: [proof] })?.headers.get("WWW-Authenticate"),
      ).toContain("stale=true");
    }
  });

  test("the contact comes back as it was written, with its time; too short a time is 423", () => {
    const world = new SimSip();
    const phone = world.phone("alice");
    const registered = phone.register();
    expect(registered?.headers.values("Contact")).toEqual([`${phone.contact};expires=600`]);
    expect(registered?.headers.has("Date")).toBe(true);
    const short = phone.register({ expires: 10 });
    expect(short?.status).toBe(423);
    expect(short?.headers.get("Min-Expires")).toBe("60");
  });

  test("ends by itself, by Expires: 0, by `*`, and with its connection", () => {
    const ends: ((world: SimSip, phone: SimPhone) => void)[] = [
      (world) => world.pass(601_000),
      (_world, phone) => phone.register({ expires: 0 }),
      (_world, phone) => phone.drop(),
    ];
    for (const end of ends) {
      const world = new SimSip();
      const phone = world.phone("alice");
      phone.register();
      expect(world.agent.numbers.phones).toBe(1);
      end(world, phone);
      expect(world.agent.numbers.phones).toBe(0);
      expect(world.sim.core.stats().devices).toBe(0);
    }
  });

  test("each client is a device of its own; one that names its device keeps it", () => {
    const world = new SimSip();
    for (const name of ["alice", "alice", "carol"]) world.phone(name).register();
    expect(world.agent.numbers.phones).toBe(3);
    const first = world.phone("dave", { device: "desk" });
    first.register();
    const second = world.phone("dave", { device: "desk" });
    second.register();
    expect(world.agent.numbers.phones).toBe(4);
    world.phone("alice").call("dave");
    const caller = world.phone("erin");
    caller.register();
    caller.call("dave");
    expect(first.request("INVITE")).toBeUndefined();
    expect(second.request("INVITE")).toBeDefined();
  });

  test("a lost connection keeps the call for a while; who registers again goes on with it", () => {
    for (const back of [true, false]) {
      const call = phoneIsCalled();
      const { world, alice, bob, session } = call;
      taken(call);
      const { dialog } = bob;
      bob.drop();
      expect(alice.last("peer")).toMatchObject({ link: "suspended" });
      world.pass(20_000);
      if (!back) {
        world.pass(11_000);
        expect(alice.last("ended").reason).toBe("failed");
        continue;
      }
      const again = world.phone("bob");
      Object.defineProperty(again, "name", { value: bob.name });
      again.register();
      expect(alice.last("peer")).toMatchObject({ link: "live" });
      world.pass(60_000);
      alice.ask("hangup", { session });
      world.pass(0);
      expect(again.request("BYE")?.callId).toBe(dialog?.callId ?? "");
    }
  });

  test("a connection that broke without a word is closed when it leaves an OPTIONS unanswered", () => {
    for (const answers of [true, false]) {
      const world = new SimSip({ pingAfter: 30_000 });
      const phone = world.phone("alice");
      phone.register();
      world.pass(60_100);
      expect(phone.requests.length).toBeGreaterThanOrEqual(1);
      for (let n = 0; n < 5; n++) {
        if (answers) for (const request of phone.requests) phone.respond(request, 200);
        world.pass(20_000);
      }
      expect(phone.open).toBe(answers);
      expect(world.agent.numbers.phones).toBe(answers ? 1 : 0);
    }
  });

  test("a kick ends it", () => {
    const world = new SimSip();
    world.phone("alice").register();
    world.sim.core.kick("alice", undefined, world.now);
    world.pass(0);
    expect(world.agent.numbers.phones).toBe(0);
  });
});

describe("messages and presence", () => {
  test("MESSAGE is `send`, both ways; JSON is JSON", () => {
    const world = new SimSip();
    const alice = world.phone("alice");
    alice.register();
    const bob = world.sim.client("bob", "laptop").connect();
    const say = (body: string, type: string) =>
      alice.ask("MESSAGE", { uri: "sip:bob@sim.test", body, type })?.status;
    expect(say("hi", "text/plain")).toBe(200);
    expect(say('{"a":1}', "application/json")).toBe(200);
    expect(say("{", "application/json")).toBe(400);
    expect(say("<a/>", "text/html")).toBe(415);
    expect(bob.pushes("message").map(({ body }) => body)).toEqual(["hi", { a: 1 }]);
    bob.ask("send", { to: "alice", body: { b: 2 } });
    world.pass(0);
    expect(bodyText(alice.request("MESSAGE")!)).toBe('{"b":2}');
  });

  test("SUBSCRIBE is `watch`: NOTIFY at once, on change, and at the end", () => {
    const world = new SimSip();
    const alice = world.phone("alice");
    alice.register();
    const subscribe = (event: string, extra = {}) =>
      alice.ask("SUBSCRIBE", {
        uri: "sip:bob@sim.test",
        headers: [`Event: ${event}`, "Expires: 120"],
        ...extra,
      });
    expect(subscribe("dialog")?.status).toBe(489);
    const accepted = subscribe("presence");
    expect(accepted?.status).toBe(200);
    world.pass(200);
    expect(bodyText(alice.request("NOTIFY")!)).toContain("<basic>closed</basic>");
    alice.respond(alice.request("NOTIFY"), 200);
    world.sim.client("bob", "laptop").connect();
    world.pass(200);
    expect(bodyText(alice.request("NOTIFY")!)).toContain('<tuple id="laptop"><status><basic>open</basic>');
    alice.respond(alice.request("NOTIFY"), 200);
    world.pass(121_000);
    expect(alice.request("NOTIFY")?.headers.get("Subscription-State")).toBe("terminated;reason=timeout");
    expect(world.agent.numbers.subscriptions).toBe(0);
  });
});

describe("nobody speaks for another", () => {
  test("a request in another's name is 403, a foreign dialog none, and who has not signed in is asked to", () => {
    const { alice, world } = phoneCalls();
    alice.acknowledge();
    const { dialog } = alice;
    const mallory = world.phone("mallory");
    expect(mallory.ask("BYE", { to: dialog?.to ?? "", callId: dialog?.callId ?? "" })?.status).toBe(407);
    mallory.register();
    Object.assign(mallory, { dialog });
    expect(mallory.ask("BYE", { from: "alice" })?.status).toBe(481);
    Object.assign(mallory, { dialog: undefined });
    expect(mallory.ask("INVITE", { uri: "sip:bob@sim.test", from: "alice", body: offer() })?.status).toBe(
      403,
    );
    expect(alice.request("BYE")).toBeUndefined();
  });

  test("what is not understood is refused as it should be", () => {
    const world = new SimSip();
    const alice = world.phone("alice");
    alice.register();
    const ask = (method: string, extra = {}) => alice.ask(method, { uri: "sip:bob@sim.test", ...extra });
    expect(ask("INVITE", { headers: ["Require: magic"], body: offer() })?.status).toBe(420);
    expect(ask("INVITE", { body: "x", type: "text/plain" })?.status).toBe(415);
    expect(ask("INVITE", { body: offer(), headers: ["Accept: text/plain"] })?.status).toBe(406);
    expect(ask("INVITE", { body: "v=0\r\n" })?.status).toBe(488);
    expect(ask("INVITE", { uri: "tel:+4912345", body: offer() })?.status).toBe(416);
    expect(ask("INVITE", { body: offer(), maxForwards: 0 })?.status).toBe(483);
    expect(ask("MESSAGE", { body: "x", type: "text/plain", maxForwards: 0 })?.status).toBe(483);
    expect(ask("REFER")?.status).toBe(405);
    expect(ask("DANCE")?.status).toBe(501);
    expect(ask("BYE")?.status).toBe(481);
    expect(ask("OPTIONS")?.headers.get("Allow")).toContain("INVITE");
  });
});
