/** Tables of RFC 3454 that SASLprep names (RFC 4013 §2). Mapped to a space: C.1.2. */
const spaces = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/gu;
/** Mapped to nothing: B.1. */
// biome-ignore lint/suspicious/noMisleadingCharacterClass: each of them is meant by itself.
const nothing = /[\u034f\u180b-\u180d\ufe00-\ufe0f\u00ad\u1806\u200c\u200d\u2060\ufeff]/gu;
/** C.2 to C.9: control characters, private use, noncharacters, surrogates, and what says how to display others. */
const prohibited =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is prohibited.
  /[\u0340\u0341\u0000-\u001f\u007f-\u009f\u06dd\u070f\u180e\u200e\u200f\u2028-\u202e\u2061-\u2063\u206a-\u206f\u2ff0-\u2ffb\ufff9-\ufffd\u{1d173}-\u{1d17a}\u{e0001}\u{e0020}-\u{e007f}]|\p{Co}|\p{Cs}|\p{Noncharacter_Code_Point}/u;
/** D.1: written from right to left. */
const rightToLeft =
  /[\u05be\u05c0\u05c3\u05d0-\u05ea\u05f0-\u05f4\u061b\u061f\u0621-\u063a\u0640-\u064a\u066d-\u066f\u0671-\u06d5\u06e5\u06e6\u06fa-\u06fe\u0700-\u070d\u0710\u0712-\u072c\u0780-\u07a5\u07b1\ufb1d\ufb1f-\ufb28\ufb2a-\ufb36\ufb38-\ufb3c\ufb3e\ufb40\ufb41\ufb43\ufb44\ufb46-\ufbb1\ufbd3-\ufd3d\ufd50-\ufd8f\ufd92-\ufdc7\ufdf0-\ufdfc\ufe70-\ufe74\ufe76-\ufefc]/u;

/**
 * Prepares a user name or a password for comparison (RFC 4013), as a query: code points that Unicode 3.2 didn't know are let through.
 * Undefined where it holds what is prohibited, or mixes directions.
 */
export function saslPrep(text: string): string | undefined {
  const prepared = text.replace(spaces, " ").replace(nothing, "").normalize("NFKC");
  if (prohibited.test(prepared)) return undefined;
  if (!rightToLeft.test(prepared)) return prepared;
  // RFC 3454 §6: no letter of the other direction, and both ends of this one.
  const all = [...prepared];
  const mixed = all.some((one) => /\p{L}/u.test(one) && !rightToLeft.test(one));
  return !mixed && rightToLeft.test(all[0] ?? "") && rightToLeft.test(all.at(-1) ?? "")
    ? prepared
    : undefined;
}
