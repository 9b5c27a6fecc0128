import type { CallRecord } from "./record.ts";

/** A record without its ladder, as lists show it. */
export interface RecordSummary {
  readonly session: string;
  readonly node: string;
  readonly kind: CallRecord["kind"];
  readonly state: CallRecord["state"];
  readonly caller: CallRecord["caller"];
  readonly callee: CallRecord["callee"];
  readonly room?: string;
  readonly startedAt: number;
  readonly acceptedAt?: number;
  readonly connectedAt?: number;
  readonly endedAt?: number;
  readonly reason?: string;
  /** The code of the first finding of its diagnosis. */
  readonly cause?: string;
}

/** What a search asks for. All of it must hold. Times are Unix ms. */
export interface RecordQuery {
  readonly user?: string;
  /** Started at or after this, before that. */
  readonly from?: number;
  readonly to?: number;
  readonly reason?: string;
  readonly cause?: string;
  /** Of an earlier page: what comes after it. */
  readonly cursor?: string;
  /** At most 1,000; 50 where it is absent. */
  readonly limit?: number;
}

/** The newest first. */
export interface RecordPage {
  readonly records: readonly RecordSummary[];
  /** Absent on the last page. */
  readonly cursor?: string;
}

/** A record and what a search finds it by. */
export interface StoredRecord {
  readonly record: CallRecord;
  readonly cause: string | undefined;
}

/** An event that waits for an endpoint. */
export interface OutboxEntry {
  /** The message's id, the same at each attempt. */
  readonly id: string;
  readonly endpoint: string;
  /** Entries of one lane go in order: the session, or the id of an event that has none. */
  readonly lane: string;
  readonly type: string;
  readonly body: string;
  readonly createdAt: number;
  readonly attempts: number;
  readonly dueAt: number;
  /** It was tried as often as it may be, or the endpoint is gone: it waits for somebody to ask for it again. */
  readonly dead?: true;
  readonly failure?: string;
}

/** A session that has been told of and has not ended. */
export interface OpenSession {
  readonly session: string;
  /** How many of its events were told. */
  readonly told: number;
  readonly startedAt: number;
  readonly facts: string;
}

export interface AuditEntry {
  readonly at: number;
  readonly actor: string;
  readonly act: string;
  readonly subject: string;
  readonly detail?: string;
}

/** What a node has told and still has to tell: another node keeps a copy of it. */
export type Told =
  | { readonly write: "open"; readonly open: OpenSession }
  | { readonly write: "closed"; readonly session: string }
  | { readonly write: "outbox"; readonly entry: OutboxEntry }
  | { readonly write: "delivered"; readonly endpoint: string; readonly id: string };

/** What is written. Writes are in order, and those of one call are written all or not at all. */
export type Write =
  | Told
  | { readonly write: "record"; readonly stored: StoredRecord }
  | { readonly write: "audit"; readonly entry: AuditEntry }
  /** A copy of what another node has. */
  | { readonly write: "copy"; readonly owner: string; readonly told: Told }
  /** Copies of that node begin anew, at that time of its clock. */
  | { readonly write: "copies"; readonly owner: string; readonly since: number }
  /** That node's copies are of no use any more. */
  | { readonly write: "forget"; readonly owner: string };

/** What is known of the events of a session. */
export interface Trail {
  readonly session: string;
  /** Of its record, where that is complete: the node that has seen its end. */
  readonly endedAt?: string;
  readonly open?: OpenSession;
  /** Its events that wait for endpoints, in order. */
  readonly waiting: readonly OutboxEntry[];
}

/** A part of a list; `last` is the place to go on after, absent at the end. */
export interface ListPart<T> {
  readonly items: readonly T[];
  readonly last?: number;
}

