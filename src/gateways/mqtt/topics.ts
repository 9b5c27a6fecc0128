import { isId } from "../../protocol/address.ts";

/** Where the trees of all devices are: `sb/1/d/<user>/<device>/…`. */
export const root = "sb/1/d";

/** Longest topic and topic filter, in characters. */
const longest = 512;

/** A device, as the user and the device of its topics. */
export interface TopicDevice {
  readonly user: string;
  readonly device: string;
}

/** Writes an id as one level of a topic. MQTT has a meaning for `+` and `#`, and we for `%`. */
export function escapeId(id: string): string {
  return id.replace(/[%+#]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** The inverse of {@link escapeId}: takes every `%XX` of UTF-8. Undefined for what is no id. */
export function unescapeId(level: string): string | undefined {
  try {
    const id = decodeURIComponent(level);
    return isId(id) ? id : undefined;
  } catch {
    return undefined;
  }
}

/** The tree of a device, without a slash at its end. */
export function treeOf({ user, device }: TopicDevice): string {
  return `${root}/${escapeId(user)}/${escapeId(device)}`;
}

/** The device of a topic below {@link root}, its tree as the topic writes it, and what follows. Undefined for other topics. */
export function parseTopic(
  topic: string,
): (TopicDevice & { readonly tree: string; readonly rest: string }) | undefined {
  const match = /^(sb\/1\/d\/([^/]+)\/([^/]+))\/(.+)$/.exec(topic);
  if (match === null) return undefined;
  const [, tree = "", user = "", device = "", rest = ""] = match;
  const ids = { user: unescapeId(user), device: unescapeId(device) };
  if (ids.user === undefined || ids.device === undefined) return undefined;
  return { user: ids.user, device: ids.device, tree, rest };
}

/** True for a name that may be published to (MQTT 5.0 §4.7). */
export function isTopicName(topic: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: U+0000 may not stand in a topic.
  return topic.length > 0 && topic.length <= longest && !/[+#\u0000]/.test(topic);
}

/** True for a filter that may be subscribed to (MQTT 5.0 §4.7.1): a wildcard fills its level, and `#` is the last one. */
export function isTopicFilter(filter: string): boolean {
  if (filter.length === 0 || filter.length > longest || filter.includes("\u0000")) return false;
  const levels = filter.split("/");
  return levels.every(
    (level, at) =>
      level === "+" ||
      (level === "#" && at === levels.length - 1) ||
      !(level.includes("+") || level.includes("#")),
  );
}

/** True where every topic that the filter matches is below `tree`. */
export function isWithin(filter: string, tree: string): boolean {
  return filter.startsWith(`${tree}/`);
}

/** True when the filter matches the topic. Both are valid. */
export function matches(filter: string, topic: string): boolean {
  if (filter === topic) return true;
  let at = 0;
  for (let from = 0; from <= filter.length; ) {
    const to = endOfLevel(filter, from);
    const end = at > topic.length ? -1 : endOfLevel(topic, at);
    // `a/#` matches `a` as well (MQTT 5.0 §4.7.1.2).
    if (filter[from] === "#") return true;
    if (end < 0) return false;
    const isAny = filter[from] === "+";
    if (!isAny && (end - at !== to - from || !topic.startsWith(filter.slice(from, to), at))) return false;
    from = to + 1;
    at = end + 1;
  }
  return at > topic.length;
}

function endOfLevel(text: string, from: number): number {
  const at = text.indexOf("/", from);
  return at < 0 ? text.length : at;
}
