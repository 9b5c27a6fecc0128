import { describe, expect, test } from "bun:test";
import { attribute } from "../../src/wire/stun/attribute-type.ts";
import { encodeText } from "../../src/wire/stun/text.ts";
import { Rig, source } from "./support/rig.ts";
import { TestClient } from "./support/test-client.ts";

function allocated(options?: ConstructorParameters<typeof Rig>[0], number = 1) {
  const rig = new Rig(options);
  const client = new TestClient(rig, source(number));
  expect(client.allocate()).toBe("success");
  const relay = rig.relay(client.relayed[0]?.port ?? 0);
  const texts = (): string[] =>
    relay.sent.map(({ bytes, address, port }) => `${address}:${port} ${Buffer.from(bytes)}`);
  const fromPeer = (address: string, port: number, text: string): void =>
    relay.receiver?.fromPeer(encodeText(text), port, address);
  return { rig, client, relay, texts, fromPeer };
}

describe("permissions", () => {
  test("let data through both ways, from any port of the address, for five minutes", () => {
    const { rig, client, texts, fromPeer } = allocated();
    client.send("8.8.8.8", 9, "too early");
    fromPeer("8.8.8.8", 9, "too early");
    expect(client.permit("8.8.8.8")).toBe("success");
    client.send("8.8.8.8", 9, "out");
    client.send("8.8.4.4", 9, "nobody");
    fromPeer("8.8.8.8", 77, "in");
    fromPeer("8.8.4.4", 77, "nobody");
    expect(texts()).toEqual(["8.8.8.8:9 out"]);
    expect(client.received()).toEqual(["8.8.8.8:77 in"]);
    expect(rig.machine.stats.refused.no_permission).toBe(4);
    rig.wait(299);
    fromPeer("8.8.8.8", 77, "just in time");
    rig.wait(1);
    fromPeer("8.8.8.8", 77, "too late");
    client.send("8.8.8.8", 9, "too late");
    expect(client.received()).toHaveLength(2);
    expect(texts()).toHaveLength(1);
  });

  test("several at once are all given or none", () => {
    const { rig, client, texts } = allocated();
    expect(client.permit("8.8.8.8", "10.0.0.1")).toBe(403);
    client.send("8.8.8.8", 9, "no");
    expect(texts()).toEqual([]);
    expect(client.permit()).toBe(400);
    expect(client.permit("8.8.8.8", "2a00::1")).toBe(443);
    expect(client.permit("8.8.8.8", "8.8.4.4", "8.8.8.8")).toBe("success");
    expect(client.sealed).toBe(true);
    expect(rig.events.filter((one) => one.type === "denied")).toEqual([
      { type: "denied", user: "alice", peer: "10.0.0.1", rule: "private" },
    ]);
  });

  test("are limited; those that are there can be renewed", () => {
    const { client } = allocated({ limits: { permissions: 2 } });
    expect(client.permit("8.0.0.1", "8.0.0.2")).toBe("success");
    expect(client.permit("8.0.0.3")).toBe(508);
    expect(client.permit("8.0.0.2", "8.0.0.1")).toBe("success");
    expect(client.bind(0x4000, "8.0.0.3", 1)).toBe(508);
    expect(client.bind(0x4000, "8.0.0.2", 1)).toBe("success");
  });

  test("without an allocation there are none", () => {
    const client = new TestClient(new Rig(), source(1));
    expect(client.permit("8.8.8.8")).toBe(437);
    expect(client.bind(0x4000, "8.8.8.8", 1)).toBe(437);
    expect(client.refresh()).toBe(437);
  });
});

