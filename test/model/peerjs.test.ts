import { expect, test } from "bun:test";
import fc from "fast-check";
import { modelTimeout, runs, seed } from "../support/seed.ts";
import type { AnyFrame } from "../support/sim-core.ts";
import { type SimPeer, SimPeerjs } from "../support/sim-peerjs.ts";

const ids = ["alice", "bob", "carol"] as const;
type Id = (typeof ids)[number];
/** How long an offer may ring, a client without a socket is waited for, and an answered connection is a session. s */
const [ringing, grace, followed] = [20, 30, 50];

type Act =
  | { readonly do: "connect" | "drop" | "quit"; readonly id: Id }
  | { readonly do: "offer" | "leave"; readonly id: Id; readonly to: Id }
  | { readonly do: "answer" | "candidate"; readonly id: Id; readonly nth: number }
  | { readonly do: "pass"; readonly seconds: number };

const id = fc.constantFrom(...ids);
const nth = fc.nat(7);
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("connect" as const), id }) },
  fc.record({ do: fc.constantFrom("drop" as const, "quit" as const), id }),
  { weight: 5, arbitrary: fc.record({ do: fc.constant("offer" as const), id, to: id }) },
  fc.record({ do: fc.constant("leave" as const), id, to: id }),
  { weight: 5, arbitrary: fc.record({ do: fc.constant("answer" as const), id, nth }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("candidate" as const), id, nth }) },
  fc.record({ do: fc.constant("pass" as const), seconds: fc.constantFrom(1, 11, 31) }),
);

interface Connection {
  readonly name: string;
  readonly from: Id;
  readonly to: Id;
  readonly since: number;
  active: boolean;
  answeredAt: number;
  /** Candidates before the answer, by who sent them: they follow it. */
  readonly early: Record<"from" | "to", string[]>;
}

interface Client {
  connected: boolean;
  goneAt: number;
  /** What it is told when it is back. */
  kept: string[];
}

/** What each client must have heard: what `peer` would tell it, and what docs/peerjs.md says where that differs. */
class Reference {
  readonly heard: Record<Id, string[]> = { alice: [], bob: [], carol: [] };
  readonly clients = new Map<Id, Client>();
  readonly connections = new Map<string, Connection>();
  now = 0;

  connect(who: Id): void {
    const client = this.clients.get(who) ?? { connected: true, goneAt: 0, kept: [] };
    this.clients.set(who, client);
    client.connected = true;
    this.heard[who].push("OPEN", ...client.kept.splice(0));
  }

  drop(who: Id): void {
    const client = this.clients.get(who);
    if (client === undefined) return;
    client.connected = false;
    client.goneAt = this.now;
    this.#tidy();
  }

  quit(who: Id): void {
    this.clients.delete(who);
    for (const one of this.of(who)) this.#end(one, who);
  }

  offer(from: Id, to: Id, name: string): void {
    if (from === to || this.clients.get(to)?.connected !== true) {
      this.#tell(from, `EXPIRE ${to}`);
      if (!this.#knows(from, to)) this.#tell(from, `LEAVE ${to}`);
      return;
    }
    const early = { from: [], to: [] };
    this.connections.set(name, { name, from, to, since: this.now, active: false, answeredAt: 0, early });
    this.#tell(to, `OFFER ${from} ${name}`);
  }

  answer(who: Id, one: Connection): void {
    if (one.to !== who || one.active) return;
    one.active = true;
    one.answeredAt = this.now;
    this.#tell(one.from, `ANSWER ${who} ${one.name}`, ...one.early.to);
    this.#tell(who, ...one.early.from);
  }

  candidate(who: Id, one: Connection, n: number): void {
    const text = `CANDIDATE ${who} ${one.name} ${n}`;
    if (one.active) this.#tell(otherOf(one, who), text);
    else one.early[who === one.from ? "from" : "to"].push(text);
  }

  leave(who: Id, to: Id): void {
    for (const one of this.of(who)) if (otherOf(one, who) === to) this.#end(one, who);
  }

  second(): void {
    this.now += 1;
    for (const one of [...this.connections.values()])
      if (one.active && this.now >= one.answeredAt + followed) this.connections.delete(one.name);
      else if (!one.active && this.now >= one.since + ringing) this.#end(one);
    this.#tidy();
    for (const [who, client] of [...this.clients])
      if (!client.connected && this.now >= client.goneAt + grace) this.#stayedAway(who);
  }

  /** No device reports that media between two clients has ended, so nobody is told that it has. */
  #stayedAway(who: Id): void {
    for (const one of this.of(who))
      if (one.active) this.connections.delete(one.name);
      else this.#end(one, who);
    this.#tidy();
  }

