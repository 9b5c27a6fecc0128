import { afterEach, beforeEach, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kickLife, maxKicks } from "../signaling/link/kicked-users.ts";
import { KickFile } from "./kick-file.ts";

let folder: string;
let path: string;
let failures: Error[];

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), "switchboard-kicks-")), "state");
  path = join(folder, "kicks.ndjson");
  failures = [];
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = (): KickFile => new KickFile(folder, (error) => failures.push(error));
const lines = (): string[] => readFileSync(path, "utf8").trim().split("\n");

test("a kick is there for the next run, which nobody else may read", () => {
  const file = open();
  expect(file.load(1_000)).toEqual([]);
  file.add("mallory", 2_000);
  file.add("alice/phone", 3_000);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(open().load(10_000)).toEqual([
    ["mallory", 8_000],
    ["alice/phone", 7_000],
  ]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(failures).toEqual([]);
});

test("the latest of a name counts, whoever wrote it; a clock that was ahead kicks nobody in the future", () => {
  const [one, other] = [open(), open()];
  one.add("mallory", 5_000);
  other.add("mallory", 2_000);
  expect(open().load(10_000)).toEqual([["mallory", 5_000]]);
  expect(lines()).toHaveLength(1);
  expect(open().load(4_000)).toEqual([["mallory", 0]]);
});

test("what is too old is dropped, and the file stays small", () => {
  const file = open();
  file.add("old", 0);
  for (let n = 0; n < 2_500; n++) file.add("mallory", kickLife + n);
  expect(lines().length).toBeLessThan(1_100);
  expect(open().load(kickLife + 2_500)).toEqual([["mallory", 1]]);
});

test("of more than may be, the oldest are dropped", () => {
  open().add("first", 0);
  writeFileSync(path, Array.from({ length: maxKicks + 10 }, (_, n) => `["u${n}",${n}]\n`).join(""));
  const kept = open().load(maxKicks + 10);
  expect([kept.length, kept[0]?.[0], kept.at(-1)?.[0]]).toEqual([maxKicks, "u10", `u${maxKicks + 9}`]);
});

test("a line that was cut short costs itself only", () => {
  open().add("mallory", 1_000);
  appendFileSync(path, '["ali\n{}\n["bob",2000]\n["carol","x"]\n');
  expect(open().load(3_000)).toEqual([
    ["mallory", 2_000],
    ["bob", 1_000],
  ]);
});

test("a folder that can't be used is told of, and nothing breaks", () => {
  writeFileSync(join(folder, "..", "blocked"), "");
  const file = new KickFile(join(folder, "..", "blocked"), (error) => failures.push(error));
  expect(file.load(0)).toEqual([]);
  file.add("mallory", 0);
  expect(failures).toHaveLength(2);
});
