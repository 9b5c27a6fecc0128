import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { streamKeyPrefix } from "../media/http/media-auth.ts";
import { every } from "../net/clock.ts";
import { random, sha256 } from "../net/crypto.ts";
import { isId } from "../protocol/address.ts";
import { writeState } from "./state-folder.ts";

/** A stream key as it is kept: the key itself is shown once, when it is made. */
export interface StreamKey {
  /** Names the key to people. It gives nothing of the key away. */
  readonly id: string;
  /** The only stream that the key may publish. */
  readonly stream: string;
  /** SHA-256 of the key, base64url. Keys are random, so that it needs no salt. */
  readonly hash: string;
  /** Unix ms. */
  readonly created: number;
}

const fileName = "stream-keys.json";
const keyBytes = 24;
const idLength = 8;
const mostKeys = 10_000;

/**
 * The stream keys of a server, in a file of its state folder (mode 0600). Commands change the file; a running server looks at it each
 * time that a key comes, so that a revoked one is refused at once.
 */
export class StreamKeys {
  readonly #folder: string;
  readonly #failed: (reason: string) => void;
  #version = "";
  /** Why the file could not be used, where that was said. */
  #reason = "";
  #byHash: ReadonlyMap<string, StreamKey> = new Map();
  /** What stood in the file when it could be read last. */
  #last: ReadonlyMap<string, StreamKey> = new Map();
  /** Keys that were revoked since {@link watch} has told of them last. */
  #gone: StreamKey[] = [];

  /** `failed` hears why the file can't be used; then no key is valid. */
  constructor(folder: string, failed: (reason: string) => void) {
    this.#folder = folder;
    this.#failed = failed;
  }

  /** The stream that this key may publish; undefined for an unknown or a revoked key. */
  find(key: string): StreamKey | undefined {
    this.#readAgain();
    return this.#byHash.get(sha256(key));
  }

  /**
   * Calls back within a second of a key's end, so that whoever publishes with it can be ended, until the returned function is called.
   * A file that can't be used ends nobody.
   */
  watch(revoked: (key: StreamKey) => void): () => void {
    this.#readAgain();
    return every(1_000, () => {
      this.#readAgain();
      for (const key of this.#gone.splice(0)) revoked(key);
    });
  }

  /** Where the file can't be used, no key is valid. */
  #readAgain(): void {
    try {
      const version = this.#versionOfFile();
      if (version !== this.#version) {
        this.#byHash = new Map();
        this.#byHash = new Map(read(this.#folder).map((one) => [one.hash, one]));
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
    const stat = statSync(join(this.#folder, fileName), { bigint: true, throwIfNoEntry: false });
    return stat === undefined ? "none" : `${stat.ino} ${stat.mtimeNs} ${stat.ctimeNs} ${stat.size}`;
  }
}

/** All keys that are kept. Throws an Error where the file can't be read, or is no list of keys. */
export function listStreamKeys(folder: string): StreamKey[] {
  return read(folder);
}

/** Makes another key for a stream, and keeps its hash. Throws an Error where it can't be kept. */
export function addStreamKey(folder: string, stream: string, now: number): string {
  const keys = read(folder);
  if (keys.length >= mostKeys) throw new Error(`${fileName} has ${mostKeys} keys already: revoke some`);
  const key = `${streamKeyPrefix}${random(keyBytes)}`;
  const hash = sha256(key);
  write(folder, [...keys, { id: hash.slice(0, idLength), stream, hash, created: now }]);
  return key;
}

/** Revokes the keys of a stream, or the one with that id. Answers how many. Throws an Error where that can't be kept. */
export function revokeStreamKeys(folder: string, stream: string, id?: string): number {
  const keys = read(folder);
  const left = keys.filter((one) => one.stream !== stream || (id !== undefined && one.id !== id));
  if (left.length < keys.length) write(folder, left);
  return keys.length - left.length;
}

function read(folder: string): StreamKey[] {
  let text: string;
  try {
    text = readFileSync(join(folder, fileName), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  let kept: unknown;
  try {
    kept = JSON.parse(text);
  } catch {
    kept = undefined;
  }
  if (!Array.isArray(kept) || !kept.every(isKey)) throw new Error(`${fileName} is no list of stream keys`);
  return kept;
}

function write(folder: string, keys: readonly StreamKey[]): void {
  writeState(folder, fileName, `${JSON.stringify(keys, null, 2)}\n`);
}

function isKey(one: unknown): one is StreamKey {
  if (typeof one !== "object" || one === null) return false;
  const { id, stream, hash, created } = one as Record<string, unknown>;
  return (
    typeof id === "string" &&
    typeof stream === "string" &&
    isId(stream) &&
    typeof hash === "string" &&
    /^[\w-]{43}$/.test(hash) &&
    typeof created === "number"
  );
}
