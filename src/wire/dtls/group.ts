import type { Group } from "./crypto.ts";

/** The number of P-256. */
export const p256Group = 23;

/** Numbers of the groups (RFC 8422 §5.1.1), best first. */
const numbers: readonly (readonly [number: number, Group])[] = [
  [29, "x25519"],
  [p256Group, "p256"],
];

export const groups: readonly number[] = numbers.map(([number]) => number);

/** Our favourite of those offered. */
export function chooseGroup(offered: readonly number[]): number | undefined {
  return groups.find((number) => offered.includes(number));
}

export function groupOf(number: number): Group | undefined {
  return numbers.find((one) => one[0] === number)?.[1];
}
