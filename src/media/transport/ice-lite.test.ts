import { describe, expect, test } from "bun:test";
import { rtpOf, textOf } from "../../../test/media/support/test-peer.ts";
import { type Party, type TestPath, TransportWorld } from "../../../test/media/support/transport-world.ts";
import { stunCrypto } from "../../net/stun-crypto.ts";
import { attribute } from "../../wire/stun/attribute-type.ts";
import { decodeUnknownAttributes } from "../../wire/stun/attribute-values.ts";
import { decodeErrorCode } from "../../wire/stun/error-code.ts";
import { checkFingerprint } from "../../wire/stun/fingerprint.ts";
import { checkIntegrity } from "../../wire/stun/integrity.ts";
import { parseMessage, type StunMessage } from "../../wire/stun/message.ts";
import { encodeText } from "../../wire/stun/text.ts";

/** What was sent by a path since the last call, as STUN. */
function stun(path: TestPath): StunMessage[] {
  return path.sent.splice(0).map((bytes) => parseMessage(bytes) as StunMessage);
}

let sequence = 0;
/** The path by which the next packet leaves. */
function pathOf(party: Party, ...paths: readonly TestPath[]): TestPath | undefined {
  for (const path of paths) path.sent.length = 0;
  const { header, payload } = rtpOf(sequence, "media", 2_222);
  expect(party.transport.sendRtp(header, header.length, payload, sequence++)).toBe(true);
  return paths.find(({ sent }) => sent.length > 0);
}

describe("a check", () => {
  test.each([
    ["IPv4", Uint8Array.of(203, 0, 113, 7)],
    ["IPv6", Uint8Array.from({ length: 16 }, (_, at) => at + 1)],
  ])("is answered with the address that it came from: %s", (_, address) => {
    const world = new TransportWorld();
    const party = world.peer(1);
    party.via = party.own(world.path(false, address));
    party.check();
    const [answer] = stun(party.via);
    expect(answer?.class).toBe("success");
    expect(checkFingerprint(answer as StunMessage)).toBe(true);
    expect(checkIntegrity(answer as StunMessage, "sha1", encodeText(party.peer.workerPwd), stunCrypto)).toBe(
      true,
    );
    party.check();
    world.run(0, party);
    expect(party.peer.mapped).toEqual([party.via.address]);
  });

  test("needs no FINGERPRINT, but a right one where there is one", () => {
    const world = new TransportWorld();
    const party = world.peer(1);
    party.check(party.via, { fingerprint: "wrong" });
    expect(stun(party.via)).toEqual([]);
    expect(world.table.drops.counts.forged_check).toBe(1);
    party.check(party.via, { fingerprint: "none" });
    expect(stun(party.via)[0]?.class).toBe("success");
  });

  test("with a wrong password or an unknown fragment gets no answer, and nothing is kept of it", () => {
    const world = new TransportWorld();
    const party = world.peer(1);
    party.check(party.via, { password: "worker-password-1-012345678x" });
    party.check(party.via, { username: "worker2:peer1" });
    party.check(party.via, { username: "no colon" });
    party.check(party.via, { username: `${"w".repeat(600)}:peer1` });
    expect(party.via.sent).toEqual([]);
    expect(party.via.owner).toBeUndefined();
    expect(party.via.kept).toBe(false);
    expect(world.table.drops.counts).toMatchObject({ forged_check: 1, unknown_ufrag: 3 });
  });

  test("of a peer that is controlled, as we are, is answered with 487, and nothing is kept of it", () => {
    const world = new TransportWorld();
    const party = world.peer(1);
    party.check(party.via, { controlled: true });
    const [answer, ...more] = stun(party.via);
    expect(more).toEqual([]);
    expect(answer?.class).toBe("error");
    expect(decodeErrorCode(answer?.value(attribute.errorCode) as Uint8Array)?.code).toBe(487);
    expect(checkIntegrity(answer as StunMessage, "sha1", encodeText(party.peer.workerPwd), stunCrypto)).toBe(
      true,
    );
    expect(party.via.owner).toBeUndefined();
    expect(world.table.drops.counts.refused_check).toBe(1);
  });

  test("with an attribute that must be known and isn't is answered with 420", () => {
    const world = new TransportWorld();
    const party = world.peer(1);
    party.check(party.via, { unknown: 0x7abc });
    const [answer] = stun(party.via);
    expect(decodeErrorCode(answer?.value(attribute.errorCode) as Uint8Array)?.code).toBe(420);
    expect(decodeUnknownAttributes(answer?.value(attribute.unknownAttributes) as Uint8Array)).toEqual([
      0x7abc,
    ]);
    party.check(party.via, { unknown: 0xfabc });
    expect(stun(party.via)[0]?.class).toBe("success");
  });
});

