import type { Family } from "../../wire/stun/transport-address.ts";

/** The number of ports of one family. */
const ports = 65_536;

/**
 * The relay ports that the workers of one server have open: one byte for each port, in shared memory. By this, a relay of one
 * worker reaches relays of the others, and no other sockets of the machine.
 */
export class FleetPorts {
  static readonly bytes: number = 2 * ports;
  readonly #open: Uint8Array;

  /** The memory, of {@link bytes} bytes; zeros at first. */
  constructor(memory: SharedArrayBuffer) {
    this.#open = new Uint8Array(memory);
  }

  has(family: Family, port: number): boolean {
    return this.#open[indexOf(family, port)] === 1;
  }

  opened(family: Family, port: number): void {
    this.#open[indexOf(family, port)] = 1;
  }

  closed(family: Family, port: number): void {
    this.#open[indexOf(family, port)] = 0;
  }
}

function indexOf(family: Family, port: number): number {
  return (family - 1) * ports + port;
}
