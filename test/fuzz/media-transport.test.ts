import { describe, expect, test } from "bun:test";
import { FrameReader, frame } from "../../src/media/transport/ice-tcp.ts";
import { stunCrypto } from "../../src/net/stun-crypto.ts";
import { attribute } from "../../src/wire/stun/attribute-type.ts";
import { addFingerprint } from "../../src/wire/stun/fingerprint.ts";
import { addIntegrity } from "../../src/wire/stun/integrity.ts";
import { encodeText } from "../../src/wire/stun/text.ts";
import { MessageWriter } from "../../src/wire/stun/writer.ts";
import { rtpOf } from "../media/support/test-peer.ts";
import { type Party, type TestPath, TransportWorld } from "../media/support/transport-world.ts";
import { anyBytes, changedBytes } from "./byte-mutation.ts";
import type { Random } from "./random.ts";
import { chance, fuzzRounds, rounds } from "./target.ts";

const count = fuzzRounds(3_000);
/** Pieces of one connection. */
const pieces = 20;
const connections = fuzzRounds(2_000, pieces);
/** Inputs of one world, until it is made anew. */
const inputsEach = 300;
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

const kinds = ["request", "success", "error", "indication"] as const;
const known = Object.values(attribute);
const password = encodeText("worker-password-1-0123456789");

/** STUN that is authentic, whatever is in it. */
function authentic(random: Random): Uint8Array {
  const writer = new MessageWriter(1, random.pick(kinds), stunCrypto.random(12));
  if (random.chance(0.5)) writer.add(attribute.username, encodeText("worker1:peer1"));
  for (let left = random.int(0, 6); left > 0; left--)
    writer.add(random.chance(0.5) ? random.pick(known) : random.int(0, 0xffff), anyBytes(random, 40));
  addIntegrity(writer, "sha1", password, stunCrypto);
  addFingerprint(writer);
  return writer.bytes().slice();
}

/** What has been recorded with changes, here or in a whole exchange; authentic STUN; noise. */
function datagram(
  random: Random,
  recorded: readonly Uint8Array[],
  exchange: readonly Uint8Array[],
): Uint8Array {
  const kind = random.int(0, 7);
  if (kind === 0) return anyBytes(random, 200);
  if (kind < 3) return authentic(random);
  return changedBytes(random, random.pick(recorded.length > 0 && random.chance(0.5) ? recorded : exchange));
}

for (const role of ["server", "client"] as const)
  for (const until of ["nothing", "check", "flight", "connected"] as const)
    describe(`a worker that is the DTLS ${role}, after ${until}`, () => {
      test("takes any datagram, keeps little, sends little to who hasn't answered, and harms no other peer", () => {
        const random = chance();
        let now = station(role, until);
        expect(now.party.transport.state).toBe(until === "connected" ? "connected" : "connecting");
        let left = inputsEach;
        for (const _ of rounds(count)) {
          if (left-- === 0 || now.party.transport.state === "closed") {
            now = station(role, until);
            left = inputsEach;
          }
          const { world, party, innocent, claimed, recorded } = now;
          world.now += random.int(0, 300);
          world.table.tick(world.now);
          const path = claimed[random.int(0, claimed.length)] ?? party.via;
          world.deliver(datagram(random, recorded, exchanges[role]), path);
          // Only what was recorded ahead of the attack is of use.
          recorded.length = Math.min(recorded.length, 60);
          for (const { sent } of [party.via, ...claimed]) sent.length = 0;
          // The innocent peer's checks may be repeated from there, too.
          let [own, others] = [0, 0];
          for (const { owner, reliable, bytesSent, bytesReceived } of claimed) {
            if (owner === party.transport) own++;
            else if (owner === innocent.transport) others++;
            if (!reliable && bytesSent > 3 * bytesReceived)
              throw new Error(`${bytesSent} bytes for ${bytesReceived} to who hasn't answered`);
          }
          expect(Math.max(own, others)).toBeLessThanOrEqual(mostPaths);
          if (until === "connected") expect(party.transport.state).not.toBe("closed");
          expect(innocent.transport.state).toBe("connected");
          if (left % 20 === 0) expectServed(now);
        }
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
  const random = chance();
  const piece = (): Uint8Array => {
    const kind = random.int(0, 2);
    const bytes =
      kind < 2 ? anyBytes(random, 60) : new Uint8Array(random.int(0, random.pick([60, 1_500, 9_000])));
    return kind === 0 ? bytes : frame(bytes, bytes.length);
  };
  for (const _ of rounds(connections, pieces)) {
    const reader = new FrameReader();
    let alive = true;
    for (let left = pieces; left > 0; left--) {
      const went = reader.push(piece(), (one) => one.length > 0 && one.length <= 8_192);
      if (!alive) expect(went).toBe(false);
      alive = went;
      expect(reader.pending).toBeLessThanOrEqual(8_194);
    }
  }
});
