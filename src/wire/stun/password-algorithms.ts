import { readU16, writeU16 } from "../bytes.ts";

/** Algorithms that turn a password into a key (RFC 8489 §18.5). */
export const passwordAlgorithm = { md5: 0x0001, sha256: 0x0002 } as const;

export interface PasswordAlgorithm {
  readonly number: number;
  readonly parameters: Uint8Array;
}

/** The value of PASSWORD-ALGORITHMS, or with one entry of PASSWORD-ALGORITHM (RFC 8489 §14.11, §14.12). */
export function encodePasswordAlgorithms(algorithms: readonly PasswordAlgorithm[]): Uint8Array {
  const length = algorithms.reduce((sum, one) => sum + 4 + padded(one.parameters.length), 0);
  const value = new Uint8Array(length);
  let at = 0;
  for (const { number, parameters } of algorithms) {
    writeU16(value, at, number);
    writeU16(value, at + 2, parameters.length);
    value.set(parameters, at + 4);
    at += 4 + padded(parameters.length);
  }
  return value;
}

/** The inverse. Undefined when an entry leaves the value. */
export function decodePasswordAlgorithms(value: Uint8Array): PasswordAlgorithm[] | undefined {
  const algorithms: PasswordAlgorithm[] = [];
  for (let at = 0; at < value.length; ) {
    const end = at + 4 + readU16(value, at + 2);
    if (end > value.length) return undefined;
    algorithms.push({ number: readU16(value, at), parameters: value.slice(at + 4, end) });
    at = padded(end);
  }
  return algorithms;
}

function padded(length: number): number {
  return (length + 3) & ~3;
}