describe("channels", () => {
  test("carry data both ways; other ports of the peer use indications", () => {
    const { client, texts, fromPeer } = allocated();
    expect(client.bind(0x4001, "8.8.8.8", 9)).toBe("success");
    client.channelData(0x4001, "out");
    client.channelData(0x4002, "unbound");
    fromPeer("8.8.8.8", 9, "in");
    fromPeer("8.8.8.8", 10, "in");
    expect(texts()).toEqual(["8.8.8.8:9 out"]);
    expect(client.received()).toEqual(["4001 in", "8.8.8.8:10 in"]);
  });

  test("a number and a peer belong together", () => {
    const { client } = allocated();
    expect(client.bind(0x4000, "8.8.8.8", 9)).toBe("success");
    expect(client.bind(0x4000, "8.8.8.8", 9)).toBe("success");
    expect(client.bind(0x4000, "8.8.8.8", 10)).toBe(400);
    expect(client.bind(0x4000, "8.8.4.4", 9)).toBe(400);
    expect(client.bind(0x4001, "8.8.8.8", 9)).toBe(400);
    expect(client.bind(0x4001, "8.8.8.8", 10)).toBe("success");
  });

  test("numbers are 0x4000 to 0x7FFF, as RFC 5766 had them", () => {
    const { client, texts } = allocated();
    for (const number of [0, 0x3fff, 0x8000, 0xffff]) expect(client.bind(number, "8.8.8.8", 9)).toBe(400);
    for (const [peer, number] of [0x4000, 0x4fff, 0x5000, 0x7fff].entries()) {
      expect(client.bind(number, "8.8.8.8", 9 + peer)).toBe("success");
      client.channelData(number, "out");
    }
    expect(texts()).toEqual(["8.8.8.8:9 out", "8.8.8.8:10 out", "8.8.8.8:11 out", "8.8.8.8:12 out"]);
  });

  test("outlive their permission but don't replace it", () => {
    const { rig, client, texts, fromPeer } = allocated();
    client.refresh(3_600);
    client.bind(0x4000, "8.8.8.8", 9);
    rig.wait(301);
    client.channelData(0x4000, "no");
    fromPeer("8.8.8.8", 9, "no");
    expect(texts()).toEqual([]);
    expect(client.permit("8.8.8.8")).toBe("success");
    client.channelData(0x4000, "again");
    fromPeer("8.8.8.8", 9, "again");
    expect(texts()).toEqual(["8.8.8.8:9 again"]);
    expect(client.received()).toEqual(["4000 again"]);
  });

  test("end after ten minutes and rest for five", () => {
    const { rig, client, texts, fromPeer } = allocated();
    client.refresh(3_600);
    client.bind(0x4000, "8.8.8.8", 9);
    rig.wait(599);
    client.permit("8.8.8.8");
    client.channelData(0x4000, "yes");
    rig.wait(1);
    client.channelData(0x4000, "no");
    fromPeer("8.8.8.8", 9, "indication");
    expect(texts()).toEqual(["8.8.8.8:9 yes"]);
    expect(client.received()).toEqual(["8.8.8.8:9 indication"]);
    expect(client.bind(0x4000, "8.8.4.4", 9)).toBe(400);
    rig.wait(300);
    expect(client.bind(0x4000, "8.8.4.4", 9)).toBe("success");
  });

  test("are limited", () => {
    const { client } = allocated({ limits: { channels: 2 } });
    expect(client.bind(0x4000, "8.8.8.8", 1)).toBe("success");
    expect(client.bind(0x4001, "8.8.8.8", 2)).toBe("success");
    expect(client.bind(0x4002, "8.8.8.8", 3)).toBe(508);
  });

  test("broken ChannelData is dropped, padding is cut off", () => {
    const { rig, client, texts } = allocated();
    client.bind(0x4000, "8.8.8.8", 9);
    for (const bytes of [[0x40], [0x40, 0, 0], [0x40, 0, 0, 5, 1, 2], [0x40, 0, 0xff, 0xff]])
      rig.datagram(Uint8Array.from(bytes), client.source);
    rig.datagram(Uint8Array.of(0x40, 0, 0, 1, 65, 0, 0, 0), client.source);
    rig.datagram(Uint8Array.of(0x40, 0, 0, 0), client.source);
    expect(texts()).toEqual(["8.8.8.8:9 A", "8.8.8.8:9 "]);
  });
});

