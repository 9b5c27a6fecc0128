import { describe, expect, test } from "bun:test";
import { signIn } from "../../../test/support/cluster-steps.ts";
import { SimCluster } from "../../../test/support/sim-cluster.ts";
import type { SimClient } from "../../../test/support/sim-core.ts";
import { answer, bare, offer, type SimPhone, SimSip } from "../../../test/support/sim-phone.ts";

const nodes = ["n1", "n2", "n3"] as const;

/** Three nodes, each with a gateway. */
function build() {
  const cluster = new SimCluster(nodes);
  const gateway = (node: string) => new SimSip({}, {}, { cluster, node });
  const [n1, n2, n3] = nodes.map(gateway) as [SimSip, SimSip, SimSip];
  return { cluster, n1, n2, n3 };
}

function registered(world: SimSip, user: string): SimPhone {
  const phone = world.phone(user, { device: "desk" });
  expect(phone.register()?.status).toBe(200);
  return phone;
}

/** A native device calls, with its offer. */
function rings(cluster: SimCluster, caller: SimClient, to: string): string {
  caller.ask("call", { to });
  const asked = caller.lastId;
  cluster.flow();
  const { session } = caller.replyTo(asked).ok;
  caller.ask("signal", {
    session,
    pair: 1,
    generation: 1,
    description: { type: "offer", sdp: bare(offer("native")) },
    endOfCandidates: true,
  });
  cluster.flow();
  return session;
}

function picksUp(cluster: SimCluster, phone: SimPhone, caller: SimClient, session: string): void {
  phone.respond(phone.request("INVITE"), 200, { body: answer("phone") });
  cluster.flow();
  caller.ask("confirm", { session, device: caller.last("accepted").device });
  cluster.flow();
  expect(phone.request("ACK")).toBeDefined();
}

function empty(cluster: SimCluster): void {
  for (const { core } of cluster.nodes.values())
    expect(core.stats()).toMatchObject({ sessionsActive: 0, sessionsRinging: 0 });
}

