import { expect, test } from "bun:test";
import fc from "fast-check";
import { RoomPerson } from "../../../test/support/room-person.ts";
import { modelTimeout, runs, seed } from "../../../test/support/seed.ts";
import { SimCluster } from "../../../test/support/sim-cluster.ts";

const room = "room:x";
const nodes = ["n1", "n2", "n3"] as const;
const users = ["a", "b", "c", "d", "e", "f"] as const;
const limits = { roomSize: 6, roomList: 4, meshSize: 4 };

const user = fc.constantFrom(...users);
const node = fc.constantFrom(...nodes);
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("join" as const),
      by: user,
      at: node,
      mesh: fc.boolean(),
      data: fc.constantFrom(undefined, 1, 2),
    }),
  },
  fc.record({ do: fc.constant("leave" as const), by: user }),
  fc.record({ do: fc.constant("close" as const), by: user }),
  fc.record({ do: fc.constant("resume" as const), by: user }),
  fc.record({ do: fc.constant("admit" as const), by: user, other: user }),
  fc.record({ do: fc.constant("refuse" as const), by: user, other: user }),
  fc.record({ do: fc.constant("policy" as const), by: user, lobby: fc.boolean() }),
  fc.record({ do: fc.constant("grants" as const), by: user, join: fc.boolean(), moderate: fc.boolean() }),
  fc.record({ do: fc.constant("send" as const), by: user }),
  fc.record({ do: fc.constant("kill" as const), at: node }),
  fc.record({ do: fc.constant("cut" as const), at: node }),
  fc.record({ do: fc.constant("heal" as const), at: node }),
  fc.record({ do: fc.constant("handOver" as const), at: node }),
  fc.record({ do: fc.constant("flow" as const) }),
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(10, 600, 5_000, 40_000) }),
  },
);

function token(name: string, join: boolean, moderate: boolean): string {
  const grants = {
    send: ["room:*"],
    ...(join ? { join: ["room:*"] } : {}),
    ...(moderate ? { moderate: ["room:*"] } : {}),
  };
  return `${name}?${JSON.stringify(grants)}`;
}

class World {
  readonly cluster = new SimCluster(nodes, limits);
  readonly people = new Map<string, RoomPerson>();
  readonly moderates = new Set<string>(["a"]);
  readonly mesh = new Map<string, boolean>();
  /** The token that the user's client had last: it resumes with that. */
  readonly tokens = new Map<string, string>();

