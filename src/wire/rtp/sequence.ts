/** How many packets an extended sequence number can count: 16 bits of the packet and 32 of the rollover counter (RFC 3711 §3.3.1). */
export const mostIndexes = 2 ** 48;

/**
 * The extended number of a 16-bit sequence number: the one nearest to `last`, an extended number that was seen before. Below zero
 * where the packet is from before the first.
 */
export function extendSequence(sequence: number, last: number): number {
  const distance = (sequence - last) & 0xffff;
  return last + (distance < 0x8000 ? distance : distance - 0x10000);
}

/** How far `one` is ahead of `other` on a circle of 16 bits; negative where it is behind. */
export function sequenceDistance(one: number, other: number): number {
  const distance = (one - other) & 0xffff;
  return distance < 0x8000 ? distance : distance - 0x10000;
}

/** The same on a circle of 32 bits, for timestamps. */
export function timestampDistance(one: number, other: number): number {
  return (one - other) | 0;
}
