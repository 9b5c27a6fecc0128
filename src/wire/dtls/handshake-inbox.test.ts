import { describe, expect, test } from "bun:test";
import { HandshakeInbox } from "./handshake-inbox.ts";
import { messageType } from "./handshake-message.ts";

const { clientHello, certificate, clientKeyExchange, finished, serverHello } = messageType;

/** How many bytes an inbox keeps for a fragment of one byte of a message. */
function kept(
  type: number,
  sequence: number,
  length: number,
  { expects = [1], epoch = 0 as 0 | 1, part = 1 } = {},
) {
  const inbox = new HandshakeInbox("server");
  inbox.add({ type, sequence, length, offset: 0, part: new Uint8Array(part) }, epoch, expects);
  return inbox.bytes;
}

describe("rule 12: what an inbox keeps", () => {
  test("messages up to four ahead of the next one", () => {
    expect([1, 2, 5].map((sequence) => kept(certificate, sequence, 100))).toEqual([100, 100, 100]);
    expect([0, 6, 7, 65_535].map((sequence) => kept(certificate, sequence, 100))).toEqual([0, 0, 0, 0]);
  });

  test("8 KB of a hello or certificate, 1 KB of others", () => {
    expect([8_192, 8_193].map((length) => kept(certificate, 1, length))).toEqual([8_192, 0]);
    expect([1_024, 1_025].map((length) => kept(clientKeyExchange, 1, length))).toEqual([1_024, 0]);
  });

  test("nothing for a fragment that carries nothing", () => {
    expect(kept(certificate, 1, 100, { part: 0 })).toBe(0);
  });

  test("nothing of a type that its role does not receive, or not in that epoch", () => {
    expect(kept(serverHello, 1, 100)).toBe(0);
    expect(kept(finished, 4, 12, { expects: [4] })).toBe(0);
    expect(kept(finished, 4, 12, { expects: [4], epoch: 1 })).toBe(12);
    expect(kept(certificate, 4, 12, { expects: [4], epoch: 1 })).toBe(0);
  });

  test("of a server that waits for a ClientHello only that, and of one that has it its repeat", () => {
    expect(kept(clientHello, 0, 100, { expects: [0] })).toBe(100);
    expect(kept(certificate, 1, 100, { expects: [0] })).toBe(0);
    expect(kept(clientHello, 0, 100, { expects: [3] })).toBe(100);
    expect(kept(clientHello, 3, 100, { expects: [3] })).toBe(0);
  });

  test("24 KB in all: what was begun first makes room", () => {
    const inbox = new HandshakeInbox("server");
    const add = (sequence: number, length: number) =>
      inbox.add({ type: certificate, sequence, length, offset: 0, part: new Uint8Array(1) }, 0, [1]);
    for (const sequence of [1, 2, 3, 4]) add(sequence, 8_192);
    expect(inbox.bytes).toBe(3 * 8_192);
    for (let length = 2; length < 100; length++) add(5, length);
    expect(inbox.bytes).toBeLessThan(8 * 100);
  });
});
