import { personName } from "../../shared/person-name.ts";

/**
 * What a name for people does not hold: control characters, unpaired surrogates, and the characters that turn the direction of
 * the text around them (UAX #9), with which a name could pass for another.
 */
const unfit = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;

/**
 * The display name of a phone, as other devices are told it: without characters that are unfit for a name, and not longer than a
 * name may be. Undefined where nothing is left.
 */
export function nameOfDisplay(display: string | undefined): string | undefined {
  return personName((display ?? "").replaceAll(unfit, "").trim());
}
