import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { dtlsCrypto } from "../../src/net/dtls-crypto.ts";
import { HandshakeGates } from "../../src/wire/dtls/handshake-gate.ts";
import { PathBudget } from "../../src/wire/dtls/path-budget.ts";
import { fragment, messagesIn, record, type } from "./support/forge.ts";
import { Pair, Side } from "./support/pair.ts";

const bytesOf = (datagrams: readonly Uint8Array[]) => datagrams.reduce((sum, { length }) => sum + length, 0);

function clientHello(): Uint8Array {
  const client = new Side("client");
  client.session.start(0);
  return client.take()[0] as Uint8Array;
}

/** Lets a side live for so long, and gives what it has sent. */
function live(side: Side, ms: number): Uint8Array[] {
  for (let now = side.session.nextDeadline; now !== undefined && now <= ms; now = side.session.nextDeadline)
    side.session.tick(now);
  return side.take();
}

describe("rule 8: what is sent to an address that has proved nothing", () => {
  test("a ClientHello from a forged address draws at most three times its bytes, and no repeat", () => {
    const hello = clientHello();
    const server = new Side("server", { path: new PathBudget() });
    server.session.receive(hello, 0);
    const sent = bytesOf(live(server, 13_000));
    assert.ok(sent <= 3 * hello.length, `${sent} bytes for ${hello.length}`);
    assert.deepEqual(server.closed, { kind: "timeout", failure: undefined, alert: undefined });
  });

  test("whatever comes from there, at any moment", () => {
    const path = new PathBudget();
    const server = new Side("server", { path });
    let sent = 0;
    for (let now = 0; now < 9_000; now += 60) {
      server.session.receive(clientHello(), now);
      sent += bytesOf(server.take());
      assert.ok(sent <= 3 * path.bytesReceived);
      assert.equal(sent, path.bytesSent);
    }
    assert.ok(sent > 0);
  });

  test("the client's repeats bring the flight, when one ClientHello was too small for it", () => {
    const pair = new Pair({ server: { path: new PathBudget() } });
    pair.run(5_000);
    assert.ok(pair.agreed);
    assert.ok(pair.server.session.path.proved);
    assert.equal(pair.server.session.stats.repeats, 0);
  });

  test("the bytes of an ICE check before it are enough for the flight at once", () => {
    const path = new PathBudget();
    path.received(100);
    assert.ok(path.spend(80));
    const pair = new Pair({ server: { path } }).run(30);
    assert.ok(pair.agreed);
    assert.deepEqual(pair.count, { client: 2, server: 2 });
  });

  test("once the path is proved, what waits is sent, and the timer repeats it", () => {
    const server = new Side("server", { path: new PathBudget() });
    server.session.receive(clientHello().slice(), 0);
    const before = server.take().length;
    server.session.pathProved(10);
    assert.equal(before + server.take().length, 1);
    assert.ok(live(server, 9_000).length >= 5);
  });

  test("a client sends nothing before the path is proved", () => {
    const client = new Side("client", { path: new PathBudget() });
    client.session.start(0);
    assert.deepEqual(live(client, 5_000), []);
    client.session.pathProved(5_000);
    assert.equal(messagesIn(client.take()).length, 1);
  });

  test("another address begins with a budget of its own", () => {
    const server = new Side("server");
    server.session.receive(clientHello(), 0);
    assert.equal(server.take().length, 1);
    server.session.usePath(new PathBudget(), 10);
    assert.deepEqual(live(server, 5_000), []);
  });

  test("alerts and close_notify count as well", () => {
    const server = new Side("server", { path: new PathBudget() });
    server.session.receive(record(type.handshake, fragment(1, 1, 0, 0, new Uint8Array(1)), {}), 0);
    for (let n = 0; n < 20; n++)
      server.session.receive(record(type.handshake, fragment(1, 1, 0, 0, new Uint8Array(1))), 0);
    server.session.close();
    assert.ok(bytesOf(server.sent) <= 3 * server.session.path.bytesReceived);
  });
});

