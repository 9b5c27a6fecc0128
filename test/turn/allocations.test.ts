import { describe, expect, test } from "bun:test";
import { attribute } from "../../src/wire/stun/attribute-type.ts";
import {
  decodeLifetime,
  encodeLifetime,
  encodeRequestedTransport,
} from "../../src/wire/stun/attribute-values.ts";
import { decodeAddressErrorCode } from "../../src/wire/stun/error-code.ts";
import { method } from "../../src/wire/stun/message-type.ts";
import { decodeXorAddress } from "../../src/wire/stun/transport-address.ts";
import { Rig, source } from "./support/rig.ts";
import { TestClient } from "./support/test-client.ts";

const lifetimeOf = (client: TestClient): number | undefined =>
  decodeLifetime(client.last?.value(attribute.lifetime) ?? new Uint8Array());
const transport = (protocol: number) => (writer: { add(type: number, value: Uint8Array): unknown }) => {
  writer.add(attribute.requestedTransport, encodeRequestedTransport(protocol));
};

describe("Allocate", () => {
  test("gives a relay, the mapped address and a lifetime, sealed", () => {
    const rig = new Rig();
    const client = new TestClient(rig, source(1));
    expect(client.allocate()).toBe("success");
    expect(client.sealed).toBe(true);
    expect(client.relayed).toEqual([{ address: Uint8Array.of(198, 18, 0, 1), port: 50_000 }]);
    const mapped = client.last?.value(attribute.xorMappedAddress) as Uint8Array;
    expect(decodeXorAddress(mapped, client.last?.transactionId as Uint8Array)).toEqual({
      address: Uint8Array.of(192, 88, 0, 1),
      port: 40_001,
    });
    expect(lifetimeOf(client)).toBe(600);
    expect(rig.machine.gauges).toEqual({ allocations: 1, relays: 1, reservations: 0 });
  });

  test("a lost answer is given again, anything else on the 5-tuple is a mismatch", () => {
    const rig = new Rig();
    const client = new TestClient(rig, source(1));
    const id = new Uint8Array(12).fill(5);
    expect(client.allocate({}, id)).toBe("success");
    const first = client.relayed;
    expect(client.allocate({}, id)).toBe("success");
    expect(client.relayed).toEqual(first);
    expect(client.allocate()).toBe(437);
    expect(rig.ports.live.size).toBe(1);
  });

  test("a retransmission while sockets open makes nothing twice", () => {
    const rig = new Rig();
    rig.ports.slow = true;
    const client = new TestClient(rig, source(1));
    const id = new Uint8Array(12).fill(5);
    expect(client.allocate({}, id)).toBeUndefined();
    expect(client.allocate({}, id)).toBeUndefined();
    const before = rig.sent.length;
    rig.ports.flush();
    expect(client.take(rig.sent.slice(before).map((one) => one.bytes))).toBe("success");
    expect(rig.ports.live.size).toBe(1);
    expect(rig.machine.quotas.total).toBe(1);
  });

  test("lifetimes are between the default and the most", () => {
    const rig = new Rig();
    const client = new TestClient(rig, source(1));
    for (const [wanted, granted] of [
      [0, 600],
      [10, 600],
      [1_200, 1_200],
      [0xffffffff, 3_600],
    ] as const) {
      expect(client.allocate({ lifetime: wanted })).toBe("success");
      expect(lifetimeOf(client)).toBe(granted);
      expect(client.refresh(0)).toBe("success");
    }
  });

  test("other transports, RFC 6062's too, are refused", () => {
    const client = new TestClient(new Rig(), source(1));
    expect(client.ask(method.allocate, transport(6))).toBe(442);
    expect(client.ask(method.allocate, transport(1))).toBe(442);
    expect(client.ask(method.allocate)).toBe(400);
    expect(client.ask(method.connect)).toBeUndefined();
  });

  test("what must be understood and isn't is named", () => {
    const client = new TestClient(new Rig(), source(1));
    const said = client.ask(method.allocate, (writer) => {
      transport(17)(writer);
      writer.add(0x7001, new Uint8Array(3)).add(0x0003, new Uint8Array(4)).add(0xfff0, new Uint8Array(4));
    });
    expect(said).toBe(420);
    expect(client.last?.value(attribute.unknownAttributes)).toEqual(Uint8Array.of(0x70, 1, 0, 3));
  });

  test("DONT-FRAGMENT is unknown where the platform can't", () => {
    const rig = new Rig();
    const client = new TestClient(rig, source(1));
    const fill = (writer: Parameters<Parameters<TestClient["ask"]>[1] & object>[0]) => {
      transport(17)(writer);
      writer.add(attribute.dontFragment, new Uint8Array());
    };
    rig.ports.dontFragment = false;
    expect(client.ask(method.allocate, fill)).toBe(420);
    expect(client.last?.value(attribute.unknownAttributes)).toEqual(Uint8Array.of(0, 0x1a));
    rig.ports.dontFragment = true;
    expect(client.ask(method.allocate, fill)).toBe("success");
  });

  test("no free port is 508, and costs nothing", () => {
    const rig = new Rig();
    rig.ports.free = 0;
    expect(new TestClient(rig, source(1)).allocate()).toBe(508);
    expect(rig.machine.quotas.total).toBe(0);
  });
});

