/** Most characters (Unicode code points) of a name. */
export const mostNameCharacters = 128;

/** Control characters and halves of surrogate pairs: no text that people write has them. */
const noText = /[\p{Cc}\p{Cs}]/u;
/** Embeddings, overrides and isolates (UAX #9 §2): they would turn around the text that follows the name. */
const directions = /[\u202A-\u202E\u2066-\u2069]/g;
const characters = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/**
 * A name of a person or device as others are shown it: every letter of every script and every emoji stays, with its joiners;
 * direction overrides are taken out, and what is too long is cut between two characters as people see them (UAX #29).
 * Undefined where nothing is left, or where the text has control characters or unpaired surrogates.
 */
export function personName(text: string): string | undefined {
  if (noText.test(text)) return undefined;
  const name = text.replace(directions, "");
  if (name.length <= mostNameCharacters) return name || undefined;
  let cut = "";
  let count = 0;
  for (const { segment } of characters.segment(name)) {
    count += [...segment].length;
    if (count > mostNameCharacters) break;
    cut += segment;
  }
  return cut || undefined;
}
