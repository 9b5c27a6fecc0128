import type { Operations } from "../../application/operations.ts";
import { phaseOf } from "../ladder.ts";
import type { PhaseName } from "../ladder-model.ts";
import { counterpart, labelOf } from "../ladder-words.ts";

type Answered = Operations["getRecord"]["output"];

/** A row of a record's ladder. */
interface RecordRow {
  /** ms since the session began. */
  readonly at: number;
  readonly from: string;
  readonly to: string;
  readonly type: string;
  readonly outcome?: string;
  readonly bytes?: number;
  readonly description?: { readonly type: string };
  readonly candidates?: Readonly<Record<string, number>>;
  readonly lastCandidates?: boolean;
  readonly state?: string;
  readonly note?: string;
}

interface LegStats {
  readonly path?: "direct" | "relay";
  readonly rtt?: number;
  readonly jitter?: number;
  readonly lossIn?: number;
  readonly lossOut?: number;
  readonly bitrateIn?: number;
  readonly bitrateOut?: number;
}

/** A device's part in a session. Times are Unix ms. */
export interface RecordLeg {
  readonly user: string;
  readonly device: string;
  readonly side: "caller" | "callee";
  readonly protocol: string;
  readonly acceptedAt?: number;
  readonly connectedAt?: number;
  readonly reason?: string;
  readonly states: readonly string[];
  readonly last?: LegStats;
  readonly worst: LegStats;
}

/** A record as the API answers it: its schema leaves legs and rows open. */
export type SessionRecord = Pick<
  Answered,
  | ("session" | "node" | "kind" | "state" | "caller" | "callee" | "reason" | "diagnosis" | "skippedRows")
  | ("startedAt" | "acceptedAt" | "connectedAt" | "endedAt")
> & {
  readonly ladder: readonly RecordRow[];
  readonly legs: readonly RecordLeg[];
};

/** A lifeline. */
interface Lane {
  /** As rows name it: `server`, `alice/phone`, `hook`. */
  readonly party: string;
  readonly name: string;
  /** Which of the user's devices. */
  readonly device?: string;
}

/** An arrow between two lifelines, by their positions. */
interface Hop {
  readonly from: number;
  readonly to: number;
  readonly label: string;
  /** `✓`, or the code of an error. */
  readonly mark?: string;
  readonly failed: boolean;
}

/** A message on its way: to the server, and from there to a device. */
export interface Rung {
  /** ms since the session began. */
  at: number;
  readonly hops: Hop[];
  /** Positions of its rows in the record's ladder. */
  readonly rows: number[];
  readonly head: RecordRow;
  /** Of a rung of candidates: how many. */
  candidates?: number;
}

/** Media between two lifelines. */
interface Cord {
  readonly at: number;
  readonly from: number;
  readonly to: number;
  readonly relayed: boolean;
  readonly delay?: number;
}

/** What stands below each other: rungs, and the cord where media came to stand. */
export type Step = { readonly rung: Rung } | { readonly cord: Cord };

export interface Flow {
  readonly lanes: readonly Lane[];
  readonly phases: readonly { readonly name: PhaseName; readonly steps: readonly Step[] }[];
}

/** How long after a message came the server has sent it on, at most. ms */
const relayedWithin = 250;
/** Rungs in which the first half of a message is looked for. */
const lookBack = 6;

/** Draws a record: what the server handed on is one rung with what it came from, and candidates in a row are one. */
export function flowOf(record: SessionRecord): Flow {
  const lanes = lanesOf(record);
  const position = new Map(lanes.map(({ party }, index) => [party, index]));
  const rungs: Rung[] = [];
  record.ladder.forEach((row, index) => {
    const [from, to] = [position.get(row.from), position.get(row.to)];
    if (from === undefined || to === undefined) return;
    const hop: Hop = { from, to, label: labelFor(row, record), ...markOf(row) };
    const first = row.from === "server" ? firstHalf(rungs, row) : undefined;
    if (first !== undefined) {
      first.hops.push(hop);
      first.rows.push(index);
      return;
    }
    rungs.push({ at: row.at, hops: [hop], rows: [index], head: row });
  });
  return { lanes, phases: phasesOf(merged(rungs), cordOf(record, position)) };
}

function lanesOf({ caller, legs, ladder }: SessionRecord): Lane[] {
  const parties = [
    `${caller.user}/${caller.device ?? ""}`,
    "server",
    ...legs.map(({ user, device }) => `${user}/${device}`),
    ...ladder.flatMap(({ from, to }) => [from, to]),
  ];
  const spoken = new Set(ladder.flatMap(({ from, to }) => [from, to]));
  return [...new Set(parties)]
    .filter((party, index) => index < 2 || spoken.has(party))
    .map((party) => {
      const slash = party.indexOf("/");
      if (slash < 0) return { party, name: party === "turn" ? "TURN" : party };
      return { party, name: party.slice(0, slash), device: party.slice(slash + 1) };
    });
}

