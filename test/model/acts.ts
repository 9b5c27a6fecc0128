import type { Belief, Frame } from "./belief.ts";
import type { ModelClient } from "./model-client.ts";
import type { World } from "./world.ts";

const answer = { type: "answer", sdp: "v=0\r\n" } as const;
const offer = { type: "offer", sdp: "v=0\r\n" } as const;
const endings = new Set<string>(["decline", "everywhere", "cancel", "hangup"]);

/** What a client asks of one of its sessions. */
export const sessionActs = [
  "ringing",
  "accept",
  "accept",
  "accept",
  "decline",
  "everywhere",
  "confirm",
  "confirm",
  "cancel",
  "hangup",
  "describe",
  "candidates",
  "candidates",
  "restart",
  "restart",
  "restartLate",
  "resync",
  "move",
  "move",
  "connected",
  "connected",
  "failed",
] as const;

/** What a client may ask of a session in which it has no part. */
export const rogueActs = [
  "ringing",
  "accept",
  "decline",
  "cancel",
  "signal",
  "restart",
  "resync",
  "move",
  "hangup",
  "report",
] as const;

/** Calls somebody, and believes what is replied. */
export function call(world: World, client: ModelClient, to: string, key: string | undefined): void {
  const description = world.ledger.sessions.length % 2 === 0 ? { description: offer } : {};
  client.ask("call", { to, ...description, ...(key === undefined ? {} : { key }) }, ({ ok }: Frame) => {
    if (ok === undefined) return;
    world.ledger.heardOf(ok.session);
    // Nodes that can't hear each other can't know what the other one was asked.
    if (key !== undefined && !world.lagged)
      world.ledger.keyed(world.keyHolder(client), key, ok.session, world.now, world.limits.keyTtl);
    client.beliefs.calling(ok.session, ok.ticket, to);
  });
}

/** Sends messages. They may wait for nodes, and their sender and receivers go elsewhere meanwhile. */
export function say(world: World, client: ModelClient, to: string): void {
  for (let count = 0; count < 2; count++) {
    const n = world.messages.sent(client);
    // Nodes that can't hear each other may take an older run for the one that is there.
    const { index = 0, link } = (world.lagged ? undefined : world.current.get(to)) ?? {};
    client.ask("send", { to, body: n }, ({ ok }: Frame) => {
      if (ok?.delivered === 1 && link !== undefined) world.messages.taken(n, index, link);
    });
  }
}

/** A call from ring to confirm, as far as both are there. */
export function establish(world: World, caller: ModelClient, callee: ModelClient | undefined): void {
  if (callee === undefined) return;
  call(world, caller, callee.slot, undefined);
  world.flow();
  const ring = callee.beliefs.live().at(-1);
  if (ring !== undefined) act(world, callee, ring, "accept", 0);
  world.flow();
  const own = caller.beliefs.live().at(-1);
  if (own?.answered === undefined || own.state === "active") return;
  const { session, answered } = own;
  caller.ask("confirm", { session, device: `not-${answered}` }, ({ ok }) => {
    if (ok !== undefined) throw new Error(`${session}: a device that did not answer was confirmed`);
  });
  act(world, caller, own, "confirm", 0);
  world.flow();
}

/** A move of one of the client's calls, and what the other device says to it. */
export function handover(
  world: World,
  client: ModelClient,
  device: string,
  accepts: boolean,
  number: number,
): void {
  const active = client.beliefs.live().filter((belief) => belief.state === "active");
  const belief = active[number % Math.max(1, active.length)];
  if (belief === undefined) return;
  move(client, belief, device);
  world.flow();
  const target = world.current.get(`${client.user}/${device}`);
  const there = target?.beliefs.get(belief.session);
  if (target !== undefined && there?.movedFrom !== undefined)
    act(world, target, there, accepts ? "accept" : "decline", 0);
}

function move(client: ModelClient, belief: Belief, to: string): void {
  if (belief.moving) return;
  belief.moving = true;
  client.ask("move", { session: belief.session, to }, ({ ok }) => {
    if (ok === undefined) client.beliefs.moveFailed(belief.session);
    else client.beliefs.moveDone(belief.session, ok.pair);
  });
}

/** What an SDK does next by itself: alerts, confirms, negotiates, reports. */
export function progress(world: World, client: ModelClient, belief: Belief): void {
  if (belief.side === "out" && belief.answered !== undefined && !belief.confirmSent)
    act(world, client, belief, "confirm", 0);
  if (belief.side === "in" && belief.state === "ringing") act(world, client, belief, "ringing", 0);
  if (belief.state !== "active") return;
  for (const [index] of [...belief.pairs.keys()].entries())
    for (const next of ["describe", "candidates", "connected"] as const)
      act(world, client, belief, next, index);
}

