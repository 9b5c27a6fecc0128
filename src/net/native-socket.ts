import { dlopen, FFIType, type Pointer, ptr, read } from "bun:ffi";
import { parseAddress } from "../shared/ip-address.ts";

/** Linux' numbers of what can be set here. */
const options = {
  receiveBuffer: [1, 8],
  sendBuffer: [1, 7],
  /** Beyond what the system allows, for those that may. */
  sendBufferForce: [1, 32],
  /** Whether the kernel reports ICMP errors of one peer at the next send to any other. */
  reportErrors4: [0, 11],
  reportErrors6: [41, 25],
  /** Whether each datagram comes with the address and the interface that it was sent to, which Bun asks for and nobody reads. */
  packetInfo4: [0, 8],
  packetInfo6: [41, 49],
  /** 0: fragment where needed; 2: set DF. */
  pathMtu4: [0, 10],
  pathMtu6: [41, 23],
  /** Bytes of the datagrams that the kernel cuts what is sent into; 0 for none. */
  segment: [17, 103],
} as const;

/** MSG_DONTWAIT and MSG_NOSIGNAL. */
const sendFlags = 0x40 | 0x4000;
const library = open();
/** Values that options were set to, each in memory of its own. */
const values = new Map<number, Int32Array>();

/** True where the functions of this module work: Linux with a C library that we know. */
export const nativeSockets: boolean = library !== undefined;

/** Sets an option of a socket; false when the system doesn't. Bun has no way of its own to set these. */
export function setSocketOption(descriptor: number, name: keyof typeof options, to: number): boolean {
  if (library === undefined || descriptor < 0) return false;
  const [level, option] = options[name];
  return library.symbols.setsockopt(descriptor, level, option, ptr(memoryOf(to)), 4) === 0;
}

/**
 * Memory that holds this number and never another one: where one array was written before each call, the compiled code left the
 * write out once it was hot, since nothing that it knows of reads it, and every socket got the value before.
 */
function memoryOf(number: number): Int32Array {
  let value = values.get(number);
  if (value === undefined) {
    value = Int32Array.of(number);
    values.set(number, value);
  }
  return value;
}

/** An address as the system's own structure. */
export class NativeAddress {
  readonly length: number;
  readonly pointer: ReturnType<typeof ptr>;
  /** Keeps the memory that is pointed to. */
  readonly #memory: Uint8Array;

  /** Undefined where the text has a zone, which is no number, or is no address. */
  static of(port: number, address: string): NativeAddress | undefined {
    const bytes = address.includes("%") ? undefined : parseAddress(address);
    return bytes && new NativeAddress(bytes, port);
  }

  private constructor(address: Uint8Array, port: number) {
    const four = address.length === 4;
    // sockaddr_in and sockaddr_in6: the family in the machine's order, which is little-endian wherever Bun runs.
    this.#memory = new Uint8Array(four ? 16 : 28);
    this.#memory[0] = four ? 2 : 10;
    this.#memory[2] = port >> 8;
    this.#memory[3] = port;
    this.#memory.set(address, four ? 4 : 8);
    this.length = this.#memory.length;
    this.pointer = ptr(this.#memory);
  }
}

/**
 * Sends the first so many bytes, now; false when the system wouldn't take them. It costs half of what Bun's own `send` does, which
 * reads the address anew each time. The descriptor must be that of an open socket.
 */
export function sendNative(
  descriptor: number,
  bytes: Uint8Array,
  length: number,
  to: NativeAddress,
): boolean {
  if (library === undefined || length > bytes.length) return false;
  // Nothing has no address.
  const from = bytes.length === 0 ? nothing : bytes;
  return Number(library.symbols.sendto(descriptor, from, length, sendFlags, to.pointer, to.length)) >= 0;
}

const nothing = new Uint8Array(1);

/** Numbers of errors that {@link sendMessages} tells apart. */
export const errorNumber = { again: 11, noBuffers: 105 } as const;

/**
 * Sends so many messages of the array of `mmsghdr` at once; how many left, or less than 0 when the system refused the first. The descriptor
 * must be that of an open socket.
 */
export function sendMessages(descriptor: number, messages: Pointer, count: number): number {
  return library === undefined ? -1 : library.symbols.sendmmsg(descriptor, messages, count, sendFlags);
}

/** The number of the error that the last call of this module gave; 0 where it can't be told. Only right after the call. */
export function lastError(): number {
  const at = library?.symbols.__errno_location();
  return typeof at === "number" ? read.i32(at) : 0;
}

function open() {
  if (process.platform !== "linux") return undefined;
  const { i32, u32, u64, i64_fast, ptr: pointer } = FFIType;
  const musl = `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`;
  for (const name of ["libc.so.6", musl])
    try {
      return dlopen(name, {
        setsockopt: { args: [i32, i32, i32, pointer, u32], returns: i32 },
        sendmmsg: { args: [i32, pointer, u32, i32], returns: i32 },
        __errno_location: { args: [], returns: pointer },
        sendto: { args: [i32, pointer, u64, i32, pointer, u32], returns: i64_fast },
      });
    } catch {
      // Another C library, or none that can be loaded.
    }
  return undefined;
}
