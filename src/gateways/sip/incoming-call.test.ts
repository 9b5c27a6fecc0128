import { describe, expect, test } from "bun:test";
import type { SimClient } from "../../../test/support/sim-core.ts";
import { answer, bare, offer, SimSip } from "../../../test/support/sim-phone.ts";
import { candidate, phoneCalls, phoneIsAccepted } from "../../../test/support/sim-phone-calls.ts";
import { bodyText } from "./message.ts";

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
    say("offer", offer("core", "recvonly"));
    bob.ask("signal", { session, pair: 1, generation: 1, candidates: [candidate], endOfCandidates: true });
    world.pass(0);
    expect(alice.last("INVITE")?.status).toBe(200);
    expect(alice.sdp).toContain("a=setup:active");
    expect(alice.request("INVITE")).toBeUndefined();
    alice.acknowledge();
    expect(alice.sdp).toContain("a=recvonly");
    alice.respond(alice.request("INVITE"), 200, { body: answer("phone") });
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

  test("hold: the re-INVITE goes through; in glare with the native device's it gets 491", () => {
    const { world, alice, bob, session } = phoneCalls();
    alice.acknowledge();
    alice.ask("INVITE", { body: offer("phone", "sendonly") });
    expect(signals(bob).at(-1).description).toEqual({ type: "offer", sdp: offer("phone", "sendonly") });
    // A second one before the first is answered.
    expect(alice.ask("INVITE", { body: offer("phone", "inactive") })?.status).toBe(500);
    const description = { type: "answer", sdp: bare(answer("core", "recvonly")) };
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
      description: { type: "offer", sdp: bare(offer("core")) },
    });
    world.pass(0);
    const reinvite = alice.request("INVITE");
    expect(alice.ask("INVITE", { body: offer("phone") })?.status).toBe(491);
    alice.respond(reinvite, 200, { body: answer("phone") });
    expect(alice.request("ACK")?.cseq.sequence).toBe(reinvite?.cseq.sequence);
    expect(signals(bob).at(-1).description.type).toBe("answer");
  });

  test("an offer in mid-call says the DTLS role that was agreed on, for baresip takes the other one where it reads actpass", () => {
    const { world, alice, bob, session } = phoneCalls();
    alice.acknowledge();
    const description = { type: "offer", sdp: bare(offer("core")) };
    bob.ask("signal", { session, pair: 1, generation: 1, description });
    world.pass(0);
    // The device answered the call, as the active end.
    const reinvite = alice.request("INVITE");
    expect(alice.sdp).toContain("a=setup:active");
    alice.respond(reinvite, 200, { body: offer("phone") });
    expect(signals(bob).at(-1).description.sdp).toContain("a=setup:passive");
  });

  test("a re-INVITE that the phone refuses is answered for it, and the call goes on; after 491 it is sent again", () => {
    const { world, alice, bob, session } = phoneCalls();
    alice.acknowledge();
    const description = { type: "offer", sdp: bare(offer("core", "sendonly")) };
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

  test("a re-INVITE that the device refuses gets 488, and the call goes on; so does a restart", () => {
    const { world, alice, bob, session } = phoneCalls();
    const refused = { reason: "no ice-ufrag" };
    alice.acknowledge();
    alice.ask("INVITE", { body: offer("phone", "sendonly") });
    world.pass(0);
    bob.ask("signal", { session, pair: 1, generation: 1, refused });
    world.pass(0);
    expect(alice.last("INVITE")?.status).toBe(488);
    expect(alice.last("INVITE")?.headers.get("Warning")).toContain("can not use this offer");
    alice.acknowledge();
    alice.ask("INVITE", { body: offer("other") });
    world.pass(0);
    bob.ask("signal", { session, pair: 1, generation: 2, refused });
    world.pass(0);
    expect(alice.last("INVITE")?.status).toBe(488);
    alice.acknowledge();
    expect(alice.request("BYE")).toBeUndefined();
    expect(bob.last("ended")).toBeUndefined();
    alice.ask("INVITE", { body: offer("phone", "sendonly") });
    world.pass(0);
    const description = { type: "answer", sdp: bare(answer("core", "recvonly")) };
    bob.ask("signal", { session, pair: 1, generation: 2, description });
    world.pass(2_100);
    expect(alice.last("INVITE")?.status).toBe(200);
    // What the device said before the restart still holds, with its candidates.
    expect(alice.sdp).toContain("198.51.100.7");
  });

  test("a call whose first offer the device refuses gets 488", () => {
    const { world, alice, bob, session } = phoneIsAccepted();
    bob.ask("signal", { session, pair: 1, generation: 1, refused: { reason: "no codec" } });
    world.pass(0);
    expect(alice.statuses("INVITE")).toEqual([100, 488]);
    expect(bob.last("ended")).toMatchObject({ session, reason: "incompatible", detail: "no codec" });
  });

  test("an offer that the phone refuses and that can't be answered for it is refused to who can take that", () => {
    for (const refusals of [true, false]) {
      const { world, alice, bob, session } = phoneCalls(new SimSip(), { refusals });
      alice.acknowledge();
      // Sections never go away (RFC 8829 §5.2.2), so nothing can be said for the phone.
      const sdp = bare(offer("core")).split("m=")[0];
      bob.ask("signal", { session, pair: 1, generation: 1, description: { type: "offer", sdp } });
      world.pass(2_100);
      alice.respond(alice.request("INVITE"), 488);
      world.pass(0);
      expect(bob.last("ended")?.reason).toBe(refusals ? undefined : "failed");
      if (refusals) expect(signals(bob).at(-1)).toMatchObject({ refused: { reason: "SIP 488" } });
    }
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

  test("a re-INVITE that leaves the offer to us is 488 with a Warning, and the call goes on", () => {
    const { world, alice, bob } = phoneCalls();
    const warning = () => alice.last("INVITE")?.headers.get("Warning");
    alice.acknowledge();
    expect(alice.ask("INVITE")?.status).toBe(488);
    expect(warning()).toContain("must bring its offer");
    alice.acknowledge();
    alice.ask("INVITE", { body: offer("phone", "sendonly") });
    world.pass(0);
    expect(signals(bob).at(-1).description.sdp).toContain("a=sendonly");
  });

  test("an INVITE without an offer gets the callee's in the 200, and answers in the ACK; without an answer there the call ends", () => {
    for (const body of [answer(), ""]) {
      const world = new SimSip();
      const bob = world.sim.client("bob", "web").connect();
      const carol = world.phone("carol");
      carol.register();
      carol.ask("INVITE", { uri: "sip:bob@sim.test" });
      const { session, offer: offers, description } = bob.last("incoming");
      expect([offers, description]).toEqual([true, undefined]);
      const id = bob.lastId + 1;
      bob.ask("accept", { session });
      world.pass(0);
      expect(bob.replyTo(id).ok).toMatchObject({ offer: true, generation: 2 });
      const sdp = bare(offer("core"));
      const at = { session, pair: 1, generation: 2 };
      bob.ask("signal", {
        ...at,
        description: { type: "offer", sdp },
        candidates: [candidate],
        endOfCandidates: true,
      });
      world.pass(0);
      expect(carol.statuses("INVITE")).toEqual([100, 200]);
      expect(carol.sdp).toContain("a=setup:actpass");
      expect(carol.sdp).toContain("198.51.100.7");
      carol.acknowledge(body);
      world.pass(0);
      if (body === "") expect(bob.last("ended")).toMatchObject({ reason: "failed" });
      else expect(signals(bob).at(-2).description).toMatchObject({ type: "answer" });
    }
  });

  test("a device that only makes offers: the phone's sections are rejected, then a re-INVITE brings the offer under other names", () => {
    const world = new SimSip();
    const camera = world.sim.client("cam", "eye", { capabilities: { sdpRole: "offer-only" } }).connect();
    const alice = world.phone("alice");
    alice.register();
    const second = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n";
    alice.call("cam", { body: offer() + second });
    const { session } = camera.last("incoming");
    camera.ask("accept", { session, description: { type: "offer", sdp: bare(offer("core")) } });
    const at = { session, pair: 1, generation: 2 };
    camera.ask("signal", { ...at, candidates: [candidate], endOfCandidates: true });
    world.pass(0);
    expect(alice.statuses("INVITE")).toEqual([100, 200]);
    expect(alice.sdp.match(/^m=\w+ 0 /gm)).toHaveLength(2);
    expect(alice.request("INVITE")).toBeUndefined();
    alice.acknowledge();
    world.pass(0);
    const reinvite = bodyText(alice.request("INVITE")!) ?? "";
    expect(reinvite.match(/^m=\w+ \d+/gm)).toEqual(["m=audio 6000", "m=video 0"]);
    expect(reinvite).toContain("a=mid:r0");
    const own = answer("phone").replace("a=mid:0", "a=mid:r0");
    alice.respond(alice.request("INVITE"), 200, { body: own + second.replace("video 9", "video 0") });
    world.pass(0);
    const told = signals(camera).at(-1).description;
    expect(told.type).toBe("answer");
    expect(told.sdp).toContain("a=mid:0");
    expect(told.sdp).not.toContain("m=video");
  });

  test("an offer that is never answered is refused after a while, and the next one is taken", () => {
    const { world, alice, bob } = phoneCalls();
    alice.acknowledge();
    alice.ask("INVITE", { body: offer("phone", "sendonly") });
    world.pass(12_100);
    expect(alice.last("INVITE")?.status).toBe(500);
    alice.ask("INVITE", { body: offer("phone", "sendonly") });
    expect(signals(bob).filter(({ description }) => description !== undefined)).toHaveLength(2);
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
