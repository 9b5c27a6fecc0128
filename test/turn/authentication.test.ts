import { describe, expect, test } from "bun:test";
import { stunCrypto } from "../../src/net/stun-crypto.ts";
import { attribute } from "../../src/wire/stun/attribute-type.ts";
import { encodeRequestedTransport } from "../../src/wire/stun/attribute-values.ts";
import { addFingerprint } from "../../src/wire/stun/fingerprint.ts";
import { userhash } from "../../src/wire/stun/long-term-key.ts";
import { method } from "../../src/wire/stun/message-type.ts";
import { decodeNonceCookie } from "../../src/wire/stun/nonce-cookie.ts";
import { passwordAlgorithm } from "../../src/wire/stun/password-algorithms.ts";
import { encodeText } from "../../src/wire/stun/text.ts";
import { MessageWriter } from "../../src/wire/stun/writer.ts";
import { Rig, source } from "./support/rig.ts";
import { TestClient } from "./support/test-client.ts";

const bareAllocate = (): Uint8Array =>
  new MessageWriter(method.allocate, "request", stunCrypto.random(12))
    .add(attribute.requestedTransport, encodeRequestedTransport(17))
    .bytes()
    .slice();

describe("challenges", () => {
  test("tell realm, nonce and algorithms, in at most three times the request", () => {
    const rig = new Rig();
    const client = new TestClient(rig, source(1));
    expect(client.challenge()).toBe(401);
    const types = client.last?.attributes.map((one) => one.type);
    expect(types).toEqual([
      attribute.errorCode,
      attribute.realm,
      attribute.nonce,
      attribute.passwordAlgorithms,
    ]);
    expect(client.last?.bytes.length).toBeLessThanOrEqual(3 * bareAllocate().length);
  });

  test("a request shorter than any Allocate is answered with less", () => {
    const rig = new Rig();
    for (const what of [method.allocate, method.refresh, method.createPermission]) {
      const [answer] = rig.datagram(
        new MessageWriter(what, "request", stunCrypto.random(12)).bytes(),
        source(1),
      );
      expect(answer?.length).toBe(28);
    }
  });

  test("Binding is answered at once, with the address, in at most 1.6 times the request", () => {
    const rig = new Rig();
    const client = new TestClient(rig, source(1));
    const request = new MessageWriter(method.binding, "request", stunCrypto.random(12)).bytes();
    expect(client.take(rig.datagram(request, source(1)))).toBe("success");
    expect(client.last?.bytes.length).toBe(32);
  });

  test("a fingerprint is answered with one; a wrong one not at all", () => {
    const rig = new Rig();
    const client = new TestClient(rig, source(1));
    const writer = new MessageWriter(method.binding, "request", stunCrypto.random(12));
    addFingerprint(writer);
    const request = writer.bytes().slice();
    expect(client.take(rig.datagram(request, source(1)))).toBe("success");
    expect(client.last?.has(attribute.fingerprint)).toBe(true);
    request[request.length - 1] = (request.at(-1) ?? 0) ^ 1;
    expect(rig.datagram(request, source(1))).toEqual([]);
  });

  test("a Binding without a cookie, as old phones send it, is answered in their way", () => {
    const rig = new Rig();
    const id = stunCrypto.random(16);
    const classic = (...attributes: number[]): Uint8Array =>
      Uint8Array.of(0, 1, 0, attributes.length, ...id, ...attributes);
    const from = source(1);
    const mapped = Uint8Array.of(0, 1, 0, 8, 0, 1, from.port >> 8, from.port & 255, 192, 88, 0, 1);
    const answered = Uint8Array.of(1, 1, 0, 12, ...id, ...mapped);
    expect(rig.datagram(classic(), from)).toEqual([answered]);
    // Whether the answer is to come from elsewhere: no; yes, which nobody can; and with something unheard of.
    expect(rig.datagram(classic(0, 3, 0, 4, 0, 0, 0, 0), from)).toEqual([answered]);
    const [refused] = rig.datagram(classic(0, 3, 0, 4, 0, 0, 0, 6), from);
    const unknown = [0, 9, 0, 4, 0, 0, 4, 20, 0, 10, 0, 4, 0, 3, 0, 3];
    expect(refused).toEqual(Uint8Array.of(1, 0x11, 0, unknown.length, ...id, ...unknown));
    // Nothing else is done without the cookie, and nothing by a stream, where it tells messages apart.
    const allocate = classic(0, 25, 0, 4, 17, 0, 0, 0);
    allocate[1] = 3;
    expect(rig.datagram(allocate, from)).toEqual([]);
    expect(rig.datagram(classic().subarray(0, 19), from)).toEqual([]);
    expect(rig.datagram(classic(0, 3, 0), from)).toEqual([]);
  });

  test("strangers get so many answers a second and no more, whatever their port", () => {
    const rig = new Rig({ limits: { refusalsPerSecond: 10, bindingsPerSecond: 100 } });
    const count = (bytes: () => Uint8Array): number => {
      let answers = 0;
      for (let n = 0; n < 1_000; n++)
        answers += rig.datagram(bytes(), { address: "192.88.0.1", port: 1_000 + n }).length;
      return answers;
    };
    expect(count(bareAllocate)).toBe(20);
    expect(count(() => new MessageWriter(method.binding, "request", stunCrypto.random(12)).bytes())).toBe(
      200,
    );
    rig.now += 1_000;
    expect(count(bareAllocate)).toBe(10);
    expect(rig.datagram(bareAllocate(), { address: "192.88.0.2", port: 1 })).toHaveLength(1);
    let answers = 0;
    for (let n = 0; n < 100; n++)
      answers += rig.datagram(bareAllocate(), { address: `2a00:1:2:3::${n}`, port: 1 }).length;
    expect(answers).toBe(20);
  });
});

