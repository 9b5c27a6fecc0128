/** Over 100 random bits as text. Insecure pages have no `crypto.randomUUID`. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return bytes.reduce((text, byte) => text + byte.toString(36), "");
}
