import type { Limits } from "../../protocol/limits.ts";
import type { RequestOf, SessionRequest } from "../../protocol/requests.ts";
import type { Deadlines } from "../../shared/deadlines.ts";
import type { Device, LinkEnd, Outcome } from "../device.ts";
import type { Directory } from "../directory.ts";
import type { Elsewhere } from "../elsewhere.ts";
import { done, failed } from "../outcome.ts";
import type { Ports } from "../ports.ts";
import { CallSetup } from "./call-setup.ts";
import { Glare } from "./glare.ts";
import type { Leg } from "./leg.ts";
import { startMove } from "./move.ts";
import type { CallRequest } from "./ring.ts";
import { Session } from "./session.ts";
import { SessionRecovery } from "./session-recovery.ts";
import { SessionTable } from "./session-table.ts";

export interface SessionsOptions {
  readonly node: string;
  readonly limits: Limits;
  readonly ports: Ports;
  readonly deadlines: Deadlines;
  readonly directory: Directory;
  readonly elsewhere: Elsewhere;
}

/** The sessions of this node: what their devices ask of them, and what comes and goes around them. */
export class Sessions {
  readonly setup: CallSetup;
  readonly recovery: SessionRecovery;
  /** Those that this node owns. */
  readonly table: SessionTable;
  readonly #options: SessionsOptions;
  readonly #glare: Glare;
  /** Signals that were taken since the start. */
  signals = 0;

  constructor(options: SessionsOptions) {
    const { directory, elsewhere } = options;
    const sessions = new SessionTable(options);
    const glare = new Glare(sessions, directory, elsewhere);
    this.#options = options;
    this.table = sessions;
    this.#glare = glare;
    this.setup = new CallSetup({ sessions, glare, directory, elsewhere });
    this.recovery = new SessionRecovery(sessions, elsewhere);
  }

  get size(): number {
    return this.table.size;
  }

  get active(): number {
    return this.table.active;
  }

  get ringing(): number {
    return this.table.size - this.table.active;
  }

  /** True when a session of this node in which the user had part has ended not long ago. */
  isOver(session: string, user: string): boolean {
    return this.table.usersOfEnded(session)?.includes(user) === true;
  }

  /**
   * Performs a request on a session. Unknown sessions, and those that the device has no part in, are answered alike;
   * one that another node owns is asked there.
   */
  perform(device: Device, request: SessionRequest, now: number): Outcome | undefined {
    const session = this.table.get(request.session);
    const leg = session?.legOf(device);
    if (session === undefined) {
      const outcome = this.#options.elsewhere.perform(device, request, now);
      if (outcome !== "unknown") return outcome;
    }
    if (session === undefined || leg === undefined) {
      const over = request.type === "hangup" || request.type === "cancel";
      if (over && this.isOver(request.session, device.user)) return done;
      return failed("no_session");
    }
    switch (request.type) {
      case "signal":
        this.signals += 1;
        return session.signal(leg, request, now);
      case "ringing":
        return session.answering.alerting(leg, now);
      case "accept":
        return session.answering.accept(leg, request, now);
      case "confirm":
        return session.answering.confirm(leg, request.device, now);
      case "decline":
        return session.answering.decline(leg, request, now);
      case "cancel":
        return session.answering.cancel(leg, now);
      case "restart":
        return session.pairs.restart(leg, request, (end) => session.ticket(end, now), now);
      case "resync":
        return session.pairs.resync(leg, request, now);
      case "move":
        return this.#startMove(session, leg, request, now);
      case "hangup":
        return session.hangup(leg, request.reason ?? "hangup", request.detail, now);
      case "report":
        return session.report(leg, request, now);
    }
  }

  #startMove(session: Session, leg: Leg, request: RequestOf<"move">, now: number): Outcome | undefined {
    const target = this.#options.directory.device(leg.user, request.to);
    return startMove(session, this.table, leg, { device: leg.device, id: request.id }, target, now);
  }

  /** Moves the user's end of a call to another device of that user; nobody waits for what comes of it. */
  move(session: Session, user: string, to: string, now: number): Outcome {
    const leg = [session.caller, session.callee].find((one) => one?.user === user);
    if (leg === undefined) return failed("no_session", "the user has no part in the call");
    const target = this.#options.directory.device(user, to);
    return startMove(session, this.table, leg, { device: undefined, id: 0 }, target, now) ?? done;
  }

  /** Opens a session between two members of a room's mesh, active at once: by joining both agreed to it. */
  connect(
    offerer: Device,
    answerer: Device,
    room: string,
    offering: string,
    answering: string,
    now: number,
  ): void {
    const callRequest: CallRequest = {
      to: `${answerer.user}/${answerer.id}`,
      user: answerer.user,
      device: answerer.id,
      media: undefined,
      description: undefined,
      data: undefined,
    };
    const session = new Session(this.table, this.table.newId(), offerer, callRequest, now, room);
    session.members = [offering, answering];
    this.table.add(session, now);
    this.table.started(session);
    session.join(answerer, now);
  }

  /** Ends the sessions that a member has in a room's mesh. */
  disconnect(room: string, member: string, now: number): void {
    for (const session of this.table.ofMember(room, member)) session.end("left", now);
  }

  // Devices that come and go

  /** A device can be rung from now on: whoever rings its user rings it too. */
  arrived(device: Device, now: number): void {
    for (const session of this.table.ringing(device.user)) {
      session.ringDevice(device, now);
      this.#glare.look(session, now);
    }
  }

  suspended(device: Device, now: number): void {
    for (const [session, leg] of this.table.legsOf(device)) session.links.changed(leg, "suspended", now);
  }

  live(device: Device, now: number): void {
    for (const [session, leg] of this.table.legsOf(device)) session.links.changed(leg, "live", now);
  }

  closed(device: Device, why: LinkEnd, now: number): void {
    for (const [session, leg] of this.table.legsOf(device)) session.links.closed(leg, why, now);
    this.table.dropped(device);
  }

  /** A call of another node rings a device here: if that device is ringing the caller's itself, the two cross. */
  rungFromElsewhere(device: Device, caller: Device, remote: string, now: number): void {
    this.#glare.rungFromElsewhere(device, caller, remote, now);
  }

  /** Forgets keys that have expired. Now and then. */
  sweep(now: number): void {
    this.table.keys.sweep(now);
  }

  /** How many sessions the device has part in, here and elsewhere. */
  load(device: Device): number {
    return this.table.load(device);
  }
}
