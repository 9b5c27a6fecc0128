import { type Pointer, ptr } from "bun:ffi";

/**
 * Memory that native code is given the address of, and that stays where it is. A pointer alone keeps nothing alive, nor does a constant of
 * a module that no function uses: whatever holds the pointer must hold this.
 */
export class FixedMemory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly pointer: Pointer;

  /** Zeros. */
  constructor(length: number) {
    // A small array without a buffer of its own moves when somebody asks for its buffer.
    this.bytes = new Uint8Array(new ArrayBuffer(length));
    this.pointer = ptr(this.bytes);
  }

  /** The address of the byte at the offset, which nobody checks. */
  at(offset: number): Pointer {
    return (this.pointer + offset) as Pointer;
  }
}