describe("a flood from a shared or forged address", () => {
  const limits = { refusalsPerSecond: 10, bindingsPerSecond: 100, provenAnswersPerSecond: 1_000 };
  const binding = () => new MessageWriter(method.binding, "request", stunCrypto.random(12)).bytes();
  const here = (port: number) => ({ address: "192.88.0.1", port });
  /** A second of it, from one port or from any; how many were answered. */
  const flood = (rig: Rig, port: (n: number) => number, bytes = bareAllocate, perSecond = 500): number => {
    let answers = 0;
    for (let n = 0; n < perSecond; n++) {
      rig.now += 1_000 / perSecond;
      answers += rig.datagram(bytes(), here(port(n))).length;
    }
    return answers;
  };
  const everyPort = (n: number): number => 10_000 + n;

  test("from one port: others behind the same address get in", () => {
    const rig = new Rig({ limits });
    for (const bytes of [bareAllocate, binding]) flood(rig, () => 9, bytes);
    expect(flood(rig, () => 9)).toBeLessThanOrEqual(5);
    expect(new TestClient(rig, here(1)).allocate()).toBe("success");
    flood(rig, () => 9, binding);
    expect(rig.datagram(binding(), here(2))).toHaveLength(1);
  });

  test("from all ports: a stranger is answered as rarely as before", () => {
    const rig = new Rig({ limits });
    flood(rig, everyPort);
    expect(flood(rig, everyPort)).toBe(10);
    expect(flood(rig, everyPort, binding)).toBeLessThanOrEqual(300);
    expect(flood(rig, everyPort, binding)).toBe(100);
  });

  test("once somebody there has returned a nonce, by UDP or TCP, newcomers get in beside it", () => {
    for (const transport of ["udp", "tcp"] as const) {
      const rig = new Rig({ limits });
      if (transport === "udp") expect(new TestClient(rig, here(1)).allocate()).toBe("success");
      flood(rig, everyPort);
      if (transport === "tcp") expect(TestClient.tcp(rig, here(1)).allocate()).toBe("success");
      for (let port = 2; port < 10; port++) {
        flood(rig, everyPort);
        expect(new TestClient(rig, here(port)).allocate()).toBe("success");
      }
      flood(rig, everyPort, binding);
      expect(rig.datagram(binding(), here(10))).toHaveLength(1);
      // It has an end: a rate (and twice as many at once), and an hour without a nonce.
      expect(flood(rig, everyPort, bareAllocate, 10_000)).toBeLessThanOrEqual(3_000);
      expect(flood(rig, everyPort, bareAllocate, 10_000)).toBeLessThanOrEqual(1_001);
      rig.now += 3_600_000;
      flood(rig, everyPort);
      expect(flood(rig, everyPort)).toBe(10);
    }
  });

  test("IPv6 is proven by /64", () => {
    const rig = new Rig({ limits });
    const at = (address: string) => ({ address, port: 5 });
    expect(new TestClient(rig, at("2a00:1:2:3::1")).allocate()).toBe("success");
    const answered = (prefix: string): number => {
      let answers = 0;
      for (let n = 0; n < 500; n++) answers += rig.datagram(bareAllocate(), at(`${prefix}::${n + 2}`)).length;
      return answers;
    };
    expect(answered("2a00:1:2:3")).toBe(500);
    expect(answered("2a00:1:2:4")).toBe(20);
  });

  test("who has a nonce, if an old one, is told the new one, and its call goes on", () => {
    const rig = new Rig({ limits });
    const client = new TestClient(rig, here(1));
    expect(client.allocate({ lifetime: 3_600 })).toBe("success");
    for (let asked = 0; asked < 3; asked++) {
      // Older than the proof, so that nothing but the nonce speaks for it.
      rig.now += 3_500_000;
      expect(client.refresh(3_600)).toBe("success");
      rig.now += 700_000;
      flood(rig, everyPort);
      expect(client.refresh(3_600)).toBe("success");
    }
    expect(rig.refused().stale_nonce).toBe(6);
  });

  test("a nonce speaks for its source only, and so often only", () => {
    const rig = new Rig({ limits });
    const client = new TestClient(rig, here(1));
    client.challenge();
    flood(rig, everyPort);
    rig.now += 601_000;
    const stale = (port: number): number => {
      const other = new TestClient(rig, here(port));
      other.nonce = client.nonce;
      let answers = 0;
      for (let n = 0; n < 100; n++)
        answers += rig.datagram(
          other.message(method.refresh, () => {}),
          other.source,
        ).length;
      return answers;
    };
    expect(stale(1)).toBe(20);
    // Only the port's share of a stranger, and of an address that is proven by now: 250 a second.
    const forged = new Rig({ limits });
    const thief = new TestClient(forged, here(2));
    thief.nonce = client.nonce?.map((byte) => byte ^ 1);
    let answers = 0;
    for (let n = 0; n < 100; n++)
      answers += forged.datagram(
        thief.message(method.refresh, () => {}),
        thief.source,
      ).length;
    expect(answers).toBe(5);
  });
});

