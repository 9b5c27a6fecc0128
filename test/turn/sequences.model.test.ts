import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { attribute } from "../../src/wire/stun/attribute-type.ts";
import { modelTimeout, runs, seed } from "../support/seed.ts";
import { Rig, source } from "./support/rig.ts";
import { TestClient } from "./support/test-client.ts";

const clients = 4;
const peers = ["8.8.8.8", "8.8.4.4", "10.0.0.1", "2a00::1"];
const limits = {
  allocationsPerUser: 2,
  allocationsPerAddress: 8,
  allocations: 5,
  permissions: 2,
  channels: 2,
};

const who = fc.nat(clients - 1);
const peer = fc.constantFrom(...peers);
const channel = fc.constantFrom(0x4000, 0x4001, 0x4002, 0x5000);
const port = fc.constantFrom(7, 9);
const step = fc.oneof(
  fc.record({
    do: fc.constant("allocate" as const),
    who,
    shape: fc.constantFrom("one", "dual", "pair", "claim"),
  }),
  fc.record({ do: fc.constant("refresh" as const), who, seconds: fc.constantFrom(0, 600, 3_600) }),
  fc.record({ do: fc.constant("permit" as const), who, peer }),
  fc.record({ do: fc.constant("bind" as const), who, peer, port, channel }),
  fc.record({ do: fc.constant("send" as const), who, peer, port }),
  fc.record({ do: fc.constant("channelData" as const), who, channel }),
  fc.record({ do: fc.constant("fromPeer" as const), who, peer, port }),
  fc.record({ do: fc.constant("wait" as const), seconds: fc.constantFrom(1, 29, 150, 301, 601) }),
  fc.record({ do: fc.constant("revoke" as const), who }),
  fc.record({ do: fc.constant("disconnect" as const), who }),
);

/** What a client may do, as simply as it can be said: until when, to whom. */
interface Model {
  endsAt: number;
  readonly relays: number[];
  readonly families: Set<number>;
  readonly permitted: Map<string, number>;
}

const familyOf = (address: string): number => (address.includes(":") ? 2 : 1);

describe("any sequence of requests", () => {
  test(
    `relays only with a permission; quota = allocations + reservations; sockets = their relays (seed ${seed})`,
    () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
          const rig = new Rig({ limits });
          const tokens: Uint8Array[] = [];
          const users = Array.from({ length: clients }, (_, n) =>
            TestClient.rest(rig, source(n), n < 2 ? "shared" : `user${n}`, 100_000),
          );
          const models: (Model | undefined)[] = users.map(() => undefined);
          for (const one of steps) {
            const sentBefore = new Map(
              [...rig.ports.live].map((relay) => [relay, relay.sent.length] as const),
            );
            const client = users["who" in one ? one.who : 0] as TestClient;
            const index = "who" in one ? one.who : 0;
            const model = models[index];
            const may = (address: string): boolean =>
              model !== undefined && (model.permitted.get(address) ?? 0) > rig.now;
            let mayLeave: string | undefined;
            if (one.do === "allocate") {
              const token = one.shape === "claim" ? (tokens.at(-1) ?? new Uint8Array(8)) : undefined;
              const said = client.allocate({
                ...(one.shape === "dual" ? { additional: 2 } : {}),
                ...(one.shape === "pair" ? { even: true } : {}),
                ...(token === undefined ? {} : { token }),
              });
              if (model !== undefined) expect(said).toBe(437);
              else if (said === "success") {
                const reserved = client.last?.value(attribute.reservationToken);
                if (reserved !== undefined) tokens.push(reserved.slice());
                models[index] = {
                  endsAt: rig.now + 600_000,
                  relays: client.relayed.map((relayed) => relayed.port),
                  families: new Set(client.relayed.map((relayed) => (relayed.address.length === 4 ? 1 : 2))),
                  permitted: new Map(),
                };
              } else expect([486, 508, 401]).toContain(said as number);
            } else if (one.do === "refresh") {
              const said = client.refresh(one.seconds);
              if (model === undefined) expect([437, 401]).toContain(said as number);
              else {
                expect(said).toBe("success");
                if (one.seconds === 0) models[index] = undefined;
                else model.endsAt = rig.now + one.seconds * 1_000;
              }
            } else if (one.do === "permit" || one.do === "bind") {
              const said =
                one.do === "permit" ? client.permit(one.peer) : client.bind(one.channel, one.peer, one.port);
              if (model === undefined) expect([437, 401]).toContain(said as number);
              else if (!model.families.has(familyOf(one.peer)) && said !== 400) expect(said).toBe(443);
              else if (one.peer === "10.0.0.1" && said !== 400) expect(said).toBe(403);
              else if (said === "success") model.permitted.set(one.peer, rig.now + 300_000);
              else expect([400, 508]).toContain(said as number);
            } else if (one.do === "send") {
              client.send(one.peer, one.port, "payload");
              mayLeave = may(one.peer) ? one.peer : undefined;
            } else if (one.do === "channelData") client.channelData(one.channel, "payload");
            else if (one.do === "fromPeer" && model !== undefined) {
              const before = client.received().length;
              for (const relayPort of model.relays)
                for (const relay of rig.ports.live)
                  if (relay.port === relayPort && relay.family === familyOf(one.peer))
                    relay.receiver?.fromPeer(Uint8Array.of(1), one.port, one.peer);
              expect(client.received().length - before).toBe(may(one.peer) ? 1 : 0);
            } else if (one.do === "wait") rig.wait(one.seconds);
            else if (one.do === "revoke") {
              const name = client.username.slice(client.username.indexOf(":") + 1);
              rig.machine.revoke(name, rig.now);
              for (const [n, user] of users.entries())
                if (user.username.endsWith(`:${name}`)) models[n] = undefined;
            } else if (one.do === "disconnect") {
              const found = rig.guard.find(client.source.address, client.source.port);
              if (found !== undefined) rig.machine.disconnected(found);
              models[index] = undefined;
            }
            for (const [n, known] of models.entries())
              if (known !== undefined && known.endsAt <= rig.now) models[n] = undefined;

            for (const [relay, before] of sentBefore)
              for (const { address } of relay.sent.slice(before)) {
                expect(may(address)).toBe(true);
                if (one.do === "send") expect(address).toBe(mayLeave as string);
              }
            const { allocations, relays, reservations } = rig.machine.gauges;
            expect(allocations).toBe(models.filter((known) => known !== undefined).length);
            expect(rig.machine.quotas.total).toBe(allocations + reservations);
            expect(rig.ports.live.size).toBe(relays + reservations);
            expect(rig.guard.size).toBe(allocations);
          }
          rig.wait(3_700);
          expect(rig.ports.live.size).toBe(0);
          expect(rig.machine.quotas.size).toBe(0);
        }),
        { seed, numRuns: runs(300) },
      );
    },
    modelTimeout,
  );
});