describe("families", () => {
  test("IPv4 unless asked otherwise; both by ADDITIONAL-ADDRESS-FAMILY", () => {
    const rig = new Rig();
    const six = new TestClient(rig, { address: "2001:db8:1::5", port: 4_000 });
    expect(six.allocate()).toBe("success");
    expect(six.relayed[0]?.address).toHaveLength(4);
    const asked = new TestClient(rig, source(2));
    expect(asked.allocate({ family: 2 })).toBe("success");
    expect(asked.relayed[0]?.address).toHaveLength(16);
    const both = new TestClient(rig, source(3));
    expect(both.allocate({ additional: 2 })).toBe("success");
    expect(both.relayed.map((one) => one.address.length)).toEqual([4, 16]);
    expect(rig.machine.quotas.total).toBe(3);
  });

  test("follows the client's family where that is wanted", () => {
    const client = new TestClient(new Rig({ followClientFamily: true }), {
      address: "2001:db8:1::5",
      port: 4,
    });
    expect(client.allocate()).toBe("success");
    expect(client.relayed[0]?.address).toHaveLength(16);
  });

  test("a family that isn't served is 440, or told beside the other", () => {
    const rig = new Rig();
    rig.ports.families = [1];
    expect(new TestClient(rig, source(1)).allocate({ family: 2 })).toBe(440);
    expect(new TestClient(rig, source(1)).allocate({ family: 9 })).toBe(440);
    const both = new TestClient(rig, source(2));
    expect(both.allocate({ additional: 2 })).toBe("success");
    expect(both.relayed).toHaveLength(1);
    const failed = both.last?.value(attribute.addressErrorCode) as Uint8Array;
    expect(decodeAddressErrorCode(failed)).toEqual({ family: 2, code: 440, reason: "" });
  });

  test("combinations that make no sense are 400", () => {
    const client = new TestClient(new Rig(), source(1));
    expect(client.allocate({ additional: 1 })).toBe(400);
    expect(client.allocate({ additional: 2, family: 1 })).toBe(400);
    expect(client.allocate({ additional: 2, even: true })).toBe(400);
    expect(client.allocate({ token: new Uint8Array(8), even: false })).toBe(400);
    expect(client.allocate({ token: new Uint8Array(7) })).toBe(400);
  });

  test("one family of two can be given up", () => {
    const rig = new Rig();
    const client = new TestClient(rig, source(1));
    client.allocate({ additional: 2 });
    expect(client.permit("8.8.8.8", "2a00::1")).toBe("success");
    expect(client.refresh(0, 2)).toBe("success");
    expect(rig.machine.gauges).toEqual({ allocations: 1, relays: 1, reservations: 0 });
    expect(client.permit("2a00::1")).toBe(443);
    expect(client.refresh(600, 2)).toBe(443);
    expect(client.permit("8.8.8.8")).toBe("success");
    expect(client.refresh(0, 1)).toBe("success");
    expect(rig.ports.live.size).toBe(0);
  });
});

