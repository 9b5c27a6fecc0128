import { dlopen, FFIType, ptr } from "bun:ffi";

/** Linux' numbers of what can be set here. */
const options = {
  receiveBuffer: [1, 8],
  /** Whether the kernel reports ICMP errors of one peer at the next send to any other. */
  reportErrors4: [0, 11],
  reportErrors6: [41, 25],
  /** 0: fragment where needed; 2: set DF. */
  pathMtu4: [0, 10],
  pathMtu6: [41, 23],
} as const;

const library = open();
const value = new Int32Array(1);

/** True where {@link setSocketOption} works: Bun has no way of its own to set these. */
export const socketOptions: boolean = library !== undefined;

/** Sets an option of a socket; false when the system doesn't. */
export function setSocketOption(descriptor: number, name: keyof typeof options, to: number): boolean {
  if (library === undefined || descriptor < 0) return false;
  const [level, option] = options[name];
  value[0] = to;
  return library.symbols.setsockopt(descriptor, level, option, ptr(value), 4) === 0;
}

function open() {
  if (process.platform !== "linux") return undefined;
  const { i32, u32, ptr: pointer } = FFIType;
  const musl = `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`;
  for (const name of ["libc.so.6", musl])
    try {
      return dlopen(name, { setsockopt: { args: [i32, i32, i32, pointer, u32], returns: i32 } });
    } catch {
      // Another C library, or none that can be loaded.
    }
  return undefined;
}
