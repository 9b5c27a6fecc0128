import { describe, expect, test } from "bun:test";
import { resumeAt, three } from "../../../test/support/cluster-steps.ts";
import { RoomPerson } from "../../../test/support/room-person.ts";
import { SimCluster } from "../../../test/support/sim-cluster.ts";
import type { Limits } from "../../protocol/limits.ts";
import type { RoomRule } from "../../signaling/room/room-policy.ts";

const room = "room:a";

function build(limits: Partial<Limits> = {}, rules: RoomRule[] = []): SimCluster {
  return new SimCluster(three, limits, {}, rules);
}

/** People who come in at nodes, as `n1 alice`; who begins with M moderates. */
function people(cluster: SimCluster, ...who: string[]): RoomPerson[] {
  return who.map((one) => {
    const [node = "", user = ""] = one.split(" ");
    const grants = { join: ["room:*"], send: ["room:*"], call: ["*"] };
    const moderate = user.startsWith("M") ? { moderate: ["room:*"] } : {};
    const token = `${user}?${JSON.stringify({ ...grants, ...moderate })}`;
    const client = cluster.node(node).client(user, "web", { token }).connect();
    cluster.flow();
    expect(client.welcome).toBeDefined();
    return new RoomPerson(client, room);
  });
}

/** All of them join, one after the other. */
function together(cluster: SimCluster, ...who: string[]): RoomPerson[] {
  const all = people(cluster, ...who);
  for (const one of all) {
    one.ask("join", { room });
    cluster.flow();
  }
  for (const one of all) one.hear();
  return all;
}

/** Everybody sees exactly these. */
function agree(all: readonly RoomPerson[]): void {
  const users = all.map(({ client }) => client.user).sort();
  for (const one of all) {
    one.hear();
    expect([one.client.user, one.users()]).toEqual([one.client.user, users]);
  }
}

function ownerOf(cluster: SimCluster): string[] {
  return [...cluster.nodes].filter(([, { core }]) => core.stats().rooms > 0).map(([name]) => name);
}

/** What all nodes have told of rooms, without the members' ids. */
function toldOf(cluster: SimCluster): string[] {
  return [...cluster.nodes.values()].flatMap(({ events }) =>
    events.flatMap((event) => {
      if (!event.type.startsWith("room_")) return [];
      return `${event.type.slice(5)} ${"user" in event ? event.user : room}`;
    }),
  );
}

describe("events of a room", () => {
  test("are told once in the cluster, and a handover makes none", () => {
    const cluster = build();
    const all = together(cluster, "n1 alice", "n2 bob", "n3 carol");
    const joined = ["joined alice", "joined bob", "joined carol", `opened ${room}`];
    expect(toldOf(cluster).sort()).toEqual(joined);
    const [first = ""] = ownerOf(cluster);
    const { core, now } = cluster.node(first);
    core.drain(now, 60_000);
    cluster.pass(2_000);
    const [second = ""] = ownerOf(cluster);
    expect(second).not.toBe(first);
    expect(toldOf(cluster).sort()).toEqual(joined);
    const before = toldOf(cluster).length;
    const left = all.find(({ client }) => client.user !== "alice") as RoomPerson;
    left.ask("leave", { room });
    cluster.flow();
    expect(toldOf(cluster).slice().sort()).toEqual([...joined, `left ${left.client.user}`].sort());
    expect(toldOf(cluster)).toHaveLength(before + 1);
  });
});

