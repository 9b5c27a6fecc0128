import { BunTarget, BunUdpSocket, bindBunUdp } from "./bun-udp.ts";
import { FixedMemory } from "./fixed-memory.ts";
import { FlushRetry } from "./flush-retry.ts";
import { MessageBlock } from "./message-block.ts";
import { errorNumber, lastError, sendMessages, sendNative, setSocketOption } from "./native-socket.ts";
import { PacketArena } from "./packet-arena.ts";
import {
  newUdpBatchCounters,
  type UdpBatch,
  type UdpBatchCounters,
  type UdpSending,
  type UdpSlot,
} from "./udp-batch.ts";
import type { UdpSocket, UdpTarget } from "./udp-socket.ts";

/** Of one call of sendmmsg: the system takes no more than 1,024 messages. */
const [mostMessages, mostParts] = [512, 4_096];
/** Datagrams that one message is cut into, and its bytes, at most: Linux allows 64 (128 since 6.9), and what a datagram can hold. */
const [mostSegments, mostMessageBytes] = [64, 65_000];
/** How often a message is tried that the system refuses: once for each error of another datagram, of which ICMP told. */
const mostTries = 3;
/** Bytes that may wait in the system for the network. */
const sendBuffer = 8 << 20;
/** Bytes that a datagram takes in the arena at least: for how many of them there is bookkeeping. */
const leastBytes = 64;

/** The system, which tests stand in for. */
export interface MessageSystem {
  readonly send: typeof sendMessages;
  readonly error: typeof lastError;
}

/** Whether the kernel cuts messages into datagrams (UDP_SEGMENT, Linux 4.18). Rejects where there is no IPv4 and no IPv6. */
export async function hasSegments(): Promise<boolean> {
  const bind = (address: string) => bindBunUdp({ address, port: 0, receive: () => {} });
  const socket = await bind("127.0.0.1").catch(() => bind("::1"));
  try {
    return setSocketOption(socket.descriptor, "segment", 0);
  } finally {
    socket.close();
  }
}

/** What waits for one socket. */
interface Lane {
  readonly socket: BunUdpSocket;
  /** Targets that datagrams wait for. */
  targets: BunTarget[];
}

/**
 * {@link UdpBatch} by sendmmsg, with the datagrams of one target in messages that the kernel cuts (UDP_SEGMENT) where they have the same length: a
 * message of four costs little more than one datagram.
 */