  /** `by` ended the connection, and is told nothing; without it the server did. */
  #end(one: Connection, by?: Id): void {
    this.connections.delete(one.name);
    for (const who of [one.from, one.to]) {
      if (who === by) continue;
      const other = otherOf(one, who);
      if (who === one.from && !one.active) this.#tell(who, `EXPIRE ${other}`);
      if (!this.#knows(who, other)) this.#tell(who, `LEAVE ${other}`);
    }
    this.#tidy();
  }

  /** A client without a socket is gone with its last connection. */
  #tidy(): void {
    for (const [who, client] of [...this.clients])
      if (!client.connected && this.of(who).length === 0) this.clients.delete(who);
  }

  #tell(who: Id, ...texts: string[]): void {
    const client = this.clients.get(who);
    if (client?.connected === true) this.heard[who].push(...texts);
    else client?.kept.push(...texts);
  }

  of(who: Id): Connection[] {
    return [...this.connections.values()].filter(({ from, to }) => from === who || to === who);
  }

  #knows(who: Id, other: Id): boolean {
    return this.of(who).some((one) => otherOf(one, who) === other);
  }
}

function otherOf(one: Connection, who: Id): Id {
  return one.from === who ? one.to : one.from;
}

/** A message as the reference writes it. */
function textOf({ type, src, payload }: AnyFrame): string {
  const candidate = /candidate:(\d+)/.exec(payload?.candidate?.candidate ?? "")?.[1];
  return [type, src, payload?.connectionId, candidate].filter((word) => word !== undefined).join(" ");
}

test(
  `any history of three PeerJS clients: each hears what it must, once and in order (seed ${seed})`,
  () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60, size: "max" }), (acts) => {
        const world = new SimPeerjs(
          {
            graceTimeout: grace * 1_000,
            followTimeout: followed * 1_000,
            aliveTimeout: 3_600_000,
            requestsBurst: 1_000,
          },
          {},
          { ringTimeout: ringing * 1_000, unreachableAfter: 0, ringsPerPair: 100, ringsPerCallee: 100 },
        );
        const reference = new Reference();
        const sockets = new Map<Id, SimPeer>();
        const heard: Record<Id, string[]> = { alice: [], bob: [], carol: [] };
        let count = 0;
        for (const one of acts) {
          count += 1;
          if (one.do === "pass") {
            for (let second = 0; second < one.seconds; second++) {
              world.sim.pass(1_000);
              reference.second();
            }
          } else if (one.do === "connect") {
            collect();
            sockets.set(one.id, world.client(one.id));
            reference.connect(one.id);
          } else {
            const socket = sockets.get(one.id);
            if (socket?.open === true) take(one, socket);
          }
          collect();
          expect({ after: one, heard }).toEqual({ after: one, heard: reference.heard });
          const clients = reference.clients.size;
          expect([world.agent.clients.size, world.agent.connections]).toEqual([
            clients,
            2 * reference.connections.size,
          ]);
        }
        for (const who of ids) {
          // Who is away comes back to leave.
          const socket = sockets.get(who);
          (socket?.open === true ? socket : world.client(who)).say("LEAVE");
        }
        world.sim.pass(60_000);
        expect([world.agent.clients.size, world.agent.connections]).toEqual([0, 0]);
        expect(world.sim.core.stats()).toMatchObject({ sessionsActive: 0 });

        function collect(): void {
          for (const [who, { heard: told }] of sockets) heard[who].push(...told.splice(0).map(textOf));
        }

        function take(step: Exclude<Act, { do: "connect" | "pass" }>, socket: SimPeer): void {
          const who = step.id;
          switch (step.do) {
            case "drop":
              socket.drop();
              reference.drop(who);
              break;
            case "quit":
              socket.say("LEAVE");
              reference.quit(who);
              break;
            case "leave":
              socket.say("LEAVE", { dst: step.to });
              reference.leave(who, step.to);
              break;
            case "offer":
              socket.offer(step.to, `mc_${count}`);
              world.sim.pass(0);
              reference.offer(who, step.to, `mc_${count}`);
              break;
            case "answer":
            case "candidate": {
              const own = reference.of(who);
              const connection = own[step.nth % Math.max(1, own.length)];
              if (connection === undefined) return;
              const other = otherOf(connection, who);
              if (step.do === "answer") {
                if (connection.to !== who) return;
                socket.answer(other, connection.name);
                reference.answer(who, connection);
              } else {
                socket.candidate(other, connection.name, count);
                reference.candidate(who, connection, count);
              }
              break;
            }
            default:
          }
        }
      }),
      { seed, numRuns: runs(60) },
    );
  },
  modelTimeout,
);
