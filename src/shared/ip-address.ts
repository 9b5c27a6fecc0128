/**
 * Parses an IP address into 4 or 16 bytes. Undefined for any other text. An IPv6 zone (`%eth0`) is dropped. IPv4-mapped addresses
 * stay IPv6.
 */
export function parseAddress(text: string): Uint8Array | undefined {
  if (!text.includes(":")) return parseIpv4(text);
  const bare = text.split("%", 1)[0] ?? "";
  const halves = bare.split("::");
  if (halves.length > 2) return undefined;
  const head = groups(halves[0] ?? "", halves.length === 1);
  const tail = groups(halves[1] ?? "", true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  const bytes = new Uint8Array(16);
  bytes.set(head);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

/** An address as text, like the system's resolver writes it (RFC 5952 for IPv6). It must have 4 or 16 bytes. */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
  const words: number[] = [];
  for (let at = 0; at < 16; at += 2) words.push(((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0));
  const [start, length] = longestZeros(words);
  if (start === 0 && (length === 6 || (length === 5 && words[5] === 0xffff)))
    return `${length === 6 ? "::" : "::ffff:"}${formatAddress(bytes.subarray(12))}`;
  const hex = words.map((word) => word.toString(16));
  if (length < 2) return hex.join(":");
  return `${hex.slice(0, start).join(":")}::${hex.slice(start + length).join(":")}`;
}

/** The IPv4 address of an IPv4-mapped IPv6 address (`::ffff:0:0/96`). Other addresses are returned as they are. */
export function unmapped(bytes: Uint8Array): Uint8Array {
  if (bytes.length !== 16 || bytes[10] !== 0xff || bytes[11] !== 0xff) return bytes;
  for (let at = 0; at < 10; at++) if (bytes[at] !== 0) return bytes;
  return bytes.subarray(12);
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  const bytes = new Uint8Array(4);
  for (const [index, part] of parts.entries()) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return undefined;
    bytes[index] = Number(part);
  }
  return bytes;
}

/** The bytes of `a:b:c`, the last part of which may be IPv4. */
function groups(text: string, last: boolean): number[] | undefined {
  if (text === "") return [];
  const bytes: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    if (last && index === parts.length - 1 && part.includes(".")) {
      const four = parseIpv4(part);
      if (four === undefined) return undefined;
      bytes.push(...four);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
      const word = Number.parseInt(part, 16);
      bytes.push(word >> 8, word & 0xff);
    }
  }
  return bytes.length > 16 ? undefined : bytes;
}

/** Start and length of the longest run of zero words, the first of equal ones. */
function longestZeros(words: readonly number[]): [start: number, length: number] {
  let best: [number, number] = [0, 0];
  for (let start = 0; start < words.length; start++) {
    let end = start;
    while (end < words.length && words[end] === 0) end++;
    if (end - start > best[1]) best = [start, end - start];
  }
  return best;
}
