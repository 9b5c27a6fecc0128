import { isDigits } from "./characters.ts";

/** A header value of digits alone that is below 2³², with any number of zeros in front; undefined for everything else. */
export function parseCount(value: string | undefined): number | undefined {
  if (value === undefined || !isDigits(value, 64)) return undefined;
  const number = Number(value);
  return number < 2 ** 32 ? number : undefined;
}
