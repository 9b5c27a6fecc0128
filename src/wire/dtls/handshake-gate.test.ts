import { expect, test } from "bun:test";
import { HandshakeGates } from "./handshake-gate.ts";

const address = (network: number, host: number) => {
  const bytes = new Uint8Array(16);
  bytes.set([0x20, 0x01, 0, network]);
  bytes[15] = host;
  return bytes;
};

test("rule 25: the addresses of one /64 share a cap", () => {
  const gates = new HandshakeGates({ perAddress: 2, perBlock: 3, burst: 100 });
  const begin = (network: number, host: number) => gates.gate(address(network, host)).begin(0);
  expect([begin(1, 1), begin(1, 1), begin(1, 1)]).toEqual([0, 0, undefined]);
  expect([begin(1, 2), begin(1, 3)]).toEqual([0, undefined]);
  expect(begin(2, 1)).toBe(0);
});

test("a gate begins once and ends once, however often it is asked", () => {
  const gates = new HandshakeGates();
  const gate = gates.gate(address(1, 1));
  gate.end();
  expect(gates.halfOpen).toBe(0);
  expect([gate.begin(0), gate.begin(0)]).toEqual([0, undefined]);
  expect(gates.halfOpen).toBe(1);
  gate.end();
  gate.end();
  expect(gates.halfOpen).toBe(0);
  expect(gate.begin(0)).toBe(0);
});
