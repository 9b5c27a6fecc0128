import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Rig, source } from "../turn/support/rig.ts";
import { TestClient } from "../turn/support/test-client.ts";
import { almostStun, wellFramed } from "./turn-input.ts";

const numRuns = Number(process.env.FUZZ_RUNS ?? 2_000);

describe("the machine and strangers", () => {
  test("never throws, answers at most once and with at most three times the bytes, and keeps nothing", () => {
    const rig = new Rig();
    fc.assert(
      fc.property(fc.oneof(almostStun, wellFramed), fc.nat(5_000), (bytes, number) => {
        const answers = rig.datagram(bytes.slice(), source(number));
        expect(answers.length).toBeLessThanOrEqual(1);
        for (const answer of answers) expect(answer.length).toBeLessThanOrEqual(3 * bytes.length);
        expect(rig.machine.gauges).toEqual({ allocations: 0, relays: 0, reservations: 0 });
        expect(rig.machine.quotas.size).toBe(0);
        expect(rig.guard.size).toBe(0);
      }),
      { numRuns },
    );
  });
});

describe("the machine and clients", () => {
  test("whatever a client with an allocation sends, nothing leaves to whom it has no permission for", () => {
    const rig = new Rig();
    const client = new TestClient(rig, source(1));
    client.allocate({ additional: 2 });
    fc.assert(
      fc.property(almostStun, (bytes) => {
        rig.datagram(bytes.slice(), client.source);
        for (const relay of rig.ports.live) expect(relay.sent).toEqual([]);
        expect(rig.machine.gauges).toEqual({ allocations: 1, relays: 2, reservations: 0 });
      }),
      { numRuns },
    );
  });

  test("signed requests with any attributes: one answer, sealed or refused, and bounded state", () => {
    const rig = new Rig({ limits: { allocationsPerUser: 3, permissions: 4, channels: 4 } });
    const clients = Array.from({ length: 6 }, (_, number) => new TestClient(rig, source(number)));
    fc.assert(
      fc.property(fc.nat(5), fc.constantFrom(3, 4, 8, 9), wellFramed, (who, what, template) => {
        const client = clients[who] as TestClient;
        if (client.nonce === undefined) client.challenge();
        const body = template.subarray(20);
        const before = rig.sent.length;
        const signed = client.message(what, (writer) => {
          for (let at = 0; at + 4 <= body.length; ) {
            const type = ((body[at] ?? 0) << 8) | (body[at + 1] ?? 0);
            const length = ((body[at + 2] ?? 0) << 8) | (body[at + 3] ?? 0);
            const sealing = type === 8 || type === 0x1c || type === 0x8028;
            if (!sealing && type !== 6 && type !== 0x15)
              writer.add(type, body.slice(at + 4, at + 4 + length));
            at = (at + 4 + length + 3) & ~3;
          }
        });
        rig.datagram(signed, client.source);
        expect(rig.sent.length - before).toBe(1);
        expect(rig.machine.quotas.total).toBeLessThanOrEqual(3);
        const { allocations, reservations } = rig.machine.gauges;
        expect(rig.machine.quotas.total).toBe(allocations + reservations);
      }),
      { numRuns },
    );
  });
});
