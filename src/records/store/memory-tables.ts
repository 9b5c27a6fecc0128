import type { CallRecord } from "../record.ts";
import {
  type AuditEntry,
  cursorOf,
  limitOf,
  type OpenSession,
  type OutboxEntry,
  type Questions,
  type RecordPage,
  type RecordQuery,
  readCursor,
  type StoredRecord,
  summaryOf,
  usersOf,
  type Write,
} from "../store.ts";

/** What memory holds at most. */
const [mostRecords, mostOutbox, mostAudit] = [1_000, 10_000, 1_000];

/** The tables of a store in memory: for development mode, and where there is no SQLite. The oldest records make room. */
export class MemoryTables implements Questions {
  readonly #records = new Map<string, StoredRecord>();
  readonly #open = new Map<string, OpenSession>();
  readonly #outbox = new Map<string, OutboxEntry>();
  readonly #audit: AuditEntry[] = [];
  readonly #cap: number;

  constructor(cap: number = mostRecords) {
    this.#cap = cap;
  }

  /** False where there is no room for it. */
  apply(write: Write): boolean {
    switch (write.write) {
      case "record": {
        const { session } = write.stored.record;
        this.#records.delete(session);
        this.#records.set(session, write.stored);
        dropOldest(this.#records, this.#cap);
        return true;
      }
      case "open":
        this.#open.set(write.open.session, write.open);
        return true;
      case "closed":
        this.#open.delete(write.session);
        return true;
      case "outbox": {
        const key = keyOf(write.entry);
        if (!this.#outbox.has(key) && this.#outbox.size >= mostOutbox) return false;
        this.#outbox.set(key, write.entry);
        return true;
      }
      case "delivered":
        this.#outbox.delete(keyOf(write));
        return true;
      case "audit":
        this.#audit.push(write.entry);
        if (this.#audit.length > mostAudit) this.#audit.shift();
        return true;
    }
  }

  get(session: string): CallRecord | undefined {
    return this.#records.get(session)?.record;
  }

  search(query: RecordQuery): RecordPage {
    const after = query.cursor === undefined ? undefined : readCursor(query.cursor);
    const limit = limitOf(query);
    const { user, from = 0, to = Number.POSITIVE_INFINITY, reason, cause } = query;
    const found = [...this.#records.values()]
      .filter(({ record, cause: its }) => {
        const { startedAt, session } = record;
        if (startedAt < from || startedAt >= to) return false;
        if (reason !== undefined && record.reason !== reason) return false;
        if (cause !== undefined && its !== cause) return false;
        if (user !== undefined && !usersOf(record).includes(user)) return false;
        return (
          after === undefined ||
          startedAt < after.startedAt ||
          (startedAt === after.startedAt && session < after.session)
        );
      })
      .map(summaryOf)
      .sort((one, other) => other.startedAt - one.startedAt || (other.session < one.session ? -1 : 1));
    const records = found.slice(0, limit);
    const last = records.at(-1);
    return { records, ...(found.length > limit && last !== undefined && { cursor: cursorOf(last) }) };
  }

  open(): readonly OpenSession[] {
    return [...this.#open.values()];
  }

  outbox({ endpoint, dead = false, limit }: Parameters<Questions["outbox"]>[0]): readonly OutboxEntry[] {
    const waiting = [...this.#outbox.values()].filter(
      (entry) => entry.endpoint === endpoint && (entry.dead === true) === dead,
    );
    return waiting.slice(0, limit);
  }

  audit({
    before = Number.POSITIVE_INFINITY,
    limit,
  }: Parameters<Questions["audit"]>[0]): readonly AuditEntry[] {
    return this.#audit
      .filter(({ at }) => at < before)
      .slice(-limit)
      .reverse();
  }

  erase(user: string): number {
    return this.#remove(({ record }) => usersOf(record).includes(user));
  }

  prune({ olderThan }: Parameters<Questions["prune"]>[0]): number {
    return this.#remove(({ record }) => record.startedAt < olderThan);
  }

  #remove(matches: (stored: StoredRecord) => boolean): number {
    let count = 0;
    for (const [session, stored] of this.#records)
      if (matches(stored)) {
        this.#records.delete(session);
        count += 1;
      }
    return count;
  }
}

function keyOf({ endpoint, id }: { readonly endpoint: string; readonly id: string }): string {
  return `${endpoint} ${id}`;
}

function dropOldest(map: Map<string, unknown>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) return;
    map.delete(key);
  }
}