describe("a room across nodes", () => {
  test("has one owner, and all members see each other come and go", () => {
    const cluster = build();
    const all = together(cluster, "n1 alice", "n2 bob", "n3 carol", "n2 dave");
    agree(all);
    expect(ownerOf(cluster)).toHaveLength(1);
    const [alice, bob] = all as [RoomPerson, RoomPerson];
    bob.ask("leave", { room });
    cluster.flow();
    expect(bob.reply()).toEqual({ ok: {} });
    agree(all.filter((one) => one !== bob));
    alice.client.drop(1000);
    cluster.flow();
    agree(all.slice(2));
    for (const one of all.slice(2)) one.client.drop(1000);
    cluster.flow();
    expect(ownerOf(cluster)).toEqual([]);
  });

  test("two who join at once at different nodes are in one room", () => {
    const cluster = build();
    const all = people(cluster, "n1 alice", "n2 bob", "n3 carol");
    for (const one of all) one.ask("join", { room });
    cluster.flow();
    agree(all);
    expect(ownerOf(cluster)).toHaveLength(1);
  });

  test("messages reach all members, in each sender's order, before their senders get a reply", () => {
    const cluster = build();
    const all = together(cluster, "n1 alice", "n2 bob", "n3 carol", "n3 dave");
    for (let n = 0; n < 5; n++) for (const one of all) one.ask("send", { to: room, body: n });
    cluster.flow();
    for (const one of all) {
      expect(one.reply()).toEqual({ ok: {} });
      for (const other of all) {
        if (other === one) continue;
        const bodies = one.client
          .pushes("message")
          .filter(({ from }) => from.user === other.client.user)
          .map(({ body }) => body);
        expect(bodies).toEqual([0, 1, 2, 3, 4]);
      }
    }
    const [outsider] = people(cluster, "n1 eve") as [RoomPerson];
    expect(outsider.ask("send", { to: room, body: 1 }).error.code).toBe("no_room");
  });

  test("a message whose sender has a reply reaches the members though the owner dies", () => {
    const cluster = build();
    const all = together(cluster, "n1 alice", "n2 bob", "n3 carol");
    const [owner] = ownerOf(cluster) as [string];
    const [sender, hearer] = all.filter(({ client }) => client.sim !== cluster.node(owner)) as [
      RoomPerson,
      RoomPerson,
    ];
    sender.ask("send", { to: room, body: "x" });
    while (sender.reply() === undefined) cluster.hub.pump(cluster.now + 1);
    cluster.kill(owner);
    cluster.flow();
    expect(hearer.client.pushes("message").map(({ body }) => body)).toEqual(["x"]);
  });

  test("lobby: knock, admit, refuse and policy work from anywhere", () => {
    const cluster = build({}, [{ match: "room:*", lobby: true }]);
    const [host] = together(cluster, "n1 Mia") as [RoomPerson];
    const [bob, carol, dave] = together(cluster, "n2 bob", "n3 carol", "n3 dave") as [
      RoomPerson,
      RoomPerson,
      RoomPerson,
    ];
    host.hear();
    expect([...host.knocks.values()].sort()).toEqual(["bob", "carol", "dave"]);
    expect(bob.view).toBeUndefined();
    expect(bob.ask("admit", { room, member: bob.member }).error.code).toBe("forbidden");
    host.ask("admit", { room, member: bob.member });
    cluster.flow();
    agree([host, bob]);
    host.ask("refuse", { room, member: carol.member });
    cluster.flow();
    carol.hear();
    expect(carol.ended).toBe("refused");
    carol.ask("join", { room });
    cluster.flow();
    expect(carol.reply().error.code).toBe("refused");
    host.ask("policy", { room, policy: {} });
    cluster.flow();
    agree([host, bob]);
    host.ask("policy", { room, policy: { lobby: false } });
    cluster.flow();
    agree([host, bob, dave]);
    expect(dave.policy).toEqual({ lobby: false });
  });

  test("a member with fewer grants is put out, one with more becomes a moderator", () => {
    const cluster = build({}, [{ match: "room:*", lobby: true }]);
    const [host, bob, carol] = together(cluster, "n1 Mia", "n2 bob", "n3 carol") as [
      RoomPerson,
      RoomPerson,
      RoomPerson,
    ];
    bob.ask("refresh", { token: `bob?${JSON.stringify({ join: ["room:*"], moderate: ["room:*"] })}` });
    cluster.flow();
    agree([host, bob]);
    expect([...bob.knocks.values()]).toEqual(["carol"]);
    bob.ask("admit", { room, member: carol.member });
    cluster.flow();
    expect(bob.reply()).toEqual({ ok: {} });
    agree([host, bob, carol]);
    for (const one of [host, bob, carol]) {
      one.ask("refresh", { token: `${one.client.user}?{}` });
      cluster.flow();
      one.hear();
      expect(one.ended).toBe("forbidden");
    }
    expect(ownerOf(cluster)).toEqual([]);
  });

  test("a member that becomes a moderator while its join waits for an owner is one", () => {
    const cluster = build();
    const [probe] = together(cluster, "n1 probe") as [RoomPerson];
    const [owner] = ownerOf(cluster) as [string];
    probe.ask("leave", { room });
    cluster.flow();
    const [, other] = three.filter((name) => name !== owner);
    cluster.kill(owner);
    const [alice] = people(cluster, `${other} alice`) as [RoomPerson];
    alice.ask("join", { room });
    const grants = { join: ["room:*"], moderate: ["room:*"] };
    alice.ask("refresh", { token: `alice?${JSON.stringify(grants)}` });
    cluster.pass(40_000);
    alice.hear();
    expect(alice.state).toBe("joined");
    alice.ask("policy", { room, policy: { lobby: true } });
    const [bob] = together(cluster, `${other} bob`) as [RoomPerson];
    alice.hear();
    expect(bob.state).toBe("lobby");
    expect([...alice.knocks.values()]).toEqual(["bob"]);
  });

  test("a kick takes the member out, wherever the room is", () => {
    const cluster = build();
    const all = together(cluster, "n1 alice", "n2 bob", "n3 carol");
    for (const node of cluster.nodes.values()) {
      node.core.kick("bob", undefined, node.now);
      break;
    }
    cluster.flow();
    agree(all.filter(({ client }) => client.user !== "bob"));
  });

  test("a member stays in while its link is suspended", () => {
    const cluster = build();
    const all = together(cluster, "n1 alice", "n2 bob", "n3 carol");
    const [, bob] = all as [RoomPerson, RoomPerson];
    bob.client.drop();
    cluster.pass(5_000);
    agree(all.filter((one) => one !== bob).concat(bob));
    bob.client.resume();
    cluster.flow();
    agree(all);
    bob.client.drop();
    cluster.pass(200_000);
    agree(all.filter((one) => one !== bob));
  });

  test("a member whose link goes on at another node is the member that it was, and nobody notices", () => {
    for (const to of three) {
      const cluster = build();
      const all = together(cluster, "n1 alice", "n2 bob", "n3 carol");
      const [owner] = ownerOf(cluster) as [string];
      for (const one of all) {
        const { client } = one;
        if (client.sim === cluster.node(to)) continue;
        const heard = all.map(({ client: other }) => other.pushes("room").length);
        client.drop();
        client.sim = cluster.node(to);
        client.resume();
        cluster.pass(1_000);
        expect(client.welcome.resumed).toBe(true);
        expect(all.map(({ client: other }) => other.pushes("room").length)).toEqual(heard);
        for (const sender of all) sender.ask("send", { to: room, body: to });
        cluster.flow();
        for (const sender of all) expect(sender.reply()).toEqual({ ok: {} });
        agree(all);
      }
      // From wherever they are by now they are taken along when the owner is lost.
      expect(ownerOf(cluster)).toEqual([owner]);
      const rest = all.filter(({ client }) => client.sim !== cluster.node(owner));
      cluster.kill(owner);
      cluster.pass(40_000);
      agree(rest);
      for (const one of rest) one.client.drop(1000);
      cluster.pass(1_000);
      expect(ownerOf(cluster)).toEqual([]);
    }
  });

  test("limits are those of one node", () => {
    const cluster = build({ rooms: 1, roomSize: 2 });
    const [, bob] = together(cluster, "n1 alice", "n2 bob") as [RoomPerson, RoomPerson];
    expect(bob.ask("join", { room: "room:b" }).error.limit).toBe("rooms");
    const [carol] = people(cluster, "n3 carol") as [RoomPerson];
    carol.ask("join", { room });
    cluster.flow();
    expect(carol.reply().error.limit).toBe("roomSize");
    carol.ask("join", { room: "room:c" });
    cluster.flow();
    expect(carol.reply().ok).toBeDefined();
  });

  test("a mesh connects members at any two nodes, and a member that leaves ends its sessions", () => {
    const cluster = build();
    const all = people(cluster, "n1 alice", "n2 bob", "n3 carol", "n3 dave");
    for (const one of all) {
      one.ask("join", { room, mode: "mesh" });
      cluster.flow();
    }
    for (const one of all) {
      one.hear();
      expect([...one.meshed()].sort()).toEqual(
        all
          .filter((other) => other !== one)
          .map(({ client }) => client.user)
          .sort(),
      );
    }
    const [alice, bob] = all as [RoomPerson, RoomPerson];
    const session = [...alice.sessions].find(([, user]) => user === "bob")?.[0];
    alice.ask("signal", { session, pair: 1, generation: 1, description: { type: "offer", sdp: "v=0" } });
    cluster.flow();
    expect(bob.client.last("signal").description.sdp).toBe("v=0");
    bob.ask("leave", { room });
    cluster.flow();
    for (const one of all) one.hear();
    expect(alice.meshed()).toEqual(new Set(["carol", "dave"]));
    expect(bob.meshed()).toEqual(new Set());
  });
});

