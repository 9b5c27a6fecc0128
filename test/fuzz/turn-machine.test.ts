import { describe, expect, test } from "bun:test";
import { Rig, source } from "../turn/support/rig.ts";
import { TestClient } from "../turn/support/test-client.ts";
import { chance, fuzzRounds, rounds } from "./target.ts";
import { almostStun, wellFramed } from "./turn-input.ts";

const count = fuzzRounds(2_000);

describe("the machine and strangers", () => {
  test("never throws, answers at most once and with at most three times the bytes, and keeps nothing", () => {
    const rig = new Rig();
    const random = chance(1);
    for (const _ of rounds(count)) {
      const bytes = random.chance(0.5) ? almostStun(random) : wellFramed(random);
      clear(rig);
      const answers = rig.datagram(bytes.slice(), source(random.int(0, 5_000)));
      expect(answers.length).toBeLessThanOrEqual(1);
      for (const answer of answers) expect(answer.length).toBeLessThanOrEqual(3 * bytes.length);
      expect(rig.machine.gauges).toEqual({ allocations: 0, relays: 0, reservations: 0 });
      expect(rig.machine.quotas.size).toBe(0);
      expect(rig.guard.size).toBe(0);
    }
  });
});

describe("the machine and clients", () => {
  test("whatever a client with an allocation sends, nothing leaves to whom it has no permission for", () => {
    const rig = new Rig();
    const client = new TestClient(rig, source(1));
    client.allocate({ additional: 2 });
    const random = chance(2);
    for (const _ of rounds(count)) {
      clear(rig);
      rig.datagram(almostStun(random), client.source);
      for (const relay of rig.ports.live) expect(relay.sent).toEqual([]);
      expect(rig.machine.gauges).toEqual({ allocations: 1, relays: 2, reservations: 0 });
    }
  });

  test("signed requests with any attributes: one answer, sealed or refused, and bounded state", () => {
    const rig = new Rig({ limits: { allocationsPerUser: 3, permissions: 4, channels: 4 } });
    const clients = Array.from({ length: 6 }, (_, number) => new TestClient(rig, source(number)));
    const random = chance(3);
    for (const _ of rounds(count)) {
      const client = random.pick(clients);
      // Allocations and nonces end by time.
      if (random.chance(0.001)) rig.wait(random.int(1, 700));
      if (client.nonce === undefined || random.chance(0.01)) client.challenge();
      const body = wellFramed(random).subarray(20);
      clear(rig);
      const signed = client.message(random.pick([3, 4, 8, 9]), (writer) => {
        for (let at = 0; at + 4 <= body.length; ) {
          const type = ((body[at] ?? 0) << 8) | (body[at + 1] ?? 0);
          const length = ((body[at + 2] ?? 0) << 8) | (body[at + 3] ?? 0);
          const sealing = type === 8 || type === 0x1c || type === 0x8028;
          if (!sealing && type !== 6 && type !== 0x15) writer.add(type, body.slice(at + 4, at + 4 + length));
          at = (at + 4 + length + 3) & ~3;
        }
      });
      rig.datagram(signed, client.source);
      expect(rig.sent).toHaveLength(1);
      expect(rig.machine.quotas.total).toBeLessThanOrEqual(3);
      const { allocations, reservations } = rig.machine.gauges;
      expect(rig.machine.quotas.total).toBe(allocations + reservations);
    }
  });
});

/** What the rig remembers is not the machine's. */
function clear({ sent, events }: Rig): void {
  sent.length = 0;
  events.length = 0;
}
