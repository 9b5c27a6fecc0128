import type { Stats } from "../protocol/values.ts";
import type { Device } from "../signaling/device.ts";
import type { CoreEvent, SessionRecord } from "../signaling/events.ts";
import type { CandidateSum } from "./carried.ts";
import { Ladder } from "./ladder.ts";
import type { CallRecord, LadderRow, RecordLeg, WorstQuality } from "./record.ts";

const [mostLegs, mostStates, mostMoves] = [64, 32, 32];

/** How a session begins here. */
export type SessionStart = Omit<Extract<CoreEvent, { type: "session_started" }>, "type">;

/** A device as rows name it. */
export function partyOf(device: Device): string {
  return `${device.user}/${device.id}`;
}

/** The record of a session while it is made. */
export class LiveRecord {
  readonly session: string;
  /** Events of the session that were told so far. */
  told = 0;
  /** The core has ended the session. */
  over = false;
  /** Its end was told before it came here: nothing more is. */
  muted = false;
  /** Counts its owners, of which this one is the last. */
  readonly epoch: number;
  readonly #node: string;
  readonly #start: SessionStart;
  readonly #ladder = new Ladder();
  /** Two devices that rows name: of a call that is answered its two ends, whose names are made once. */
  #speaker: Device | undefined;
  #speakerName = "";
  #listener: Device | undefined;
  #listenerName = "";
  readonly #legs: RecordLeg[] = [];
  readonly #moves: { at: number; user: string; from: string; to: string }[] = [];
  readonly #times: { ringingAt?: number; acceptedAt?: number; connectedAt?: number } = {};
  readonly #restarts = new Set<string>();
  /** When its rows count from. */
  readonly #since: number;
  startedAt: number;
  #end: Pick<CallRecord, "state" | "endedAt" | "reason" | "by" | "callee"> | undefined;
  /** Another than at the start, for a call that the application has placed. */
  #caller: CallRecord["caller"];

  constructor(start: SessionStart, node: string, now: number, epoch = 1) {
    this.session = start.session;
    this.epoch = epoch;
    this.startedAt = now;
    this.#since = now;
    this.#start = start;
    this.#caller = { user: start.caller, device: start.device };
    this.#node = node;
  }

