/** The longest subject, in characters. NATS closes a connection whose command line is too long; real subjects are far shorter. */
const longest = 2_000;
const plain = /^[\w-]+(?:\.[\w-]+)*$/;
const encoder = new TextEncoder();

/**
 * Encodes a subject for NATS: in each token, bytes of UTF-8 other than letters, digits, `_` and `-` become `%` and two hex digits,
 * and an empty token becomes `%`. Different subjects stay different. Undefined for a subject that is too long.
 */
export function encodeSubject(subject: string): string | undefined {
  const encoded = plain.test(subject) ? subject : subject.split(".").map(encodeToken).join(".");
  return encoded.length > longest ? undefined : encoded;
}

function encodeToken(token: string): string {
  if (token === "") return "%";
  return token.replace(/[^\w-]/gu, (character) =>
    [...encoder.encode(character)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join(""),
  );
}
