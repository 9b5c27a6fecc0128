/** Classes of characters of RFC 3261 §25.1, as bits of one table for ASCII. */
const tokenBit = 1;
const userBit = 2;
const passwordBit = 4;
const parameterBit = 8;
const hostBit = 16;
const headerBit = 32;

const table = new Uint8Array(128);
const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const unreserved = `${alphanumeric}-_.!~*'()`;
mark(`${alphanumeric}-.!%*_+\`'~`, tokenBit);
mark(`${unreserved}%&=+$,;?/`, userBit);
mark(`${unreserved}%&=+$,`, passwordBit);
mark(`${unreserved}%[]/:&+$`, parameterBit);
// Host names have no underscores, but there are hosts that do.
mark(`${alphanumeric}-._`, hostBit);
mark(`${unreserved}%[]/?:+$=&`, headerBit);

function mark(characters: string, bit: number): void {
  for (let at = 0; at < characters.length; at++) table[characters.charCodeAt(at)]! |= bit;
}

function all(text: string, bit: number): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 127 || (table[code]! & bit) === 0) return false;
  }
  return true;
}

/** True for a token that is not empty. */
export function isToken(text: string): boolean {
  return text !== "" && all(text, tokenBit);
}

/** True for the user part of a SIP URI with complete escapes, not empty. */
export function isUser(text: string): boolean {
  return text !== "" && all(text, userBit) && escapesAreWhole(text);
}

export function isPassword(text: string): boolean {
  return all(text, passwordBit) && escapesAreWhole(text);
}

/** True for the name or value of a URI parameter, not empty. */
export function isUriParameter(text: string): boolean {
  return text !== "" && all(text, parameterBit) && escapesAreWhole(text);
}

/** True for the headers of a URI (behind its `?`), not empty. */
export function isUriHeaders(text: string): boolean {
  return text !== "" && all(text, headerBit) && escapesAreWhole(text);
}

/** True for a host name or an IPv4 address, not empty. */
export function isHostName(text: string): boolean {
  return text !== "" && all(text, hostBit);
}

/** True for an IPv6 address in brackets. */
export function isIpv6Reference(text: string): boolean {
  const end = text.length - 1;
  if (end < 3 || text[0] !== "[" || text[end] !== "]") return false;
  for (let at = 1; at < end; at++) {
    const code = text.charCodeAt(at);
    if (!isHex(code) && code !== 0x3a && code !== 0x2e) return false;
  }
  return true;
}

/** True for one to `most` ASCII digits. */
export function isDigits(text: string, most: number): boolean {
  if (text === "" || text.length > most) return false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x30 || code > 0x39) return false;
  }
  return true;
}

/** True for space and tab. */
export function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function isHex(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x66);
}

function escapesAreWhole(text: string): boolean {
  for (let at = text.indexOf("%"); at >= 0; at = text.indexOf("%", at + 3))
    if (!isHex(text.charCodeAt(at + 1)) || !isHex(text.charCodeAt(at + 2))) return false;
  return true;
}