describe("a phone at one node, a native device at another", () => {
  test("the device calls; either hangs up", () => {
    for (const end of ["phone", "device"]) {
      const { cluster, n1 } = build();
      const phone = registered(n1, "bob");
      const alice = signIn(cluster, "n2", "alice/web");
      const session = rings(cluster, alice, "bob");
      picksUp(cluster, phone, alice, session);
      expect(alice.last("accepted").description).toMatchObject({ type: "answer" });
      if (end === "phone") {
        expect(phone.ask("BYE")?.status).toBe(200);
        expect(alice.last("ended")).toMatchObject({ session, reason: "hangup" });
      } else {
        alice.ask("hangup", { session });
        cluster.flow();
        expect(phone.request("BYE")).toBeDefined();
      }
      empty(cluster);
    }
  });

  test("the phone calls; either hangs up", () => {
    for (const end of ["phone", "device"]) {
      const { cluster, n1 } = build();
      const phone = registered(n1, "alice");
      const bob = signIn(cluster, "n2", "bob/web");
      phone.call("bob");
      const { session } = bob.last("incoming");
      bob.ask("accept", { session });
      cluster.flow();
      const description = { type: "answer", sdp: bare(answer()) };
      bob.ask("signal", { session, pair: 1, generation: 1, description, endOfCandidates: true });
      cluster.flow();
      expect(phone.last("INVITE")?.status).toBe(200);
      phone.acknowledge();
      if (end === "phone") {
        phone.ask("BYE");
        expect(bob.last("ended")).toMatchObject({ session, reason: "hangup" });
      } else {
        bob.ask("hangup", { session });
        cluster.flow();
        expect(phone.request("BYE")).toBeDefined();
      }
      empty(cluster);
    }
  });

  test("a phone calls a phone at another node", () => {
    const { cluster, n1, n2 } = build();
    const [one, other] = [registered(n1, "alice"), registered(n2, "bob")];
    one.call("bob");
    other.respond(other.request("INVITE"), 200, { body: answer() });
    cluster.flow();
    expect(other.request("ACK")).toBeDefined();
    other.respond(other.request("INVITE"), 200, { body: answer() });
    cluster.flow();
    expect(one.last("INVITE")?.status).toBe(200);
    one.acknowledge();
    other.ask("BYE");
    expect(one.request("BYE")).toBeDefined();
    empty(cluster);
  });

  test("is seen while it is there", () => {
    const { cluster, n1 } = build();
    const watcher = signIn(cluster, "n2", "alice/web");
    watcher.ask("watch", { users: ["bob"] });
    const phone = registered(n1, "bob");
    cluster.pass(1_000);
    expect(watcher.last("presence").devices).toMatchObject([{ device: "desk", kind: "phone" }]);
    phone.register({ expires: 0 });
    cluster.pass(1_000);
    expect(watcher.last("presence").devices).toEqual([]);
  });

  test("messages go both ways", () => {
    const { cluster, n1 } = build();
    const phone = registered(n1, "bob");
    const alice = signIn(cluster, "n2", "alice/web");
    alice.ask("send", { to: "bob", body: "hello" });
    cluster.flow();
    expect(phone.request("MESSAGE")).toBeDefined();
    phone.ask("MESSAGE", { uri: "sip:alice@sim.test", body: "hi", type: "text/plain" });
    expect(alice.last("message")).toMatchObject({ from: { user: "bob", device: "desk" }, body: "hi" });
  });

  test("one of two wins the ring, wherever they are", () => {
    for (const winner of ["phone", "laptop"]) {
      const { cluster, n2 } = build();
      const phone = registered(n2, "bob");
      const laptop = signIn(cluster, "n1", "bob/laptop");
      const alice = signIn(cluster, "n3", "alice/web");
      const session = rings(cluster, alice, "bob");
      phone.respond(phone.request("INVITE"), 180);
      expect(laptop.last("incoming").session).toBe(session);
      if (winner === "phone") {
        picksUp(cluster, phone, alice, session);
        expect(laptop.last("ended")).toMatchObject({ session, reason: "answered_elsewhere" });
      } else {
        laptop.ask("accept", { session });
        cluster.flow();
        alice.ask("confirm", { session, device: "laptop" });
        cluster.flow();
        expect(phone.request("CANCEL")).toBeDefined();
      }
      alice.ask("hangup", { session });
      cluster.flow();
      if (winner === "phone") expect(phone.request("BYE")).toBeDefined();
      empty(cluster);
    }
  });
});

describe("a node is lost", () => {
  test("that of the device, which finds its call again: the phone notices nothing, and hears the hang-up", () => {
    const { cluster, n1 } = build();
    const phone = registered(n1, "bob");
    const alice = signIn(cluster, "n2", "alice/web");
    const session = rings(cluster, alice, "bob");
    picksUp(cluster, phone, alice, session);
    cluster.kill("n2");
    alice.sim = cluster.node("n3");
    const said = phone.heard.length;
    alice.resume({ sessions: alice.tickets.slice(-1) });
    cluster.pass(3_000);
    expect(alice.welcome).toMatchObject({ resumed: false, sessions: [session] });
    expect(phone.heard).toHaveLength(said);
    cluster.pass(40_000);
    expect(phone.request("BYE")).toBeUndefined();
    alice.ask("hangup", { session });
    cluster.flow();
    expect(phone.request("BYE")).toBeDefined();
    empty(cluster);
  });

  test("that of the device, while the phone rings: it rings on, with one INVITE, and picks up", () => {
    for (const node of ["n1", "n3"]) {
      const { cluster, n1 } = build();
      const phone = registered(n1, "bob");
      const alice = signIn(cluster, "n2", "alice/web");
      const session = rings(cluster, alice, "bob");
      phone.respond(phone.request("INVITE"), 180);
      cluster.kill("n2");
      alice.sim = cluster.node(node);
      alice.resume({ sessions: alice.tickets.slice(-1) });
      cluster.pass(3_000);
      expect(alice.welcome).toMatchObject({ resumed: false, sessions: [session] });
      // Its offer was lost with its node.
      expect(alice.last("offer_wanted")).toMatchObject({ session });
      const description = { type: "offer", sdp: bare(offer("native")) };
      alice.ask("signal", { session, pair: 1, generation: 1, description, endOfCandidates: true });
      cluster.flow();
      expect(phone.heard.filter((one) => "method" in one && one.method === "INVITE")).toHaveLength(1);
      picksUp(cluster, phone, alice, session);
      alice.ask("hangup", { session });
      cluster.flow();
      expect(phone.request("BYE")).toBeDefined();
      empty(cluster);
    }
  });

  test("that of the device, which does not come back: the phone gets its BYE", () => {
    const { cluster, n1 } = build();
    const phone = registered(n1, "bob");
    const alice = signIn(cluster, "n2", "alice/web");
    picksUp(cluster, phone, alice, rings(cluster, alice, "bob"));
    cluster.kill("n2");
    cluster.pass(400_000);
    expect(phone.request("BYE")).toBeDefined();
    empty(cluster);
  });

  test("that of the phone: it registers at another at once, and the call that is lost with its dialog ends", () => {
    const { cluster, n1, n2 } = build();
    const phone = registered(n1, "bob");
    const alice = signIn(cluster, "n2", "alice/web");
    const session = rings(cluster, alice, "bob");
    picksUp(cluster, phone, alice, session);
    cluster.kill("n1");
    const again = registered(n2, "bob");
    cluster.pass(400_000);
    expect(alice.last("ended")).toMatchObject({ session, reason: "lost" });
    rings(cluster, alice, "bob");
    expect(again.request("INVITE")).toBeDefined();
  });
});

