import { BunUdpSocket } from "./bun-udp.ts";
import { FlushRetry } from "./flush-retry.ts";
import { PacketArena } from "./packet-arena.ts";
import { newUdpBatchCounters, type UdpBatch, type UdpBatchCounters, type UdpSlot } from "./udp-batch.ts";
import type { UdpSocket, UdpTarget } from "./udp-socket.ts";

/** Datagrams of one call. */
const mostDatagrams = 1_024;
/** How often a datagram is tried that the system refuses: once for each error of another one, of which ICMP told. */
const mostTries = 3;

/** {@link UdpBatch} by the `sendMany` of Bun's sockets. */
export class BunUdpBatch implements UdpBatch {
  readonly name = "sendMany";
  readonly counters: UdpBatchCounters = newUdpBatchCounters();
  readonly #memory: Uint8Array;
  readonly #arena: PacketArena;
  /** What waits for each socket, as `sendMany` takes it: bytes, port, address. */
  readonly #lists = new Map<BunUdpSocket, (Uint8Array | number | string)[]>();
  readonly #retry = new FlushRetry(
    () => this.flush(),
    () => this.#drop(),
  );

  /** `bytes`: of datagrams that may wait. */
  constructor(bytes: number) {
    this.#memory = new Uint8Array(bytes);
    this.#arena = new PacketArena(this.#memory);
  }

  get waiting(): number {
    let sum = 0;
    for (const list of this.#lists.values()) sum += list.length / 3;
    return sum;
  }

  slot(bytes: number): UdpSlot {
    if (!this.#arena.fits(bytes)) this.flush();
    return this.#arena.slot(bytes);
  }

  commit(length: number, socket: UdpSocket, to: UdpTarget): boolean {
    const offset = socket instanceof BunUdpSocket ? this.#arena.keep(length) : -1;
    if (offset < 0 || !(socket instanceof BunUdpSocket)) {
      this.counters.dropped++;
      return false;
    }
    let list = this.#lists.get(socket);
    if (list === undefined) {
      list = [];
      this.#lists.set(socket, list);
    }
    list.push(this.#memory.subarray(offset, offset + length), to.port, to.address);
    return true;
  }

  flush(): void {
    if (this.#arena.size === 0) return;
    let blocked = false;
    for (const [socket, list] of this.#lists) {
      const left = this.#send(socket, list);
      if (left.length > 0) {
        blocked = true;
        this.#lists.set(socket, left);
      } else if (socket.descriptor < 0) this.#lists.delete(socket);
      else if (list.length > 0) this.#lists.set(socket, []);
    }
    if (blocked) {
      this.counters.blocked++;
      this.#retry.blocked();
      return;
    }
    this.#retry.done();
    this.#arena.clear();
  }

  close(): void {
    this.#retry.done();
    this.#drop();
    this.#lists.clear();
  }

  /** Sends what is listed; what is left when the system's buffer is full. */
  #send(socket: BunUdpSocket, list: (Uint8Array | number | string)[]): (Uint8Array | number | string)[] {
    const { counters } = this;
    let at = 0;
    let tries = 0;
    while (at < list.length) {
      if (socket.descriptor < 0) {
        counters.failed += (list.length - at) / 3;
        break;
      }
      const part = list.slice(at, at + 3 * mostDatagrams);
      counters.calls++;
      let taken = 0;
      let refused = false;
      try {
        taken = socket.sendMany(part);
      } catch {
        refused = true;
      }
      if (taken > 0) {
        counters.sent += taken;
        counters.messages += taken;
        at += 3 * taken;
        tries = 0;
        continue;
      }
      // The error may be of a datagram that left before (ICMP), and telling it cleared it.
      tries++;
      if (tries < mostTries) continue;
      if (!refused) return list.slice(at);
      counters.failed++;
      at += 3;
      tries = 0;
    }
    return [];
  }

  #drop(): void {
    this.counters.dropped += this.waiting;
    this.#lists.clear();
    this.#arena.clear();
  }
}
