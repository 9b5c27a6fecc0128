import { expect, test } from "bun:test";
import { SimCore } from "../../../test/support/sim-core.ts";

const one = { pair: 1, generation: 1 };
const refused = { reason: "no ice-ufrag" };
const offer = { type: "offer", sdp: "v=0\r\n" };
const answer = { type: "answer", sdp: "v=0\r\n" };
const takes = { capabilities: { refusals: true } };

/** A call that is up. Alice offered, and takes refusals; bob's device says what `bobs` has. */
function establish(bobs: object = takes) {
  const sim = new SimCore();
  const alice = sim.client("alice", "laptop", takes).connect();
  const bob = sim.client("bob", "phone", bobs).connect();
  const { session } = alice.ask("call", { to: "bob" }).ok;
  bob.ask("accept", { session });
  alice.ask("confirm", { session, device: "phone" });
  alice.ask("signal", { session, ...one, description: offer });
  bob.ask("signal", { session, ...one, description: answer });
  return { sim, alice, bob, session };
}

test("an offer that is refused leaves the session as it was", () => {
  const { alice, bob, session } = establish();
  alice.ask("signal", { session, ...one, description: offer });
  expect(bob.ask("signal", { session, ...one, refused })).toBeUndefined();
  expect(alice.last("signal")).toMatchObject({ session, ...one, refused });
  expect(alice.pushes("ended")).toEqual([]);
  // The next one is refused or answered like any other.
  alice.ask("signal", { session, ...one, description: offer });
  bob.ask("signal", { session, ...one, description: answer });
  expect(alice.last("signal")).toMatchObject({ description: answer });
});

test("only an offer of the other end that waits for its answer can be refused", () => {
  const { alice, bob, session } = establish();
  const refuse = (by: typeof alice, at = one) => by.ask("signal", { session, ...at, refused })?.error?.code;
  expect(refuse(bob)).toBe("wrong_state");
  alice.ask("signal", { session, ...one, description: offer });
  expect(refuse(alice)).toBe("wrong_state");
  expect(refuse(bob, { pair: 1, generation: 2 })).toBe("stale_generation");
  expect(refuse(bob, { pair: 2, generation: 1 })).toBe("stale_pair");
  const both = bob.ask("signal", { session, ...one, refused, description: answer });
  expect(both.error.code).toBe("bad_request");
  expect(refuse(bob)).toBeUndefined();
  expect(refuse(bob)).toBe("wrong_state");
  // A restart has overtaken the offer.
  alice.ask("signal", { session, ...one, description: offer });
  alice.ask("restart", { session, ...one });
  expect(refuse(bob)).toBeUndefined();
  expect(refuse(bob, { pair: 1, generation: 2 })).toBe("wrong_state");
  expect(alice.pushes("signal").filter((push) => push.refused)).toHaveLength(1);
});

test("in glare the end that gives way may refuse the offer that stays", () => {
  const { alice, bob, session } = establish();
  bob.ask("signal", { session, ...one, description: offer });
  alice.ask("signal", { session, ...one, description: offer });
  expect(bob.ask("signal", { session, ...one, refused })).toBeUndefined();
  expect(alice.last("signal")).toMatchObject({ refused });
});

test("an end that does not take refusals gets none", () => {
  const { alice, bob, session } = establish({});
  bob.ask("signal", { session, ...one, description: offer });
  expect(alice.ask("signal", { session, ...one, refused }).error.code).toBe("incompatible");
  expect(bob.pushes("signal").filter((push) => push.refused)).toEqual([]);
  // The offer still waits.
  expect(alice.ask("signal", { session, ...one, description: answer })).toBeUndefined();
});

test("without the first offer there is nothing to go on with", () => {
  const sim = new SimCore();
  const alice = sim.client("alice", "laptop").connect();
  const bob = sim.client("bob", "phone").connect();
  const { session } = alice.ask("call", { to: "bob", description: offer }).ok;
  bob.ask("accept", { session });
  alice.ask("confirm", { session, device: "phone" });
  bob.ask("signal", { session, ...one, refused });
  for (const end of [alice, bob])
    expect(end.last("ended")).toMatchObject({ session, reason: "incompatible", detail: refused.reason });
});