function labelFor(row: RecordRow, { callee }: SessionRecord): string {
  const { type, state, note, description } = row;
  if (type === "report") return state ?? "report";
  if (type === "signal" && description === undefined) return candidatesText(countOf(row));
  if (type === "call") return `call ${callee.user}`;
  if (type === "ended") return `ended, ${(note ?? "").replaceAll("_", " ")}`;
  return labelOf({ type, description }) ?? type.replaceAll("_", " ");
}

function candidatesText(count: number): string {
  return count === 0 ? "end of candidates" : `${count} candidate${count === 1 ? "" : "s"}`;
}

function countOf({ candidates = {} }: RecordRow): number {
  return Object.values(candidates).reduce((sum, count) => sum + count, 0);
}

function markOf({ outcome }: RecordRow): Pick<Hop, "mark" | "failed"> {
  if (outcome === undefined) return { failed: false };
  return outcome === "ok" ? { mark: "✓", failed: false } : { mark: outcome, failed: true };
}

/** The rung of the message that the server hands on by this row. */
function firstHalf(rungs: readonly Rung[], row: RecordRow): Rung | undefined {
  return rungs
    .slice(-lookBack)
    .find(
      ({ at, hops, head }) =>
        hops.length === 1 &&
        head.to === "server" &&
        head.from !== row.to &&
        row.at - at <= relayedWithin &&
        counterpart({ type: head.type }, true) === row.type &&
        head.description?.type === row.description?.type &&
        countOf(head) === countOf(row),
    );
}

/** Candidates join the last rung of their direction, as long as only the other direction's came between. */
function merged(rungs: readonly Rung[]): Rung[] {
  const kept: Rung[] = [];
  for (const rung of rungs) {
    const home = bare(rung) ? homeOf(kept, rung) : undefined;
    if (home === undefined) {
      kept.push(bare(rung) ? { ...rung, candidates: countOf(rung.head) } : rung);
      continue;
    }
    home.candidates = (home.candidates ?? 0) + countOf(rung.head);
    home.rows.push(...rung.rows);
    const label = candidatesText(home.candidates);
    home.hops.splice(0, home.hops.length, ...home.hops.map((hop) => ({ ...hop, label })));
  }
  return kept;
}

function homeOf(kept: readonly Rung[], rung: Rung): Rung | undefined {
  const last = kept.at(-1);
  if (last === undefined || !bare(last)) return undefined;
  return [last, kept.at(-2)].find(
    (one) =>
      one !== undefined &&
      bare(one) &&
      one.head.from === rung.head.from &&
      one.hops.length === rung.hops.length,
  );
}

function bare({ head }: Rung): boolean {
  return head.type === "signal" && head.description === undefined;
}

function cordOf(record: SessionRecord, position: ReadonlyMap<string, number>): Cord | undefined {
  const { connectedAt, startedAt, legs } = record;
  if (connectedAt === undefined) return undefined;
  const of = (side: RecordLeg["side"]) =>
    legs.findLast((leg) => leg.side === side && (leg.connectedAt ?? leg.acceptedAt) !== undefined) ??
    legs.find((leg) => leg.side === side);
  const [caller, callee] = [of("caller"), of("callee")];
  const at = (leg: RecordLeg | undefined) => leg && position.get(`${leg.user}/${leg.device}`);
  const last = { ...caller?.last, ...callee?.last };
  const relayed = caller?.last?.path === "relay" || callee?.last?.path === "relay";
  const delay = caller?.last?.rtt ?? last.rtt;
  return {
    at: connectedAt - startedAt,
    from: at(caller) ?? 0,
    // A stream's other end is the media server.
    to: at(callee) ?? 1,
    relayed,
    ...(delay !== undefined && { delay }),
  };
}

function phasesOf(rungs: readonly Rung[], cord: Cord | undefined): Flow["phases"] {
  const phases: { name: PhaseName; steps: Step[] }[] = [];
  let waiting = cord;
  const enter = (name: PhaseName): Step[] => {
    const current = phases.at(-1);
    if (current?.name === name) return current.steps;
    const steps: Step[] = [];
    phases.push({ name, steps });
    return steps;
  };
  for (const rung of rungs) {
    const current = phases.at(-1)?.name ?? "Find";
    if (waiting !== undefined && rung.at > waiting.at) {
      enter(current === "Find" ? "Negotiate" : current).push({ cord: waiting });
      waiting = undefined;
    }
    const own = rung.head.type === "report" ? current : (phaseOf[rung.head.type] ?? current);
    const stays = current === "Close" || (current === "Reset" && own === "Negotiate");
    enter(stays ? current : own).push({ rung });
  }
  if (waiting !== undefined) enter(phases.at(-1)?.name ?? "Negotiate").push({ cord: waiting });
  return phases;
}