describe("EVEN-PORT and RESERVATION-TOKEN", () => {
  test("the next port waits for its token, and for its user", () => {
    const rig = new Rig();
    const client = new TestClient(rig, source(1));
    expect(client.allocate({ even: true })).toBe("success");
    const token = client.last?.value(attribute.reservationToken) as Uint8Array;
    const port = client.relayed[0]?.port as number;
    expect(port % 2).toBe(0);
    expect(rig.machine.quotas.total).toBe(2);
    const stranger = TestClient.rest(rig, source(3), "bob");
    expect(stranger.allocate({ token })).toBe(508);
    const second = new TestClient(rig, source(2));
    expect(second.allocate({ token })).toBe("success");
    expect(second.relayed[0]?.port).toBe(port + 1);
    expect(new TestClient(rig, source(4)).allocate({ token })).toBe(508);
    expect(rig.machine.quotas.total).toBe(2);
    client.refresh(0);
    second.refresh(0);
    expect(rig.machine.quotas.total).toBe(0);
    expect(rig.ports.live.size).toBe(0);
  });

  test("a reservation that nobody claims is freed, and R=0 reserves nothing", () => {
    const rig = new Rig();
    const client = new TestClient(rig, source(1));
    client.allocate({ even: true });
    rig.wait(31);
    expect(rig.machine.gauges.reservations).toBe(0);
    expect(rig.machine.quotas.total).toBe(1);
    expect(rig.ports.live.size).toBe(1);
    const other = new TestClient(rig, source(2));
    expect(other.allocate({ even: false })).toBe("success");
    expect(other.last?.has(attribute.reservationToken)).toBe(false);
    expect(rig.ports.live.size).toBe(2);
  });
});

describe("the end", () => {
  test("expires at its time, unless refreshed", () => {
    const rig = new Rig();
    const client = new TestClient(rig, source(1));
    client.allocate();
    rig.wait(599);
    expect(client.refresh(700)).toBe("success");
    rig.wait(699);
    expect(rig.machine.gauges.allocations).toBe(1);
    rig.wait(1);
    expect(rig.machine.gauges).toEqual({ allocations: 0, relays: 0, reservations: 0 });
    expect(rig.ports.live.size).toBe(0);
    expect(client.refresh()).toBe(437);
    expect(rig.events.at(-1)).toMatchObject({ type: "closed", reason: "expired" });
  });

  test("revoking ends a user's allocations now and refuses what credentials there were, not later ones", () => {
    const rig = new Rig();
    const phone = TestClient.rest(rig, source(1), "bob/phone");
    const laptop = TestClient.rest(rig, source(2), "bob/laptop");
    const other = TestClient.rest(rig, source(3), "bobby/phone");
    for (const client of [phone, laptop, other]) expect(client.allocate()).toBe("success");
    expect(rig.machine.revoke("bob/phone", rig.now)).toBe(1);
    expect(phone.allocate()).toBe(401);
    expect(laptop.refresh()).toBe("success");
    expect(rig.machine.revoke("bob", rig.now)).toBe(1);
    expect(laptop.allocate()).toBe(401);
    expect(other.refresh()).toBe("success");
    rig.now += 1_000;
    expect(TestClient.rest(rig, source(4), "bob/phone").allocate()).toBe("success");
    expect(rig.machine.quotas.total).toBe(2);
  });

  test("stop gives everything back", () => {
    const rig = new Rig();
    for (let n = 0; n < 5; n++) TestClient.rest(rig, source(n), `u${n}`).allocate({ even: true });
    rig.machine.stop();
    expect(rig.ports.live.size).toBe(0);
    expect(rig.machine.quotas.total).toBe(0);
    expect(rig.machine.quotas.size).toBe(0);
  });

  test("a refresh with a broken lifetime changes nothing", () => {
    const rig = new Rig();
    const client = new TestClient(rig, source(1));
    client.allocate();
    expect(client.ask(method.refresh, (writer) => writer.add(attribute.lifetime, new Uint8Array(2)))).toBe(
      400,
    );
    expect(client.ask(method.refresh, (writer) => writer.add(attribute.lifetime, encodeLifetime(0)))).toBe(
      "success",
    );
  });
});