export class NativeUdpBatch implements UdpBatch {
  readonly counters: UdpBatchCounters = newUdpBatchCounters();
  readonly #memory: FixedMemory;
  readonly #arena: PacketArena;
  readonly #block: MessageBlock;
  /** Of each datagram in the arena: where it begins, its length, and the next one for the same target, -1 for none. */
  readonly #offset: Int32Array;
  readonly #length: Int32Array;
  readonly #next: Int32Array;
  /** Of each message in the block: the place of its target in the lane, and its first datagram. */
  readonly #messageTarget = new Int32Array(mostMessages);
  readonly #messageFirst = new Int32Array(mostMessages);
  readonly #lanes = new Map<UdpSocket, Lane>();
  readonly #retry = new FlushRetry(
    () => this.flush(),
    () => this.#drop(),
  );
  #lastLane: Lane | undefined;
  #waiting = 0;

  readonly #segments: boolean;
  readonly #system: MessageSystem;

  /** `bytes`: of datagrams that may wait. `segments`: whether the kernel cuts messages into datagrams: see {@link hasSegments}. */
  constructor(
    bytes: number,
    segments: boolean,
    system: MessageSystem = { send: sendMessages, error: lastError },
  ) {
    this.#segments = segments;
    this.#system = system;
    this.#memory = new FixedMemory(bytes);
    this.#arena = new PacketArena(this.#memory.bytes);
    this.#block = new MessageBlock(this.#memory.pointer, mostMessages, mostParts);
    const most = Math.ceil(bytes / leastBytes);
    this.#offset = new Int32Array(most);
    this.#length = new Int32Array(most);
    this.#next = new Int32Array(most);
  }

  get name(): UdpSending {
    return this.#segments ? "sendmmsg+gso" : "sendmmsg";
  }

  get waiting(): number {
    return this.#waiting;
  }

  slot(bytes: number): UdpSlot {
    if (!this.#arena.fits(bytes) || this.#arena.size >= this.#offset.length) this.flush();
    return this.#arena.slot(bytes);
  }

  commit(length: number, socket: UdpSocket, to: UdpTarget): boolean {
    const lane = this.#lastLane?.socket === socket ? this.#lastLane : this.#laneOf(socket);
    const packet = this.#arena.size;
    const offset =
      lane === undefined ||
      !(to instanceof BunTarget) ||
      to.native === undefined ||
      packet >= this.#offset.length
        ? -1
        : this.#arena.keep(length);
    if (offset < 0 || lane === undefined || !(to instanceof BunTarget)) {
      this.counters.dropped++;
      return false;
    }
    this.#offset[packet] = offset;
    this.#length[packet] = length;
    this.#next[packet] = -1;
    if (to.first < 0) {
      to.first = packet;
      lane.targets.push(to);
    } else this.#next[to.last] = packet;
    to.last = packet;
    this.#waiting++;
    return true;
  }

  flush(): void {
    if (this.#waiting === 0) return;
    let blocked = false;
    for (const lane of this.#lanes.values()) if (lane.targets.length > 0 && !this.#send(lane)) blocked = true;
    if (blocked) {
      this.counters.blocked++;
      this.#retry.blocked();
      return;
    }
    this.#retry.done();
    this.#clear();
  }

  close(): void {
    this.#retry.done();
    this.#drop();
    this.#lanes.clear();
    this.#lastLane = undefined;
  }

  #laneOf(socket: UdpSocket): Lane | undefined {
    let lane = this.#lanes.get(socket);
    if (lane === undefined && socket instanceof BunUdpSocket && socket.descriptor >= 0) {
      for (const { socket: other } of this.#lanes.values())
        if (other.descriptor < 0) this.#lanes.delete(other);
      const { descriptor } = socket;
      if (!setSocketOption(descriptor, "sendBufferForce", sendBuffer))
        setSocketOption(descriptor, "sendBuffer", sendBuffer);
      lane = { socket, targets: [] };
      this.#lanes.set(socket, lane);
    }
    this.#lastLane = lane;
    return lane;
  }

  /** Sends what waits for a lane; false when the system's buffer is full and something is left. */
  #send(lane: Lane): boolean {
    const { targets } = lane;
    let target = 0;
    while (target < targets.length) {
      const descriptor = lane.socket.descriptor;
      const end = this.#write(lane, target);
      const sent = descriptor < 0 ? this.#refuseAll() : this.#sendBlock(descriptor, targets);
      const full = sent < this.#block.messages;
      // Whatever is ahead of the first message that didn't leave, or of the next to be written, is done.
      const until = full ? (this.#messageTarget[sent] ?? 0) : end.target;
      for (; target < until; target++) {
        const done = targets[target];
        if (done !== undefined) done.first = done.last = -1;
      }
      const next = targets[target];
      if (next !== undefined) next.first = full ? (this.#messageFirst[sent] ?? -1) : end.packet;
      if (full) {
        lane.targets = targets.slice(target);
        return false;
      }
    }
    lane.targets.length = 0;
    return true;
  }

  /** Fills the block, from this target on. Where it stopped: a target, and the packet of it that is next. */
  #write(lane: Lane, from: number): { readonly target: number; readonly packet: number } {
    const block = this.#block;
    block.clear();
    for (let target = from; target < lane.targets.length; target++) {
      const to = lane.targets[target];
      if (to?.native === undefined) continue;
      let packet = to.first;
      while (packet >= 0) {
        if (block.messages >= mostMessages || block.packets + mostSegments > mostParts)
          return { target, packet };
        this.#messageTarget[block.messages] = target;
        this.#messageFirst[block.messages] = packet;
        packet = this.#message(packet, to, this.#segments && to.segments);
      }
    }
    return { target: lane.targets.length, packet: -1 };
  }

  /** Writes a message that begins with the packet; the next packet of the target, -1 for none. */
  #message(first: number, to: BunTarget, segments: boolean): number {
    const block = this.#block;
    const segment = this.#length[first] ?? 0;
    let packet = first;
    let count = 0;
    let bytes = 0;
    for (;;) {
      const length = this.#length[packet] ?? 0;
      block.packet(this.#offset[packet] ?? 0, length);
      bytes += length;
      count++;
      packet = this.#next[packet] ?? -1;
      const following = packet < 0 ? 0 : (this.#length[packet] ?? 0);
      // All but the last have the same length.
      if (!segments || following === 0 || length < segment || following > segment) break;
      if (count >= mostSegments || bytes + following > mostMessageBytes) break;
    }
    if (to.native !== undefined) block.end(to.native, count, count > 1 ? segment : 0);
    return packet;
  }

  /** Sends the block; how many of its messages are done with. Fewer than all when the system's buffer is full. */
  #sendBlock(descriptor: number, targets: readonly BunTarget[]): number {
    const block = this.#block;
    const { counters } = this;
    let message = 0;
    let tries = 0;
    while (message < block.messages) {
      const taken = this.#system.send(descriptor, block.at(message), block.messages - message);
      counters.calls++;
      if (taken > 0) {
        for (const end = message + taken; message < end; message++) this.#count(message, "sent");
        counters.messages += taken;
        tries = 0;
        continue;
      }
      const error = this.#system.error();
      if (error === errorNumber.again || error === errorNumber.noBuffers) return message;
      // The error may be of a datagram that left before (ICMP), and telling it cleared it.
      tries++;
      if (tries < mostTries) continue;
      tries = 0;
      const to = targets[this.#messageTarget[message] ?? 0];
      if (to !== undefined && block.packetsOf(message) > 1) {
        // The route's MTU is less than a segment, or its device can't do it: from now on one by one.
        to.segments = false;
        this.#sendSingly(descriptor, to, message);
      } else this.#count(message, "failed");
      message++;
    }
    return message;
  }
  /** Sends the datagrams of a message that the system wouldn't cut. */
  #sendSingly(descriptor: number, to: BunTarget, message: number): void {
    let packet = this.#messageFirst[message] ?? -1;
    for (let left = this.#block.packetsOf(message); left > 0 && packet >= 0; left--) {
      const at = this.#offset[packet] ?? 0;
      const length = this.#length[packet] ?? 0;
      const bytes = this.#memory.bytes.subarray(at, at + length);
      const taken = to.native !== undefined && sendNative(descriptor, bytes, length, to.native);
      this.counters[taken ? "sent" : "failed"]++;
      this.counters.calls++;
      if (taken) this.counters.messages++;
      this.#waiting--;
      packet = this.#next[packet] ?? -1;
    }
  }

  /** Counts the datagrams of a message of the block, which is done with. */
  #count(message: number, how: "sent" | "failed"): void {
    const packets = this.#block.packetsOf(message);
    this.counters[how] += packets;
    this.#waiting -= packets;
  }

  /** The socket is closed. How many messages are done with: all of the block. */
  #refuseAll(): number {
    for (let message = 0; message < this.#block.messages; message++) this.#count(message, "failed");
    return this.#block.messages;
  }

  #drop(): void {
    for (const lane of this.#lanes.values()) {
      for (const target of lane.targets) target.first = target.last = -1;
      lane.targets.length = 0;
    }
    this.counters.dropped += this.#waiting;
    this.#clear();
  }

  #clear(): void {
    this.#waiting = 0;
    this.#arena.clear();
  }
}
