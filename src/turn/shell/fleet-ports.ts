import type { Family } from "../../wire/stun/transport-address.ts";

/** Ports of one family. */
const ports = 65_536;

/**
 * Which relay ports the workers of one server have open: one byte for each, in memory that they share. A relay of one worker reaches
 * those of the others by it, and no other socket of the machine.
 */
export class FleetPorts {
  static readonly bytes: number = 2 * ports;
  readonly #open: Uint8Array;

  /** The memory, of {@link bytes} bytes; zeros at first. */
  constructor(memory: SharedArrayBuffer) {
    this.#open = new Uint8Array(memory);
  }

  has(family: Family, port: number): boolean {
    return this.#open[place(family, port)] === 1;
  }

  opened(family: Family, port: number): void {
    this.#open[place(family, port)] = 1;
  }

  closed(family: Family, port: number): void {
    this.#open[place(family, port)] = 0;
  }
}

function place(family: Family, port: number): number {
  return (family - 1) * ports + port;
}