describe("nonces", () => {
  test("are good for their source and their time only", () => {
    const rig = new Rig();
    const client = new TestClient(rig, source(1));
    client.challenge();
    const thief = new TestClient(rig, source(2));
    thief.nonce = client.nonce;
    const answer = rig.datagram(
      thief.message(method.allocate, (w) =>
        w.add(attribute.requestedTransport, encodeRequestedTransport(17)),
      ),
      thief.source,
    );
    expect(thief.take(answer)).toBe(438);
    expect(client.allocate()).toBe("success");
    rig.now += 600_000;
    const late = rig.datagram(
      client.message(method.refresh, () => {}),
      client.source,
    );
    expect(client.take(late)).toBe("success");
    rig.now += 1_000;
    expect(
      client.take(
        rig.datagram(
          client.message(method.refresh, () => {}),
          client.source,
        ),
      ),
    ).toBe(438);
    expect(client.refresh()).toBe("success");
  });

  test("servers that share the key take each other's; others don't", () => {
    const client = new TestClient(new Rig(), source(1));
    client.challenge();
    for (const [key, said] of [
      [9, "success"],
      [8, 438],
    ] as const) {
      const moved = new TestClient(new Rig({ nonceKey: new Uint8Array(32).fill(key) }), source(1));
      moved.nonce = client.nonce;
      const bytes = moved.message(method.allocate, (w) =>
        w.add(attribute.requestedTransport, encodeRequestedTransport(17)),
      );
      expect(moved.take(moved.rig.datagram(bytes, moved.source))).toBe(said);
    }
  });

  test("any other bytes are stale", () => {
    const rig = new Rig();
    const client = new TestClient(rig, source(1));
    client.challenge();
    const good = client.nonce as Uint8Array;
    for (let at = 0; at < good.length; at++) {
      client.nonce = good.slice();
      client.nonce[at] = (client.nonce[at] ?? 0) ^ 1;
      expect(
        client.take(
          rig.datagram(
            client.message(method.refresh, () => {}),
            client.source,
          ),
        ),
      ).toBe(438);
    }
    client.nonce = new Uint8Array(0);
    expect(
      client.take(
        rig.datagram(
          client.message(method.refresh, () => {}),
          client.source,
        ),
      ),
    ).toBe(438);
  });
});

describe("credentials", () => {
  test("a wrong password and an unknown name look the same", () => {
    const rig = new Rig();
    expect(new TestClient(rig, source(1), "alice", "wrong").allocate()).toBe(401);
    expect(new TestClient(rig, source(2), "mallory", "wrong").allocate()).toBe(401);
    for (const name of ["__proto__", "constructor", "toString", "", "\u0000"])
      expect(new TestClient(rig, source(3), name, "x").allocate()).toBe(401);
    expect(rig.machine.gauges.allocations).toBe(0);
  });

  test("time-limited ones end at their time; what they opened goes on", () => {
    const rig = new Rig();
    const client = TestClient.rest(rig, source(1), "bob", 60);
    expect(client.allocate()).toBe("success");
    rig.wait(61);
    expect(client.refresh()).toBe("success");
    expect(client.refresh(0)).toBe("success");
    expect(client.allocate()).toBe(401);
  });

  test("strictExpiry ends requests too", () => {
    const rig = new Rig({ strictExpiry: true });
    const client = TestClient.rest(rig, source(1), "bob", 60);
    client.allocate();
    rig.wait(61);
    expect(client.refresh()).toBe(401);
  });

  test("any of several secrets will do, no other", () => {
    const rig = new Rig({ secrets: ["new", "old"] });
    expect(TestClient.rest(rig, source(1), "a", 60, "new").allocate()).toBe("success");
    expect(TestClient.rest(rig, source(2), "b", 60, "old").allocate()).toBe("success");
    expect(TestClient.rest(rig, source(3), "c", 60, "older").allocate()).toBe(401);
  });

  test("an allocation obeys its user only; a renewed credential of the same user is fine", () => {
    const rig = new Rig();
    const bob = TestClient.rest(rig, source(1), "bob");
    bob.allocate();
    const mallory = TestClient.rest(rig, source(1), "mallory");
    expect(mallory.refresh(0)).toBe(441);
    expect(TestClient.rest(rig, source(1), "bob", 7_200).refresh()).toBe("success");
    expect(rig.machine.gauges.allocations).toBe(1);
  });
});

