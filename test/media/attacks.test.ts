import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { HandshakeGates } from "../../src/wire/dtls/handshake-gate.ts";
import { parseMessage, type StunMessage } from "../../src/wire/stun/message.ts";
import { method } from "../../src/wire/stun/message-type.ts";
import { MessageWriter } from "../../src/wire/stun/writer.ts";
import { fragment, record, type } from "../dtls/support/forge.ts";
import { recordsOf } from "../dtls/support/pair.ts";
import { rtpOf } from "./support/test-peer.ts";
import { type Party, type TestPath, TransportWorld } from "./support/transport-world.ts";

/** Nothing but three times what came from an address has gone there. */
function expectBounded(path: TestPath): void {
  expect(path.bytesSent).toBeLessThanOrEqual(3 * path.bytesReceived);
}

/** A receiver report that is as long as 200 bytes. */
const report = new Uint8Array(200);
report.set([0x80, 201, 0, 49]);

/** What a worker sends to a viewer all the time. */
function stream(party: Party, from: number): void {
  for (let index = from; index < from + 20; index++) {
    const { header, payload } = rtpOf(index, "x".repeat(1_000), 2_222);
    party.transport.sendRtp(header, header.length, payload, index);
    party.transport.sendRtcp(report);
  }
}

describe("rule 8: an address that the owner of a session only claims to have", () => {
  test.each(["server", "client"] as const)(
    "gets no more than three times what came from it when the worker is the DTLS %s, however long it waits",
    (role) => {
      const world = new TransportWorld();
      const party = world.peer(1, role);
      const victim = world.path();
      party.check(victim);
      expectBounded(victim);
      if (role === "server") {
        party.peer.dtls.start(world.now);
        party.via = victim;
        // The ClientHello, with the victim's address; what comes for it nobody sees.
        party.step();
      }
      world.run(40_000);
      expectBounded(victim);
      if (role === "client") expect(victim.sent.some((bytes) => bytes[0] === 22)).toBe(false);
      expect(world.events).toEqual(["1 closed: no connection was made in time"]);
    },
  );

  test("gets no media by being nominated, and no flight by DTLS that seems to come from it", () => {
    const world = new TransportWorld();
    const party = world.peer(1);
    const victim = world.path();
    party.check(victim, { nominate: false });
    party.connect();
    party.check(victim);
    stream(party, 0);
    expectBounded(victim);
    expect(party.transport.path).toBe(party.via);
  });

  test("isn't proved by the handshake of another address", () => {
    const world = new TransportWorld();
    const party = world.peer(1);
    const [own, victim] = [party.via, world.path()];
    // The victim comes first, so it is the path in use.
    party.check(victim);
    party.peer.answers = false;
    party.check(own);
    party.peer.dtls.start(world.now);
    for (let n = 0; n < 200; n++) {
      party.via = n % 2 === 0 ? own : victim;
      world.run(60, party);
      stream(party, n * 20);
      expectBounded(victim);
    }
    expect(party.transport.state).not.toBe("connected");
  });

  test("property: whatever its owner sends, from wherever", () => {
    const acts = fc.array(
      fc.record({
        act: fc.constantFrom("check", "nominate", "dtls", "rtp", "wait", "answer", "leave"),
        spoof: fc.boolean(),
        ms: fc.constantFrom(0, 10, 60, 400, 11_000),
      }),
      { minLength: 5, maxLength: 60 },
    );
    let connected = 0;
    fc.assert(
      fc.property(fc.constantFrom("server" as const, "client" as const), acts, (role, list) => {
        const world = new TransportWorld({ paths: 2 });
        const party = world.peer(1, role);
        const own = party.via;
        const [victim, third] = [world.path(), party.own(world.path())];
        party.peer.answers = false;
        let index = 0;
        for (const { act, spoof, ms } of list) {
          world.run(ms, party);
          party.via = spoof ? victim : own;
          if (act === "check") party.check(party.via, { nominate: false });
          else if (act === "nominate") party.check(party.via);
          else if (act === "dtls") party.peer.dtls.start(world.now);
          else if (act === "answer") party.peer.answers = !party.peer.answers;
          else if (act === "leave") party.check(third);
          else if (act === "rtp" && party.peer.profile !== undefined)
            world.deliver(party.peer.packet(index, "x".repeat(500)), party.via);
          party.step();
          index += 20;
          stream(party, index);
          if (victim.bytesSent > 3 * victim.bytesReceived)
            throw new Error(`${victim.bytesSent} bytes for ${victim.bytesReceived}`);
        }
        if (world.events.length > 0) connected++;
      }),
      { numRuns: 300 },
    );
    expect(connected).toBeGreaterThan(0);
  });
});

