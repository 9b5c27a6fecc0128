import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { dtlsCrypto } from "../../src/net/dtls-crypto.ts";
import { concat, u16, vector8 } from "../../src/wire/dtls/bytes.ts";
import { describeClose } from "../../src/wire/dtls/close-reason.ts";
import type { DtlsCrypto } from "../../src/wire/dtls/crypto.ts";
import { epochOf, fragment, isFinished, message, messagesIn, record, type } from "./support/forge.ts";
import { Pair, type PairOptions, recordsOf, Side } from "./support/pair.ts";
import { Sealing } from "./support/sealing.ts";

const none = new Uint8Array(0);

/** An established pair, and what either side can be made to seal. */
function established(options: PairOptions = {}) {
  const client = new Sealing();
  const server = new Sealing();
  const pair = new Pair({
    ...options,
    client: { ...options.client, crypto: client.crypto },
    server: { ...options.server, crypto: server.crypto },
  }).run(50);
  assert.ok(pair.agreed);
  return { pair, client, server };
}

describe("rule 14: nothing is negotiated again", () => {
  const hello = message(1, 5, new Uint8Array(50)).subarray(13);
  const request = message(0, 6, none).subarray(13);
  for (const [role, again] of [
    ["client", request],
    ["server", hello],
  ] as const)
    test(`a ${role} answers one attempt with no_renegotiation, and goes on`, () => {
      const { pair, ...sealing } = established();
      const peer = role === "client" ? sealing.server : sealing.client;
      const side = pair[role];
      const other = role === "client" ? pair.server : pair.client;
      for (let n = 0; n < 20; n++) side.session.receive(peer.record(type.handshake, 10 + n, again), pair.now);
      assert.equal(side.sent.length, 1);
      assert.equal(side.session.state, "established");
      // A warning does not end the other side.
      other.session.receive(side.sent[0] as Uint8Array, pair.now);
      assert.equal(other.session.state, "established");
      assert.equal(epochOf(side.sent[0] as Uint8Array), 1);
    });
});

describe("rule 11: a Finished after the handshake", () => {
  const finished = (sequence: number, offset = 0, length = 12) =>
    fragment(20, length, sequence, offset, new Uint8Array(12 - offset));

  test("is not answered by a client, however it is sealed", () => {
    const { pair, server } = established();
    pair.client.session.receive(server.record(type.handshake, 10, finished(5)), pair.now + 1_000);
    pair.client.session.receive(server.record(type.handshake, 11, finished(4)), pair.now + 2_000);
    assert.deepEqual(pair.client.sent, []);
  });

  test("is answered by a server when it is whole and has its sequence number", () => {
    const { pair, client } = established();
    const sent = (content: Uint8Array, sequence: number) => {
      pair.server.session.receive(client.record(type.handshake, sequence, content), 1_000 * sequence);
      return pair.server.take().length;
    };
    assert.equal(sent(finished(5), 10), 0);
    assert.equal(sent(finished(4, 6), 11), 0);
    assert.equal(sent(finished(4, 0, 13), 12), 0);
    assert.equal(sent(finished(4), 13), 1);
  });
});

describe("rule 22: alerts", () => {
  test("close tells the peer, which answers and ends", () => {
    const { pair } = established();
    pair.client.session.close();
    pair.collect();
    pair.run(10);
    assert.deepEqual(pair.client.closed, { kind: "local" });
    assert.deepEqual(pair.server.closed, { kind: "closeNotify" });
    assert.deepEqual(pair.count, { client: 3, server: 3 });
  });

  test("a fatal alert that is authenticated ends the session without an answer", () => {
    const { pair, client } = established();
    pair.server.session.receive(client.record(type.alert, 9, Uint8Array.of(2, 80)), pair.now);
    assert.deepEqual(pair.server.closed, { kind: "alert", alert: 80 });
    assert.deepEqual(pair.server.sent, []);
  });

  test("a warning ends nothing, nor does an alert of another length", () => {
    const { pair, client } = established();
    for (const [at, content] of [
      Uint8Array.of(1, 90),
      Uint8Array.of(2),
      Uint8Array.of(2, 80, 0),
      none,
    ].entries())
      pair.server.session.receive(client.record(type.alert, 9 + at, content), pair.now);
    assert.equal(pair.server.session.state, "established");
  });

  test("an alert in the clear is told as the reason of a timeout", () => {
    const client = new Side("client");
    client.session.start(0);
    client.session.receive(record(type.alert, Uint8Array.of(2, 40)), 10);
    assert.equal(client.session.state, "handshaking");
    for (let at = client.session.nextDeadline; at !== undefined; at = client.session.nextDeadline)
      client.session.tick(at);
    assert.deepEqual(client.closed, { kind: "timeout", failure: undefined, alert: 40 });
    assert.ok(client.closed);
    assert.equal(describeClose(client.closed), "the handshake timed out; the peer sent handshakeFailure");
  });

  test("whatever comes after the end does nothing", () => {
    const { pair, client } = established();
    pair.server.session.close();
    const sent = pair.server.take().length;
    pair.server.session.receive(
      client.record(type.handshake, 9, message(20, 4, new Uint8Array(12)).subarray(13)),
      0,
    );
    pair.server.session.tick(1e9);
    pair.server.session.start(1e9);
    pair.server.session.close();
    assert.equal(sent, 1);
    assert.deepEqual(pair.server.sent, []);
    assert.equal(pair.server.session.nextDeadline, undefined);
  });

  test("a session that has not begun closes without a word", () => {
    const server = new Side("server");
    server.session.close();
    assert.deepEqual([server.sent, server.closed], [[], { kind: "local" }]);
  });

  test("established may close the session", () => {
    const pair = new Pair();
    Object.defineProperty(pair.client, "established", { set: () => pair.client.session.close() });
    pair.run(50);
    assert.deepEqual(pair.client.closed, { kind: "local" });
    assert.deepEqual(pair.server.closed, { kind: "closeNotify" });
  });
});