describe("rule 25: half-open handshakes", () => {
  test("a key pair and a signature are made for a whole ClientHello that fits, and for nothing less", () => {
    let pairs = 0;
    const crypto = {
      ...dtlsCrypto,
      keyShare: (group: "x25519" | "p256") => {
        pairs++;
        return dtlsCrypto.keyShare(group);
      },
    };
    const server = new Side("server", { crypto });
    const hello = clientHello();
    const body = hello.subarray(25);
    const half = body.length >> 1;
    server.session.receive(record(type.handshake, fragment(1, body.length, 0, 0, body.subarray(0, half))), 0);
    server.session.receive(record(type.handshake, fragment(1, 60, 0, 0, new Uint8Array(60))), 0);
    assert.equal(pairs, 0);
    server.session.receive(hello, 0);
    assert.equal(pairs, 1);
    server.session.receive(hello, 100);
    assert.equal(pairs, 1);
    assert.equal(server.take().length, 2);
  });

  test("they are capped by address and all together, until they are complete or given up", () => {
    const gates = new HandshakeGates({ total: 5, perAddress: 2, signaturesPerSecond: 1e6, burst: 1e6 });
    const open = (last: number) => {
      const server = new Side("server", { gate: gates.gate(Uint8Array.of(10, 0, 0, last)) });
      server.session.receive(clientHello(), 0);
      return server;
    };
    const [one, two, three] = [open(1), open(1), open(1)];
    assert.deepEqual(
      [one, two, three].map(({ sent }) => sent.length),
      [1, 1, 0],
    );
    assert.equal(three?.session.stats.refused, 1);
    assert.equal(three?.session.bufferedBytes, 0);
    const others = [open(2), open(3), open(4), open(5)];
    assert.deepEqual(
      others.map(({ sent }) => sent.length),
      [1, 1, 1, 0],
    );
    assert.equal(gates.halfOpen, 5);
    // Its client asks again once there is room.
    live(one as Side, 11_000);
    assert.equal(one?.closed?.kind, "timeout");
    three?.session.receive(clientHello(), 11_000);
    assert.equal(three?.take().length, 1);
    for (const side of [two, three, ...others]) side?.session.close();
    assert.equal(gates.halfOpen, 0);
  });

  test("a complete handshake is no longer half-open", () => {
    const gates = new HandshakeGates();
    const pair = new Pair({ server: { gate: gates.gate(Uint8Array.of(10, 0, 0, 1)) } });
    pair.run(2);
    assert.equal(gates.halfOpen, 1);
    pair.run(20);
    assert.ok(pair.agreed);
    assert.equal(gates.halfOpen, 0);
  });

  test("ten thousand ClientHellos at once are signed for a few at a time", () => {
    const gates = new HandshakeGates({
      total: 20_000,
      perAddress: 20_000,
      signaturesPerSecond: 1_000,
      burst: 50,
    });
    const gate = () => gates.gate(Uint8Array.of(10, 0, 0, 1));
    const waits = Array.from({ length: 10_000 }, () => gate().begin(0));
    assert.equal(waits.filter((wait) => wait === 0).length, 50);
    assert.equal(waits.filter((wait) => wait !== undefined).length, 1_050);
    assert.equal(gates.halfOpen, 1_050);
  });

  test("a ClientHello that waits for its signature is answered when its time comes", () => {
    const gates = new HandshakeGates({ signaturesPerSecond: 100, burst: 1 });
    const gate = () => gates.gate(Uint8Array.of(10, 0, 0, 1));
    assert.equal(gate().begin(0), 0);
    const server = new Side("server", { gate: gate() });
    server.session.receive(clientHello(), 0);
    assert.deepEqual(server.take(), []);
    assert.equal(server.session.nextDeadline, 10);
    server.session.tick(9);
    assert.deepEqual(server.take(), []);
    server.session.tick(10);
    assert.equal(server.take().length, 1);
  });
});