describe("rule 9: what a peer itself sends", () => {
  test("a packet of RTP whose header leaves it, and a record that is cut off, end neither the process nor the session", () => {
    const world = new TransportWorld();
    const party = world.peer(1).connect();
    const packet = new Uint8Array(28);
    packet[0] = 0x9f;
    packet[1] = 96;
    world.deliver(packet, party.via);
    const cutOff = new Uint8Array(13);
    cutOff.set([22, 0xfe, 0xfd]);
    cutOff[12] = 99;
    world.deliver(cutOff, party.via);
    for (let length = 0; length < 60; length++)
      for (const first of [0, 1, 20, 22, 25, 63, 64, 128, 144, 191, 255]) {
        const bytes = new Uint8Array(length).fill(0xc8);
        if (length > 0) bytes[0] = first;
        world.deliver(bytes, party.via);
      }
    world.deliver(party.peer.packet(1, "still there"), party.via);
    expect(world.received).toEqual(["1 rtp 1111 1 still there"]);
    expect(world.table.drops.counts).toMatchObject({
      malformed_media: expect.any(Number),
      not_media: expect.any(Number),
    });
    expect(world.events).toEqual(["1 connected"]);
  });

  test("is taken once: a replay of RTP and of RTCP is dropped", () => {
    const world = new TransportWorld();
    const party = world.peer(1).connect();
    const packet = party.peer.packet(1, "once");
    const report = party.peer.report(Uint8Array.of(0x80, 201, 0, 1, 0, 0, 4, 0x57));
    for (let n = 0; n < 100; n++) {
      world.deliver(packet, party.via);
      world.deliver(report, party.via);
    }
    expect(world.received).toHaveLength(2);
    expect(world.table.drops.counts.replayed_media).toBe(198);
  });

  test("may come from 64 sources, no more", () => {
    const world = new TransportWorld();
    const party = world.peer(1).connect();
    for (let ssrc = 0; ssrc < 64; ssrc++) world.deliver(party.peer.packet(1, "x", ssrc), party.via);
    const other = world.peer(2);
    expect(world.received).toHaveLength(64);
    expect(other.transport.state).toBe("connecting");
  });
});

describe("a stranger", () => {
  test("leaves no trace but a count", () => {
    const world = new TransportWorld();
    const party = world.peer(1).connect();
    const stranger = world.path();
    world.deliver(party.peer.packet(1, "replayed from elsewhere"), stranger);
    world.deliver(record(type.handshake, fragment(1, 60, 0, 0, new Uint8Array(60))), stranger);
    expect([stranger.sent, stranger.owner, stranger.kept]).toEqual([[], undefined, false]);
    expect(world.received).toEqual([]);
    expect(world.table.drops.counts.unknown_sender).toBe(2);
  });

  test("can't end a session by forged DTLS from a peer's address", () => {
    const world = new TransportWorld();
    const party = world.peer(1);
    party.check();
    world.run(0, party);
    const closeNotify = record(21, Uint8Array.of(2, 40));
    world.deliver(closeNotify, party.via);
    world.deliver(record(type.handshake, fragment(1, 9, 0, 0, new Uint8Array(9))), party.via);
    party.connect();
    world.deliver(closeNotify, party.via);
    world.deliver(record(21, Uint8Array.of(1, 0), { epoch: 1, sequence: 99 }), party.via);
    expect(world.events).toEqual(["1 connected"]);
  });
});

test("rule 25: handshakes that are never finished fill neither memory nor time, and others connect beside them", () => {
  const gates = new HandshakeGates({ perAddress: 20, signaturesPerSecond: 1_000, burst: 5 });
  const world = new TransportWorld({}, { gates });
  const attackers = Array.from({ length: 200 }, (_, number) => world.peer(number + 10));
  for (const attacker of attackers) {
    attacker.check();
    attacker.peer.dtls.start(world.now);
    attacker.step();
  }
  expect(gates.halfOpen).toBe(20);
  expect(world.table.drops.counts.dtls_refused).toBe(180);
  const innocent = world.peer(1);
  innocent.via = innocent.own(world.path(false, Uint8Array.of(198, 51, 100, 1)));
  innocent.connect();
  world.run(31_000, innocent);
  expect(world.events.filter((event) => event.includes("closed"))).toHaveLength(200);
  expect(innocent.transport.state).toBe("connected");
  expect([gates.halfOpen, world.table.size]).toEqual([0, 1]);
});

describe("somebody who repeats a check that was overheard", () => {
  test.each(["udp", "tcp"] as const)("gets no media by it: %s", (protocol) => {
    const world = new TransportWorld();
    const party = world.peer(1).connect();
    const overheard = party.peer.check();
    const thief = world.path(protocol === "tcp");
    world.deliver(overheard, thief);
    const request = parseMessage(thief.sent.at(-1) as Uint8Array) as StunMessage;
    expect(request.class).toBe("request");
    // Without the password it can send back what is random, in an error, which nobody signs.
    world.deliver(new MessageWriter(method.binding, "error", request.transactionId).bytes(), thief);
    world.run(11_000);
    world.deliver(overheard, thief);
    expect(party.transport.path).toBe(party.via);
    thief.sent.length = 0;
    stream(party, 0);
    expect(thief.sent).toEqual([]);
  });
});

