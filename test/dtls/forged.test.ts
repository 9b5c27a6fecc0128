import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { dtlsCrypto } from "../../src/net/dtls-crypto.ts";
import { concat, vector24 } from "../../src/wire/dtls/bytes.ts";
import {
  fragment,
  isFinished,
  message,
  messagesIn,
  messagesOf,
  record,
  rewriting,
  type,
} from "./support/forge.ts";
import { clientCertificate, type Filter, otherCertificate, Pair, Side } from "./support/pair.ts";

const zeros = (length: number) => new Uint8Array(length);
const certificateMessage = (der: Uint8Array) => vector24(vector24(der));

/** A wire on which these come before the first record that has a message of the type. */
function before(messageType: number, forged: (sequence: number) => readonly Uint8Array[]): Filter {
  let done = false;
  return (bytes) => {
    const found = messagesOf(bytes).find((one) => one.type === messageType);
    if (found === undefined || done) return [bytes];
    done = true;
    return [...forged(found.sequence), bytes];
  };
}

/** A pair that agrees, whatever comes in between. */
function agrees(options: ConstructorParameters<typeof Pair>[0], ms = 3_000): Pair {
  const pair = new Pair(options).run(ms);
  assert.ok(
    pair.agreed,
    `client: ${JSON.stringify(pair.client.closed)}, server: ${JSON.stringify(pair.server.closed)}`,
  );
  return pair;
}

describe("rule 2: junk is dropped in silence, before there are keys as well", () => {
  const junk: Record<string, Uint8Array> = {
    "an empty datagram": zeros(0),
    "a header that is cut off": record(type.handshake, zeros(0)).subarray(0, 12),
    "a record that says it is longer than its datagram": record(type.handshake, zeros(5), { length: 400 }),
    "a fragment that says it is longer than its record": record(
      type.handshake,
      fragment(11, 100, 1, 0, zeros(3), 100),
    ),
    "a message of 2^24 - 1 bytes": record(type.handshake, fragment(11, 0xffffff, 1, 0, zeros(3))),
    "a fragment beyond the message": record(type.handshake, fragment(11, 10, 1, 8, zeros(3))),
    "a message header that is cut off": record(type.handshake, zeros(11)),
    "a record of an unknown type": record(99, zeros(40)),
    "a record of another version": record(type.handshake, zeros(40), { version: 0x0303 }),
    "a sealed record": record(type.handshake, zeros(48), { epoch: 1 }),
    "a record of epoch 2": record(type.handshake, zeros(48), { epoch: 2 }),
    "application data in the clear": record(type.applicationData, zeros(48)),
    "a ChangeCipherSpec": record(type.changeCipherSpec, Uint8Array.of(1)),
    "a fatal alert": record(type.alert, Uint8Array.of(2, 40)),
    "a close_notify": record(type.alert, Uint8Array.of(1, 0)),
    "a HelloRequest": message(0, 0, zeros(0)),
  };
  for (const [name, datagram] of Object.entries(junk))
    test(`${name} changes nothing, at any moment`, () => {
      const around: Filter = (bytes) => [datagram, bytes, datagram];
      const pair = agrees({ toServer: around, toClient: around });
      assert.equal(pair.client.session.stats.failures + pair.server.session.stats.failures, 0);
      pair.server.session.receive(datagram, pair.now);
      pair.client.session.receive(datagram, pair.now);
      assert.equal(pair.server.session.state, "established");
      assert.equal(pair.client.session.state, "established");
    });

  test("sealed records that are kept until there are keys are few", () => {
    const server = new Side("server");
    const client = new Side("client");
    client.session.start(0);
    for (const datagram of client.take()) server.session.receive(datagram, 0);
    for (let n = 0; n < 100; n++)
      for (const length of [48, 47, 400, 16_000])
        server.session.receive(record(type.handshake, zeros(length), { epoch: 1, sequence: n }), 0);
    assert.equal(server.session.bufferedBytes, 4 * 48);
  });

  test("a Finished that overtakes the messages before it is not lost", () => {
    const held: Uint8Array[] = [];
    const pair = agrees({
      toServer: (bytes) => {
        if (messagesOf(bytes).some((one) => one.type === 11)) return held.push(bytes) > 0 ? [] : [];
        return isFinished(bytes) ? [bytes, ...held.splice(0)] : [bytes];
      },
    });
    assert.equal(pair.client.session.stats.repeats, 0);
  });
});

