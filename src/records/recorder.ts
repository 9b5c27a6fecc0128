import { closeCodes } from "../protocol/close-codes.ts";
import type { PushBody } from "../protocol/pushes.ts";
import { type Request, type RequestOf, silentRequests } from "../protocol/requests.ts";
import type { Device, Outcome } from "../signaling/device.ts";
import type { CoreEvent, SessionRecord } from "../signaling/events.ts";
import type { FrameObserver, GatewayMessage } from "../signaling/observer.ts";
import { AwaitedOutcomes } from "./awaited-outcomes.ts";
import type { KeptText } from "./carried.ts";
import { candidatesAlone, cut, reportNote, saidBy } from "./frame-row.ts";
import { LiveRecord, partyOf, type SessionStart } from "./live-record.ts";
import { LiveRecords } from "./live-records.ts";
import { applicationParty, type CallRecord, type LadderRow, serverParty, turnParty } from "./record.ts";
import type { SessionEventType } from "./session-events.ts";
import { UnansweredRequests } from "./unanswered-requests.ts";

export interface RecorderOptions {
  readonly node: string;
  readonly kept: KeptText;
  /** Sessions that have a record at a time. Further ones have none, and are counted. */
  readonly sessions: number;
  /** Names a record of a call that never became a session. */
  newId(): string;
  /** What an earlier run of this node has told of a session. */
  before?(session: string): { readonly told: number; readonly startedAt: number } | undefined;
  /** A session has come here that began elsewhere, or in an earlier run of this node. `from`: the node that has died with it. */
  came?(live: LiveRecord, from: string | undefined): void;
  /** Another node goes on with a session. */
  left?(live: LiveRecord): void;
  /** The record of a session is complete. */
  finished(record: CallRecord, live: LiveRecord): void;
  /** A live session has come further. */
  happened?(type: SessionEventType, record: LiveRecord, facts: object, now: number): void;
}

/**
 * Makes the records of this node's sessions of the frames and events of its core. A session's record is made where its owner is. Pure:
 * call {@link settle} after each turn, which hands over what has ended.
 */
