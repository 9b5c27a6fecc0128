import type { Finding } from "./diagnosis/finding.ts";
import type { CallRecord, LadderRow } from "./record.ts";
import type { AuditEntry, RecordPage, RecordQuery } from "./store.ts";

/** A record with its diagnosis. */
export interface DiagnosedRecord {
  readonly record: CallRecord;
  readonly diagnosis: readonly Finding[];
}

/**
 * The records of this node: what the HTTP API, the console and the commands ask. Times are Unix ms. Each promise rejects with an Error of
 * one line where the store can't be read.
 */
export interface Records {
  /** A session that lives, as it is now, or one that is over; undefined for one that nobody knows. */
  get(session: string): Promise<DiagnosedRecord | undefined>;
  /** Sessions that are over, the newest first. */
  search(query: RecordQuery): Promise<RecordPage>;
  /** Sessions that live, the newest first, at most `limit`. */
  live(limit: number): readonly CallRecord[];
  /** Everything that names the user, the newest first. */
  export(user: string): AsyncIterable<CallRecord>;
  /** Removes everything that names the user, except what the audit says. Answers how many records. `actor`: who asked for it. */
  erase(user: string, actor: string): Promise<number>;
  /** Notes an act of an operator or of the application. */
  audit(entry: AuditEntry): void;
  audited(query: { readonly before?: number; readonly limit: number }): Promise<readonly AuditEntry[]>;
  /** Adds a row of a hook, a push or TURN to a live session. False where there is none. */
  note(session: string, row: Pick<LadderRow, "from" | "to" | "type"> & Partial<LadderRow>): boolean;
  /** Adds a row of TURN to every live session of the device. */
  noteOfDevice(
    device: { readonly user: string; readonly device: string },
    row: Pick<LadderRow, "type"> & Partial<LadderRow>,
  ): void;
}
