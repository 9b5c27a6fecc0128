import { describe, expect, test } from "bun:test";
import { inCall, resumeAt, ringing, signIn, three } from "../../../test/support/cluster-steps.ts";
import { SimCluster } from "../../../test/support/sim-cluster.ts";

describe("a link that goes on at another node", () => {
  test("loses nothing: pushes that came meanwhile are there, in order, and numbering goes on", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const bob = signIn(cluster, "n2", "bob/phone");
    bob.ask("status", { status: "here" });
    bob.drop();
    for (let n = 1; n <= 5; n++) alice.ask("send", { to: "bob", body: n });
    cluster.flow();
    resumeAt(cluster, bob, "n3");
    expect(bob.welcome).toMatchObject({ resumed: true, home: "n3", got: 1 });
    expect(bob.pushes("message").map(({ body }) => body)).toEqual([1, 2, 3, 4, 5]);
    for (let n = 6; n <= 8; n++) alice.ask("send", { to: "bob", body: n });
    cluster.flow();
    expect(bob.pushes("message").map(({ body }) => body)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(bob.ask("status", { status: "still" }).ok).toEqual({});
    alice.ask("watch", { users: ["bob"] });
    cluster.pass(200);
    expect(alice.last("presence").devices).toEqual([{ device: "phone", kind: "browser", status: "still" }]);
    expect(cluster.node("n2").core.stats()).toMatchObject({
      devices: 0,
      linksLive: 0,
      linksSuspended: 0,
      logBytes: 0,
    });
  });

  test("as the caller's: the session stays at the former node, and the call goes on", () => {
    const { cluster, caller: alice, callee: bob, session } = inCall("n1 alice", "n2 bob");
    alice.drop();
    resumeAt(cluster, alice, "n3");
    expect(alice.welcome.resumed).toBe(true);
    bob.ask("signal", { session, pair: 1, generation: 1, description: { type: "offer", sdp: "v=2" } });
    cluster.flow();
    expect(alice.last("signal").description.sdp).toBe("v=2");
    alice.ask("restart", { session, pair: 1, generation: 1 });
    const asked = alice.lastId;
    cluster.flow();
    expect(alice.replyTo(asked).ok).toMatchObject({ generation: 2 });
    expect(bob.last("restart")).toMatchObject({ generation: 2 });
    alice.ask("hangup", { session });
    cluster.flow();
    expect(bob.last("ended")).toMatchObject({ session, reason: "hangup" });
  });

  test("as the callee's, to the caller's own node and on: the call goes on", () => {
    const { cluster, caller: alice, callee: bob, session } = inCall("n1 alice", "n2 bob");
    for (const node of ["n1", "n3", "n2", "n1"]) {
      bob.drop();
      alice.ask("signal", { session, pair: 1, generation: 1, media: { 0: { muted: true } } });
      resumeAt(cluster, bob, node);
      expect(bob.welcome).toMatchObject({ resumed: true, home: node });
      alice.ask("signal", { session, pair: 1, generation: 1, media: { 0: { muted: false } } });
      cluster.flow();
      expect(
        bob
          .pushes("signal")
          .slice(-2)
          .map(({ media }) => media[0].muted),
      ).toEqual([true, false]);
      bob.ask("signal", { session, pair: 1, generation: 1, media: { 1: { muted: true } } });
      cluster.flow();
      expect(alice.last("signal").media[1].muted).toBe(true);
    }
    bob.ask("hangup", { session });
    cluster.flow();
    expect(alice.last("ended")).toMatchObject({ session, reason: "hangup" });
    for (const node of three)
      expect(cluster.node(node).core.stats()).toMatchObject({ sessionsActive: 0, sessionsRinging: 0 });
  });

  test("gets the late reply to an earlier request at its next node", () => {
    const { cluster, caller: alice, callee: bob, session } = ringing("n1 alice", "n2 bob");
    bob.ask("accept", { session });
    const asked = bob.lastId;
    cluster.flow();
    bob.drop();
    resumeAt(cluster, bob, "n3");
    alice.ask("confirm", { session, device: "phone" });
    cluster.flow();
    expect(bob.replyTo(asked).ok).toMatchObject({ session, pair: 1 });
  });

  test("keeps watching the users that its device watched", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    alice.ask("watch", { users: ["bob"] });
    cluster.pass(200);
    alice.drop();
    resumeAt(cluster, alice, "n3");
    const bob = signIn(cluster, "n2", "bob/phone");
    cluster.pass(200);
    expect(alice.last("presence")).toMatchObject({ user: "bob", online: true });
    bob.drop(1000);
    cluster.pass(200);
    expect(alice.last("presence")).toMatchObject({ user: "bob", online: false });
  });

  test("is not given for a wrong secret or to another user, and stays untouched", () => {
    const cluster = new SimCluster(three);
    const bob = signIn(cluster, "n2", "bob/phone");
    const { link, home, secret } = bob.lastWelcome;
    const thief = cluster.node("n3").client("bob", "phone");
    thief.connect({ resume: { link, home, secret: "guessed", seq: 0 } });
    cluster.flow();
    expect(thief.closed).toMatchObject({ code: 4302 });
    const other = cluster.node("n3").client("eve", "phone");
    other.connect({ resume: { link, home, secret, seq: 0 } });
    cluster.flow();
    expect(other.closed).toMatchObject({ code: 4302 });
    expect(bob.closed).toBeUndefined();
    expect(bob.ask("status", { status: "mine" }).ok).toEqual({});
  });

  test("is taken over whole while it is live", () => {
    const cluster = new SimCluster(three);
    const bob = signIn(cluster, "n2", "bob/phone");
    const alice = signIn(cluster, "n1", "alice/web");
    const before = bob.welcome.link;
    resumeAt(cluster, bob, "n1");
    expect(bob.welcome).toMatchObject({ resumed: true, link: before });
    alice.ask("send", { to: "bob", body: "still there?" });
    cluster.flow();
    expect(bob.pushes("message")).toHaveLength(1);
  });

  test("begins anew when its node stands still, and the old link gives way when the node goes on", () => {
    const { cluster, caller: alice, callee: bob, session } = inCall("n1 alice", "n2 bob");
    cluster.freeze("n2");
    resumeAt(cluster, bob, "n3", { sessions: bob.tickets });
    cluster.pass(4_000);
    expect(bob.welcome).toMatchObject({ resumed: false, reason: "unreachable", sessions: [session] });
    cluster.pass(17_000);
    cluster.thaw("n2");
    cluster.pass(3_000);
    expect(cluster.node("n2").core.stats()).toMatchObject({ devices: 0 });
    alice.ask("send", { to: "bob", body: "one" });
    cluster.flow();
    expect(alice.replyTo(alice.lastId).ok).toEqual({ delivered: 1 });
    expect(bob.pushes("message")).toHaveLength(1);
    bob.ask("hangup", { session });
    cluster.flow();
    expect(alice.last("ended")).toMatchObject({ session, reason: "hangup" });
  });
});