describe("RFC 8489", () => {
  const sha256 = (rig: Rig): TestClient => {
    const client = new TestClient(rig, source(1));
    client.kind = "sha256";
    client.algorithm = passwordAlgorithm.sha256;
    return client;
  };

  test("SHA-256 for key and integrity; the answer is sealed in the same way", () => {
    const client = sha256(new Rig());
    expect(client.allocate()).toBe("success");
    expect(client.last?.has(attribute.messageIntegritySha256)).toBe(true);
    expect(client.last?.has(attribute.messageIntegrity)).toBe(false);
    expect(client.sealed).toBe(true);
    expect(client.refresh(0)).toBe("success");
  });

  test("an offer that somebody weakened is refused", () => {
    const client = sha256(new Rig());
    client.challenge();
    client.offer = client.offer?.slice(0, 4);
    expect(client.allocate()).toBe(400);
    client.offer = new Uint8Array();
    expect(client.allocate()).toBe(400);
  });

  test("algorithms that we didn't offer are refused", () => {
    const client = sha256(new Rig());
    client.algorithm = 7;
    expect(client.allocate()).toBe(400);
  });

  test("names may be hashed where all names are known, and only then are clients told so", () => {
    const rig = new Rig({ secrets: [] });
    const client = new TestClient(rig, source(1));
    client.challenge();
    expect(decodeNonceCookie(Buffer.from(client.nonce ?? []).toString())).toEqual({
      passwordAlgorithms: true,
      usernameAnonymity: true,
    });
    const ask = (hash: Uint8Array) => {
      const writer = new MessageWriter(method.allocate, "request", stunCrypto.random(12))
        .add(attribute.requestedTransport, encodeRequestedTransport(17))
        .add(attribute.userhash, hash)
        .add(attribute.realm, encodeText("turn"))
        .add(attribute.nonce, client.nonce ?? new Uint8Array());
      const signed = parseAfterSigning(writer, client.key);
      return client.take(rig.datagram(signed, client.source));
    };
    expect(ask(userhash("mallory", "turn", stunCrypto))).toBe(401);
    expect(ask(userhash("alice", "turn", stunCrypto))).toBe("success");
    expect(client.sealed).toBe(true);
    const open = new TestClient(new Rig(), source(1));
    open.challenge();
    expect(decodeNonceCookie(Buffer.from(open.nonce ?? []).toString())?.usernameAnonymity).toBe(false);
  });

  test("what stands behind the integrity attribute has no effect", () => {
    const rig = new Rig();
    const client = new TestClient(rig, source(1));
    client.allocate();
    const refresh = client.message(method.refresh, () => {});
    const tail = Uint8Array.of(0, 0x0d, 0, 4, 0, 0, 0, 0);
    const longer = Uint8Array.from([...refresh, ...tail]);
    longer[3] = (longer[3] ?? 0) + 8;
    expect(client.take(rig.datagram(longer, client.source))).toBe("success");
    expect(rig.machine.gauges.allocations).toBe(1);
  });

  test("a truncated or long integrity value is refused", () => {
    const rig = new Rig();
    const client = new TestClient(rig, source(1));
    client.allocate();
    const good = client.message(method.refresh, () => {});
    const cut = good.slice(0, good.length - 4);
    cut[3] = (cut[3] ?? 0) - 4;
    cut[cut.length - 17] = 16;
    expect(client.take(rig.datagram(cut, client.source))).toBe(401);
  });
});

function parseAfterSigning(writer: MessageWriter, key: Uint8Array): Uint8Array {
  const end = writer.length;
  const value = writer.reserve(attribute.messageIntegrity, 20);
  value.set(stunCrypto.hmacSha1(key, [writer.bytes().subarray(0, end)]));
  return writer.bytes().slice();
}
