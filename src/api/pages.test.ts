import { expect, test } from "bun:test";
import fc from "fast-check";
import { firstHalf, mergePages, type Page, page, pageWith } from "./pages.ts";

const keyOf = (entry: string): string => entry;

/** Walks the list of nodes page by page. `cut` says which nodes give less than they were asked for. */
function walk(
  nodes: readonly (readonly string[])[],
  limit: number,
  cut: (node: number) => boolean,
): string[][] {
  const pages: string[][] = [];
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const those = nodes.map((entries, at) => {
      const one = page(entries, keyOf, {
        limit,
        ...(cursor === undefined ? {} : { cursor }),
      }) as Page<string>;
      return cut(at) && one.items.length > 1 ? firstHalf(one, { keyOf }) : one;
    });
    const merged = mergePages(those, { keyOf }, limit);
    pages.push([...merged.items]);
    cursor = merged.next;
  }
  return pages;
}

test("pages over nodes hold each entry once and in order, however they lie and whatever a node cuts", () => {
  const entries = fc.array(fc.string({ minLength: 1, maxLength: 3 }), { maxLength: 30 });
  fc.assert(
    fc.property(
      fc.array(entries, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 7 }),
      fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
      (nodes, limit, cuts) => {
        const pages = walk(
          nodes.map((those) => [...new Set(those)]),
          limit,
          (node) => cuts[node] === true,
        );
        expect(pages.flat()).toEqual([...new Set(nodes.flat())].sort());
        for (const one of pages) expect(one.length).toBeLessThanOrEqual(limit);
        // Only the end may be empty, and only of an empty list.
        if (pages.length > 1) for (const one of pages) expect(one.length).toBeGreaterThan(0);
      },
    ),
    { numRuns: 500 },
  );
});

test("an entry that two nodes have is merged", () => {
  const order = {
    keyOf: (entry: string) => entry[0] as string,
    merge: (one: string, other: string) => `${one}${other}`,
  };
  expect(mergePages([{ items: ["a", "b"] }, { items: ["b", "c"] }], order, 10)).toEqual({
    items: ["a", "bb", "c"],
  });
});

test("a list whose greatest key is first goes on after its smallest", () => {
  const order = { keyOf, descending: true, cursorOf: (entry: string) => `after ${entry}` };
  const pages = [{ items: ["f", "c"], next: "after c" }, { items: ["e", "d", "a"] }];
  expect(mergePages(pages, order, 10)).toEqual({ items: ["f", "e", "d", "c"], next: "after c" });
  expect(mergePages(pages, order, 2)).toEqual({ items: ["f", "e"], next: "after e" });
  expect(mergePages([{ items: ["b"] }, { items: ["a"] }], order, 2)).toEqual({ items: ["b", "a"] });
});

test("a long list is paged in order, however it lies, and views are made of what is shown alone", () => {
  const keys = Array.from({ length: 1_000 }, (_, n) => `k${String(n).padStart(4, "0")}`);
  const mixed = keys.map((_, n) => keys[(n * 617) % keys.length] as string);
  for (const entries of [keys, [...keys].reverse(), mixed]) {
    const seen: string[] = [];
    let made = 0;
    for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
      const query = { limit: 30, ...(cursor !== undefined && { cursor }) };
      const one = pageWith(entries, keyOf, query, (entry) => {
        made += 1;
        return entry;
      });
      seen.push(...(one?.items ?? []));
      cursor = one?.next;
    }
    expect(seen).toEqual(keys);
    expect(made).toBe(keys.length);
  }
});
