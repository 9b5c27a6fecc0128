/**
 * Reads integers and vectors in network order (RFC 5246 §4). A read beyond the end gives zeros or nothing and marks the reader as
 * failed, so a parser checks {@link complete} once, at its end. All byte arrays are views.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #failed = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Bytes not read yet; 0 after a failure, so that loops end. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** Where the next read starts. */
  get position(): number {
    return this.#at;
  }

  /** True when every read found its bytes. */
  get ok(): boolean {
    return !this.#failed;
  }

  /** True when every read found its bytes and none is left over. */
  get complete(): boolean {
    return !this.#failed && this.left === 0;
  }

  bytes(length: number): Uint8Array {
    const start = this.#at;
    if (length > this.left) {
      this.#failed = true;
      this.#at = this.#bytes.length;
      return this.#bytes.subarray(0, 0);
    }
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }

  u8(): number {
    return this.#uint(1);
  }

  u16(): number {
    return this.#uint(2);
  }

  u24(): number {
    return this.#uint(3);
  }

  /** A vector whose length takes one byte. */
  vector8(): Uint8Array {
    return this.bytes(this.u8());
  }

  vector16(): Uint8Array {
    return this.bytes(this.u16());
  }

  vector24(): Uint8Array {
    return this.bytes(this.u24());
  }

  #uint(size: number): number {
    const start = this.#at;
    if (size > this.left) {
      this.#failed = true;
      this.#at = this.#bytes.length;
      return 0;
    }
    this.#at += size;
    return readUint(this.#bytes, start, size);
  }
}

/** The 16-bit integers of a vector; undefined when its length is odd. */
export function readU16List(bytes: Uint8Array): number[] | undefined {
  if (bytes.length % 2 !== 0) return undefined;
  const numbers: number[] = [];
  for (let at = 0; at < bytes.length; at += 2) numbers.push(readUint(bytes, at, 2));
  return numbers;
}

export function u8(value: number): Uint8Array {
  return Uint8Array.of(value);
}

export function u16(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 2);
  for (let index = 0; index < values.length; index++) writeUint(bytes, 2 * index, 2, values[index] ?? 0);
  return bytes;
}

/** The parts as a vector with a length of one byte. */
export function vector8(...parts: readonly Uint8Array[]): Uint8Array {
  return vector(1, parts);
}

export function vector16(...parts: readonly Uint8Array[]): Uint8Array {
  return vector(2, parts);
}

export function vector24(...parts: readonly Uint8Array[]): Uint8Array {
  return vector(3, parts);
}

/** A copy with memory of its own. (`slice` of a Buffer is a view.) */
export function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** The parts in one array, which shares its memory with nothing else. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return joined(0, parts);
}

/** Writes the low `size` bytes of an integer below 2^53. */
export function writeUint(bytes: Uint8Array, at: number, size: number, value: number): void {
  let rest = value;
  for (let index = at + size - 1; index >= at; index--) {
    bytes[index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}

/** Reads an integer of at most 6 bytes; the caller has checked that they are there. */
export function readUint(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let index = at; index < at + size; index++) value = value * 256 + (bytes[index] ?? 0);
  return value;
}

/** Compares what is no secret. */
export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}

function vector(lengthBytes: number, parts: readonly Uint8Array[]): Uint8Array {
  const bytes = joined(lengthBytes, parts);
  writeUint(bytes, 0, lengthBytes, bytes.length - lengthBytes);
  return bytes;
}

function joined(start: number, parts: readonly Uint8Array[]): Uint8Array {
  let length = start;
  for (const part of parts) length += part.length;
  const bytes = new Uint8Array(length);
  let at = start;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