describe("our own Binding request", () => {
  test("goes to an address with the first check from there, as the controlled side, and is the same until it is answered", () => {
    const world = new TransportWorld();
    const party = world.peer(1);
    party.check();
    const [, request] = stun(party.via);
    expect(request?.class).toBe("request");
    expect(request?.has(attribute.iceControlled)).toBe(true);
    expect(request?.has(attribute.priority)).toBe(true);
    expect(request?.value(attribute.username)).toEqual(encodeText("peer1:worker1"));
    expect(checkIntegrity(request as StunMessage, "sha1", encodeText(party.peer.pwd), stunCrypto)).toBe(true);
    world.now += 10;
    party.check();
    expect(stun(party.via).map((message) => message.class)).toEqual(["success"]);
    world.now += 50;
    party.check();
    expect(stun(party.via)[1]?.bytes).toEqual(request?.bytes as Uint8Array);
  });

  test("is repeated by no timer", () => {
    const world = new TransportWorld();
    const party = world.peer(1);
    party.check();
    party.via.sent.length = 0;
    world.run(29_000);
    expect(party.via.sent).toEqual([]);
  });

  test("measures the round-trip time", () => {
    const world = new TransportWorld({ keepAlive: 5_000 });
    const party = world.peer(1).connect();
    expect(party.transport.rtt).toBe(0);
    party.via.sent.length = 0;
    while (party.via.sent.length === 0) world.run(10);
    world.now += 80;
    while (party.step());
    expect(party.transport.rtt).toBeGreaterThanOrEqual(80);
    expect(party.transport.rtt).toBeLessThanOrEqual(90);
  });

  test("that isn't answered by the path it went by, or is answered with another password, proves nothing", () => {
    const world = new TransportWorld();
    const party = world.peer(1);
    const other = world.path();
    party.check();
    party.check(other);
    const asked = party.via.sent.splice(0);
    // Its answer goes by the other path.
    party.via = other;
    for (const bytes of asked) party.peer.receive(bytes, world.now);
    party.step();
    expect(world.table.drops.counts.unasked_answer).toBe(1);
    const [, request] = stun(other);
    party.peer.pwd = "another-password-0123456789";
    const forged = party.peer.success(request as StunMessage);
    world.deliver(forged, other);
    expect(world.table.drops.counts.unasked_answer).toBe(2);
    party.peer.pwd = "peer-password-1-0123456789";
    world.deliver(party.peer.success(request as StunMessage), other);
    expect(world.table.drops.counts.unasked_answer).toBe(2);
    expect(party.transport.path).toBe(other);
  });
});

