import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { now, until as settled } from "../net/clock.ts";
import { addKey, KeyFile, listKeys, revokeKeys } from "./key-file.ts";
import { type StreamKey, streamKeys } from "./stream-keys.ts";

const addStreamKey = (inFolder: string, stream: string, at: number): string =>
  addKey(streamKeys, inFolder, { stream }, at).key;
const revokeStreamKeys = (inFolder: string, stream: string, id?: string): number =>
  revokeKeys(streamKeys, inFolder, (key) => key.stream === stream && (id === undefined || key.id === id));

async function until(condition: () => boolean): Promise<boolean> {
  await settled(condition, now() + 10_000, 20);
  return condition();
}

let folder: string;
let failures: string[];
let running: KeyFile<StreamKey>;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "switchboard-keys-"));
  failures = [];
  running = new KeyFile(streamKeys, folder, (reason) => failures.push(reason));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a running server knows a new key, and refuses a revoked one, at once", () => {
  expect(running.find("sk_none")).toBeUndefined();
  const key = addStreamKey(folder, "lobby", 1);
  expect(running.find(key)).toMatchObject({ stream: "lobby", created: 1 });
  const other = addStreamKey(folder, "lobby", 2);
  expect(running.find(other)?.id).not.toBe(running.find(key)?.id);
  const id = running.find(key)?.id;
  expect(revokeStreamKeys(folder, "lobby", id)).toBe(1);
  expect(running.find(key)).toBeUndefined();
  expect(running.find(other)?.stream).toBe("lobby");
  expect(revokeStreamKeys(folder, "lobby")).toBe(1);
  expect(running.find(other)).toBeUndefined();
  expect(revokeStreamKeys(folder, "lobby")).toBe(0);
  expect(failures).toEqual([]);
});

test("what is recent is looked at now and then, and at once where this process has changed it", async () => {
  const count = (): number => [...running.recent()].length;
  expect(count()).toBe(0);
  addStreamKey(folder, "lobby", 1);
  expect(count()).toBe(1);
  // Another process revokes the key.
  const began = now();
  writeFileSync(join(folder, "stream-keys.json"), "[]");
  const after = count();
  if (now() - began < 10) expect(after).toBe(1);
  expect(await until(() => count() === 0)).toBeTrue();
  expect(failures).toEqual([]);
});

test("the file is the user's alone, and holds no key", () => {
  const key = addStreamKey(folder, "lobby", 1);
  const path = join(folder, "stream-keys.json");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readFileSync(path, "utf8")).not.toContain(key.slice(3));
  expect(listKeys(streamKeys, folder)).toMatchObject([{ stream: "lobby" }]);
  expect(key).toMatch(/^sk_[\w-]{32}$/);
});

test("a file that is none: no key is valid, the server says why, and no command writes over it", () => {
  const key = addStreamKey(folder, "lobby", 1);
  expect(running.find(key)).toBeDefined();
  for (const text of ["{", '[{"id":1}]', "{}"]) {
    writeFileSync(join(folder, "stream-keys.json"), text);
    expect(running.find(key)).toBeUndefined();
    expect(() => addStreamKey(folder, "lobby", 1)).toThrow("is no list of stream keys");
  }
  // It is said once.
  expect(failures).toEqual(["stream-keys.json is no list of stream keys"]);
});

test("whoever publishes with a revoked key is heard of; a file that is none ends nobody", async () => {
  const [kept, lost] = [addStreamKey(folder, "lobby", 1), addStreamKey(folder, "other", 1)];
  const id = running.find(lost)?.id;
  const ended: string[] = [];
  const stop = running.watch((key) => ended.push(key.id));
  const path = join(folder, "stream-keys.json");
  const text = readFileSync(path, "utf8");
  writeFileSync(path, "{");
  expect(await until(() => failures.length > 0)).toBe(true);
  writeFileSync(path, text);
  revokeStreamKeys(folder, "other");
  expect(await until(() => ended.length > 0)).toBe(true);
  stop();
  expect(ended).toEqual([id ?? ""]);
  expect(running.find(kept)).toBeDefined();
});

test("a removed file revokes all keys", () => {
  const key = addStreamKey(folder, "lobby", 1);
  expect(running.find(key)).toBeDefined();
  rmSync(join(folder, "stream-keys.json"));
  expect(running.find(key)).toBeUndefined();
});