describe("between two allocations of the server", () => {
  const pair = (hairpin = true) => {
    const rig = new Rig({
      peers: { hairpin, ...(hairpin ? {} : { unsafeLoopback: true, allowPeers: ["198.18.0.0/15"] }) },
    });
    const [a, b] = [new TestClient(rig, source(1)), new TestClient(rig, source(2))];
    a.allocate();
    b.allocate();
    return { rig, a, b, portA: a.relayed[0]?.port ?? 0, portB: b.relayed[0]?.port ?? 0 };
  };

  test("data takes no socket; both permissions count; the source is the relayed address", () => {
    const { rig, a, b, portA, portB } = pair();
    expect(a.permit("198.18.0.1")).toBe("success");
    a.send("198.18.0.1", portB, "one");
    expect(b.received()).toEqual([]);
    expect(b.permit("198.18.0.1")).toBe("success");
    a.send("198.18.0.1", portB, "two");
    expect(b.received()).toEqual([`198.18.0.1:${portA} two`]);
    a.bind(0x4000, "198.18.0.1", portB);
    b.bind(0x4005, "198.18.0.1", portA);
    a.channelData(0x4000, "three");
    b.channelData(0x4005, "four");
    expect(b.received().at(-1)).toBe("4005 three");
    expect(a.received()).toEqual(["4000 four"]);
    for (const relay of rig.ports.live) expect(relay.sent).toEqual([]);
    expect(rig.machine.stats.hairpinMessages).toBe(4);
  });

  test("ports of ours without a relay get nothing, and no packet leaves", () => {
    const { rig, a, portB } = pair();
    a.permit("198.18.0.1");
    for (const port of [22, 3478, portB + 1]) a.send("198.18.0.1", port, "to a service");
    expect(a.bind(0x4000, "198.18.0.1", 22)).toBe("success");
    a.channelData(0x4000, "to a service");
    for (const relay of rig.ports.live) expect(relay.sent).toEqual([]);
    expect(rig.machine.stats.refused.send_failed).toBe(4);
  });

  test("a relay that ended isn't reached by who comes after it", () => {
    const { rig, a, b, portB } = pair();
    a.bind(0x4000, "198.18.0.1", portB);
    b.refresh(0);
    a.channelData(0x4000, "lost");
    expect(rig.machine.stats.refused.send_failed).toBe(1);
  });

  test("without the shortcut it takes the sockets", () => {
    const { rig, a, portB } = pair(false);
    a.permit("198.18.0.1");
    a.send("198.18.0.1", portB, "out");
    expect([...rig.ports.live].flatMap((relay) => relay.sent)).toHaveLength(1);
  });
});

describe("rates", () => {
  test("of an allocation, both ways together; unused seconds carry over once", () => {
    const { rig, client, texts, fromPeer } = allocated({ limits: { bytesPerSecond: 100 } });
    client.permit("8.8.8.8");
    client.send("8.8.8.8", 9, "x".repeat(60));
    fromPeer("8.8.8.8", 9, "x".repeat(60));
    fromPeer("8.8.8.8", 9, "x".repeat(40));
    expect(texts()).toHaveLength(1);
    expect(client.received()).toHaveLength(1);
    expect(rig.machine.stats.refused.rate).toBe(1);
    rig.wait(10);
    client.send("8.8.8.8", 9, "x".repeat(200));
    client.send("8.8.8.8", 9, "x");
    expect(texts()).toHaveLength(2);
  });

  test("of a guest's allocation", () => {
    const rig = new Rig({ limits: { bytesPerSecond: 100, guestBytesPerSecond: 50 } });
    const send = (user: string, number: number): number => {
      const client = TestClient.rest(rig, source(number), user);
      client.allocate();
      client.permit("8.8.8.8");
      client.send("8.8.8.8", 9, "x".repeat(60));
      return rig.machine.stats.refused.rate;
    };
    expect([send("alice/phone", 1), send("visitor/tab/guest", 2)]).toEqual([0, 1]);
  });

  test("of the server", () => {
    const { rig, client } = allocated({ limits: { totalBytesPerSecond: 10 } });
    client.permit("8.8.8.8");
    client.send("8.8.8.8", 9, "x".repeat(11));
    expect(rig.machine.stats.refused.total_rate).toBe(1);
  });
});

describe("Send indications", () => {
  test("DONT-FRAGMENT sets the bit for this one, or drops it where the platform can't", () => {
    const { rig, client, relay } = allocated();
    client.permit("8.8.8.8");
    const flag = (writer: { add(type: number, value: Uint8Array): unknown }) => {
      writer.add(attribute.dontFragment, new Uint8Array());
    };
    client.send("8.8.8.8", 9, "whole", flag);
    client.send("8.8.8.8", 9, "parts");
    expect(relay.sent.map((one) => one.dontFragment)).toEqual([true, false]);
    rig.ports.dontFragment = false;
    client.send("8.8.8.8", 9, "dropped", flag);
    expect(relay.sent).toHaveLength(2);
  });

  test("with what must be understood and isn't are dropped", () => {
    const { client, relay } = allocated();
    client.permit("8.8.8.8");
    client.send("8.8.8.8", 9, "x", (writer) => writer.add(0x7777, new Uint8Array()));
    expect(relay.sent).toEqual([]);
  });

  test("from another source than the client's go nowhere", () => {
    const { rig, client, relay } = allocated();
    client.permit("8.8.8.8");
    const spoofed = new TestClient(rig, { address: client.source.address, port: 5 });
    spoofed.send("8.8.8.8", 9, "x");
    spoofed.channelData(0x4000, "x");
    expect(relay.sent).toEqual([]);
  });
});
