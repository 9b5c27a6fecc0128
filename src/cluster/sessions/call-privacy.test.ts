import { describe, expect, test } from "bun:test";
import { signIn, three } from "../../../test/support/cluster-steps.ts";
import { SimCluster } from "../../../test/support/sim-cluster.ts";
import { type AnyFrame, type SimClient, SimCore } from "../../../test/support/sim-core.ts";

/** May call everybody and watch nobody. */
const blind = 'mallory?{"call":["*"],"send":["*"]}';

/** A world with a caller who may not watch, one who may, and a way to let time pass. */
interface World {
  readonly mallory: SimClient;
  readonly alice: SimClient;
  pass(ms: number): void;
}

function oneNode(limits = {}): World & { readonly sim: SimCore } {
  const sim = new SimCore(limits);
  const mallory = sim.client("mallory", "web", { token: blind }).connect();
  const alice = sim.client("alice", "web").connect();
  return { sim, mallory, alice, pass: (ms) => sim.pass(ms) };
}

/** All that the caller hears of a call to that address, with the times, but for what differs from call to call. */
function heardOf({ mallory, pass }: World, to: string): readonly AnyFrame[] {
  const from = mallory.heard.length;
  mallory.ask("call", { to, timeout: 10_000 });
  const told: AnyFrame[] = [];
  let seen = from;
  for (let at = 0; at <= 11_000; at += 500) {
    for (const frame of mallory.heard.slice(seen)) {
      const { seq: _seq, re: _re, id: _id, session: _session, ok, ...rest } = frame;
      if (frame.type !== "ping" && frame.type !== "ack")
        told.push({ at, ...rest, ...(ok && { ok: Object.keys(ok) }) });
    }
    seen = mallory.heard.length;
    pass(500);
  }
  return told;
}

const noAnswer = [
  { at: 0, ok: ["session", "ticket"] },
  { at: 10_000, type: "ended", reason: "no_answer" },
];

describe("a caller without the watch grant", () => {
  test("hears the same of a device that is full, of one that is idle and of nobody", () => {
    const world = oneNode();
    const { sim, alice } = world;
    const phone = sim.client("bob", "phone", { capabilities: { maxSessions: 1 } }).connect();
    sim.client("carol", "phone").connect();
    const { session } = alice.ask("call", { to: "bob" }).ok;
    phone.ask("accept", { session });
    alice.ask("confirm", { session, device: "phone" });
    world.pass(0);
    for (const to of ["bob", "bob/phone", "carol", "nobody", "nobody/phone"])
      expect({ to, heard: heardOf(world, to) }).toEqual({ to, heard: noAnswer });
    // Who may watch is told at once.
    const dora = sim.client("dora", "web").connect();
    dora.ask("call", { to: "bob" });
    expect(dora.last("ended").reason).toBe("busy");
  });

  test("hears the same of a device at another node that is full", () => {
    const cluster = new SimCluster(three);
    const phone = cluster
      .node("n2")
      .client("bob", "phone", { capabilities: { maxSessions: 1 } })
      .connect();
    const mallory = cluster.node("n1").client("mallory", "web", { token: blind }).connect();
    const alice = signIn(cluster, "n3", "alice/web");
    const { session } = alice.ask("call", { to: "bob" }).ok;
    cluster.flow();
    phone.ask("accept", { session });
    cluster.flow();
    alice.ask("confirm", { session, device: "phone" });
    cluster.flow();
    const world = { mallory, alice, pass: (ms: number) => cluster.pass(ms) };
    for (const to of ["bob", "nobody"]) expect(heardOf(world, to)).toEqual(noAnswer);
    const dora = signIn(cluster, "n1", "dora/web");
    dora.ask("call", { to: "bob" });
    cluster.pass(1_000);
    expect(dora.last("ended").reason).toBe("busy");
  });

  test("is told what a person declines, and not what a device refuses by itself", () => {
    const world = oneNode();
    const phone = world.sim.client("bob", "phone").connect();
    const tablet = world.sim.client("bob", "tablet").connect();
    const decline = (device: SimClient, session: string, how: object): void => {
      expect(device.ask("decline", { session, ...how }).ok).toEqual({});
    };
    const first = world.mallory.ask("call", { to: "bob" }).ok.session;
    decline(phone, first, { reason: "incompatible", automatic: true, everywhere: true });
    decline(tablet, first, { reason: "busy", automatic: true });
    world.pass(6_000);
    expect(world.mallory.last("ended")).toBeUndefined();
    world.mallory.ask("cancel", { session: first });
    const second = world.mallory.ask("call", { to: "bob" }).ok.session;
    decline(phone, second, { reason: "incompatible", automatic: true });
    decline(tablet, second, {});
    expect(world.mallory.last("ended")).toMatchObject({ session: second, reason: "declined" });
    const third = world.alice.ask("call", { to: "bob" }).ok.session;
    decline(phone, third, { reason: "incompatible", automatic: true });
    decline(tablet, third, { reason: "busy", automatic: true });
    expect(world.alice.last("ended")).toMatchObject({ session: third, reason: "busy" });
  });

  test("hears the same of a callee who has as many rings as anybody may", () => {
    const world = oneNode({ ringsPerCallee: 2 });
    const { sim, alice } = world;
    const phone = sim.client("bob", "phone").connect();
    alice.ask("call", { to: "bob", timeout: 600_000 });
    sim.client("carol", "web").connect().ask("call", { to: "bob", timeout: 600_000 });
    const rings = phone.pushes("incoming").length;
    for (const to of ["bob", "nobody"]) expect(heardOf(world, to)).toEqual(noAnswer);
    // Nobody is rung beyond the limit, not even by a device that arrives late, and those who may watch are refused as ever.
    const late = sim.client("bob", "late");
    world.mallory.ask("call", { to: "bob" });
    late.connect();
    world.pass(100);
    expect(late.pushes("incoming").length).toBe(rings);
    expect(phone.pushes("incoming").length).toBe(rings);
    const dora = sim.client("dora", "web").connect();
    expect(dora.ask("call", { to: "bob" }).error).toMatchObject({
      code: "too_many_rings",
      limit: "ringsPerCallee",
    });
  });

  test("gets the reply to send at once, wherever the user is, and the message still arrives", () => {
    const cluster = new SimCluster(three);
    const bob = signIn(cluster, "n2", "bob/phone");
    const mallory = cluster.node("n1").client("mallory", "web", { token: blind }).connect();
    cluster.flow();
    for (const to of ["bob", "bob/phone", "nobody", "nobody/phone"])
      for (const body of [`${to} 1`, `${to} 2`]) expect(mallory.ask("send", { to, body }).ok).toEqual({});
    cluster.pass(2_000);
    const bodies = bob.pushes("message").map(({ body }) => body);
    expect(bodies).toEqual(["bob 1", "bob 2", "bob/phone 1", "bob/phone 2"]);
  });

  test("gets the same reply to send while the other nodes can't be reached", () => {
    const cluster = new SimCluster(three);
    signIn(cluster, "n1", "carol/phone");
    signIn(cluster, "n2", "bob/phone");
    const mallory = cluster.node("n1").client("mallory", "web", { token: blind }).connect();
    cluster.flow();
    cluster.hub.down("n1");
    for (const to of ["bob", "carol", "nobody"]) expect(mallory.ask("send", { to, body: 1 }).ok).toEqual({});
  });
});
