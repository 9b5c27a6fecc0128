import { statSync } from "node:fs";
import { join } from "node:path";
import { every, now } from "../net/clock.ts";
import { random, sha256 } from "../net/crypto.ts";
import { readState, writeState } from "./state-folder.ts";

/** A key as it is kept: the key itself is shown once, when it is made. */
export interface KeptKey {
  /** Names the key to people. It gives nothing of the key away. */
  readonly id: string;
  /** SHA-256 of the key, base64url. Keys are random, so that it needs no salt. */
  readonly hash: string;
  /** Unix ms. */
  readonly created: number;
}

/** What tells the keys of one kind from those of another. */
export interface KeyKind<K extends KeptKey> {
  /** In the state folder. */
  readonly fileName: string;
  /** What people call them, such as `stream keys`. */
  readonly words: string;
  /** What each key begins with: people and scanners of secrets know it by that. */
  readonly prefix: string;
  /** True for one whose own members are well formed; what all kinds have was checked. */
  check(key: KeptKey & Record<string, unknown>): key is K & Record<string, unknown>;
}

const keyBytes = 24;
const idLength = 8;
const mostKeys = 10_000;
/** How old what {@link KeyFile.recent} answers may be, ms. */
const recentAge = 20;
/** How many times this process has written keys. */
let writes = 0;

/** All keys that are kept. Throws an Error where the file can't be read, or is no list of keys. */
export function listKeys<K extends KeptKey>(kind: KeyKind<K>, folder: string): K[] {
  const text = readState(folder, kind.fileName);
  if (text === undefined) return [];
  let kept: unknown;
  try {
    kept = JSON.parse(text);
  } catch {
    kept = undefined;
  }
  if (!Array.isArray(kept) || !kept.every((one) => isKept(one) && kind.check(one)))
    throw new Error(`${kind.fileName} is no list of ${kind.words}`);
  return kept;
}

/** Makes another key, of 192 random bits, and keeps its hash. Throws an Error where it can't be kept. */
export function addKey<K extends KeptKey>(
  kind: KeyKind<K>,
  folder: string,
  own: Omit<K, keyof KeptKey>,
  now: number,
): { readonly key: string; readonly kept: K } {
  const keys = listKeys(kind, folder);
  if (keys.length >= mostKeys) throw new Error(`${kind.fileName} has ${mostKeys} keys already: revoke some`);
  const key = `${kind.prefix}${random(keyBytes)}`;
  const hash = sha256(key);
  const kept = { id: hash.slice(0, idLength), ...own, hash, created: now } as unknown as K;
  writeKeys(kind, folder, [...keys, kept]);
  return { key, kept };
}

/** Revokes the keys that are meant. Answers how many. Throws an Error where that can't be kept. */
export function revokeKeys<K extends KeptKey>(
  kind: KeyKind<K>,
  folder: string,
  isMeant: (key: K) => boolean,
): number {
  const keys = listKeys(kind, folder);
  const left = keys.filter((one) => !isMeant(one));
  if (left.length < keys.length) writeKeys(kind, folder, left);
  return keys.length - left.length;
}

/**
 * The keys of a running server, in a file of its state folder (mode 0600). Commands change the file; the server looks at it each time
 * that a key comes, so that a revoked one is refused at once.
 */
export class KeyFile<K extends KeptKey> {
  readonly #kind: KeyKind<K>;
  readonly #folder: string;
  readonly #failed: (reason: string) => void;
  #version = "";
  /** Why the file could not be used, where that was said. */
  #reason = "";
  #byHash: ReadonlyMap<string, K> = new Map();
  /** What stood in the file when it could be read last. */
  #last: ReadonlyMap<string, K> = new Map();
  /** When the file was looked at last, and how many times keys had been written here by then. */
  #lookedAt = Number.NEGATIVE_INFINITY;
  #writesThen = 0;
  /** Keys that were revoked since {@link watch} has told of them last. */
  #gone: K[] = [];
  #revoked: ((key: K) => void) | undefined;

  /** `failed` hears why the file can't be used; then no key is valid. */
  constructor(kind: KeyKind<K>, folder: string, failed: (reason: string) => void) {
    this.#kind = kind;
    this.#folder = folder;
    this.#failed = failed;
  }

  /** How many keys are valid. */
  get size(): number {
    this.#readAgain();
    return this.#byHash.size;
  }

  /** All keys that are valid. */
  list(): Iterable<K> {
    this.#readAgain();
    return this.#byHash.values();
  }

  /**
   * The keys that were valid at most 20 ms ago: for whoever need not have a key to ask. What this process has changed is in it at
   * once. The file is looked at 50 times a second at most, however many ask.
   */
  recent(): Iterable<K> {
    if (now() - this.#lookedAt >= recentAge || this.#writesThen !== writes) this.#readAgain();
    return this.#byHash.values();
  }

  /** What is kept of this key; undefined for an unknown or a revoked one. */
  find(key: string): K | undefined {
    this.#readAgain();
    return this.#byHash.get(sha256(key));
  }

  /**
   * Calls back within a second of a key's end, so that whoever uses it can be ended, until the returned function is called. A file
   * that can't be used ends nobody.
   */
  watch(revoked: (key: K) => void): () => void {
    this.#revoked = revoked;
    this.#readAgain();
    return every(1_000, () => this.look());
  }

  /** Tells {@link watch} of what was revoked, at once. */
  look(): void {
    this.#readAgain();
    for (const key of this.#gone.splice(0)) this.#revoked?.(key);
  }

  /** Where the file can't be used, no key is valid. */
  #readAgain(): void {
    this.#lookedAt = now();
    this.#writesThen = writes;
    try {
      const version = this.#versionOfFile();
      if (version !== this.#version) {
        this.#byHash = new Map();
        this.#byHash = new Map(listKeys(this.#kind, this.#folder).map((one) => [one.hash, one]));
        this.#version = version;
        const gone = [...this.#last.values()].filter(({ hash }) => !this.#byHash.has(hash));
        this.#gone = [...this.#gone, ...gone].slice(-mostKeys);
        this.#last = this.#byHash;
      }
      this.#reason = "";
    } catch (error) {
      const reason = (error as Error).message;
      if (reason !== this.#reason) this.#failed(reason);
      this.#reason = reason;
      this.#version = "";
      this.#byHash = new Map();
    }
  }

  /** What changes whenever the file does: it is always replaced, and never written in place. */
  #versionOfFile(): string {
    const path = join(this.#folder, this.#kind.fileName);
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stat === undefined ? "none" : `${stat.ino} ${stat.mtimeNs} ${stat.ctimeNs} ${stat.size}`;
  }
}

function writeKeys<K extends KeptKey>({ fileName }: KeyKind<K>, folder: string, keys: readonly K[]): void {
  writes += 1;
  writeState(folder, fileName, `${JSON.stringify(keys, null, 2)}\n`);
}

function isKept(one: unknown): one is KeptKey & Record<string, unknown> {
  if (typeof one !== "object" || one === null) return false;
  const { id, hash, created } = one as Record<string, unknown>;
  return (
    typeof id === "string" &&
    typeof hash === "string" &&
    /^[\w-]{43}$/.test(hash) &&
    typeof created === "number"
  );
}