describe("rule 9: once there are keys, epoch 0 is not read", () => {
  const forged: Record<string, (pair: Pair) => Uint8Array> = {
    "a record that is cut off": () => record(type.handshake, zeros(5), { length: 400 }),
    "a fragment that can't be": () => record(type.handshake, fragment(11, 0xffffff, 9, 0, zeros(3))),
    "a message of the next sequence number": () => message(14, 6, zeros(0)),
    "a fatal alert": () => record(type.alert, Uint8Array.of(2, 40)),
    "a close_notify": () => record(type.alert, Uint8Array.of(1, 0)),
    "a Finished": () => message(20, 4, zeros(12)),
    "a ClientHello": () => {
      const other = new Side("client");
      other.session.start(0);
      return other.sent[0] as Uint8Array;
    },
  };
  for (const [name, make] of Object.entries(forged))
    test(`${name} is not answered and ends nothing`, () => {
      const pair = agrees({});
      for (const side of [pair.client, pair.server]) {
        side.session.receive(make(pair), pair.now + 100);
        assert.equal(side.session.state, "established");
        assert.equal(side.session.bufferedBytes, 0);
        assert.deepEqual(side.sent, []);
      }
    });

  test("an unauthenticated message in the record of the last one is not taken for an authenticated one", () => {
    const pair = agrees({
      toServer: (bytes) => {
        const messages = messagesOf(bytes);
        if (!messages.some((one) => one.type === 15)) return [bytes];
        const all = messages.map((one) => fragment(one.type, one.body.length, one.sequence, 0, one.body));
        const forgedFinished = fragment(20, 12, 4, 0, zeros(12));
        return [record(type.handshake, concat(...all, forgedFinished, fragment(11, 3, 4, 0, zeros(3))))];
      },
    });
    assert.equal(pair.server.session.stats.failures, 0);
  });
});

describe("rule 10: a message that was wrong frees its place", () => {
  test("a forged Certificate before the right one", () => {
    const forged = certificateMessage(otherCertificate.der);
    for (const options of [
      { toServer: before(11, (sequence) => [message(11, sequence, forged)]) },
      { toClient: before(11, (sequence) => [message(11, sequence, forged)]) },
    ])
      agrees(options);
  });

  test("a forged ClientKeyExchange, found out by the signature after it", () => {
    const { publicKey } = dtlsCrypto.keyShare("x25519");
    const body = concat(Uint8Array.of(publicKey.length), publicKey);
    const pair = agrees({ toServer: before(11, () => [message(16, 2, body)]) });
    assert.equal(pair.server.session.stats.failures, 1);
  });

  test("a forged ServerHello, found out by the signature after it", () => {
    let hello: Uint8Array | undefined;
    const pair = agrees({
      toClient: rewriting((one) => {
        if (one.type !== 2 || hello !== undefined) return [one];
        hello = one.body;
        const body = one.body.slice();
        body[10] = (body[10] ?? 0) ^ 1;
        return [{ ...one, body }, one];
      }),
    });
    assert.equal(pair.client.session.stats.failures, 1);
  });

  test("a forged ClientHello that is malformed", () => {
    agrees({ toServer: before(1, () => [message(1, 0, zeros(50))]) });
  });

  test("a forged ServerKeyExchange, CertificateRequest and ServerHelloDone", () => {
    for (const messageType of [12, 13, 14])
      agrees({ toClient: before(messageType, (sequence) => [message(messageType, sequence, zeros(9))]) });
  });

  test("at most four times: the fifth ends the session and tells the peer", () => {
    const pair = new Pair({ client: { certificate: otherCertificate } }).run(9_000);
    assert.deepEqual(pair.server.closed, { kind: "failure", failure: "fingerprint" });
    assert.equal(pair.server.session.stats.failures, 5);
    // In the clear, so the client only remembers it.
    assert.equal(pair.client.session.state, "handshaking");
    pair.run(2_000);
    assert.deepEqual(pair.client.closed, { kind: "timeout", failure: undefined, alert: 42 });
    assert.equal(pair.server.established, undefined);
    assert.equal(pair.client.established, undefined);
  });

  test("a ClientHello with another random begins a half-open handshake anew", () => {
    const other = new Side("client", { certificate: otherCertificate });
    other.session.start(0);
    const [forged] = other.take();
    agrees({ toServer: before(1, () => [forged as Uint8Array]) });
  });

  test("and only four times", () => {
    const server = new Side("server");
    const answers: number[] = [];
    for (let n = 0; n < 8; n++) {
      const client = new Side("client");
      client.session.start(0);
      for (const datagram of client.take()) server.session.receive(datagram, 0);
      answers.push(server.take().length);
    }
    assert.deepEqual(answers, [1, 1, 1, 1, 1, 0, 0, 0]);
  });

  test("a new ClientHello that is wrong does not end the half-open handshake", () => {
    const held: Uint8Array[] = [];
    agrees({
      toServer: (bytes) => {
        const [first] = messagesOf(bytes);
        if (first?.type !== 11) return [bytes];
        held.push(bytes);
        return [message(1, 0, zeros(60)), bytes];
      },
    });
    assert.equal(held.length, 1);
  });
});

