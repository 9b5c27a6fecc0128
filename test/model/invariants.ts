import { expect } from "bun:test";
import type { World } from "./world.ts";

/** A device that was silent for a minute is offline for all who hear. */
export function checkSilentAreOffline(world: World): void {
  const silent = world.silentSlots();
  for (const client of world.online()) {
    if (client.wire?.lagging || client.wire?.stalled) continue;
    // At another node it hears what its log has kept first, and what is true there soon after.
    if (world.now - client.welcomedAt < 1_000) continue;
    for (const slot of silent) {
      const [user = "", device = ""] = slot.split("/");
      expect({ at: client.slot, slot, online: client.presence.get(user)?.includes(device) ?? false }).toEqual(
        {
          at: client.slot,
          slot,
          online: false,
        },
      );
    }
  }
}

/** Whoever is there while her user is being rung rings, or has rung. */
export function checkLateDevicesRing(world: World): void {
  const online = world.online();
  if (world.clients.some(({ wire }) => wire?.lagging || wire?.stalled)) return;
  for (const caller of online)
    for (const belief of caller.beliefs.live())
      for (const callee of online) {
        const rung = belief.to === callee.user || belief.to === callee.slot;
        if (!rung || callee === caller || belief.state !== "ringing" || belief.answered !== undefined)
          continue;
        expect({
          ring: belief.session,
          at: callee.slot,
          knows: callee.beliefs.get(belief.session) !== undefined,
        }).toEqual({
          ring: belief.session,
          at: callee.slot,
          knows: true,
        });
      }
}

/** With everybody back and all deadlines past: both ends of each session agree, and the server has nothing else. */
export function checkAgreement(world: World): void {
  const sessions = new Set<string>();
  for (const client of world.online()) expect(client.unanswered).toBe(0);
  for (const client of world.online())
    for (const belief of client.beliefs.live()) {
      const { session } = belief;
      sessions.add(session);
      const pair = belief.pairs.get(belief.pair);
      const view = (
        state: string,
        pair: number | undefined,
        generation: number | undefined,
        peer: string | undefined,
      ) => ({
        session,
        state,
        pair,
        generation,
        peer,
      });
      const mine = view(belief.state, belief.pair, pair?.generation, client.slot);
      const other = world.current.get(pair?.peer ?? "");
      const theirs = other?.beliefs.live().find((one) => one.session === session);
      const theirPair = theirs?.pairs.get(theirs.pair);
      expect(mine).toEqual(view("active", theirs?.pair, theirPair?.generation, theirPair?.peer));
      expect(belief.moving ?? false).toBe(false);
      expect(belief.pairs.size).toBe(1);
      expect(belief.peerLink ?? "live").toBe("live");
    }
  expect(world.stats()).toMatchObject({
    sessionsRinging: 0,
    sessionsActive: sessions.size,
    linksLive: world.online().length,
  });
}

/** What one end says now the other one hears, once. */
export function checkTalking(world: World): void {
  const ends = world
    .online()
    .flatMap((client) => client.beliefs.live().map((belief) => ({ client, belief })));
  const before = ends.map(({ belief }) => belief.descriptions ?? 0);
  for (const { client, belief } of ends) {
    const { session, pair, pairs } = belief;
    const generation = pairs.get(pair)?.generation;
    const description = { type: "offer", sdp: "v=0\r\n" };
    client.ask("signal", { session, pair, generation, description }, (reply) => {
      throw new Error(
        `${client.slot}: ${JSON.stringify(reply)} to a signal of ${session}#${pair}.${generation}`,
      );
    });
  }
  world.flow();
  expect(ends.map(({ belief }) => belief.descriptions)).toEqual(before.map((count) => count + 1));
}

/** Who watches knows who is there. */
export function checkPresence(world: World): void {
  const online = world.online();
  for (const client of online)
    for (const [user, devices] of client.presence)
      expect({ at: client.slot, user, devices }).toEqual({
        at: client.slot,
        user,
        devices: online
          .filter((one) => one.user === user)
          .map((one) => one.device)
          .sort(),
      });
}

/** Every two members of the mesh have exactly one session. */
export function checkMesh(world: World): void {
  const wanted: string[] = [];
  const meshed = world.online().filter((client) => client.mesh);
  for (const a of meshed) for (const b of meshed) if (a.slot < b.slot) wanted.push(`${a.slot} ${b.slot}`);
  const found = new Set<string>();
  for (const client of world.online())
    for (const { room, pairs, pair } of client.beliefs.live())
      if (room !== undefined) found.add([client.slot, pairs.get(pair)?.peer].sort().join(" "));
  expect([...found].sort()).toEqual(wanted.sort());
}

/** Nobody is left: the server has nothing left either. */
export function checkEmpty(world: World): void {
  expect(world.stats()).toMatchObject({
    linksLive: 0,
    linksSuspended: 0,
    devices: 0,
    users: 0,
    sessionsRinging: 0,
    sessionsActive: 0,
    rooms: 0,
    transportsOpen: 0,
    logBytes: 0,
  });
}