describe("rule 23: records", () => {
  /** Whether the server opens it: a close_notify is answered. */
  const opens = (sequences: readonly number[], last: number) => {
    const { pair, client } = established();
    const warning = Uint8Array.of(1, 90);
    for (const sequence of sequences)
      pair.server.session.receive(client.record(type.alert, sequence, warning), pair.now);
    pair.server.session.receive(client.record(type.alert, last, Uint8Array.of(1, 0)), pair.now);
    return pair.server.session.state === "closed";
  };
  test("one that came before is dropped; the client's Finished was number 0", () => {
    assert.equal(opens([], 0), false);
    assert.equal(opens([1, 2, 3], 2), false);
  });
  test("records may overtake each other within a window of 64", () => {
    assert.equal(opens([3], 2), true);
    assert.equal(opens([100], 37), true);
    assert.equal(opens([100], 36), false);
    assert.equal(opens([2 ** 47], 99), false);
    assert.equal(opens([2 ** 47], 2 ** 47 - 1), true);
  });
  test("a forged record of a high number moves no window", () => {
    const { pair, client } = established();
    const forged = client.record(type.alert, 2 ** 40, Uint8Array.of(2, 80));
    forged[20] = (forged[20] ?? 0) ^ 1;
    pair.server.session.receive(forged, pair.now);
    assert.equal(pair.server.session.state, "established");
    pair.server.session.receive(client.record(type.alert, 1, Uint8Array.of(1, 0)), pair.now);
    assert.equal(pair.server.session.state, "closed");
  });
  test("a later epoch is dropped, and so are records that were opened under another header", () => {
    const { pair, client } = established();
    const sealed = client.record(type.alert, 9, Uint8Array.of(2, 80));
    for (const [at, value] of [
      [0, type.handshake],
      [2, 0xff],
      [4, 2],
      [10, 10],
    ] as const) {
      const changed = sealed.slice();
      changed[at] = value;
      pair.server.session.receive(changed, pair.now);
    }
    assert.equal(pair.server.session.state, "established");
    pair.server.session.receive(sealed, pair.now);
    assert.equal(pair.server.session.state, "closed");
  });
  test("application data is of no use and changes nothing", () => {
    const { pair, client } = established();
    pair.server.session.receive(client.record(type.applicationData, 9, new Uint8Array(100)), pair.now);
    assert.equal(pair.server.session.state, "established");
    assert.deepEqual(pair.server.sent, []);
  });
});

describe("rule 23: HelloVerifyRequest", () => {
  const request = (sequence: number, cookie: Uint8Array) =>
    message(3, sequence, concat(u16(0xfeff), vector8(cookie)));

  test("the first is obeyed with the same random and the cookie, others are ignored", () => {
    const client = new Side("client");
    client.session.start(0);
    const [first] = messagesIn(client.take());
    client.session.receive(request(0, Uint8Array.of(1, 2, 3)), 1);
    const [second] = messagesIn(client.take());
    assert.deepEqual(second?.body.subarray(0, 35), first?.body.subarray(0, 35));
    assert.deepEqual(second?.body.subarray(35, 39), Uint8Array.of(3, 1, 2, 3));
    assert.equal(second?.sequence, 1);
    for (const sequence of [0, 1, 2]) client.session.receive(request(sequence, new Uint8Array(32)), 2);
    assert.deepEqual(client.take(), []);
    assert.equal(client.session.stats.failures, 0);
  });

  test("a forged one before the ServerHello does no harm", () => {
    let forged = false;
    const pair = new Pair({
      toClient: (bytes) => {
        if (forged) return [bytes];
        forged = true;
        return [request(0, new Uint8Array(16)), request(0, new Uint8Array(17)), bytes];
      },
    }).run(1_000);
    assert.ok(pair.agreed);
  });

  test("one that is malformed is wrong", () => {
    const client = new Side("client");
    client.session.start(0);
    client.session.receive(message(3, 0, new Uint8Array(3)), 1);
    assert.equal(client.session.stats.failures, 1);
  });
});