describe("the path in use", () => {
  test("is the latest that was nominated, once it has answered us", () => {
    const world = new TransportWorld();
    const party = world.peer(1).connect();
    const [first, second] = [party.via, world.path()];
    party.check(second, { nominate: false });
    expect(pathOf(party, first, second)).toBe(first);
    party.own(second);
    party.check(second, { nominate: false });
    world.now += 60;
    party.check(second, { nominate: false });
    world.run(0, party);
    expect(pathOf(party, first, second)).toBe(first);
    party.check(second);
    expect(pathOf(party, first, second)).toBe(second);
    expect(party.transport.path).toBe(second);
    party.check(first);
    expect(pathOf(party, first, second)).toBe(first);
  });

  test("is left for an address that was nominated only when that has answered", () => {
    const world = new TransportWorld();
    const party = world.peer(1).connect();
    const [first, second] = [party.via, world.path()];
    party.check(second);
    expect(pathOf(party, first, second)).toBe(first);
    world.now += 100;
    party.own(second);
    party.check(second);
    world.run(0, party);
    expect(pathOf(party, first, second)).toBe(second);
  });

  test("is left when it is silent and another one isn't, nominated or not: a NAT may have changed the address", () => {
    const world = new TransportWorld();
    const party = world.peer(1).connect();
    const [first, second] = [party.via, party.own(world.path())];
    world.run(9_000);
    party.via = second;
    party.check(second, { nominate: false });
    for (const bytes of second.sent.splice(0)) party.peer.receive(bytes, world.now);
    party.step();
    expect(party.transport.path).toBe(first);
    world.run(2_000);
    party.check(second, { nominate: false });
    expect(party.transport.path).toBe(second);
  });

  test("of TCP that closes gives way to one of UDP that has answered", () => {
    const world = new TransportWorld();
    const party = world.peer(1);
    const udp = party.via;
    const tcp = party.own(world.path(true));
    party.via = tcp;
    party.connect();
    party.check(udp, { nominate: false });
    world.run(0, party);
    expect(pathOf(party, udp, tcp)).toBe(tcp);
    world.table.pathClosed(tcp);
    expect(pathOf(party, udp, tcp)).toBe(udp);
    world.table.pathClosed(udp);
    expect(party.transport.path).toBeUndefined();
    const { header, payload } = rtpOf(900, "nowhere", 2_222);
    expect(party.transport.sendRtp(header, header.length, payload, 900)).toBe(false);
    // An address that hasn't answered isn't taken now either.
    const third = world.path();
    party.check(third);
    expect(party.transport.path).toBeUndefined();
    expect(party.transport.state).toBe("connected");
  });

  test("TCP needs no proof", () => {
    const world = new TransportWorld();
    const party = world.peer(1, "client");
    party.peer.answers = false;
    const tcp = party.own(world.path(true));
    party.check(tcp);
    expect(tcp.sent.map((bytes) => (bytes[0] ?? 0) >= 20)).toEqual([false, false, true]);
  });
});

describe("many paths", () => {
  test("are kept up to a number: unproved ones go first, never the one in use", () => {
    const world = new TransportWorld({ paths: 4 });
    const party = world.peer(1).connect();
    const proved = party.own(world.path());
    party.check(proved, { nominate: false });
    world.run(0, party);
    const others = Array.from({ length: 10 }, () => world.path());
    for (const path of others) {
      world.now += 10;
      party.check(path, { nominate: false });
    }
    expect(others.filter(({ kept }) => kept)).toHaveLength(2);
    expect(others.filter(({ owner }) => owner !== undefined)).toEqual(others.slice(-2));
    expect([party.via.kept, proved.kept]).toEqual([true, true]);
    expect(party.transport.path).toBe(party.via);
  });
});

describe("consent", () => {
  test("ends 30 s after the last answer, comes back with the next, and the peer is closed 30 s after it was lost", () => {
    const world = new TransportWorld();
    const party = world.peer(1).connect();
    // It answers, and checks no more.
    world.run(100_000, party);
    expect(world.events).toEqual(["1 connected"]);
    world.run(31_000);
    expect(world.events).toEqual(["1 connected", "1 lost"]);
    const { header, payload } = rtpOf(1, "unwanted", 2_222);
    expect(party.transport.sendRtp(header, header.length, payload, 1)).toBe(false);
    expect(party.transport.sendRtcp(new Uint8Array(8))).toBe(false);
    party.via.sent.length = 0;
    party.check();
    world.run(1_000, party);
    expect(world.events).toEqual(["1 connected", "1 lost", "1 connected"]);
    expect(pathOf(party, party.via)).toBe(party.via);
    world.run(100_000);
    expect(world.events.slice(3)).toEqual(["1 lost", "1 closed: the peer is gone"]);
    expect(world.table.size).toBe(0);
    expect(world.table.nextDeadline).toBeUndefined();
    expect(party.via.kept).toBe(false);
  });

  test("of a peer that never answers us is its checks", () => {
    const world = new TransportWorld();
    const party = world.peer(1);
    party.peer.answers = false;
    party.connect();
    for (let n = 0; n < 10; n++) {
      world.run(10_000, party);
      party.check();
    }
    world.run(29_000, party);
    expect(world.events).toEqual(["1 connected"]);
    world.run(2_000, party);
    expect(world.events).toEqual(["1 connected", "1 lost"]);
    party.check();
    expect(world.events).toEqual(["1 connected", "1 lost", "1 connected"]);
  });

  test("isn't given by checks alone once the peer has answered: they may be forged from an address that it had", () => {
    const world = new TransportWorld();
    const party = world.peer(1).connect();
    for (let n = 0; n < 4; n++) {
      world.run(10_000);
      party.check();
    }
    expect(world.events).toEqual(["1 connected", "1 lost"]);
    for (let n = 0; n < 4; n++) {
      world.run(10_000);
      party.check();
    }
    expect(world.events.at(-1)).toBe("1 closed: the peer is gone");
  });
});

