import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { parseJsonWithComments } from "./json-with-comments.ts";
import { loadSettings } from "./load.ts";
import { options } from "./option.ts";
import { exampleFile, limitsTable, settingsTable } from "./reference.ts";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const limitsSource = read("src/protocol/limits.ts");
const hint = "run `npm run docs`";

test("the example file is what the schema says", () => {
  expect(read("switchboard.example.json"), hint).toBe(exampleFile(limitsSource));
});

test("the example file can be loaded, and is the defaults", () => {
  const path = new URL("../../switchboard.example.json", import.meta.url).pathname;
  const [written, fallback] = [loadSettings({ file: path }), loadSettings({})];
  if (!written.ok || !fallback.ok) throw new Error("can't be loaded");
  expect({ ...written.value, given: undefined }).toEqual({ ...fallback.value, given: undefined });
});

test("the example file holds every setting", () => {
  const parsed = parseJsonWithComments(exampleFile(limitsSource));
  if (!parsed.ok) throw new Error(parsed.error);
  for (const { path } of options) expect(parsed.value).toHaveProperty(path);
});

test("every setting has words: its own, or those of the limit above it", () => {
  for (const { path, schema } of options)
    if (!path.startsWith("limits.")) expect(schema.description ?? "", path).not.toBe("");
  expect(limitsTable(limitsSource)).toContain("Largest frame from a client after hello.");
});

test("docs/config.md holds the tables", () => {
  const text = read("docs/config.md");
  expect(text, hint).toContain(settingsTable());
  expect(text, hint).toContain(limitsTable(limitsSource));
});

test("no two settings share a flag or a variable", () => {
  const names = options.flatMap(({ flag, env }) => [`--${flag}`, ...env]);
  expect(new Set(names).size).toBe(names.length);
});
