import { describe, expect, test } from "bun:test";
import { TransportWorld } from "../../../test/media/support/transport-world.ts";
import { parseMessage, type StunMessage } from "../../wire/stun/message.ts";

describe("deadlines", () => {
  test("are those of all peers, and a closed peer has none", () => {
    const world = new TransportWorld();
    expect(world.table.nextDeadline).toBeUndefined();
    const first = world.peer(1);
    world.now += 5_000;
    world.peer(2);
    expect(world.table.nextDeadline).toBe(31_000);
    first.transport.close();
    expect(world.table.nextDeadline).toBe(36_000);
    world.run(30_000);
    expect(world.table.nextDeadline).toBeUndefined();
    expect(world.events).toEqual(["1 closed: closed", "2 closed: no connection was made in time"]);
  });

  test("repeat a flight of DTLS that was lost, on a path that has answered", () => {
    const world = new TransportWorld();
    const party = world.peer(1, "client");
    party.check();
    const request = parseMessage(party.via.sent[1] as Uint8Array) as StunMessage;
    world.deliver(party.peer.success(request), party.via);
    const hellos = () => party.via.sent.filter((bytes) => bytes[0] === 22).length;
    expect(hellos()).toBe(1);
    world.run(400);
    expect(hellos()).toBeGreaterThanOrEqual(3);
  });

  test("of many peers are kept while they are used", () => {
    const world = new TransportWorld();
    const parties = Array.from({ length: 20 }, (_, number) => world.peer(number).connect());
    world.run(60_000, ...parties);
    expect(world.events).toHaveLength(20);
    expect(parties.map(({ transport }) => transport.state)).toEqual(parties.map(() => "connected"));
    for (const { transport } of parties) transport.close();
    expect([world.table.size, world.table.nextDeadline]).toEqual([0, undefined]);
  });
});

describe("a datagram", () => {
  test("is counted by what it was dropped for", () => {
    const world = new TransportWorld();
    const party = world.peer(1).connect();
    const stranger = world.path();
    world.deliver(new Uint8Array(0), stranger);
    world.deliver(Uint8Array.of(0x80, 96), stranger);
    world.deliver(Uint8Array.of(0, 1, 2, 3), stranger);
    world.deliver(new Uint8Array(0), party.via);
    for (const first of [4, 19, 64, 127, 192, 255]) world.deliver(new Uint8Array(40).fill(first), party.via);
    expect(world.table.drops.counts).toMatchObject({ unknown_sender: 2, malformed_stun: 1, not_media: 7 });
  });

  test("of two peers behind one table goes to its own", () => {
    const world = new TransportWorld();
    const parties = [1, 2, 3].map((number) => world.peer(number).connect());
    for (const { peer, via } of parties) world.deliver(peer.packet(5, peer.ufrag), via);
    expect(world.received).toEqual([1, 2, 3].map((number) => `${number} rtp 1111 5 peer${number}`));
  });

  test("that is a Binding indication keeps a NAT open, and is no more", () => {
    const world = new TransportWorld();
    const party = world.peer(1).connect();
    const before = { ...world.table.drops.counts };
    const indication = new Uint8Array(20);
    indication.set([0, 0x11, 0, 0, 0x21, 0x12, 0xa4, 0x42]);
    world.deliver(indication, party.via);
    expect(world.table.drops.counts).toEqual(before);
    expect(party.via.sent).toEqual([]);
  });
});
