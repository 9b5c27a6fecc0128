import type { CallRecord } from "../record.ts";
import {
  type AuditEntry,
  cursorOf,
  keyOfTold,
  type ListPart,
  limitOf,
  type OpenSession,
  type OutboxEntry,
  type Questions,
  type RecordPage,
  type RecordQuery,
  readCursor,
  type StoredRecord,
  summaryOf,
  type Told,
  type Trail,
  trailOf,
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
  /** By node. */
  readonly #copies = new Map<string, { readonly since: number; readonly told: Map<string, Told> }>();
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
      case "copies":
        this.#copies.set(write.owner, { since: write.since, told: new Map() });
        return true;
      case "copy":
        return this.#copy(write.owner, write.told);
      case "forget":
        this.#copies.delete(write.owner);
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

  waiting({ after }: Parameters<Questions["waiting"]>[0]): ListPart<OutboxEntry> {
    return { items: after > 0 ? [] : [...this.#outbox.values()].filter(({ dead }) => dead !== true) };
  }

  copies({ owner, after }: Parameters<Questions["copies"]>[0]): ListPart<Told> {
    return { items: after > 0 ? [] : [...(this.#copies.get(owner)?.told.values() ?? [])] };
  }

  owners(): ReturnType<Questions["owners"]> {
    return [...this.#copies].map(([owner, { since }]) => ({ owner, since }));
  }

  trails(sessions: readonly string[]): readonly Trail[] {
    return sessions.map((session) => {
      const told: Told[] = [];
      for (const copies of this.#copies.values())
        for (const one of copies.told.values()) if (laneOf(one) === session) told.push(one);
      const open = this.#open.get(session);
      if (open !== undefined) told.push({ write: "open", open });
      for (const entry of this.#outbox.values())
        if (entry.lane === session && entry.dead !== true) told.push({ write: "outbox", entry });
      return trailOf(session, this.#records.get(session)?.record.node, told);
    });
  }

  endedElsewhere({ sessions, node }: Parameters<Questions["endedElsewhere"]>[0]): readonly string[] {
    return sessions.filter((session) => (this.#records.get(session)?.record.node ?? node) !== node);
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

  erase({ user, node }: Parameters<Questions["erase"]>[0]): number {
    const isOf = ({ record }: StoredRecord): boolean => usersOf(record).includes(user);
    const own = [...this.#records.values()].filter((stored) => isOf(stored) && stored.record.node === node);
    const removed = this.#remove(isOf);
    return node === undefined ? removed : own.length;
  }

  prune({ olderThan }: Parameters<Questions["prune"]>[0]): number {
    return this.#remove(({ record }) => record.startedAt < olderThan);
  }

  #copy(owner: string, told: Told): boolean {
    const copies = this.#copies.get(owner)?.told;
    if (copies === undefined) return false;
    const key = keyOfTold(told);
    if (told.write === "closed" || told.write === "delivered") copies.delete(key);
    else if (copies.has(key) || copies.size < mostOutbox) copies.set(key, told);
    else return false;
    return true;
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

function laneOf(told: Told): string | undefined {
  return told.write === "open" ? told.open.session : told.write === "outbox" ? told.entry.lane : undefined;
}

function dropOldest(map: Map<string, unknown>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) return;
    map.delete(key);
  }
}