describe("an owner that is lost", () => {
  test("members are in the room again by themselves, as the same members", () => {
    const cluster = build();
    const all = together(cluster, "n1 alice", "n2 bob", "n3 carol", "n1 dan", "n2 eve", "n3 fay");
    const [owner] = ownerOf(cluster) as [string];
    const left = all.filter(({ client }) => client.sim !== cluster.node(owner));
    const lost = all.filter((one) => !left.includes(one)).map(({ member }) => member);
    const ids = left.map(({ member }) => member);
    cluster.kill(owner);
    cluster.pass(40_000);
    agree(left);
    expect(left.map(({ member }) => member)).toEqual(ids);
    expect(ownerOf(cluster)).toHaveLength(1);
    // Nobody has been told in between that others were gone.
    for (const one of left) expect(one.missed.sort()).toEqual(lost.sort());
    const [first, ...rest] = left as [RoomPerson, ...RoomPerson[]];
    first.ask("send", { to: room, body: "after" });
    cluster.flow();
    expect(first.reply()).toEqual({ ok: {} });
    for (const one of rest) expect(one.client.last("message").body).toBe("after");
  });

  test("a member that asks something does not wait until the owner is given up", () => {
    const cluster = build();
    const all = together(cluster, "n1 alice", "n2 bob", "n3 carol");
    const [owner] = ownerOf(cluster) as [string];
    const left = all.filter(({ client }) => client.sim !== cluster.node(owner));
    const [first, second] = left as [RoomPerson, RoomPerson];
    cluster.kill(owner);
    first.ask("send", { to: room, body: 1 });
    cluster.pass(6_000);
    expect(first.reply().error.code).toBe("outcome_unknown");
    agree(left);
    first.ask("send", { to: room, body: 2 });
    cluster.flow();
    expect(second.client.last("message").body).toBe(2);
  });

  test("the lobby stays shut: members are in, those that waited wait, and a newcomer knocks", () => {
    const cluster = build();
    const all = together(cluster, "n1 Mia", "n2 Max", "n3 Moe");
    const [owner] = ownerOf(cluster) as [string];
    const left = all.filter(({ client }) => client.sim !== cluster.node(owner));
    const [host] = left as [RoomPerson];
    host.ask("policy", { room, policy: { lobby: true } });
    cluster.flow();
    const nodes = three.filter((node) => node !== owner) as [string, string];
    const [waiting, inside] = together(cluster, `${nodes[0]} walt`, `${nodes[1]} ines`) as [
      RoomPerson,
      RoomPerson,
    ];
    host.ask("admit", { room, member: inside.member });
    cluster.flow();
    cluster.kill(owner);
    const [stranger] = people(cluster, `${nodes[1]} sue`) as [RoomPerson];
    stranger.ask("join", { room });
    cluster.pass(40_000);
    agree([...left, inside]);
    for (const one of [waiting, stranger]) {
      one.hear();
      expect(one.view).toBeUndefined();
      expect(one.ended).toBeUndefined();
    }
    expect(stranger.reply().ok.state).toBe("lobby");
    expect([...host.knocks.values()].sort()).toEqual(["sue", "walt"]);
    host.ask("admit", { room, member: waiting.member });
    cluster.flow();
    agree([...left, inside, waiting]);
  });

  test("the mesh of its room is made anew", () => {
    const cluster = build();
    const all = people(cluster, "n1 alice", "n2 bob", "n3 carol");
    for (const one of all) {
      one.ask("join", { room, mode: "mesh" });
      cluster.flow();
    }
    const [owner] = ownerOf(cluster) as [string];
    const left = all.filter(({ client }) => client.sim !== cluster.node(owner)) as [RoomPerson, RoomPerson];
    cluster.kill(owner);
    cluster.pass(40_000);
    agree(left);
    expect(left.map((one) => [...one.meshed()])).toEqual([[left[1].client.user], [left[0].client.user]]);
    const [session] = [...left[0].sessions.keys()];
    expect([...left[1].sessions.keys()]).toEqual([session as string]);
    left[0].ask("signal", { session, pair: 1, generation: 1, description: { type: "offer", sdp: "v=2" } });
    cluster.flow();
    expect(left[1].client.last("signal").description.sdp).toBe("v=2");
  });

  test("an owner that leaves hands its rooms over first", () => {
    const cluster = build({}, [{ match: "room:*", lobby: true }]);
    const all = together(cluster, "n1 Mia", "n2 Max", "n3 Moe");
    const [waiting] = together(cluster, "n1 walt") as [RoomPerson];
    const [owner] = ownerOf(cluster) as [string];
    const node = cluster.node(owner);
    node.core.drain(node.now, 60_000);
    cluster.pass(1_000);
    expect(ownerOf(cluster)).toHaveLength(1);
    expect(ownerOf(cluster)).not.toEqual([owner]);
    agree(all);
    for (const one of all) {
      expect(one.missed).toEqual([]);
      expect([...one.knocks.values()]).toEqual(["walt"]);
    }
    all[0]?.ask("admit", { room, member: waiting.member });
    cluster.flow();
    agree([...all, waiting]);
  });

  test("an owner that leaves while no other node answers keeps the mesh of its room until the room can go", () => {
    const cluster = build();
    const everybody = together(cluster, "n1 alice", "n2 bob", "n3 carol");
    const [owner] = ownerOf(cluster) as [string];
    const others = three.filter((name) => name !== owner);
    const mesh = people(cluster, `${owner} dave`, `${owner} erin`);
    for (const name of others) cluster.hub.down(name);
    for (const one of mesh) one.ask("join", { room, mode: "mesh" });
    cluster.pass(4_000);
    const { core, now } = cluster.node(owner);
    core.drain(now, 60_000);
    cluster.pass(3_000);
    for (const name of others) cluster.hub.up(name);
    cluster.pass(5_000);
    expect(ownerOf(cluster)).not.toEqual([owner]);
    agree([...everybody, ...mesh]);
    expect(mesh.map(({ sessions }) => [...sessions.values()])).toEqual([["erin"], ["dave"]]);
  });

  test("a message whose reply is due when the room is handed over comes once", () => {
    for (const moves of [false, true]) {
      const cluster = new SimCluster([...three, "n4"]);
      const all = together(cluster, "n1 alice", "n2 bob", "n3 carol");
      const [owner] = ownerOf(cluster) as [string];
      const [sender, hearer] = all.filter(({ client }) => client.sim !== cluster.node(owner)) as [
        RoomPerson,
        RoomPerson,
      ];
      const still = three.find((name) => cluster.node(name) === hearer.client.sim) as string;
      cluster.freeze(still);
      sender.ask("send", { to: room, body: "x" });
      cluster.flow();
      expect(sender.reply()).toBeUndefined();
      const asked = sender.client.lastId;
      if (moves) resumeAt(cluster, sender.client, "n4");
      const { core, now } = cluster.node(owner);
      core.drain(now, 60_000);
      cluster.flow();
      cluster.thaw(still);
      cluster.pass(2_000);
      expect(ownerOf(cluster)).not.toEqual([owner]);
      expect(sender.client.replyTo(asked)).toMatchObject({ ok: {} });
      expect(hearer.client.pushes("message").map(({ body }) => body)).toEqual(["x"]);
      agree(all);
    }
  });
});

