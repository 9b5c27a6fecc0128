/** NATS ends a connection whose command line is too long; a subject of a cluster is far shorter. Characters. */
const longest = 2_000;
const plain = /^[\w-]+(?:\.[\w-]+)*$/;
const encoder = new TextEncoder();

/**
 * The subject as NATS takes it: of each token, what is no letter, digit, `_` or `-` is written as `%` and the two hex
 * digits of its UTF-8 bytes; an empty token as `%`. Different subjects stay different. Undefined for one that is too long.
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
