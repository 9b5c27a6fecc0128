/** The list in parts of at most `size` entries, in order. An empty list has none. */
export function* slices<T>(list: readonly T[], size: number): Iterable<T[]> {
  for (let at = 0; at < list.length; at += size) yield list.slice(at, at + size);
}
