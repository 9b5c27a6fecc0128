const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Base64 (RFC 4648 §4), padded. */
export function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const word = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    const left = bytes.length - at;
    text += base64Digits(word >> 12, 2);
    text += left > 1 ? base64Digits(word >> 6, 1) : "=";
    text += left > 2 ? base64Digits(word, 1) : "=";
  }
  return text;
}

/** The lowest bits of a number, as this many base64 digits. */
export function base64Digits(value: number, digits: number): string {
  let text = "";
  for (let left = digits - 1; left >= 0; left--) text += alphabet[(value >> (left * 6)) & 63];
  return text;
}

/** The inverse; undefined for other characters. */
export function base64Value(digits: string): number | undefined {
  let value = 0;
  for (const digit of digits) {
    const at = alphabet.indexOf(digit);
    if (at < 0) return undefined;
    value = (value << 6) | at;
  }
  return value;
}
