import { deflateRawSync, inflateRawSync } from "node:zlib";
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
  type RecordSummary,
  readCursor,
  summaryOf,
  type Told,
  type Trail,
  trailOf,
  usersOf,
  type Write,
} from "../store.ts";
import { type Row, SqliteFile, type Value } from "./sqlite-file.ts";

const schema = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA auto_vacuum = INCREMENTAL;
  PRAGMA journal_size_limit = 16777216;
  CREATE TABLE IF NOT EXISTS records (
    session TEXT PRIMARY KEY, started INTEGER NOT NULL, reason TEXT, cause TEXT, summary TEXT NOT NULL, body BLOB NOT NULL
  );
  CREATE INDEX IF NOT EXISTS records_started ON records (started, session);
  CREATE INDEX IF NOT EXISTS records_cause ON records (cause, started, session);
  CREATE INDEX IF NOT EXISTS records_reason ON records (reason, started, session);
  CREATE TABLE IF NOT EXISTS parties (
    user TEXT NOT NULL, started INTEGER NOT NULL, session TEXT NOT NULL, PRIMARY KEY (user, started, session)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS parties_session ON parties (session);
  CREATE TABLE IF NOT EXISTS open_sessions (session TEXT PRIMARY KEY, told INTEGER NOT NULL, started INTEGER NOT NULL, facts TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, endpoint TEXT NOT NULL, id TEXT NOT NULL, lane TEXT NOT NULL, type TEXT NOT NULL,
    body TEXT NOT NULL, created INTEGER NOT NULL, attempts INTEGER NOT NULL, due INTEGER NOT NULL, dead INTEGER NOT NULL, failure TEXT,
    UNIQUE (endpoint, id)
  );
  CREATE INDEX IF NOT EXISTS outbox_waiting ON outbox (endpoint, dead, seq);
  CREATE INDEX IF NOT EXISTS outbox_lane ON outbox (lane, seq);
  CREATE TABLE IF NOT EXISTS copies (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, key TEXT NOT NULL, lane TEXT NOT NULL, told TEXT NOT NULL, UNIQUE (owner, key)
  );
  CREATE INDEX IF NOT EXISTS copies_owner ON copies (owner, seq);
  CREATE INDEX IF NOT EXISTS copies_lane ON copies (lane, seq);
  CREATE TABLE IF NOT EXISTS owners (owner TEXT PRIMARY KEY, since INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL, act TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT
  );
  CREATE INDEX IF NOT EXISTS audit_at ON audit (at);
`;

/** The tables of a store in a file. Methods throw what SQLite throws. It blocks: run it in a thread of its own. */
export class SqliteTables implements Questions {
  readonly #file: SqliteFile;

  private constructor(file: SqliteFile) {
    this.#file = file;
  }

  /** As {@link SqliteFile.open} does. */
  static async open(path: string, damaged: (reason: string) => void): Promise<SqliteTables> {
    return new SqliteTables(await SqliteFile.open(path, schema, damaged));
  }

  /** All or nothing. */
  apply(writes: readonly Write[]): void {
    this.#file.transaction(() => {
      for (const write of writes) this.#apply(write);
    });
  }

  #apply(write: Write): void {
    switch (write.write) {
      case "record": {
        const { record, cause } = write.stored;
        const { session, startedAt, reason } = record;
        const body = deflateRawSync(JSON.stringify(record), { level: 6 });
        const summary = JSON.stringify(summaryOf(write.stored));
        this.#file.run(
          "INSERT OR REPLACE INTO records (session, started, reason, cause, summary, body) VALUES (?, ?, ?, ?, ?, ?)",
          ...[session, startedAt, reason ?? null, cause ?? null, summary, body],
        );
        for (const user of usersOf(record))
          this.#file.run(
            "INSERT OR IGNORE INTO parties (user, started, session) VALUES (?, ?, ?)",
            user,
            startedAt,
            session,
          );
        break;
      }
      case "open": {
        const { session, told, startedAt, facts } = write.open;
        this.#file.run(
          "INSERT OR REPLACE INTO open_sessions VALUES (?, ?, ?, ?)",
          session,
          told,
          startedAt,
          facts,
        );
        break;
      }
      case "closed":
        this.#file.run("DELETE FROM open_sessions WHERE session = ?", write.session);
        break;
      case "outbox": {
        const { endpoint, id, lane, type, body, createdAt, attempts, dueAt, dead, failure } = write.entry;
        this.#file.run(
          `INSERT INTO outbox (endpoint, id, lane, type, body, created, attempts, due, dead, failure) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT (endpoint, id) DO UPDATE SET attempts = excluded.attempts, due = excluded.due, dead = excluded.dead, failure = excluded.failure`,
          ...[
            endpoint,
            id,
            lane,
            type,
            body,
            createdAt,
            attempts,
            dueAt,
            dead === true ? 1 : 0,
            failure ?? null,
          ],
        );
        break;
      }
      case "delivered":
        this.#file.run("DELETE FROM outbox WHERE endpoint = ? AND id = ?", write.endpoint, write.id);
        break;
      case "copies":
        this.#forget(write.owner);
        this.#file.run("INSERT OR REPLACE INTO owners VALUES (?, ?)", write.owner, write.since);
        break;
      case "copy":
        this.#copy(write.owner, write.told);
        break;
      case "forget":
        this.#forget(write.owner);
        break;
      case "audit": {
        const { at, actor, act, subject, detail } = write.entry;
        this.#file.run(
          "INSERT INTO audit (at, actor, act, subject, detail) VALUES (?, ?, ?, ?, ?)",
          at,
          actor,
          act,
          subject,
          detail ?? null,
        );
        break;
      }
    }
  }

  #copy(owner: string, told: Told): void {
    const key = keyOfTold(told);
    if (told.write === "closed" || told.write === "delivered") {
      this.#file.run("DELETE FROM copies WHERE owner = ? AND key = ?", owner, key);
      return;
    }
    const lane = told.write === "open" ? told.open.session : told.entry.lane;
    this.#file.run(
      "INSERT INTO copies (owner, key, lane, told) VALUES (?, ?, ?, ?) ON CONFLICT (owner, key) DO UPDATE SET told = excluded.told",
      ...[owner, key, lane, JSON.stringify(told)],
    );
  }

  #forget(owner: string): void {
    this.#file.run("DELETE FROM copies WHERE owner = ?", owner);
    this.#file.run("DELETE FROM owners WHERE owner = ?", owner);
  }

  get(session: string): CallRecord | undefined {
    const [row] = this.#file.all("SELECT body FROM records WHERE session = ?", session);
    return row === undefined
      ? undefined
      : JSON.parse(inflateRawSync(row.body as Uint8Array).toString("utf8"));
  }

  search(query: RecordQuery): RecordPage {
    const { user, from, to, reason, cause } = query;
    const after = query.cursor === undefined ? undefined : readCursor(query.cursor);
    const limit = limitOf(query);
    const table = user === undefined ? "r" : "p";
    const where: string[] = [];
    const values: Value[] = [];
    const add = (condition: string, ...of: Value[]): void => {
      where.push(condition);
      values.push(...of);
    };
    if (user !== undefined) add("p.user = ?", user);
    if (from !== undefined) add(`${table}.started >= ?`, from);
    if (to !== undefined) add(`${table}.started < ?`, to);
    if (reason !== undefined) add("r.reason = ?", reason);
    if (cause !== undefined) add("r.cause = ?", cause);
    if (after !== undefined)
      add(`(${table}.started, ${table}.session) < (?, ?)`, after.startedAt, after.session);
    const source =
      user === undefined ? "records r" : "parties p CROSS JOIN records r ON r.session = p.session";
    const condition = where.length === 0 ? "" : ` WHERE ${where.join(" AND ")}`;
    const order = `ORDER BY ${table}.started DESC, ${table}.session DESC`;
    const rows = this.#file.all(
      `SELECT r.summary FROM ${source}${condition} ${order} LIMIT ?`,
      ...values,
      limit + 1,
    );
    const records = rows.slice(0, limit).map(({ summary }): RecordSummary => JSON.parse(String(summary)));
    const last = records.at(-1);
    return { records, ...(rows.length > limit && last !== undefined && { cursor: cursorOf(last) }) };
  }

  open(): readonly OpenSession[] {
    return this.#file.all("SELECT * FROM open_sessions ORDER BY started").map(openOf);
  }

  outbox({ endpoint, dead = false, limit }: Parameters<Questions["outbox"]>[0]): readonly OutboxEntry[] {
    return this.#file
      .all(
        "SELECT * FROM outbox WHERE endpoint = ? AND dead = ? ORDER BY seq LIMIT ?",
        ...[endpoint, dead ? 1 : 0, limit],
      )
      .map(entryOf);
  }

  waiting({ after, limit }: Parameters<Questions["waiting"]>[0]): ListPart<OutboxEntry> {
    const rows = this.#file.all(
      "SELECT * FROM outbox WHERE seq > ? AND dead = 0 ORDER BY seq LIMIT ?",
      ...[after, limit],
    );
    return partOf(rows, limit, entryOf);
  }

  copies({ owner, after, limit }: Parameters<Questions["copies"]>[0]): ListPart<Told> {
    const rows = this.#file.all(
      "SELECT seq, told FROM copies WHERE owner = ? AND seq > ? ORDER BY seq LIMIT ?",
      ...[owner, after, limit],
    );
    return partOf(rows, limit, toldOf);
  }

  owners(): ReturnType<Questions["owners"]> {
    return this.#file.all("SELECT * FROM owners").map(({ owner, since }) => ({
      owner: String(owner),
      since: Number(since),
    }));
  }

  trails(sessions: readonly string[]): readonly Trail[] {
    return sessions.map((session) => {
      const [ended] = this.#file.all("SELECT summary FROM records WHERE session = ?", session);
      const endedAt: string | undefined = ended && JSON.parse(String(ended.summary)).node;
      const copies = this.#file
        .all("SELECT told FROM copies WHERE lane = ? ORDER BY seq", session)
        .map(toldOf);
      const opens = this.#file
        .all("SELECT * FROM open_sessions WHERE session = ?", session)
        .map((row): Told => ({ write: "open", open: openOf(row) }));
      const own = this.#file
        .all("SELECT * FROM outbox WHERE lane = ? AND dead = 0 ORDER BY seq", session)
        .map((row): Told => ({ write: "outbox", entry: entryOf(row) }));
      return trailOf(session, endedAt, [...copies, ...opens, ...own]);
    });
  }

  endedElsewhere({ sessions, node }: Parameters<Questions["endedElsewhere"]>[0]): readonly string[] {
    return sessions.filter((session) => {
      const [record] = this.#file.all("SELECT summary FROM records WHERE session = ?", session);
      return record !== undefined && JSON.parse(String(record.summary)).node !== node;
    });
  }

  audit({ before, limit }: Parameters<Questions["audit"]>[0]): readonly AuditEntry[] {
    const rows = this.#file.all(
      "SELECT * FROM audit WHERE at < ? ORDER BY seq DESC LIMIT ?",
      ...[before ?? Number.MAX_SAFE_INTEGER, limit],
    );
    return rows.map((row) => ({
      at: Number(row.at),
      actor: String(row.actor),
      act: String(row.act),
      subject: String(row.subject),
      ...(row.detail !== null && { detail: String(row.detail) }),
    }));
  }

  erase({ user, node }: Parameters<Questions["erase"]>[0]): number {
    const summaries = this.#file.all(
      "SELECT r.summary FROM parties p CROSS JOIN records r ON r.session = p.session WHERE p.user = ?",
      user,
    );
    const own = summaries.filter(({ summary }) => JSON.parse(String(summary)).node === node);
    const removed = this.#remove("SELECT session FROM parties WHERE user = ?", user);
    return node === undefined ? removed : own.length;
  }

  prune({ olderThan, bytes }: Parameters<Questions["prune"]>[0]): number {
    let removed = this.#remove("SELECT session FROM records WHERE started < ? LIMIT 10000", olderThan);
    this.#file.run("DELETE FROM audit WHERE at < ?", olderThan);
    for (let round = 0; round < 100 && this.#file.size > bytes; round++) {
      const count = this.#remove("SELECT session FROM records ORDER BY started, session LIMIT 500");
      removed += count;
      if (count === 0) break;
    }
    if (removed > 0) this.#file.shrink();
    return removed;
  }

  close(): void {
    this.#file.close();
  }

  #remove(select: string, ...values: Value[]): number {
    const sessions = this.#file.all(select, ...values).map(({ session }) => String(session));
    if (sessions.length === 0) return 0;
    this.#file.transaction(() => {
      for (const session of sessions) {
        this.#file.run("DELETE FROM records WHERE session = ?", session);
        this.#file.run("DELETE FROM parties WHERE session = ?", session);
        this.#file.run("DELETE FROM outbox WHERE lane = ? AND dead = 1", session);
      }
    });
    return sessions.length;
  }
}

function openOf(row: Row): OpenSession {
  const { session, told, started, facts } = row;
  return {
    session: String(session),
    told: Number(told),
    startedAt: Number(started),
    facts: String(facts),
  };
}

function entryOf(row: Row): OutboxEntry {
  return {
    id: String(row.id),
    endpoint: String(row.endpoint),
    lane: String(row.lane),
    type: String(row.type),
    body: String(row.body),
    createdAt: Number(row.created),
    attempts: Number(row.attempts),
    dueAt: Number(row.due),
    ...(row.dead === 1 && { dead: true as const }),
    ...(row.failure !== null && { failure: String(row.failure) }),
  };
}

function toldOf({ told }: Row): Told {
  return JSON.parse(String(told));
}

function partOf<T>(rows: readonly Row[], limit: number, read: (row: Row) => T): ListPart<T> {
  const last = rows.at(-1)?.seq;
  return {
    items: rows.map(read),
    ...(rows.length === limit && last !== undefined && { last: Number(last) }),
  };
}
