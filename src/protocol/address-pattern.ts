import type { Address } from "./address.ts";
import { isId } from "./address.ts";

/**
 * A pattern of addresses, as grants hold them:
 *
 *     pattern = "*" | [ ("room:" | "stream:") ] segment | segment "/" segment
 *     segment = id | prefix "*"            a star stands only at the end and matches any rest
 *
 * `*` covers every user and device, but no room and no stream. A pattern without a device covers the user and
 * every device of the user; one with a device covers only that device (`alice/*`: each device, but not the
 * user as a whole).
 */
export function isAddressPattern(text: string): boolean {
  const bare = text.startsWith("room:") ? text.slice(5) : text.startsWith("stream:") ? text.slice(7) : text;
  const scheme = bare.length !== text.length;
  const slash = bare.indexOf("/");
  if (slash < 0) return isSegment(bare);
  return !scheme && isSegment(bare.slice(0, slash)) && isSegment(bare.slice(slash + 1));
}

/** True when one of the patterns covers the address. Patterns that are none cover nothing. */
export function covers(patterns: readonly string[] | undefined, address: Address): boolean {
  if (patterns === undefined) return false;
  for (const pattern of patterns) if (coversOne(pattern, address)) return true;
  return false;
}

function coversOne(pattern: string, address: Address): boolean {
  if (address.kind === "room" || address.kind === "stream") {
    const prefix = `${address.kind}:`;
    return pattern.startsWith(prefix) && matches(pattern.slice(prefix.length), address.name);
  }
  if (pattern.includes(":")) return false;
  const slash = pattern.indexOf("/");
  if (slash < 0) return matches(pattern, address.user);
  return (
    address.kind === "device" &&
    matches(pattern.slice(0, slash), address.user) &&
    matches(pattern.slice(slash + 1), address.device)
  );
}

function isSegment(text: string): boolean {
  return text === "*" || isId(text.endsWith("*") ? text.slice(0, -1) : text);
}

function matches(segment: string, value: string): boolean {
  return segment.endsWith("*") ? value.startsWith(segment.slice(0, -1)) : segment === value;
}