describe("quotas", () => {
  test("per user, per address (IPv6: its /64) and in all; each given back once", () => {
    const rig = new Rig({ limits: { allocationsPerUser: 2, allocationsPerAddress: 3, allocations: 4 } });
    const from = (port: number) => ({ address: "192.88.0.1", port });
    const one = TestClient.rest(rig, from(1), "a");
    expect(one.allocate()).toBe("success");
    expect(TestClient.rest(rig, from(2), "a").allocate()).toBe("success");
    expect(TestClient.rest(rig, from(3), "a").allocate()).toBe(486);
    expect(TestClient.rest(rig, from(3), "b").allocate()).toBe("success");
    expect(TestClient.rest(rig, from(4), "b").allocate()).toBe(486);
    expect(TestClient.rest(rig, { address: "192.88.0.2", port: 4 }, "b").allocate()).toBe("success");
    expect(TestClient.rest(rig, { address: "192.88.0.3", port: 4 }, "c").allocate()).toBe(486);
    expect(rig.refused()).toMatchObject({ quota_user: 1, quota_address: 1, quota_total: 1 });
    one.refresh(0);
    one.refresh(0);
    expect(rig.machine.quotas.total).toBe(3);
    expect(TestClient.rest(rig, { address: "192.88.0.3", port: 4 }, "c").allocate()).toBe("success");
    expect(TestClient.rest(rig, { address: "192.88.0.3", port: 5 }, "c").allocate()).toBe(486);
  });

  test("a user has one share, however many devices it names; a device has a smaller one", () => {
    const rig = new Rig({ limits: { allocationsPerDevice: 2, allocationsPerUser: 3 } });
    const device = (port: number, name: string) => TestClient.rest(rig, source(port), name).allocate();
    expect([device(1, "alice/a"), device(2, "alice/a"), device(3, "alice/a")]).toEqual([
      "success",
      "success",
      486,
    ]);
    expect([device(4, "alice/b"), device(5, "alice/c"), device(6, "alice")]).toEqual(["success", 486, 486]);
    expect(device(7, "alicia/a")).toBe("success");
    expect(rig.refused()).toMatchObject({ quota_device: 1, quota_user: 2 });
    rig.machine.revoke("alice", rig.now);
    expect(rig.machine.quotas.size).toBe(3);
  });

  test("neither one user nor one address takes all by default, whatever its devices are called", () => {
    const rig = new Rig();
    const most = (name: (n: number) => string, from: (n: number) => string): number => {
      let got = 0;
      for (let n = 0; n < 500; n++)
        if (TestClient.rest(rig, { address: from(n), port: 1_000 + n }, name(n)).allocate() === "success")
          got++;
      return got;
    };
    const anywhere = (n: number): string => `11.1.${n >> 8}.${n & 255}`;
    expect(most((n) => `alice/d${n % 20}`, anywhere)).toBe(64);
    expect(most((n) => `guest/d${n % 20}/guest`, anywhere)).toBe(12);
    // Guests who take another name each time, at one address; then users at one address.
    expect(
      most(
        (n) => `guest${n}/tab/guest`,
        () => "11.2.0.1",
      ),
    ).toBe(60);
    expect(
      most(
        (n) => `user${n}/web`,
        () => "11.3.0.1",
      ),
    ).toBe(128);
  });

  test("a guest gets less, and all guests together leave room for others", () => {
    const rig = new Rig({ limits: { allocationsPerUser: 9, allocationsPerGuest: 2, guestAllocations: 3 } });
    const guest = (port: number, number: number) =>
      TestClient.rest(rig, source(port), `visitor-${number}/tab/guest`);
    const one = guest(1, 1);
    expect([one.allocate(), guest(2, 1).allocate(), guest(3, 1).allocate()]).toEqual([
      "success",
      "success",
      486,
    ]);
    expect(TestClient.rest(rig, source(9), "visitor-1/other-tab/guest").allocate()).toBe(486);
    expect([guest(4, 2).allocate(), guest(5, 3).allocate()]).toEqual(["success", 486]);
    expect(rig.refused()).toMatchObject({ quota_user: 2, quota_guests: 1 });
    // Whose device is called guest is none, and takes none of the guests' room.
    for (let port = 10; port < 15; port++)
      expect(TestClient.rest(rig, source(port), "alice/guest").allocate()).toBe("success");
    one.refresh(0);
    expect(guest(5, 3).allocate()).toBe("success");
    rig.machine.revoke("visitor-1/tab", rig.now);
    expect([guest(6, 4).allocate(), guest(7, 5).allocate()]).toEqual(["success", 486]);
  });

  test("a pair takes two places or none", () => {
    const rig = new Rig({ limits: { allocations: 1 } });
    expect(new TestClient(rig, source(1)).allocate({ even: true })).toBe(486);
    expect(rig.machine.quotas.total).toBe(0);
    expect(new TestClient(rig, source(1)).allocate({ even: false })).toBe("success");
  });
});
