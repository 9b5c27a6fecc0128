import { type TSchema, Type } from "typebox";

/** Entries of a page that says nothing else, and most of any. */
const [usualLimit, mostLimit] = [100, 1_000];

/** The query of a list. */
export const pageQuery = {
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: mostLimit,
      default: usualLimit,
      description: `Entries of the page, ${usualLimit} by default.`,
    }),
  ),
  cursor: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 1_024,
      description: "`next` of the page before: the page goes on after it.",
    }),
  ),
} as const;

/** A page of a list. */
export const pageOf = <S extends TSchema>(entry: S) =>
  Type.Object({
    items: Type.Array(entry),
    next: Type.Optional(Type.String({ description: "The `cursor` of the next page; absent at the end." })),
    partial: Type.Optional(
      Type.Array(Type.String(), {
        description: "Nodes that did not answer within a second: what they hold is missing.",
      }),
    ),
  });

export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string;
}

interface PageQuery {
  readonly limit?: number;
  readonly cursor?: string;
}

/**
 * The page of entries after the cursor, in the order of their keys: an entry that comes or goes meanwhile moves no other to another
 * page. Undefined for a cursor that is none of ours.
 */
export function page<T>(
  entries: Iterable<T>,
  keyOf: (entry: T) => string,
  query: PageQuery,
): Page<T> | undefined {
  return pageWith(entries, keyOf, query, (entry) => entry);
}

/** {@link page} of views, which are made of the entries that are shown. */
export function pageWith<E, T>(
  entries: Iterable<E>,
  keyOf: (entry: E) => string,
  { limit = usualLimit, cursor }: PageQuery,
  view: (entry: E) => T,
): Page<T> | undefined {
  const after = cursor === undefined ? undefined : readCursor(cursor);
  if (cursor !== undefined && after === undefined) return undefined;
  // A long list is never sorted as a whole: what lies behind the page is dropped as it comes. One entry more tells that it goes on.
  const kept = new Map<string, E>();
  const keys: string[] = [];
  let bound: string | undefined;
  const cut = (): void => {
    keys.sort();
    for (const key of keys.splice(limit + 1)) kept.delete(key);
  };
  for (const entry of entries) {
    const key = keyOf(entry);
    if ((after !== undefined && key <= after) || (bound !== undefined && key >= bound)) continue;
    keys.push(key);
    kept.set(key, entry);
    if (keys.length < 2 * (limit + 1)) continue;
    cut();
    bound = keys.at(-1);
  }
  cut();
  const shown = keys.slice(0, limit);
  const items = shown.map((key) => view(kept.get(key) as E));
  const last = keys.length > limit ? shown.at(-1) : undefined;
  return last === undefined ? { items } : { items, next: writeCursor(last) };
}

/** How the entries of a list stand. */
export interface ListOrder<T> {
  /** Unique in the list, and what it is sorted by. */
  keyOf(entry: T): string;
  /** The greatest key first. */
  readonly descending?: boolean;
  /** The cursor of what comes after the entry; by default the one that {@link page} writes. */
  cursorOf?(entry: T): string;
  /** One of two entries with one key; by default the first. */
  merge?(one: T, other: T): T;
}

/**
 * The pages of several nodes after the same cursor, as one. A node whose page goes on hides what the others have behind its last entry:
 * that comes with the next page.
 */
export function mergePages<T>(
  pages: readonly Page<T>[],
  order: ListOrder<T>,
  limit: number = usualLimit,
): Page<T> {
  const [only] = pages;
  if (pages.length === 1 && only !== undefined) return only;
  const { keyOf, descending = false, merge = (one) => one } = order;
  const sorted = (keys: string[]): string[] => (descending ? keys.sort().reverse() : keys.sort());
  const byKey = new Map<string, T>();
  for (const { items } of pages)
    for (const item of items) {
      const key = keyOf(item);
      const known = byKey.get(key);
      byKey.set(key, known === undefined ? item : merge(known, item));
    }
  const ends = pages.flatMap(({ items, next }) => {
    const last = items.at(-1);
    return next === undefined || last === undefined ? [] : [keyOf(last)];
  });
  const [end] = sorted(ends);
  const keys = sorted([...byKey.keys()]);
  const shown = keys.slice(0, Math.min(limit, end === undefined ? limit : keys.indexOf(end) + 1));
  const items = shown.flatMap((key) => byKey.get(key) ?? []);
  return ended(items, shown.length < byKey.size || end !== undefined, order);
}

/** The page cut to half its entries; the rest comes with the next one. */
export function firstHalf<T>({ items }: Page<T>, order: ListOrder<T>): Page<T> {
  return ended(items.slice(0, Math.ceil(items.length / 2)), true, order);
}

function ended<T>(
  items: readonly T[],
  goesOn: boolean,
  { keyOf, cursorOf = (entry) => writeCursor(keyOf(entry)) }: ListOrder<T>,
): Page<T> {
  const last = items.at(-1);
  return goesOn && last !== undefined ? { items, next: cursorOf(last) } : { items };
}

export const badCursor = {
  status: 400,
  code: "bad_request",
  detail: "cursor: must be `next` of a page of this list.",
  more: { field: "cursor" },
} as const;

const prefix = "after:";

function writeCursor(key: string): string {
  return toBase64Url(`${prefix}${key}`);
}

function readCursor(cursor: string): string | undefined {
  const text = fromBase64Url(cursor);
  return text?.startsWith(prefix) ? text.slice(prefix.length) : undefined;
}

function toBase64Url(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

function fromBase64Url(text: string): string | undefined {
  try {
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