describe("rule 26: secrets", () => {
  /** Keeps each secret that passes the port, as it is and not a copy. */
  function spy() {
    const secrets: Uint8Array[] = [];
    const keep = (bytes: Uint8Array) => {
      if (bytes.length > 0 && bytes.some((byte) => byte !== 0)) secrets.push(bytes);
      return bytes;
    };
    const crypto: DtlsCrypto = {
      ...dtlsCrypto,
      keyShare: (group) => {
        const { publicKey, agree } = dtlsCrypto.keyShare(group);
        return {
          publicKey,
          agree: (peer) => {
            const secret = agree(peer);
            return secret && keep(secret);
          },
        };
      },
      hmac: (hash, key, parts) => dtlsCrypto.hmac(hash, keep(key), parts),
      digest: (hash, parts) => {
        // Parts of the transcript, not of a certificate.
        if (parts.length > 1) parts.forEach(keep);
        return dtlsCrypto.digest(hash, parts);
      },
    };
    return { secrets, crypto };
  }
  const isWiped = (bytes: Uint8Array) => bytes.every((byte) => byte === 0);

  test("ECDH secret, master secret and transcript are overwritten once the keys are there", () => {
    const [client, server] = [spy(), spy()];
    const pair = new Pair({ client: { crypto: client.crypto }, server: { crypto: server.crypto } }).run(50);
    assert.ok(pair.agreed);
    for (const { secrets } of [client, server]) {
      assert.ok(secrets.length > 10);
      assert.ok(secrets.every(isWiped));
    }
  });

  test("and when the handshake is given up", () => {
    const server = spy();
    const pair = new Pair({
      server: { crypto: server.crypto },
      toServer: (bytes) => (isFinished(bytes) ? [] : [bytes]),
    }).run(11_000);
    assert.equal(pair.server.closed?.kind, "timeout");
    assert.ok(server.secrets.length > 5);
    assert.ok(server.secrets.every(isWiped));
  });

  test("the keys of records are overwritten at the end", () => {
    const keys: Uint8Array[] = [];
    const crypto: DtlsCrypto = {
      ...dtlsCrypto,
      seal: (key, nonce, additional, plaintext) => {
        keys.push(key);
        return dtlsCrypto.seal(key, nonce, additional, plaintext);
      },
      open: (key, nonce, additional, sealed) => {
        keys.push(key);
        return dtlsCrypto.open(key, nonce, additional, sealed);
      },
    };
    const pair = new Pair({ client: { crypto } }).run(50);
    assert.equal(keys.length, 2);
    assert.ok(!keys.some(isWiped));
    pair.client.session.close();
    assert.ok(keys.every(isWiped));
  });

  test("each SRTP key has memory of its own", () => {
    const { pair } = established();
    const { local, remote } = pair.client.established ?? assert.fail();
    const all = [local.key, local.salt, remote.key, remote.salt];
    assert.equal(new Set(all.map(({ buffer }) => buffer)).size, 4);
    for (const bytes of all) assert.equal(bytes.buffer.byteLength, bytes.length);
  });
});

describe("time", () => {
  test("a client that nobody answers repeats ever more slowly, and gives up after 10 s", () => {
    const client = new Side("client");
    const times: number[] = [0];
    client.session.start(0);
    client.take();
    for (let at = client.session.nextDeadline; at !== undefined; at = client.session.nextDeadline) {
      client.session.tick(at);
      if (client.take().length > 0) times.push(at);
    }
    assert.deepEqual(
      times,
      [0, 50, 150, 350, 750, 1_550, 2_550, 3_550, 4_550, 5_550, 6_550, 7_550, 8_550, 9_550],
    );
    assert.equal(client.closed?.kind, "timeout");
  });

  test("ticks before the deadline do nothing", () => {
    const client = new Side("client");
    client.session.start(0);
    client.take();
    for (let now = 0; now < 50; now++) client.session.tick(now);
    assert.deepEqual(client.sent, []);
  });

  test("repeats are new records of the same messages", () => {
    const client = new Side("client");
    client.session.start(0);
    client.session.tick(50);
    const [one, other] = client.take().flatMap(recordsOf);
    assert.deepEqual(one?.subarray(13), other?.subarray(13));
    assert.notDeepEqual(one?.subarray(5, 11), other?.subarray(5, 11));
  });

  for (const mtu of [200, 1_200])
    test(`of 100 handshakes in which 30 % of the datagrams of at most ${mtu} bytes are lost, all agree`, () => {
      let random = 12_345;
      const next = () => {
        random = (Math.imul(random, 1_103_515_245) + 12_345) & 0x7fffffff;
        return random / 0x80000000;
      };
      const delay = () => (next() < 0.3 ? undefined : 1 + 30 * next());
      for (let n = 0; n < 100; n++) {
        const pair = new Pair({ client: { mtu }, server: { mtu }, delay }).run(10_000);
        assert.ok(pair.agreed, `${n}: ${JSON.stringify([pair.client.closed, pair.server.closed])}`);
      }
    });
});

test("an mtu out of range is a mistake of the caller", () => {
  for (const mtu of [0, 127, 16_385, Number.NaN])
    assert.throws(() => new Side("server", { mtu }), RangeError);
});