/** What is asked of a store, each with its answer. */
export interface Questions {
  get(session: string): CallRecord | undefined;
  search(query: RecordQuery): RecordPage;
  open(): readonly OpenSession[];
  /** Entries that wait for that endpoint, in the order in which they were written, after that many. */
  outbox(query: {
    readonly endpoint: string;
    readonly dead?: boolean;
    readonly limit: number;
  }): readonly OutboxEntry[];
  /** What waits for any endpoint, in the order in which it was written. */
  waiting(query: { readonly after: number; readonly limit: number }): ListPart<OutboxEntry>;
  /** Copies of a node: its open sessions and what waits, in order. */
  copies(query: { readonly owner: string; readonly after: number; readonly limit: number }): ListPart<Told>;
  /** Nodes that there are copies of, and since when. */
  owners(): readonly { readonly owner: string; readonly since: number }[];
  /** Of this node's own and of copies. */
  trails(sessions: readonly string[]): readonly Trail[];
  /** Those of the sessions whose record another node than this one has made: a copy of it is enough. */
  endedElsewhere(asked: { readonly sessions: readonly string[]; readonly node: string }): readonly string[];
  audit(query: { readonly before?: number; readonly limit: number }): readonly AuditEntry[];
  /** Removes all records that name the user. Answers how many; with `node` how many of those were of that node's sessions. */
  erase(query: { readonly user: string; readonly node?: string }): number;
  /** Removes what is too old, then the oldest while the store is too large. Answers how many records. */
  prune(rule: { readonly olderThan: number; readonly bytes: number }): number;
}

/** Names of {@link Questions}. */
export type Question = keyof Questions;

/** Keeps records, open sessions, the webhook queue and the audit. It never throws; what it can't keep it counts. */
export interface Store {
  /** Takes the writes; resolves to false where they were lost. */
  write(...writes: Write[]): Promise<boolean>;
  /** Rejects with an Error of one line where the store can't be read. */
  ask<Q extends Question>(
    question: Q,
    argument?: Parameters<Questions[Q]>[0],
  ): Promise<ReturnType<Questions[Q]>>;
  readonly counts: StoreCounts;
  stop(): Promise<void>;
}

interface StoreCounts {
  /** Writes that were lost: the queue was full, the disk was full, the file was damaged. */
  readonly lost: number;
  /** Writes that wait. */
  readonly waiting: number;
}

/** What names an open session or an event that waits, among the copies of one node. */
export function keyOfTold(told: Told): string {
  switch (told.write) {
    case "open":
      return `open ${told.open.session}`;
    case "closed":
      return `open ${told.session}`;
    case "outbox":
      return `${told.entry.endpoint} ${told.entry.id}`;
    case "delivered":
      return `${told.endpoint} ${told.id}`;
  }
}

/** The trail that own entries and copies make together. */
export function trailOf(session: string, endedAt: string | undefined, told: readonly Told[]): Trail {
  let open: OpenSession | undefined;
  const waiting = new Map<string, OutboxEntry>();
  for (const one of told) {
    if (one.write === "open" && one.open.told > (open?.told ?? -1)) open = one.open;
    if (one.write === "outbox") waiting.set(keyOfTold(one), one.entry);
  }
  const end = endedAt === undefined ? {} : { endedAt };
  return { session, ...end, ...(open !== undefined && { open }), waiting: [...waiting.values()] };
}

export function summaryOf({ record, cause }: StoredRecord): RecordSummary {
  const { session, node, kind, state, caller, callee, room, startedAt } = record;
  const { acceptedAt, connectedAt, endedAt, reason } = record;
  return {
    ...{ session, node, kind, state, caller, callee, startedAt },
    ...(room !== undefined && { room }),
    ...(acceptedAt !== undefined && { acceptedAt }),
    ...(connectedAt !== undefined && { connectedAt }),
    ...(endedAt !== undefined && { endedAt }),
    ...(reason !== undefined && { reason }),
    ...(cause !== undefined && { cause }),
  };
}

/** Users that a record names. */
export function usersOf({ caller, callee, legs }: CallRecord): string[] {
  return [...new Set([caller.user, callee.user, ...legs.map(({ user }) => user)])];
}

const [defaultLimit, mostLimit] = [50, 1_000];

export function limitOf({ limit = defaultLimit }: RecordQuery): number {
  return Math.max(1, Math.min(mostLimit, Math.floor(limit)));
}

/** A cursor names the last record of its page. */
export function cursorOf({ startedAt, session }: { startedAt: number; session: string }): string {
  return `${startedAt.toString(36)}.${session}`;
}

/** Undefined for a text that is no cursor. */
export function readCursor(
  text: string,
): { readonly startedAt: number; readonly session: string } | undefined {
  const [, time = "", session = ""] = /^([0-9a-z]{1,11})\.(.{1,64})$/s.exec(text) ?? [];
  const startedAt = Number.parseInt(time, 36);
  return session === "" || !Number.isSafeInteger(startedAt) ? undefined : { startedAt, session };
}