describe("rule 11: only the owner of the last flight answers a repeat", () => {
  test("a duplicated Finished of the server is not answered at all", () => {
    const pair = agrees({ toClient: (bytes) => (isFinished(bytes) ? [bytes, bytes] : [bytes]) });
    assert.deepEqual(pair.count, { client: 2, server: 2 });
  });

  test("a duplicated Finished of the client is not answered again", () => {
    const pair = agrees({ toServer: (bytes) => (isFinished(bytes) ? [bytes, bytes] : [bytes]) });
    assert.deepEqual(pair.count, { client: 2, server: 2 });
  });

  test("when every record comes twice, both still send four datagrams in all", () => {
    const twice: Filter = (bytes) => [bytes, bytes];
    const pair = agrees({ toServer: twice, toClient: twice });
    assert.deepEqual(pair.count, { client: 2, server: 2 });
  });

  test("a Finished of the client that is replayed a thousand times gets no byte", () => {
    let finished: Uint8Array | undefined;
    const pair = agrees({
      toServer: (bytes) => {
        if (isFinished(bytes)) finished = bytes;
        return [bytes];
      },
    });
    for (let n = 0; n < 1_000; n++) pair.server.session.receive(finished as Uint8Array, pair.now + 100 * n);
    assert.deepEqual(pair.server.sent, []);
    assert.equal(pair.server.session.state, "established");
  });

  test("a Finished that the client sends again is answered, so a lost answer is made good", () => {
    let lost = 0;
    const pair = agrees({ toClient: (bytes) => (isFinished(bytes) && lost++ < 3 ? [] : [bytes]) });
    assert.equal(pair.server.session.stats.answers, 3);
    assert.equal(pair.client.session.stats.repeats, 3);
  });

  test("once per timeout, however often it is sent", () => {
    const pair = new Pair({
      client: { initialTimeout: 1 },
      toClient: (bytes) => (isFinished(bytes) ? [] : [bytes]),
    });
    pair.run(45);
    assert.ok(pair.client.session.stats.repeats >= 4);
    assert.equal(pair.server.session.stats.answers, 0);
    pair.run(60);
    assert.equal(pair.server.session.stats.answers, 1);
  });

  test("a ClientHello that comes again is answered once per timeout, and only when it is whole", () => {
    const server = new Side("server");
    const client = new Side("client");
    client.session.start(0);
    const [hello] = client.take();
    assert.ok(hello);
    server.session.receive(hello, 0);
    assert.equal(server.take().length, 1);
    for (let n = 0; n < 1_000; n++) {
      server.session.receive(hello, 1);
      server.session.receive(record(type.handshake, fragment(1, 0, 0, 0, zeros(0))), 60);
      server.session.receive(record(type.handshake, fragment(1, 200, 0, 0, zeros(1))), 60);
    }
    assert.equal(server.take().length, 0);
    server.session.receive(hello, 60);
    server.session.receive(hello, 61);
    assert.equal(server.take().length, 1);
  });

  test("a client that is finished sends nothing again", () => {
    const pair = agrees({});
    pair.run(60_000);
    assert.deepEqual(pair.count, { client: 2, server: 2 });
    assert.equal(pair.client.session.nextDeadline, undefined);
    assert.equal(pair.server.session.nextDeadline, undefined);
  });
});

