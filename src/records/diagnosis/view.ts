import type { CallRecord, LadderRow, RecordLeg } from "../record.ts";

/** One end of the connection, as a diagnosis looks at it. */
export interface End {
  readonly name: string;
  readonly leg: RecordLeg | undefined;
  /** Candidates that it gathered, by type and transport: as it reported them, else as it sent them. */
  readonly gathered: Readonly<Record<string, number>>;
  /** Those that it sent in the whole session. */
  readonly sent: Readonly<Record<string, number>>;
  /** True where it said which candidates it gathered, or sent all of them. */
  readonly gatheringKnown: boolean;
  /** How its certificate's fingerprint begins: as it reported it, else as it stood in its last description. */
  readonly fingerprint: string;
}

const otherReasons: ReadonlySet<string> = new Set([
  "closed",
  "forbidden",
  "lost",
  "shutdown",
  "left",
  "moved",
]);

/** A record, and what several causes ask of it. */
export class RecordView {
  readonly record: CallRecord;
  readonly ends: readonly End[];

  constructor(record: CallRecord) {
    this.record = record;
    const caller = record.legs.find((leg) => leg.side === "caller" && leg.reason !== "moved");
    const answered = record.legs.find(
      (leg) => leg.side === "callee" && leg.acceptedAt !== undefined && leg.reason !== "moved",
    );
    const callee = answered ?? record.legs.find((leg) => leg.side === "callee" && leg.states.length > 0);
    this.ends = [caller, callee].flatMap((leg) => (leg === undefined ? [] : [this.#end(leg)]));
  }

  get callee(): string {
    return this.record.callee.user;
  }

  get caller(): string {
    return this.record.caller.user;
  }

  get accepted(): boolean {
    return this.record.acceptedAt !== undefined;
  }

  /** Both ends, or those that report, have been connected. */
  get connected(): boolean {
    return this.record.connectedAt !== undefined;
  }

  get isOver(): boolean {
    return this.record.state === "ended" || this.record.state === "refused";
  }

  /** An end says that its connection failed, or the session ended because of that. */
  get failed(): boolean {
    return (
      this.accepted &&
      !this.connected &&
      (this.record.reason === "failed" ||
        this.ends.some(({ leg }) => leg?.states.includes("failed") === true))
    );
  }

  /** The session ended for a reason that has nothing to do with media, before media had failed. */
  get endedOtherwise(): boolean {
    return !this.failed && otherReasons.has(this.record.reason ?? "");
  }

  /** The media connection was tried, and did not come to stand. */
  get noPath(): boolean {
    return this.accepted && !this.connected && this.isOver && !this.endedOtherwise;
  }

  get callees(): readonly RecordLeg[] {
    return this.record.legs.filter((leg) => leg.side === "callee");
  }

  /** Indexes of the rows for which the condition holds, at most 8. */
  rows(holds: (row: LadderRow) => boolean): number[] {
    const found: number[] = [];
    this.record.ladder.forEach((row, index) => {
      if (found.length < 8 && holds(row)) found.push(index);
    });
    return found;
  }

  /** The rows that tell how the session ended. */
  get endRows(): number[] {
    return this.rows(
      ({ type }) => type === "ended" || type === "hangup" || type === "cancel" || type === "decline",
    );
  }

  candidateRows(name: string): number[] {
    return this.rows((row) => row.from === name && row.candidates !== undefined);
  }

  #end(leg: RecordLeg): End {
    const name = `${leg.user}/${leg.device}`;
    const sent: Record<string, number> = {};
    let gatheringKnown = false;
    let [fingerprint = ""] = leg.last?.fingerprints ?? [];
    const isReported = fingerprint !== "";
    for (const row of this.record.ladder) {
      if (row.from !== name) continue;
      if (row.lastCandidates === true) gatheringKnown = true;
      if (!isReported) fingerprint = row.description?.fingerprint ?? fingerprint;
      for (const [type, count] of Object.entries(row.candidates ?? {}))
        sent[type] = (sent[type] ?? 0) + count;
    }
    const reported = leg.last?.candidates;
    const known = { name, leg, sent, fingerprint };
    if (reported !== undefined) return { ...known, gathered: reported, gatheringKnown: true };
    return { ...known, gathered: sent, gatheringKnown };
  }
}

/** Whether it had candidates of that type, now or before a restart: a report counts those since then alone. */
export function everHad(end: End, type: string): boolean {
  return countOf(end, type) > 0 || Object.keys(end.sent).some((name) => name.startsWith(`${type}/`));
}

/** How many candidates of that type, over whatever transport; `transport` narrows it. */
export function countOf(end: End, type: string, transport?: string): number {
  let count = 0;
  for (const [name, number] of Object.entries(end.gathered)) {
    const [ofType, over] = name.split("/");
    if (ofType === type && (transport === undefined || transport === over)) count += number;
  }
  return count;
}

export function seconds(ms: number): string {
  return ms < 10_000 ? `${Math.round(ms / 100) / 10} s` : `${Math.round(ms / 1_000)} s`;
}