describe("a node that drains", () => {
  test("stays for a phone's call, which goes on, until that is over", () => {
    for (const caller of ["phone", "device"])
      for (const end of ["phone", "device"]) {
        const { cluster, n1 } = build();
        const phone = registered(n1, "bob");
        const alice = signIn(cluster, "n2", "alice/web");
        let session: string;
        if (caller === "device") {
          session = rings(cluster, alice, "bob");
          picksUp(cluster, phone, alice, session);
        } else {
          phone.call("alice");
          session = alice.last("incoming").session;
          alice.ask("accept", { session });
          cluster.flow();
          const description = { type: "answer", sdp: bare(answer()) };
          alice.ask("signal", { session, pair: 1, generation: 1, description, endOfCandidates: true });
          cluster.flow();
          phone.acknowledge();
        }
        const { core } = cluster.node("n1");
        core.drain(cluster.now, 60_000);
        cluster.pass(20_000);
        expect(core.empty).toBe(false);
        expect(phone.request("BYE")).toBeUndefined();
        expect(alice.pushes("ended")).toEqual([]);
        // A new registration is for another node.
        expect(phone.register()?.status).toBe(503);
        if (end === "phone") phone.ask("BYE");
        else alice.ask("hangup", { session });
        cluster.pass(1_000);
        if (end === "phone") expect(alice.last("ended")).toMatchObject({ reason: "hangup" });
        else expect(phone.request("BYE")).toBeDefined();
        expect(core.empty).toBe(true);
        empty(cluster);
      }
  });
});

describe("a phone that registers at another node", () => {
  test("is there from then on, and at the former one no more", () => {
    const { cluster, n1, n2 } = build();
    const watcher = signIn(cluster, "n3", "alice/web");
    watcher.ask("watch", { users: ["bob"] });
    registered(n1, "bob");
    for (const world of [n2, n1, n2]) {
      const phone = registered(world, "bob");
      cluster.pass(1_000);
      expect(watcher.last("presence").devices).toMatchObject([{ device: "desk" }]);
      rings(cluster, watcher, "bob");
      expect(phone.request("INVITE")).toBeDefined();
      phone.respond(phone.request("INVITE"), 486);
      cluster.pass(1_000);
      empty(cluster);
      const held = [...cluster.nodes.values()].map(({ core }) => core.stats().devices);
      // The watcher, and one phone.
      expect(held.reduce((sum, count) => sum + count)).toBe(2);
    }
  });

  test("never takes the place of a native device", () => {
    const { cluster, n1 } = build();
    const laptop = signIn(cluster, "n2", "bob/desk");
    // n1 must know of it.
    const watcher = signIn(cluster, "n1", "alice/web");
    watcher.ask("watch", { users: ["bob"] });
    cluster.flow();
    expect(n1.phone("bob", { device: "desk" }).register()?.status).toBe(403);
    expect(laptop.closed).toBeUndefined();
  });
});
