import type { Pointer } from "bun:ffi";
import { FixedMemory } from "./fixed-memory.ts";
import type { NativeAddress } from "./native-socket.ts";

// Sizes and offsets of Linux' structures on 64 bits, little-endian, which is wherever Bun runs; offsets in words of 32 bits.
const mmsghdrBytes = 64;
const mmsghdr = { name: 0, nameLength: 2, parts: 4, partCount: 6, control: 8, controlLength: 10 } as const;
const iovecBytes = 16;
const cmsghdrBytes = 24;
const cmsghdr = { length: 0, level: 2, type: 3, data: 4 } as const;
/** A control message of two bytes: UDP_SEGMENT of SOL_UDP. */
const segmentControl = { length: 18, level: 17, type: 103 } as const;
const word = 2 ** 32;

/** An array of `mmsghdr` with what it points to, made once and written anew for each call of sendmmsg. */
export class MessageBlock {
  readonly #heads: FixedMemory;
  readonly #parts: FixedMemory;
  readonly #controls: FixedMemory;
  readonly #head: Uint32Array;
  readonly #part: Uint32Array;
  readonly #control: Uint32Array;
  /** Of each message. */
  readonly #packetCount: Uint16Array;
  /** The address of the packets' memory. */
  readonly #origin: number;
  readonly mostMessages: number;
  readonly mostPackets: number;
  #messages = 0;
  #packets = 0;
  /** Parts that were written, and the first one of the message that isn't ended. */
  #written = 0;
  #first = 0;
  /** Where the last part of that message ends, in the packets' memory; -1 before its first. */
  #end = -1;

  constructor(origin: Pointer, mostMessages: number, mostPackets: number) {
    this.#origin = origin;
    this.mostMessages = mostMessages;
    this.mostPackets = mostPackets;
    this.#heads = new FixedMemory(mostMessages * mmsghdrBytes);
    this.#parts = new FixedMemory(mostPackets * iovecBytes);
    this.#controls = new FixedMemory(mostMessages * cmsghdrBytes);
    this.#head = new Uint32Array(this.#heads.bytes.buffer);
    this.#part = new Uint32Array(this.#parts.bytes.buffer);
    this.#control = new Uint32Array(this.#controls.bytes.buffer);
    this.#packetCount = new Uint16Array(mostMessages);
    for (let message = 0; message < mostMessages; message++) {
      const control = (message * cmsghdrBytes) / 4;
      this.#control[control + cmsghdr.length] = segmentControl.length;
      this.#control[control + cmsghdr.level] = segmentControl.level;
      this.#control[control + cmsghdr.type] = segmentControl.type;
      const head = (message * mmsghdrBytes) / 4;
      writePointer(this.#head, head + mmsghdr.control, this.#controls.at(message * cmsghdrBytes));
    }
  }

  /** Messages that were written. */
  get messages(): number {
    return this.#messages;
  }

  /** Packets of the messages that were written. */
  get packets(): number {
    return this.#packets;
  }

  /** Where the message's header stands. */
  at(message: number): Pointer {
    return this.#heads.at(message * mmsghdrBytes);
  }

  /** Begins anew. */
  clear(): void {
    this.#messages = 0;
    this.#packets = 0;
    this.#written = 0;
    this.#first = 0;
    this.#end = -1;
  }

  /**
   * Adds a packet to the message that {@link end} will end: so many bytes from the offset in the packets' memory. One that stands right behind the
   * packet before shares its part: the kernel has fewer to read.
   */
  packet(offset: number, length: number): void {
    this.#packets++;
    if (offset === this.#end) {
      const last = ((this.#written - 1) * iovecBytes) / 4 + 2;
      this.#part[last] = (this.#part[last] ?? 0) + length;
    } else {
      const at = (this.#written * iovecBytes) / 4;
      writePointer(this.#part, at, this.#origin + offset);
      this.#part[at + 2] = length;
      this.#written++;
    }
    this.#end = offset + length;
  }

  /** Ends a message of the last `packets` packets. `segment`: the length of all of them but the last, where the kernel is to cut it; 0 for one packet. */
  end(to: NativeAddress, packets: number, segment: number): void {
    const message = this.#messages;
    const at = (message * mmsghdrBytes) / 4;
    writePointer(this.#head, at + mmsghdr.name, to.pointer);
    this.#head[at + mmsghdr.nameLength] = to.length;
    writePointer(this.#head, at + mmsghdr.parts, this.#parts.at(this.#first * iovecBytes));
    this.#head[at + mmsghdr.partCount] = this.#written - this.#first;
    this.#head[at + mmsghdr.controlLength] = segment === 0 ? 0 : cmsghdrBytes;
    this.#control[(message * cmsghdrBytes) / 4 + cmsghdr.data] = segment;
    this.#packetCount[message] = packets;
    this.#messages++;
    this.#first = this.#written;
    this.#end = -1;
  }

  /** How many packets the message has. */
  packetsOf(message: number): number {
    return this.#packetCount[message] ?? 0;
  }
}

function writePointer(words: Uint32Array, at: number, pointer: number): void {
  words[at] = pointer % word;
  words[at + 1] = pointer / word;
}
