import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PathBudget } from "../../src/wire/dtls/path-budget.ts";
import { chromiumHello } from "./support/chromium-hello.ts";
import { messagesIn } from "./support/forge.ts";
import { Side } from "./support/pair.ts";

const [first, second] = chromiumHello as [Uint8Array, Uint8Array];
const types = (side: Side) => messagesIn(side.take()).map(({ type }) => type);
const flight = [2, 11, 12, 13, 14];

describe("Chromium's ClientHello, recorded: two fragments, ML-KEM, DTLS 1.3 and 1.2", () => {
  for (const [name, order] of [
    ["in order", [first, second]],
    ["in reverse order", [second, first]],
    ["with a fragment twice", [first, first, second]],
  ] as const)
    test(`is answered with DTLS 1.2, ${name}`, () => {
      const server = new Side("server");
      for (const datagram of order) server.session.receive(datagram, 0);
      const messages = messagesIn(server.take());
      assert.deepEqual(
        messages.map(({ type }) => type),
        flight,
      );
      const [hello, , keyExchange] = messages;
      assert.deepEqual(hello?.body.subarray(0, 2), Uint8Array.of(0xfe, 0xfd));
      // TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, and X25519.
      assert.deepEqual(hello?.body.subarray(35, 37), Uint8Array.of(0xc0, 0x2b));
      assert.deepEqual(keyExchange?.body.subarray(0, 3), Uint8Array.of(3, 0, 29));
    });

  test("one fragment alone is not answered, and waits", () => {
    const server = new Side("server");
    server.session.receive(first, 0);
    assert.deepEqual(types(server), []);
    assert.ok(server.session.bufferedBytes > 1_000);
    server.session.receive(second, 10_000);
    assert.deepEqual(types(server), flight);
  });

  test("its bytes pay for the answer, to an address that has proved nothing", () => {
    const server = new Side("server", { path: new PathBudget() });
    for (const datagram of chromiumHello) server.session.receive(datagram, 0);
    assert.deepEqual(types(server), flight);
  });

  test("its repeat in two fragments is answered", () => {
    const server = new Side("server");
    for (const now of [0, 50]) {
      for (const datagram of chromiumHello) server.session.receive(datagram, now);
      assert.deepEqual(types(server), flight);
    }
  });

  test("a fragment of its repeat alone is not", () => {
    const server = new Side("server");
    for (const datagram of chromiumHello) server.session.receive(datagram, 0);
    server.take();
    for (let now = 50; now < 5_000; now += 50) server.session.receive(first, now);
    assert.deepEqual(types(server), []);
  });
});
