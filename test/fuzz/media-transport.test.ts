import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FrameReader, frame } from "../../src/media/transport/ice-tcp.ts";
import { stunCrypto } from "../../src/net/stun-crypto.ts";
import { attribute } from "../../src/wire/stun/attribute-type.ts";
import { addFingerprint } from "../../src/wire/stun/fingerprint.ts";
import { addIntegrity } from "../../src/wire/stun/integrity.ts";
import { encodeText } from "../../src/wire/stun/text.ts";
import { MessageWriter } from "../../src/wire/stun/writer.ts";
import { rtpOf } from "../media/support/test-peer.ts";
import { type Party, type TestPath, TransportWorld } from "../media/support/transport-world.ts";

const numRuns = Number(process.env.FUZZ_RUNS ?? 3_000);
/** Inputs of one world, until it is made anew. */
const inputsEach = 100;
const mostPaths = 6;
const report = Uint8Array.of(0x80, 201, 0, 1, 0, 0, 4, 0x57);

/** A peer under attack, an innocent one, and all that the first has sent so far. */
interface Station {
  readonly world: TransportWorld;
  readonly party: Party;
  readonly innocent: Party;
  /** Addresses that nobody receives at. */
  readonly claimed: readonly TestPath[];
  readonly recorded: Uint8Array[];
  /** How often the innocent peer has sent and received media. */
  served: number;
}

function station(role: "client" | "server", until: "nothing" | "check" | "flight" | "connected"): Station {
  const world = new TransportWorld({ paths: mostPaths });
  const innocent = world.peer(2).connect();
  const party = world.peer(1, role);
  const recorded: Uint8Array[] = [];
  const deliver = world.deliver.bind(world);
  world.deliver = (bytes, path) => {
    recorded.push(bytes.slice());
    deliver(bytes, path);
  };
  if (until === "check") party.check();
  else if (until === "flight") {
    party.check();
    // The peer answers us; a client has sent its ClientHello then.
    party.step();
    party.step();
    if (role === "server") {
      party.peer.dtls.start(world.now);
      party.step();
    }
  } else if (until === "connected") {
    party.connect();
    for (let index = 0; index < 5; index++) {
      world.deliver(party.peer.packet(index, "x".repeat(40)), party.via);
      world.deliver(party.peer.report(report), party.via);
    }
  }
  const claimed = Array.from({ length: 10 }, (_, n) => world.path(n === 9));
  return { world, party, innocent, claimed, recorded, served: 0 };
}

/** Of a whole exchange of another time, with the same password: for stations that have recorded little. */
const exchanges = {
  server: station("server", "connected").recorded,
  client: station("client", "connected").recorded,
};

type Change = readonly [at: number, value: number];
const changes = fc.array(fc.tuple(fc.nat(1_500), fc.nat(255)), { maxLength: 4 });
const cuts = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: -40, max: 40 }));

function changed(bytes: Uint8Array, list: readonly Change[], cut: number): Uint8Array {
  const result = new Uint8Array(Math.max(0, bytes.length + cut));
  result.set(bytes.subarray(0, result.length));
  for (const [at, value] of list) if (result.length > 0) result[at % result.length] = value;
  return result;
}

/** STUN that is authentic, whatever is in it. */
const authentic = fc
  .tuple(
    fc.constantFrom("request" as const, "success" as const, "error" as const, "indication" as const),
    fc.array(
      fc.tuple(
        fc.oneof(fc.constantFrom(...Object.values(attribute)), fc.nat(0xffff)),
        fc.uint8Array({ maxLength: 40 }),
      ),
      { maxLength: 6 },
    ),
    fc.boolean(),
  )
  .map(([kind, attributes, named]) => {
    const writer = new MessageWriter(1, kind, stunCrypto.random(12));
    if (named) writer.add(attribute.username, encodeText("worker1:peer1"));
    for (const [kindOf, value] of attributes) writer.add(kindOf, value);
    addIntegrity(writer, "sha1", encodeText("worker-password-1-0123456789"), stunCrypto);
    addFingerprint(writer);
    return writer.bytes().slice();
  });

/** Picks what has been recorded, by number. */
const datagrams = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(fc.nat(), fc.boolean(), changes, cuts) },
  { weight: 2, arbitrary: authentic },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
);

for (const role of ["server", "client"] as const)
  for (const until of ["nothing", "check", "flight", "connected"] as const)
    describe(`a worker that is the DTLS ${role}, after ${until}`, () => {
      test("takes any datagram, keeps little, sends little to who hasn't answered, and harms no other peer", () => {
        let now = station(role, until);
        expect(now.party.transport.state).toBe(until === "connected" ? "connected" : "connecting");
        let left = inputsEach;
        fc.assert(
          fc.property(datagrams, fc.nat(10), fc.nat(300), (input, by, ms) => {
            if (left-- === 0 || now.party.transport.state === "closed") {
              now = station(role, until);
              left = inputsEach;
            }
            const { world, party, innocent, claimed, recorded } = now;
            world.now += ms;
            world.table.tick(world.now);
            const path = claimed[by] ?? party.via;
            if (input instanceof Uint8Array) world.deliver(input, path);
            else {
              const [pick, own, list, cut] = input;
              const source = own && recorded.length > 0 ? recorded : exchanges[role];
              world.deliver(changed(source[pick % source.length] as Uint8Array, list, cut), path);
            }
            // Only what was recorded ahead of the attack is of use.
            recorded.length = Math.min(recorded.length, 60);
            for (const { sent } of [party.via, ...claimed]) sent.length = 0;
            // The innocent peer's checks may be repeated from there, too.
            for (const { transport } of [party, innocent])
              expect(claimed.filter(({ owner }) => owner === transport).length).toBeLessThanOrEqual(
                mostPaths,
              );
            for (const { reliable, bytesSent, bytesReceived } of claimed)
              if (!reliable) expect(bytesSent).toBeLessThanOrEqual(3 * bytesReceived);
            if (until === "connected") expect(party.transport.state).not.toBe("closed");
            expect(innocent.transport.state).toBe("connected");
            if (left % 20 === 0) expectServed(now);
          }),
          { numRuns },
        );
      });
    });

/** The innocent peer's media arrives, and it gets media. */
function expectServed(station: Station): void {
  const { world, innocent } = station;
  const index = ++station.served;
  innocent.check();
  world.run(0, innocent);
  world.received.length = 0;
  world.deliver(innocent.peer.packet(index, "mine"), innocent.via);
  expect(world.received).toEqual([`2 rtp 1111 ${index} mine`]);
  const { header, payload } = rtpOf(index, "yours", 2_222);
  expect(innocent.transport.sendRtp(header, header.length, payload, index)).toBe(true);
  world.run(0, innocent);
  expect(innocent.peer.rtp).toHaveLength(1);
  innocent.peer.rtp.length = 0;
}

test("frames of ICE-TCP: any bytes, in any pieces, never throw, and little is kept", () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.uint8Array({ maxLength: 60 }).map((bytes) => frame(bytes, bytes.length)),
    fc.nat(9_000).map((length) => frame(new Uint8Array(length), length)),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const reader = new FrameReader();
      let alive = true;
      for (const bytes of pieces) {
        const went = reader.push(bytes, (one) => one.length > 0 && one.length <= 8_192);
        if (!alive) expect(went).toBe(false);
        alive = went;
        expect(reader.pending).toBeLessThanOrEqual(8_194);
      }
    }),
    { numRuns },
  );
});