  /** ms since the session began. */
  since(now: number): number {
    return Math.max(0, now - this.#since);
  }

  /** It began elsewhere, and that was told of it. */
  goesOn({ told, startedAt }: { readonly told: number; readonly startedAt: number }): void {
    this.told = told;
    this.startedAt = Math.min(this.startedAt, startedAt);
  }

  /** The users of both ends. */
  get users(): readonly string[] {
    return [this.#start.caller, this.#start.callee];
  }

  /** True when the device calls or is rung. */
  hasDevice(user: string, device: string): boolean {
    const isCaller = this.#caller.user === user && this.#caller.device === device;
    return isCaller || this.#legs.some((leg) => leg.user === user && leg.device === device);
  }

  get caller(): CallRecord["caller"] {
    return this.#caller;
  }

  get facts(): Pick<CallRecord, "session" | "kind" | "caller" | "callee" | "room"> {
    const { session, kind, room } = this.#start;
    return { session, kind, caller: this.caller, callee: this.#callee, ...(room !== undefined && { room }) };
  }

  add(row: LadderRow): void {
    this.#ladder.add(row);
  }

  /** See {@link Ladder.addCandidates}. */
  addCandidates(from: string, to: string, sum: CandidateSum, now: number): Pick<LadderRow, "outcome"> {
    return this.#ladder.addCandidates(this.since(now), from, to, sum);
  }

  first(row: LadderRow): void {
    this.#ladder.first(row);
  }

  /** {@link partyOf}, made once for each of the two that speak. */
  partyOf(device: Device): string {
    if (device === this.#speaker) return this.#speakerName;
    if (device === this.#listener) return this.#listenerName;
    this.#listener = this.#speaker;
    this.#listenerName = this.#speakerName;
    this.#speaker = device;
    this.#speakerName = partyOf(device);
    return this.#speakerName;
  }

  // What devices do

  joined(device: Device, side: "caller" | "callee"): void {
    this.#leg(device, side);
  }

  rang(device: Device, now: number): void {
    const leg = this.#leg(device, this.#start.placed === undefined ? "callee" : this.#sideOf(device));
    if (leg !== undefined) leg.rungAt ??= now;
  }

  /** True when no device alerted before. */
  alerting(device: Device, now: number): boolean {
    const leg = this.#leg(device, "callee");
    if (leg !== undefined) leg.alertingAt ??= now;
    if (this.#times.ringingAt !== undefined) return false;
    this.#times.ringingAt = now;
    return true;
  }

  /** A device of one party of a placed call has accepted. */
  placedJoined(user: string, device: string, side: "caller" | "callee", now: number): void {
    const leg = this.#legs.find((one) => one.user === user && one.device === device);
    if (leg !== undefined) {
      leg.side = side;
      leg.acceptedAt ??= now;
    }
    if (side === "caller") this.#caller = { user, device };
  }

  accepted(device: string, now: number): void {
    this.#times.acceptedAt ??= now;
    const leg = this.#legs.find((one) => one.side === "callee" && one.device === device);
    if (leg !== undefined) leg.acceptedAt ??= now;
  }

  moved(user: string, from: string, to: string, now: number): void {
    if (this.#moves.length < mostMoves) this.#moves.push({ at: now, user, from, to });
  }

  /** True when nobody was told of that generation before. */
  restarted(pair: number, generation: number): boolean {
    const name = `${pair} ${generation}`;
    if (this.#restarts.has(name) || this.#restarts.size >= 1_000) return false;
    this.#restarts.add(name);
    return true;
  }

  legEnded(device: Device, reason: string, now: number, automatic = false): void {
    const leg = this.#legOf(device);
    if (leg === undefined || leg.endedAt !== undefined) return;
    leg.endedAt = now;
    leg.reason = reason.slice(0, 64);
    if (automatic) leg.automatic = true;
  }

  /** Takes a report. `state`: it says another one than before; `connected`: the session is, for the first time. */
  reported(
    device: Device,
    stats: Stats,
    now: number,
  ): { readonly state: boolean; readonly connected: boolean } {
    const leg = this.#legOf(device) ?? this.#leg(device, this.#sideOf(device));
    if (leg === undefined) return { state: false, connected: false };
    leg.last = { ...leg.last, ...stats };
    leg.lastAt = now;
    worsen(leg.worst, stats);
    const state = leg.states.at(-1) !== stats.state;
    if (state && leg.states.length < mostStates) leg.states.push(stats.state);
    const isConnected = stats.state === "connected";
    if (isConnected) leg.connectedAt ??= now;
    const connected = isConnected && this.#times.connectedAt === undefined;
    if (connected) this.#times.connectedAt = now;
    return { state, connected };
  }

  // The end

  end(record: SessionRecord): void {
    this.over = true;
    const { acceptedAt, connectedAt } = record;
    if (acceptedAt !== undefined) this.#times.acceptedAt ??= acceptedAt;
    if (connectedAt !== undefined) this.#times.connectedAt ??= connectedAt;
    this.#end = {
      state: "ended",
      endedAt: record.endedAt,
      reason: record.reason,
      callee: record.callee,
      ...(record.by !== undefined && { by: record.by }),
    };
  }

  refuse(
    code: string,
    by: { readonly user: string; readonly device: string },
    only: string | undefined,
    now: number,
  ): void {
    this.over = true;
    const callee = { user: this.#start.callee, ...(only !== undefined && { device: only }) };
    this.#end = { state: "refused", endedAt: now, reason: code, callee, by };
  }

  record(): CallRecord {
    return {
      ...this.facts,
      ...(this.#start.placed !== undefined && { placed: this.#start.placed }),
      node: this.#node,
      startedAt: this.startedAt,
      ...this.#times,
      state: this.#times.acceptedAt === undefined && this.#start.kind === "call" ? "ringing" : "active",
      ...this.#end,
      legs: this.#legs.map((leg) => ({ ...leg, states: [...leg.states], worst: { ...leg.worst } })),
      moves: [...this.#moves],
      restarts: this.#restarts.size,
      ladder: this.#rows(),
      skippedRows: this.#ladder.skipped,
    };
  }

  #rows(): LadderRow[] {
    const before = this.#since - this.startedAt;
    return before === 0
      ? [...this.#ladder.rows]
      : this.#ladder.rows.map((row) => ({ ...row, at: row.at + before }));
  }

  get #callee(): CallRecord["callee"] {
    if (this.#end !== undefined) return this.#end.callee;
    const leg = this.#legs.find((one) => one.side === "callee" && one.acceptedAt !== undefined);
    return { user: this.#start.callee, ...(leg !== undefined && { device: leg.device }) };
  }

  #sideOf({ user, id }: Device): "caller" | "callee" {
    return user === this.#start.caller && (user !== this.#start.callee || id === this.#caller.device)
      ? "caller"
      : "callee";
  }

  #legOf({ user, id }: Device): RecordLeg | undefined {
    return this.#legs.find((leg) => leg.user === user && leg.device === id);
  }

  #leg(device: Device, side: "caller" | "callee"): RecordLeg | undefined {
    const known = this.#legOf(device);
    if (known !== undefined || this.#legs.length >= mostLegs) return known;
    const leg: RecordLeg = {
      user: device.user,
      device: device.id,
      side,
      protocol: device.gateway ?? "native",
      ...(device.kind !== "" && { kind: device.kind }),
      states: [],
      worst: {},
    };
    this.#legs.push(leg);
    return leg;
  }
}

function worsen(worst: WorstQuality, stats: Stats): void {
  for (const name of ["rtt", "jitter", "lossIn", "lossOut"] as const) {
    const value = stats[name];
    if (value !== undefined && value > (worst[name] ?? -1)) worst[name] = value;
  }
}