export class Recorder implements FrameObserver {
  readonly #options: RecorderOptions;
  readonly #live = new LiveRecords();
  readonly #outcomes = new AwaitedOutcomes();
  /** Sessions that are asked for and are not there yet. */
  readonly #opening = new UnansweredRequests<Opening>();
  /** What the application decided last: the outcome of the request follows in the same turn. */
  #decision: Decision | undefined;
  /** Who has asked for the restart that is being done. */
  #restarting: string | undefined;
  #ended: LiveRecord[] = [];
  /** Sessions that had no record, for there were too many. */
  missed = 0;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#live.size;
  }

  /** The record of a session that lives, as it is now. */
  get(session: string): CallRecord | undefined {
    return this.#live.get(session)?.record();
  }

  /** Records of live sessions, the newest first. */
  *list(): Generator<LiveRecord> {
    yield* this.#live.newestFirst();
  }

  /** Notes what a hook, a push or TURN did for a session that lives. False where there is none. */
  note(
    session: string,
    row: Pick<LadderRow, "from" | "to" | "type"> & Partial<LadderRow>,
    now: number,
  ): boolean {
    const live = this.#live.get(session);
    live?.add({ ...row, at: live.since(now) });
    return live !== undefined;
  }

  /** Notes what TURN did in every live session of a device: it knows of no session. */
  noteOfDevice(
    { user, device }: { readonly user: string; readonly device: string },
    row: Pick<LadderRow, "type"> & Partial<LadderRow>,
    now: number,
  ): void {
    for (const live of this.#live.ofUser(user))
      if (live.hasDevice(user, device))
        live.add({ from: turnParty, to: `${user}/${device}`, ...row, at: live.since(now) });
  }

  // FrameObserver

  request(device: Device, request: Request, now: number): void {
    if (request.type === "signal") {
      this.#signaled(device, request, now);
      return;
    }
    if (isOpener(request)) {
      const row = this.#row(0, partyOf(device), serverParty, request);
      this.#opening.hold(device, request.id, { request, row, at: now });
      return;
    }
    if (!("session" in request)) return;
    const live = this.#live.get(request.session);
    if (live === undefined) return;
    if (request.type === "report") {
      this.#report(live, device, request, now);
      return;
    }
    const row = this.#row(live.since(now), live.partyOf(device), serverParty, request);
    this.#note(live, device, request, row, now);
    live.add(row);
    this.#outcomes.await(device, request.id, row);
  }

  /** Nearly all requests are signals. */
  #signaled(device: Device, request: RequestOf<"signal">, now: number): void {
    const live = this.#live.get(request.session);
    if (live === undefined) return;
    const party = live.partyOf(device);
    const sum = candidatesAlone(request, this.#options.kept);
    if (sum !== undefined) {
      this.#outcomes.await(device, request.id, live.addCandidates(party, serverParty, sum, now));
      return;
    }
    const row = this.#row(live.since(now), party, serverParty, request);
    live.add(row);
    this.#outcomes.await(device, request.id, row);
  }

  outcome(device: Device, request: Request, outcome: Outcome | undefined, now: number): void {
    this.#restarting = undefined;
    if (outcome === undefined) {
      this.#outcomes.keep();
      return;
    }
    if (isOpener(request)) this.#opened(device, request.id, outcome, now);
    else this.#outcomes.settle(device, request.id, outcome, silentRequests.has(request.type));
  }

  reply(device: Device, id: number, outcome: Outcome, now: number): void {
    if (this.#opening.has(device, id)) this.#opened(device, id, outcome, now);
    else this.#outcomes.settle(device, id, outcome, false);
  }

  push(device: Device, push: PushBody, now: number): void {
    if (!("session" in push) || push.session === undefined) return;
    const live = this.#live.get(push.session);
    if (live === undefined) return;
    const party = live.partyOf(device);
    const sum = candidatesAlone(push, this.#options.kept);
    if (sum !== undefined) {
      live.addCandidates(serverParty, party, sum, now);
      return;
    }
    if (push.type === "incoming") live.rang(device, now);
    else if (push.type === "session") live.joined(device, push.direction === "out" ? "caller" : "callee");
    else if (push.type === "ended") live.legEnded(device, push.reason, now);
    else if (push.type === "restart" && live.restarted(push.pair, push.generation))
      this.#tell("session.restarted", live, { by: this.#restarting ?? serverParty }, now);
    live.add(this.#row(live.since(now), serverParty, party, push));
  }

  gatewayMessages(device: Device, session: string, messages: readonly GatewayMessage[]): void {
    const live = this.#live.get(session);
    if (live === undefined) return;
    const name = partyOf(device);
    const before: LadderRow[] = [];
    for (const { gateway, at, isIncoming, word, bytes, note } of messages) {
      const [from, to] = isIncoming ? [name, gateway] : [gateway, name];
      const row = {
        at: live.since(at),
        from,
        to,
        type: word,
        ...(bytes !== undefined && { bytes }),
        ...(note !== undefined && { note }),
      };
      // What made the session comes before everything that it led to.
      if (at <= live.startedAt && device.user === live.caller.user && device.id === live.caller.device)
        before.push(row);
      else live.add(row);
    }
    for (const row of before.reverse()) live.first(row);
  }

  // Events of the core

  heard(event: CoreEvent, now: number): void {
    switch (event.type) {
      case "session_started":
        this.#started(event, now);
        break;
      case "decided":
        if (event.placed && event.session !== undefined) this.note(event.session, hookRow(event), now);
        else this.#decision = event;
        break;
      case "session_adopted":
        this.#adopted(event, now);
        break;
      case "session_joined":
        this.#live.get(event.session)?.placedJoined(event.user, event.device, event.side, now);
        break;
      case "session_moved": {
        const live = this.#live.get(event.session);
        if (live === undefined) return;
        live.moved(event.user, event.from, event.to, now);
        this.#tell("session.moved", live, { user: event.user, from: event.from, to: event.to }, now);
        break;
      }
      case "session_accepted": {
        const live = this.#live.get(event.session);
        if (live === undefined) return;
        live.accepted(event.device, now);
        this.#tell("session.accepted", live, { device: event.device }, now);
        break;
      }
      case "session_ended":
        this.#over(event.record);
        break;
      case "link_suspended":
        if (event.code === closeCodes.tokenExpired.code)
          this.noteOfDevice(
            event,
            { from: serverParty, to: `${event.user}/${event.device}`, type: "close", note: "token_expired" },
            now,
          );
        break;
      case "session_left": {
        const live = this.#live.get(event.session);
        if (live === undefined) return;
        this.#live.delete(live);
        this.#options.left?.(live);
        break;
      }
    }
  }

  /** Hands over the records of sessions that have ended. What came in the same turn as the end is in them. */
  settle(): void {
    if (this.#ended.length === 0) return;
    const ended = this.#ended;
    this.#ended = [];
    for (const live of ended) {
      this.#live.delete(live);
      const record = live.record();
      this.#options.finished(record, live);
    }
  }

  #started(event: SessionStart, now: number): void {
    const live = this.#begin(event, now);
    if (live === undefined) return;
    if (event.placed !== undefined) {
      const note = `${event.caller} → ${event.callee}`;
      live.add({ at: 0, from: applicationParty, to: serverParty, type: "call", outcome: "ok", note });
    }
    this.#tell("session.started", live, {}, now);
  }

  /** The session began elsewhere, or before this run of the server: its record goes on from here. */
  #adopted(event: SessionStart & { readonly epoch: number; readonly from?: string }, now: number): void {
    if (this.#live.get(event.session) !== undefined) return;
    const before = this.#options.before?.(event.session);
    const live = this.#begin(event, now, event.epoch);
    if (live === undefined) return;
    // Where nobody knows what was told, the numbers go on with the next thousand: none is used twice.
    live.goesOn(before ?? { told: (event.epoch - 1) * 1_000, startedAt: now });
    live.add({ at: live.since(now), from: serverParty, to: serverParty, type: "recovered" });
    this.#options.came?.(live, event.from);
  }

  #begin(event: SessionStart, now: number, epoch = 1): LiveRecord | undefined {
    if (this.#live.size >= this.#options.sessions) {
      this.missed += 1;
      return undefined;
    }
    const live = new LiveRecord(event, this.#options.node, now, epoch);
    this.#live.add(live);
    return live;
  }

  #over(record: SessionRecord): void {
    const live = this.#live.get(record.session);
    if (live === undefined || live.over) return;
    live.end(record);
    this.#ended.push(live);
  }

  #opened(device: Device, id: number, outcome: Outcome, now: number): void {
    const opening = this.#opening.take(device, id);
    if (opening === undefined) return;
    const { row, at } = opening;
    const hook = this.#hookRow(device, opening, now);
    if ("error" in outcome) {
      row.outcome = outcome.error.code;
      this.#refused(device, opening, hook, outcome.error.code, now);
      return;
    }
    row.outcome = "ok";
    const { session } = outcome.ok as { session?: string };
    const live = session === undefined ? undefined : this.#live.get(session);
    if (live === undefined) return;
    live.joined(device, "caller");
    if (hook !== undefined) live.first({ ...hook, at: live.since(now) });
    live.first({ ...row, at: live.since(at) });
  }

  /** What the application's hook said of the request that is answered now. */
  #hookRow(device: Device, { request }: Opening, now: number): LadderRow | undefined {
    const decision = this.#decision;
    this.#decision = undefined;
    if (decision?.user !== device.user || decision.device !== device.id) return undefined;
    if (decision.request !== request.type || decision.to !== request.to) return undefined;
    return { at: now, ...hookRow(decision) };
  }

  /** A call that was refused leaves a record as well: somebody will ask why. */
  #refused(
    device: Device,
    { request, row, at }: Opening,
    hook: LadderRow | undefined,
    code: string,
    now: number,
  ): void {
    const { to, type: kind } = request;
    const [user = to, only] = to.split("/");
    const start = { session: this.#options.newId(), kind, caller: device.user, device: device.id };
    const live = new LiveRecord({ ...start, callee: user }, this.#options.node, at);
    live.joined(device, "caller");
    live.first(row);
    if (hook !== undefined) live.add({ ...hook, at: live.since(now) });
    live.refuse(code, { user: device.user, device: device.id }, only, now);
    this.#options.finished(live.record(), live);
  }

  #report(
    live: LiveRecord,
    device: Device,
    request: Extract<Request, { type: "report" }>,
    now: number,
  ): void {
    const { stats } = request;
    const change = live.reported(device, stats, now);
    if (!change.state) return;
    live.add({
      at: live.since(now),
      from: partyOf(device),
      to: serverParty,
      type: "report",
      state: stats.state,
      ...(stats.pair !== undefined && stats.pair > 1 && { pair: stats.pair }),
      ...reportNote(stats),
    });
    if (change.connected) this.#tell("session.connected", live, {}, now);
  }

  /** What a request says of its session beside its row. */
  #note(live: LiveRecord, device: Device, request: Request, row: LadderRow, now: number): void {
    if (request.type === "ringing") {
      if (live.alerting(device, now)) this.#tell("session.ringing", live, { device: device.id }, now);
    } else if (request.type === "decline")
      live.legEnded(device, request.reason ?? "declined", now, request.automatic === true);
    else if (request.type === "restart") this.#restarting = row.from;
  }

  #row(at: number, from: string, to: string, frame: Request | PushBody): LadderRow {
    return { at, from, to, ...saidBy(frame, this.#options.kept) };
  }

  #tell(type: SessionEventType, live: LiveRecord, facts: object, now: number): void {
    this.#options.happened?.(type, live, facts, now);
  }
}

type Decision = Extract<CoreEvent, { type: "decided" }>;

const hookOutcomes = { allowed: "ok", refused: "refused", failed: "failed", late: "timeout" } as const;

function hookRow({ outcome, reason }: Decision): Omit<LadderRow, "at"> {
  return {
    ...{ from: serverParty, to: "hook", type: "authorize", outcome: hookOutcomes[outcome] },
    ...(reason !== undefined && { note: cut(reason) }),
  };
}

/** A request that makes a session. */
type Opener = Extract<Request, { type: "call" | "publish" | "view" }>;

interface Opening {
  readonly request: Opener;
  readonly row: LadderRow;
  readonly at: number;
}

function isOpener(request: Request): request is Opener {
  return request.type === "call" || request.type === "publish" || request.type === "view";
}
