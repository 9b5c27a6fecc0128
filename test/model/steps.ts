import fc from "fast-check";
import { act, call, establish, handover, progress, rogue, rogueActs, say, sessionActs } from "./acts.ts";
import type { ModelClient } from "./model-client.ts";
import type { World } from "./world.ts";

export const slots = ["alice/1", "alice/2", "alice/3", "bob/1", "bob/2", "carol/1"] as const;
const targets = ["alice", "bob", "carol", "bob/1", "carol/1", "alice/2", "nobody"] as const;

const slot = fc.constantFrom(...slots);
const pick = fc.nat(7);
/** The node that a client turns to, where there are several. */
const node = fc.nat(2);

const weighted = <T>(weight: number, arbitrary: fc.Arbitrary<T>) => ({ weight, arbitrary });
const kind = <K extends string>(name: K) => fc.constant(name);
const short = fc.constantFrom(50, 1_000, 6_000, 12_000);
const long = fc.constantFrom(31_000, 62_000, 95_000, 200_000);

export const step = fc.oneof(
  weighted(
    6,
    fc.record({
      do: kind("connect"),
      slot,
      second: fc.constantFrom(false, false, false, true),
      lag: fc.constantFrom(false, false, false, true),
      node,
    }),
  ),
  weighted(1, fc.record({ do: kind("reload"), slot, node })),
  weighted(2, fc.record({ do: kind("zombie"), slot, pick })),
  weighted(1, fc.record({ do: kind("crash"), slot, serverHears: fc.boolean() })),
  weighted(3, fc.record({ do: kind("cut"), slot, serverHears: fc.boolean() })),
  weighted(2, fc.record({ do: kind("lag"), slot, on: fc.boolean() })),
  weighted(1, fc.record({ do: kind("stall"), slot })),
  weighted(1, fc.record({ do: kind("close"), slot })),
  weighted(
    5,
    fc.record({
      do: kind("call"),
      slot,
      to: fc.constantFrom(...targets),
      key: fc.constantFrom(undefined, undefined, "k1"),
    }),
  ),
  weighted(5, fc.record({ do: kind("establish"), slot, with: slot })),
  weighted(
    4,
    fc.record({
      do: kind("handover"),
      slot,
      to: fc.constantFrom("1", "2", "3"),
      accepts: fc.boolean(),
      pick,
    }),
  ),
  weighted(20, fc.record({ do: kind("session"), slot, act: fc.constantFrom(...sessionActs), pick })),
  weighted(8, fc.record({ do: kind("progress") })),
  weighted(6, fc.record({ do: kind("say"), slot, to: fc.constantFrom(...targets) })),
  weighted(2, fc.record({ do: kind("rogue"), slot, act: fc.constantFrom(...rogueActs), pick })),
  weighted(1, fc.record({ do: kind("backplane"), lags: fc.boolean() })),
  weighted(1, fc.record({ do: kind("drain"), node })),
  weighted(2, fc.record({ do: kind("blink"), node })),
  weighted(2, fc.record({ do: kind("join"), slot, mesh: fc.boolean() })),
  weighted(1, fc.record({ do: kind("leave"), slot })),
  weighted(3, fc.record({ do: kind("wait"), for: short })),
  weighted(1, fc.record({ do: kind("wait"), for: long })),
);
export type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Does one step. */
export function perform(world: World, one: Step): void {
  if (one.do === "wait") {
    world.pass(one.for);
    return;
  }
  if (one.do === "backplane") {
    world.backplaneLags = one.lags;
    world.flow();
    return;
  }
  if (one.do === "drain" || one.do === "blink") {
    world[one.do](one.node);
    world.flow();
    return;
  }
  if (one.do === "progress") {
    for (const client of world.online())
      for (const belief of client.beliefs.live()) progress(world, client, belief);
    world.flow();
    return;
  }
  const client = world.current.get(one.slot);
  if (one.do === "connect") {
    if (client === undefined || one.second) world.start(one.slot, [], one.node);
    else if (!client.isOnline) client.connect({ lag: one.lag, node: one.node });
  } else if (one.do === "zombie") {
    // An older instance that was cut off, and never heard that it was displaced.
    const asleep = world.clients.filter((old) => old.slot === one.slot && old !== client && !old.isOnline);
    asleep[one.pick % Math.max(1, asleep.length)]?.connect();
  } else if (client !== undefined) performOn(world, client, one);
  world.flow();
}

function performOn(
  world: World,
  client: ModelClient,
  one: Exclude<Step, { do: "wait" | "progress" | "connect" | "zombie" | "backplane" | "drain" | "blink" }>,
): void {
  switch (one.do) {
    case "reload": {
      const tickets = client.beliefs.live().map((belief) => belief.ticket);
      client.vanish(true);
      world.start(one.slot, tickets, one.node);
      break;
    }
    case "crash":
      client.vanish(one.serverHears);
      break;
    case "cut":
      client.wire?.cut(one.serverHears);
      break;
    case "lag":
      client.lag(one.on);
      break;
    case "stall":
      if (client.wire !== undefined) client.wire.stalled = true;
      break;
    case "close":
      client.close();
      break;
    case "call":
      call(world, client, one.to, one.key);
      break;
    case "say":
      say(world, client, one.to);
      break;
    case "establish":
      establish(world, client, world.current.get(one.with));
      break;
    case "handover":
      handover(world, client, one.to, one.accepts, one.pick);
      break;
    case "session": {
      const beliefs = client.beliefs.live();
      const belief = beliefs[one.pick % Math.max(1, beliefs.length)];
      if (belief !== undefined) act(world, client, belief, one.act, one.pick);
      break;
    }
    case "rogue":
      rogue(world, client, one.act, one.pick);
      break;
    case "join":
      client.ask("join", { room: "room:m", mode: one.mesh ? "mesh" : "members" }, ({ ok }) => {
        if (ok === undefined) return;
        client.rooms.set("room:m", ok.member);
        client.mesh = one.mesh;
      });
      break;
    case "leave":
      client.ask("leave", { room: "room:m" }, ({ ok }) => {
        if (ok === undefined) return;
        client.rooms.delete("room:m");
        client.mesh = false;
      });
      break;
  }
}