export function act(
  world: World,
  client: ModelClient,
  belief: Belief,
  what: (typeof sessionActs)[number],
  number: number,
): void {
  const { session } = belief;
  const numbers = [...belief.pairs.keys()];
  const pair = numbers[number % numbers.length] as number;
  const {
    generation,
    peer,
    offer: offers,
  } = belief.pairs.get(pair) ?? { generation: 1, peer: undefined, offer: true };
  // Who hangs up in a mesh leaves a hole in it, which is nobody's fault.
  if (belief.room !== undefined && endings.has(what)) return;
  const over = ({ ok }: Frame) => {
    if (ok !== undefined) client.beliefs.over(session);
  };
  switch (what) {
    case "ringing":
    case "resync":
      client.ask(what, { session, pair, generation });
      break;
    case "accept":
      if (belief.side !== "in" || belief.state !== "ringing") break;
      belief.state = "accepting";
      client.ask("accept", { session, ...(number % 2 ? { description: answer } : {}) }, ({ ok }) => {
        if (ok !== undefined) {
          client.beliefs.accepted(session, ok);
          // Sent while cut off, it may reach a later ring of the same session.
          if (client.beliefs.get(session)?.movedFrom === undefined)
            world.ledger.acceptOk(session, client.slot);
        } else if (belief.state === "accepting") belief.state = "ringing";
      });
      break;
    case "decline":
      client.ask("decline", { session }, over);
      break;
    case "everywhere":
      client.ask("decline", { session, everywhere: true }, over);
      break;
    case "confirm": {
      // Now and then it confirms a device that may not have answered.
      const device = number >= 6 ? "2" : belief.answered;
      if (device === undefined) break;
      belief.confirmSent ||= device === belief.answered;
      client.ask("confirm", { session, device }, ({ ok }) => {
        if (ok === undefined) return;
        client.beliefs.confirmed(session);
        // A confirm of who is there already is a repetition.
        const repeated = client.beliefs.get(session)?.pairs.get(belief.pair)?.peer?.endsWith(`/${device}`);
        if (device === belief.answered || !repeated) world.ledger.confirmOk(session, device);
      });
      break;
    }
    case "cancel":
    case "hangup":
      client.ask(what, { session }, over);
      break;
    case "describe":
      client.ask("signal", { session, pair, generation, description: offers ? offer : answer });
      break;
    case "candidates": {
      const sent = { session, from: client.slot, to: peer, pair, generation };
      const candidates = [world.ledger.candidate(sent), world.ledger.candidate(sent)];
      client.ask("signal", { session, pair, generation, candidates });
      break;
    }
    case "restart":
    case "restartLate":
      // Late: it has not heard yet that the other end has restarted.
      client.ask(
        "restart",
        { session, pair, generation: Math.max(1, generation - (what === "restart" ? 0 : 1)) },
        ({ ok }) => {
          const now = client.beliefs.get(session);
          if (ok !== undefined && now?.pairs.has(ok.pair))
            client.beliefs.restarted(session, ok.pair, ok.generation);
        },
      );
      break;
    case "move":
      move(client, belief, number % 3 === 0 ? client.device : `${1 + (number % 3)}`);
      break;
    case "connected":
    case "failed":
      client.ask("report", { session, stats: { pair, state: what } });
      break;
  }
}

/** Asks something of a session in which the client has no part: nothing may come of it. */
export function rogue(
  world: World,
  client: ModelClient,
  type: (typeof rogueActs)[number],
  number: number,
): void {
  const { sessions } = world.ledger;
  const session = sessions.at(-1 - (number % Math.max(1, sessions.length)));
  const inStep = client.isOnline && !client.wire?.lagging && !client.wire?.stalled;
  const held = session === undefined ? undefined : client.beliefs.get(session);
  if (session === undefined || !inStep || (held !== undefined && held.state !== "ended")) return;
  const fields = {
    session,
    pair: 1,
    generation: 1,
    to: client.device,
    device: "1",
    stats: { state: "failed" },
  };
  let reply: Frame;
  client.ask(type, { ...fields, candidates: [] }, (frame) => {
    reply = frame;
  });
  world.flow();
  const tolerated = (type === "hangup" || type === "cancel") && reply?.ok !== undefined;
  if (!tolerated && reply?.error?.code !== "no_session")
    throw new Error(`${client.slot} was answered ${JSON.stringify(reply)} to ${type} of ${session}`);
}