test("a move whose first offer is refused fails, and the call goes on", () => {
  const { sim, alice, bob, session } = establish();
  const tablet = sim.client("bob", "tablet", takes).connect();
  bob.ask("move", { session, to: "tablet" });
  tablet.ask("accept", { session });
  const two = { pair: alice.last("pair").pair, generation: 1 };
  alice.ask("signal", { session, ...two, description: offer });
  tablet.ask("signal", { session, ...two, refused });
  expect(alice.last("move_failed")).toMatchObject({ session, pair: two.pair });
  expect(tablet.last("ended")).toMatchObject({ session, reason: "failed" });
  expect(bob.pushes("ended")).toEqual([]);
});

test("accept with refused puts one device out of the ring, and the last one ends it", () => {
  const sim = new SimCore();
  const alice = sim.client("alice", "laptop").connect();
  const [phone, tablet] = [sim.client("bob", "phone").connect(), sim.client("bob", "tablet").connect()];
  const { session } = alice.ask("call", { to: "bob", description: offer }).ok;
  expect(phone.ask("accept", { session, refused }).error.code).toBe("incompatible");
  expect(phone.ask("accept", { session }).error.code).toBe("no_session");
  expect(alice.pushes("ended")).toEqual([]);
  expect(tablet.ask("accept", { session, refused }).error.code).toBe("incompatible");
  expect(alice.last("ended")).toMatchObject({ session, reason: "incompatible" });
});

test("ICE is not restarted with a device that takes no offers in a call", () => {
  const { alice, bob, session } = establish({ capabilities: { renegotiation: "none", iceRestart: false } });
  expect(alice.ask("restart", { session, ...one }).error.code).toBe("incompatible");
  expect([...alice.pushes("restart"), ...bob.pushes("restart")]).toEqual([]);
  // One that makes the offer of a restart itself takes none for it.
  const able = establish({ capabilities: { sdpRole: "offer-only", renegotiation: "none" } });
  expect(able.bob.ask("restart", { session: able.session, ...one }).ok).toMatchObject({ offer: true });
});

test("an offer to a device that takes none is answered in its place, or refused, and the device hears nothing of it", () => {
  for (const capabilities of [{ renegotiation: "none" }, { sdpRole: "offer-only", refusals: true }]) {
    const sim = new SimCore();
    const alice = sim.client("alice", "laptop", takes).connect();
    const camera = sim.client("bob", "cam", { capabilities }).connect();
    const text = (ufrag: string, setup: string, direction: string, more = "") =>
      `v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=${direction}\r\na=mid:0\r\na=ice-ufrag:${ufrag}\r\na=ice-pwd:pw\r\na=setup:${setup}\r\n${more}`;
    const video = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=sendrecv\r\n";
    const { session } = alice.ask("call", { to: "bob" }).ok;
    camera.ask("accept", { session });
    alice.ask("confirm", { session, device: "cam" });
    const inverted = "sdpRole" in capabilities;
    const at = { pair: 1, generation: camera.last("signal")?.generation ?? (inverted ? 2 : 1) };
    const [first, second] = inverted ? [camera, alice] : [alice, camera];
    const say = (by: typeof alice, type: string, sdp: string) =>
      by.ask("signal", { session, ...at, description: { type, sdp } });
    expect(say(first, "offer", text(inverted ? "cam" : "alice", "actpass", "sendrecv"))).toBeUndefined();
    expect(say(second, "answer", text(inverted ? "alice" : "cam", "active", "sendrecv"))).toBeUndefined();
    const heard = camera.pushes("signal").length;
    say(alice, "offer", text("alice", "actpass", "sendonly"));
    const held = alice.last("signal").description;
    expect([held.type, held.sdp.includes("a=recvonly"), held.sdp.includes("a=ice-ufrag:cam")]).toEqual([
      "answer",
      true,
      true,
    ]);
    say(alice, "offer", text("alice", "actpass", "sendrecv", video));
    expect(alice.last("signal").description.sdp).toContain("m=video 0 ");
    say(alice, "offer", text("other", "actpass", "sendrecv", video));
    expect(alice.last("signal").refused).toBeDefined();
    expect(camera.pushes("signal").length).toBe(heard);
    expect(alice.pushes("ended")).toEqual([]);
  }
});
