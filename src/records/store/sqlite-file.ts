import { renameSync } from "node:fs";
import type { DatabaseSync, StatementSync } from "node:sqlite";

export type Value = string | number | null | Uint8Array;
export type Row = Record<string, Value>;

/** A database in a file. Methods throw what SQLite throws. */
export class SqliteFile {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /**
   * Opens the file, makes it where there is none, and runs `schema`. A file that is damaged is put aside, with `.damaged` and the time
   * behind its name; `damaged` is told.
   */
  static async open(path: string, schema: string, damaged: (reason: string) => void): Promise<SqliteFile> {
    const { DatabaseSync } = await import("node:sqlite");
    const attempt = (): SqliteFile => {
      const database = new DatabaseSync(path);
      try {
        database.exec(schema);
        const file = new SqliteFile(database);
        const [check] = file.all("PRAGMA quick_check(1)");
        if (check?.quick_check !== "ok")
          throw new Error(`the file is malformed: ${String(check?.quick_check)}`);
        return file;
      } catch (error) {
        database.close();
        throw error;
      }
    };
    try {
      return attempt();
    } catch (error) {
      const { message } = error as Error;
      if (path === ":memory:" || !/not a database|malformed|corrupt/i.test(message)) throw error;
      damaged(`${message}; it is ${putAside(path)} now`);
      return attempt();
    }
  }

  run(sql: string, ...values: Value[]): void {
    this.#prepare(sql).run(...values);
  }

  all(sql: string, ...values: Value[]): Row[] {
    return this.#prepare(sql).all(...values) as Row[];
  }

  /** What `write` does is done wholly, or not at all. */
  transaction(write: () => void): void {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      write();
      this.#database.exec("COMMIT");
    } catch (error) {
      try {
        this.#database.exec("ROLLBACK");
      } catch {
        // SQLite has rolled back by itself.
      }
      throw error;
    }
  }

  /** Bytes in use: pages that are free are used again. */
  get size(): number {
    const value = (name: string): number => Number(Object.values(this.all(`PRAGMA ${name}`)[0] ?? {})[0]);
    return (value("page_count") - value("freelist_count")) * value("page_size");
  }

  /** Gives free pages back to the file system. */
  shrink(): void {
    this.#database.exec("PRAGMA incremental_vacuum");
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    // A query has few forms; should it ever have many, they are made anew.
    if (this.#statements.size >= 100) this.#statements.clear();
    this.#statements.set(sql, statement);
    return statement;
  }
}

/** Answers the file's new name. */
function putAside(path: string): string {
  const aside = `${path}.damaged-${Date.now()}`;
  renameSync(path, aside);
  for (const more of ["-wal", "-shm"]) {
    try {
      renameSync(path + more, aside + more);
    } catch {
      // It has none.
    }
  }
  return aside;
}