  /** The user's client; a new one at that node where there is none. */
  person(name: string, at: string): RoomPerson {
    const known = this.people.get(name);
    if (known !== undefined && this.#alive(known)) return known;
    const sim = this.cluster.node(at);
    const client = sim.client(name, "web", { token: token(name, true, name === "a") }).connect();
    if (name === "a") this.moderates.add(name);
    else this.moderates.delete(name);
    this.mesh.delete(name);
    this.tokens.delete(name);
    this.cluster.flow();
    // Where its node could not ask the others it waits for them.
    if (client.welcome === undefined) this.cluster.pass(3_000);
    const person = new RoomPerson(client, room);
    this.people.set(name, person);
    return person;
  }

  /** That node, or another that takes new links; undefined where none does. */
  entrance(at: string | undefined): string | undefined {
    const open = [...this.cluster.nodes].filter(([, { core }]) => !core.draining).map(([name]) => name);
    return at !== undefined && open.includes(at) ? at : open[0];
  }

  inside(): RoomPerson[] {
    return this.alive().filter(({ state }) => state === "joined");
  }

  alive(): RoomPerson[] {
    return [...this.people.values()].filter((person) => this.#alive(person));
  }

  hear(): void {
    for (const person of this.alive()) person.hear();
  }

  #alive({ client }: RoomPerson): boolean {
    return (
      client.closed === undefined && [...this.cluster.nodes.values()].some((node) => node === client.sim)
    );
  }

  check(): void {
    const owners = [...this.cluster.nodes.values()].filter(({ core }) => core.stats().rooms > 0);
    const inside = this.inside();
    const waiting = this.alive().filter(({ state }) => state === "lobby");
    expect(owners.length).toBe(inside.length + waiting.length > 0 ? 1 : 0);
    const names = inside.map(({ client }) => client.user).sort();
    for (const one of inside) {
      expect(one.view?.count).toBe(names.length);
      if (one.view?.members !== undefined) expect(one.users()).toEqual(names);
      const { user: own } = one.client;
      const peers = this.mesh.get(own) ? names.filter((name) => name !== own && this.mesh.get(name)) : [];
      expect([own, [...one.sessions.values()].sort()]).toEqual([own, peers]);
      if (this.moderates.has(own))
        expect([...one.knocks.values()].sort()).toEqual(waiting.map(({ client }) => client.user).sort());
    }
  }
}

test(
  `whatever dies, is cut off or comes back: in the end every member's view is the room (seed ${seed})`,
  () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40, size: "max" }), (steps) => {
        const world = new World();
        const { cluster, people } = world;
        const live = () => [...cluster.nodes.keys()];
        for (const one of steps) {
          if (one.do === "flow") cluster.flow();
          else if (one.do === "wait") cluster.pass(one.ms);
          else if (one.do === "kill") {
            if (live().length > 1 && cluster.nodes.has(one.at)) cluster.kill(one.at);
          } else if (one.do === "cut") cluster.hub.down(one.at);
          else if (one.do === "heal") {
            if (!cluster.nodes.has(one.at)) cluster.start(one.at);
            else cluster.hub.up(one.at);
          } else if (one.do === "handOver") {
            const sim = cluster.nodes.get(one.at);
            // Its clients stay as long as the test lasts.
            sim?.core.drain(sim.now, 1e9);
          } else {
            const at = world.entrance("at" in one ? one.at : undefined);
            const person =
              one.do === "join" && at !== undefined ? world.person(one.by, at) : people.get(one.by);
            if (person === undefined || !world.alive().includes(person)) continue;
            const { client } = person;
            if (one.do === "join") {
              const mode = one.mesh ? "mesh" : "members";
              person.ask("join", { room, mode, ...(one.data === undefined ? {} : { data: one.data }) });
            } else if (one.do === "leave") person.ask("leave", { room });
            else if (one.do === "close") client.drop(1000);
            else if (one.do === "resume") {
              if (client.sim.core.draining) continue;
              client.drop();
              const latest = world.tokens.get(one.by);
              client.resume(latest === undefined ? {} : { token: latest });
            } else if (one.do === "send") person.ask("send", { to: room, body: 1 });
            else if (one.do === "policy") person.ask("policy", { room, policy: { lobby: one.lobby } });
            else if (one.do === "grants") {
              const latest = token(one.by, one.join, one.moderate);
              world.tokens.set(one.by, latest);
              person.ask("refresh", { token: latest });
            } else person.ask(one.do, { room, member: people.get(one.other)?.member || "nobody" });
            if (one.do === "close") {
              client.closed = { code: 1000, reason: "" };
              people.delete(one.by);
            }
          }
          world.hear();
        }
        for (const name of live()) cluster.hub.up(name);
        cluster.pass(80_000);
        world.hear();
        for (const person of world.alive()) {
          // What it asked for last and was granted, in the order of the replies.
          if (person.meshWish !== undefined) world.mesh.set(person.client.user, person.meshWish);
          if (person.mayModerate !== undefined) {
            if (person.mayModerate) world.moderates.add(person.client.user);
            else world.moderates.delete(person.client.user);
          }
        }
        world.check();
        for (const { client } of world.alive()) client.drop(1000);
        cluster.pass(200_000);
        for (const { core } of cluster.nodes.values()) {
          expect(core.stats().rooms).toBe(0);
          expect(core.stats().sessionsActive).toBe(0);
        }
      }),
      { seed, numRuns: runs(60), includeErrorInReport: true },
    );
  },
  modelTimeout,
);
