import type { Server, Socket } from "node:net";
import { addressGroup, canonicalAddress } from "./client-address.ts";
import { descriptorsShort } from "./descriptors.ts";

/** Why a newcomer is cut: its address or the listener has as many connections as it may, or the process is out of descriptors. */
export type CutReason = "address" | "total" | "descriptors";

export interface ConnectionLimits {
  /** Most connections at a time, of everybody; default: any number. */
  readonly total?: number;
  /** Of one IPv4 address, or of one IPv6 /64; default: any number. */
  readonly perAddress?: number;
  /** True for an address that speaks for many clients, such as a proxy's: `perAddress` is not for it. */
  readonly speaksForMany?: (address: string) => boolean;
  /** Takes newcomers even where file descriptors run out. */
  readonly evenWhenShort?: boolean;
  /** Hears of each newcomer that is cut. */
  readonly cut?: (reason: CutReason) => void;
}

/**
 * Counts connections in all and per address, for one listener or several. A newcomer above a limit is cut before a byte of it is
 * read, so that nobody's half requests, handshakes or silence take the place of others.
 */
export class ConnectionCaps {
  readonly #limits: ConnectionLimits;
  readonly #byAddress = new Map<string, number>();
  #total = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  /** Connections that are open now. */
  get size(): number {
    return this.#total;
  }

  /** Takes a place for a connection of this address; the result gives it back, once. Undefined when there is none. */
  enter(address: string): (() => void) | undefined {
    const { total = Number.POSITIVE_INFINITY, perAddress = Number.POSITIVE_INFINITY } = this.#limits;
    const { speaksForMany, cut } = this.#limits;
    const canonical = canonicalAddress(address) ?? address;
    const group = addressGroup(canonical);
    const here = this.#byAddress.get(group) ?? 0;
    const crowded = here >= perAddress && speaksForMany?.(canonical) !== true;
    if (crowded || this.#total >= total) {
      cut?.(crowded ? "address" : "total");
      return undefined;
    }
    this.#total++;
    this.#byAddress.set(group, here + 1);
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      this.#total--;
      const left = (this.#byAddress.get(group) ?? 1) - 1;
      if (left === 0) this.#byAddress.delete(group);
      else this.#byAddress.set(group, left);
    };
  }

  /** Lets only those through to a server that have a place. To be called before it listens. */
  guard(server: Server): void {
    // The server's own listener must not see the others: one for TLS would begin a handshake with a socket that is gone.
    const takers = server.listeners("connection");
    server.removeAllListeners("connection");
    server.on("connection", (socket: Socket) => {
      const short = this.#limits.evenWhenShort !== true && descriptorsShort();
      if (short) this.#limits.cut?.("descriptors");
      const leave = short ? undefined : this.enter(socket.remoteAddress ?? "");
      if (leave === undefined) {
        socket.destroy();
        return;
      }
      socket.once("close", leave);
      for (const take of takers) take.call(server, socket);
    });
  }
}