describe("two owners", () => {
  test("a node that was cut off comes back: the older owner stays, and all are in one room", () => {
    const cluster = build();
    const all = together(cluster, "n1 alice", "n2 bob", "n3 carol");
    const [owner] = ownerOf(cluster) as [string];
    cluster.hub.down(owner);
    const outside = all.filter(({ client }) => client.sim !== cluster.node(owner));
    const [within] = all.filter(({ client }) => client.sim === cluster.node(owner)) as [RoomPerson];
    expect(outside[0]?.ask("send", { to: room, body: 1 })).toBeUndefined();
    cluster.pass(40_000);
    agree(outside);
    expect(ownerOf(cluster)).toHaveLength(2);
    // Its own members are still in it.
    within.ask("send", { to: room, body: 1 });
    expect(within.reply()).toEqual({ ok: {} });
    cluster.hub.up(owner);
    cluster.pass(5_000);
    expect(ownerOf(cluster)).toEqual([owner]);
    agree(all);
  });

  test("rules that were set on the other side meanwhile are those that count", () => {
    const cluster = build();
    const all = together(cluster, "n1 Mia", "n2 Max", "n3 Moe");
    const [owner] = ownerOf(cluster) as [string];
    cluster.hub.down(owner);
    cluster.pass(40_000);
    const [host] = all.filter(({ client }) => client.sim !== cluster.node(owner)) as [RoomPerson];
    host.ask("policy", { room, policy: { lobby: true } });
    const other = three.find((node) => node !== owner) as string;
    const [walt] = together(cluster, `${other} walt`) as [RoomPerson];
    cluster.hub.up(owner);
    cluster.pass(5_000);
    agree(all);
    for (const one of all) expect(one.policy).toEqual({ lobby: true });
    walt.hear();
    expect(walt.view).toBeUndefined();
    host.ask("admit", { room, member: walt.member });
    cluster.flow();
    agree([...all, walt]);
  });

  test("while other nodes can't be reached, requests that need them fail at once", () => {
    const cluster = build();
    const all = together(cluster, "n1 alice", "n2 bob", "n3 carol");
    const [owner] = ownerOf(cluster) as [string];
    const away = all.find(({ client }) => client.sim !== cluster.node(owner)) as RoomPerson;
    const node = three.find((name) => cluster.node(name) === away.client.sim) as string;
    cluster.hub.down(node);
    cluster.pass(1_000);
    expect(away.ask("send", { to: room, body: 1 }).error.code).toBe("temporary");
    expect(away.ask("join", { room: "room:new" }).error.code).toBe("temporary");
    cluster.pass(60_000);
    cluster.hub.up(node);
    cluster.pass(5_000);
    agree(all);
    expect(ownerOf(cluster)).toEqual([owner]);
  });
});