describe("rule 12: fragments", () => {
  const pieces = (
    cut: (body: Uint8Array) => readonly (readonly [offset: number, part: Uint8Array])[],
  ): Filter => {
    let sequence = 2_000;
    return (bytes) => {
      const messages = messagesOf(bytes);
      if (messages.length === 0) return [bytes];
      return messages.flatMap(({ type: messageType, sequence: number, body }) =>
        (body.length === 0 ? ([[0, body]] as const) : cut(body)).map(([offset, part]) =>
          record(type.handshake, fragment(messageType, body.length, number, offset, part), {
            sequence: sequence++,
          }),
        ),
      );
    };
  };
  const ways: Record<string, Filter> = {
    "of one byte": pieces((body) => Array.from(body, (byte, at) => [at, Uint8Array.of(byte)] as const)),
    "in reverse order": pieces((body) => [
      [Math.ceil(body.length / 2), body.subarray(Math.ceil(body.length / 2))],
      [0, body.subarray(0, Math.ceil(body.length / 2))],
    ]),
    "that overlap": pieces((body) => [
      [0, body.subarray(0, 20)],
      [10, body.subarray(10, 40)],
      [5, body.subarray(5)],
      [0, body],
    ]),
  };
  for (const [name, filter] of Object.entries(ways))
    test(`fragments ${name} are put together`, () => {
      const pair = agrees({ toServer: filter, toClient: filter });
      assert.equal(pair.client.session.stats.failures + pair.server.session.stats.failures, 0);
    });

  for (const mtu of [128, 200, 300])
    test(`with ${mtu} bytes at most, no datagram is larger, and both agree`, () => {
      const sizes: number[] = [];
      const note: Filter = (bytes) => [bytes];
      const pair = new Pair({ client: { mtu }, server: { mtu }, toServer: note });
      const collect = pair.collect.bind(pair);
      pair.collect = () => {
        sizes.push(
          ...pair.client.sent.map(({ length }) => length),
          ...pair.server.sent.map(({ length }) => length),
        );
        collect();
      };
      pair.run(500);
      assert.ok(pair.agreed);
      assert.ok(Math.max(...sizes) <= mtu);
      assert.ok(sizes.length > 4);
    });

  test("forged bytes in a message are made good by a whole one", () => {
    const pair = agrees({
      toServer: before(11, (sequence) => [
        record(
          type.handshake,
          fragment(11, certificateMessage(clientCertificate.der).length, sequence, 10, zeros(20)),
        ),
      ]),
    });
    assert.equal(pair.server.session.stats.failures, 0);
  });

  test("forged bytes in a message that comes in pieces are made good by its repeat", () => {
    let forged = 0;
    const pair = new Pair({
      client: { mtu: 200 },
      toServer: (bytes) => {
        const isCertificate = bytes[0] === type.handshake && bytes[13] === 11;
        if (!isCertificate || forged > 0) return [bytes];
        forged++;
        const length = certificateMessage(clientCertificate.der).length;
        return [record(type.handshake, fragment(11, length, 1, 40, zeros(20))), bytes];
      },
    }).run(1_000);
    assert.ok(pair.agreed);
    assert.equal(pair.server.session.stats.failures, 1);
  });

  test("a forged fragment of another length or type stands beside the right one", () => {
    agrees({ toServer: before(11, (n) => [record(type.handshake, fragment(11, 8_000, n, 0, zeros(1)))]) });
    agrees({ toServer: before(11, () => [record(type.handshake, fragment(16, 66, 3, 0, zeros(1)))]) });
    agrees({ toServer: before(11, () => [record(type.handshake, fragment(11, 66, 4, 0, zeros(1)))]) });
  });

  test("memory is bounded, and none is taken for what can't be next", () => {
    const server = new Side("server");
    const flood = () => {
      for (let n = 0; n < 10; n++)
        for (const messageType of [1, 2, 11, 12, 15, 16, 20])
          for (const length of [1, 1_000, 1_025, 8_192, 8_193, 16_384, 0xffffff])
            server.session.receive(record(type.handshake, fragment(messageType, length, n, 0, zeros(1))), 0);
      return server.session.bufferedBytes;
    };
    // Of a server that waits for a ClientHello, only that is kept.
    assert.equal(flood(), 8_192 + 1_025 + 1_000);
    const client = new Side("client");
    client.session.start(0);
    for (const datagram of client.take()) server.session.receive(datagram, 0);
    assert.equal(messagesIn(server.take()).length, 5);
    const kept = flood();
    assert.ok(kept > 0 && kept <= 24 * 1024, `${kept} bytes`);
  });
});

describe("rule 3: replay", () => {
  test("a close_notify that is replayed from another session ends nothing", () => {
    const one = agrees({});
    const other = agrees({});
    one.client.session.close();
    for (const datagram of one.client.take()) other.server.session.receive(datagram, other.now);
    assert.equal(other.server.session.state, "established");
    assert.equal(other.server.session.stats.droppedRecords, 1);
  });

  test("a certificate other than the signaled one ends the session", () => {
    const pair = new Pair({ server: { certificate: otherCertificate } }).run(12_000);
    assert.equal(pair.client.established, undefined);
    assert.deepEqual(pair.client.closed, { kind: "failure", failure: "fingerprint" });
  });
});