describe("one peer and another", () => {
  test("neither takes the other's address, as long as that is in use", () => {
    const world = new TransportWorld();
    const innocent = world.peer(1).connect();
    const attacker = world.peer(2).connect();
    attacker.check(innocent.via);
    expect(innocent.via.owner).toBe(innocent.transport);
    expect(world.table.drops.counts.path_taken).toBe(1);
    world.deliver(innocent.peer.packet(1, "mine"), innocent.via);
    expect(world.received).toEqual(["1 rtp 1111 1 mine"]);
  });

  test("an address that was only claimed is its owner's with its first check", () => {
    const world = new TransportWorld();
    const attacker = world.peer(2);
    const innocent = world.peer(1);
    attacker.check(innocent.via);
    expect(innocent.via.owner).toBe(attacker.transport);
    innocent.via.sent.length = 0;
    innocent.connect();
    expect(innocent.via.owner).toBe(innocent.transport);
    expect(attacker.transport.path).toBeUndefined();
  });

  test("an address whose user has been silent is free for the next", () => {
    const world = new TransportWorld();
    const first = world.peer(1).connect();
    world.run(11_000);
    const second = world.peer(2);
    second.via = second.own(first.via);
    first.via.sent.length = 0;
    second.connect();
    expect(first.transport.path).toBeUndefined();
    world.deliver(second.peer.packet(1, "mine now"), second.via);
    expect(world.received).toEqual(["2 rtp 1111 1 mine now"]);
  });

  test("media before there are keys is dropped", () => {
    const world = new TransportWorld();
    const [one, two] = [world.peer(1).connect(), world.peer(2)];
    two.check();
    world.deliver(one.peer.packet(1, "not yours"), two.via);
    expect(world.table.drops.counts.before_keys).toBe(1);
    const { header, payload } = rtpOf(1, "too early", 2_222);
    expect(two.transport.sendRtp(header, header.length, payload, 1)).toBe(false);
    expect(two.transport.sendRtcp(new Uint8Array(8))).toBe(false);
  });
});

describe("the end", () => {
  test("is told to the peer once, and nothing is left of it", () => {
    const world = new TransportWorld();
    const party = world.peer(1).connect();
    party.transport.close();
    party.transport.close();
    expect(party.via.sent.filter((bytes) => bytes[0] === 21)).toHaveLength(1);
    world.run(0, party);
    expect(party.peer.closed).toEqual({ kind: "closeNotify" });
    expect(world.events).toEqual(["1 connected", "1 closed: closed"]);
    expect([world.table.size, world.table.nextDeadline]).toEqual([0, undefined]);
    expect([party.via.owner, party.via.kept]).toEqual([undefined, false]);
    const { header, payload } = rtpOf(1, "too late", 2_222);
    expect(party.transport.sendRtp(header, header.length, payload, 1)).toBe(false);
  });

  test("by the peer's close_notify is the transport's", () => {
    const world = new TransportWorld();
    const party = world.peer(1).connect();
    party.peer.dtls.close();
    world.run(0, party);
    expect(world.events).toEqual(["1 connected", "1 closed: closed by the peer"]);
    expect(world.table.size).toBe(0);
  });

  test("comes after 30 s for whoever never checks", () => {
    const world = new TransportWorld();
    world.peer(1);
    world.run(29_999);
    expect(world.table.size).toBe(1);
    world.run(1);
    expect(world.events).toEqual(["1 closed: no connection was made in time"]);
  });

  test("comes when the certificate isn't the signaled one", () => {
    const world = new TransportWorld();
    const party = world.peer(1);
    const parameters = { ...party.peer.parameters("server"), localUfrag: "strict" };
    const events: string[] = [];
    const ports = {
      connected: () => events.push("connected"),
      lost: () => {},
      closed: (reason: string) => events.push(reason),
      rtp: () => {},
      rtcp: () => {},
    };
    const [fingerprint = ""] = parameters.fingerprints;
    const other = fingerprint.replace(/..$/, (last) => (last === "00" ? "01" : "00"));
    world.table.add({ ...parameters, fingerprints: [other] }, ports, world.now);
    party.peer.workerUfrag = "strict";
    party.check();
    party.peer.dtls.start(world.now);
    world.run(20_000, party);
    expect(events).toHaveLength(1);
    expect(events[0]).toContain("fingerprint");
    expect(() => world.table.add({ ...parameters, fingerprints: ["sha-1 00"] }, ports, world.now)).toThrow(
      RangeError,
    );
  });
});

test("rule 11: a Finished that is repeated is answered once, not for ever", () => {
  const world = new TransportWorld();
  const party = world.peer(1);
  party.check();
  world.run(0, party);
  const flights: Uint8Array[] = [];
  const deliver = world.deliver.bind(world);
  world.deliver = (bytes, path) => {
    if (bytes[0] === 22) flights.push(bytes.slice());
    deliver(bytes, path);
  };
  party.connect();
  const last = flights.at(-1) as Uint8Array;
  expect(recordsOf(last).some((bytes) => bytes[4] === 1)).toBe(true);
  party.via.sent.length = 0;
  for (let n = 0; n < 50; n++) deliver(last, party.via);
  world.run(1_000);
  expect(party.via.sent.length).toBeLessThanOrEqual(1);
});