describe("a restart", () => {
  const next = (party: Party) => {
    party.peer.workerUfrag = "workerNext";
    party.peer.workerPwd = "worker-password-next-0123456789";
    party.peer.ufrag = "peerNext";
    party.peer.pwd = "peer-password-next-0123456789";
    return party.peer.parameters("server");
  };

  test("leaves the old credentials valid until the first check with the new ones, and the association as it is", () => {
    const world = new TransportWorld();
    const party = world.peer(1).connect();
    const old = party.peer.check();
    expect(party.transport.restart(next(party))).toBe(true);
    world.deliver(old, party.via);
    expect(stun(party.via)[0]?.class).toBe("success");
    expect(pathOf(party, party.via)).toBe(party.via);
    const path = party.own(world.path());
    party.check(path);
    world.run(0, party);
    expect(party.transport.path).toBe(path);
    expect(party.peer.mapped.at(-1)).toEqual(path.address);
    world.deliver(old, party.via);
    expect(world.table.drops.counts.unknown_ufrag).toBe(1);
    world.deliver(party.peer.packet(1, "same keys"), path);
    expect(world.received).toEqual(["1 rtp 1111 1 same keys"]);
    party.peer.rtp.length = 0;
    pathOf(party, path);
    world.run(0, party);
    expect(party.peer.rtp.map(textOf)).toEqual(["media"]);
    expect(world.events).toEqual(["1 connected"]);
  });

  test("twice leaves two sets of credentials at most, and closing leaves none", () => {
    const world = new TransportWorld();
    const party = world.peer(1).connect();
    const first = party.peer.check();
    expect(party.transport.restart(next(party))).toBe(true);
    const second = { ...party.peer.parameters("server"), localUfrag: "workerLast" };
    expect(party.transport.restart(second)).toBe(true);
    world.deliver(first, party.via);
    expect(world.table.drops.counts.unknown_ufrag).toBe(1);
    party.check();
    expect(stun(party.via)[0]?.class).toBe("success");
    party.transport.close();
    party.check();
    expect(world.table.drops.counts.unknown_ufrag).toBe(2);
    expect(party.transport.restart(next(party))).toBe(false);
  });

  test("rule 20: doesn't change the fingerprint or the DTLS role, which would take a new association", () => {
    const world = new TransportWorld();
    const party = world.peer(1).connect();
    const parameters = next(party);
    expect(party.transport.restart({ ...parameters, dtlsRole: "client" })).toBe(false);
    const [fingerprint = ""] = parameters.fingerprints;
    const other = fingerprint.replace(/..$/, (last) => (last === "00" ? "01" : "00"));
    expect(party.transport.restart({ ...parameters, fingerprints: [other] })).toBe(false);
    party.check();
    expect(world.table.drops.counts.unknown_ufrag).toBe(1);
  });

  test("can't take another peer's fragment", () => {
    const world = new TransportWorld();
    const [one, other] = [world.peer(1), world.peer(2)];
    const stolen = { ...one.peer.parameters("server"), localUfrag: "worker2" };
    expect(() => one.transport.restart(stolen)).toThrow(RangeError);
    expect(() => world.peer(2)).toThrow(RangeError);
    other.check();
    one.check();
    expect(other.via.owner).toBe(other.transport);
    expect(one.via.owner).toBe(one.transport);
  });
});
