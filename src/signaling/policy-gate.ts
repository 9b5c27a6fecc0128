import { parseAddress } from "../protocol/address.ts";
import { overLimit, wireError } from "../protocol/error-codes.ts";
import type { Limits } from "../protocol/limits.ts";
import type { Request } from "../protocol/requests.ts";
import type { Deadline, Deadlines } from "../shared/deadlines.ts";
import type { Device, Outcome } from "./device.ts";
import type { Directory } from "./directory.ts";
import type { Elsewhere } from "./elsewhere.ts";
import type { CoreEvent } from "./events.ts";
import { failed } from "./outcome.ts";
import { may } from "./permissions.ts";
import type { AskedRequest, Permission, Policy, PolicyDecision, PolicyQuestion } from "./policy.ts";
import type { Ports } from "./ports.ts";

/** Decisions that a node waits for at a time. */
const maxPending = 10_000;

export interface PolicyGateOptions {
  readonly policy: Policy;
  readonly limits: Limits;
  readonly ports: Ports;
  readonly deadlines: Deadlines;
  readonly directory: Directory;
  readonly elsewhere: Elsewhere;
  /** True where the request would be refused whatever the policy says, or repeats one that was decided. */
  readonly settled: (device: Device, request: Request, now: number) => boolean;
  /** Carries a request out, with all the checks that it has without a policy. */
  readonly perform: (
    device: Device,
    request: Request,
    now: number,
    permission?: Permission,
  ) => Outcome | undefined;
  readonly settle: (now: number) => void;
}

/** A request that waits: for a decision, or for the requests before it. */
interface Waiting {
  readonly request: Request;
  /** Undefined: the policy was not asked. */
  readonly question: PolicyQuestion | undefined;
  decision: PolicyDecision | undefined;
  how: HowDecided | undefined;
  queued: boolean;
}

/** How a decision came about, for the event of it. */
type HowDecided = Pick<Extract<CoreEvent, { type: "decided" }>, "outcome" | "after" | "reason">;
type Decided = (decision: PolicyDecision, now: number, how: HowDecided) => void;

/** The requests of one device that wait, in order. `over`: the device's link may leave this node again. */
interface Line {
  readonly waiting: Waiting[];
  readonly over: () => void;
}

const unasked: Permission = { allow: true };

/**
 * Asks the policy about requests before they are carried out. Each is asked about as it comes; the requests of a device take
 * effect in the order in which it sent them, and no other device waits. Requests on a session that exists already don't wait either:
 * they can't depend on what is being decided, and a slow policy must not hold up a call.
 */
export class PolicyGate {
  readonly #options: PolicyGateOptions;
  readonly #lines = new Map<Device, Line>();
  #pending = 0;

  constructor(options: PolicyGateOptions) {
    this.#options = options;
  }

  /** True where the policy is asked about such requests. */
  asks(request: AskedRequest): boolean {
    return this.#options.policy.asks.has(request);
  }

  /** Performs a request of a device, at once or when it is decided. Without an outcome the reply comes later. */
  perform(device: Device, request: Request, now: number): Outcome | undefined {
    const { limits, policy, settled, perform } = this.#options;
    const line = this.#lines.get(device);
    const asked = policy.asks.has(request.type as AskedRequest) && !settled(device, request, now);
    if (!asked && (line === undefined || "session" in request)) return perform(device, request, now);
    if (line !== undefined && line.waiting.length >= limits.requestsInFlight)
      return { error: overLimit("requestsInFlight", "too_many_requests") };
    const question = asked ? questionOf(device, request) : undefined;
    const decision = asked ? undefined : unasked;
    const waiting: Waiting = { request, question, decision, how: undefined, queued: false };
    if (question !== undefined)
      this.#ask(question, now, (decided, later, how) => {
        waiting.decision = decided;
        waiting.how = how;
        if (waiting.queued) this.#advance(device, later);
      });
    if (line === undefined && waiting.decision !== undefined) return this.#carryOut(device, waiting, now);
    waiting.queued = true;
    if (line !== undefined) line.waiting.push(waiting);
    else this.#lines.set(device, { waiting: [waiting], over: this.#options.elsewhere.underWay(device) });
    return undefined;
  }

  /**
   * Asks about something that is no request of a device. `done` is called once, now or later, and calls `tell` once it has carried the
   * decision out, with the session of a call that it has placed.
   */
  ask(
    question: PolicyQuestion,
    now: number,
    done: (decision: PolicyDecision, now: number, tell: (placed?: string) => void) => void,
  ): void {
    this.#ask(question, now, (decision, later, how) => {
      done(decision, later, (placed) => this.#tell(question, how, placed, placed !== undefined));
    });
  }

  #ask(question: PolicyQuestion, now: number, done: Decided): void {
    const { policy, deadlines } = this.#options;
    if (this.#pending >= maxPending) {
      done(noAnswer, now, { outcome: "failed", after: 0 });
      return;
    }
    this.#pending += 1;
    let end: Deadline | undefined;
    let over = false;
    const decided = (decision: PolicyDecision, later: number, late = false): void => {
      if (over) return;
      over = true;
      this.#pending -= 1;
      end?.cancel();
      const outcome = late ? "late" : decision.failed ? "failed" : decision.allow ? "allowed" : "refused";
      const reason = decision.allow ? {} : { reason: decision.error.message };
      done(decision, later, { outcome, after: later - now, ...reason });
    };
    policy.decide(question, decided);
    if (!over) end = deadlines.add(now + policy.within, (later) => decided(noAnswer, later, true));
  }

  /** Carries out what is decided, up to the first request that is not. */
  #advance(device: Device, now: number): void {
    const line = this.#lines.get(device);
    if (line === undefined) return;
    // What a device has asked that is gone for good counts for nothing: nobody would hear the reply.
    const gone = this.#options.directory.device(device.user, device.id) !== device;
    if (gone) line.waiting.length = 0;
    for (let next = line.waiting[0]; next?.decision !== undefined; next = line.waiting[0]) {
      line.waiting.shift();
      const outcome = this.#carryOut(device, next, now);
      if (outcome === undefined) continue;
      if ("error" in outcome) this.#failed(next.request, outcome.error);
      device.link.reply(next.request.id, outcome, now);
    }
    if (line.waiting.length === 0) {
      this.#lines.delete(device);
      line.over();
    }
    this.#options.settle(now);
  }

  #carryOut(device: Device, waiting: Waiting, now: number): Outcome | undefined {
    const { request, question, how } = waiting;
    const outcome = this.#outcome(device, waiting, now);
    if (question === undefined || how === undefined) return outcome;
    const placed =
      outcome !== undefined && "ok" in outcome ? (outcome.ok as { session?: string }) : undefined;
    this.#tell(question, how, request.type === "call" ? placed?.session : undefined);
    return outcome;
  }

  #outcome(device: Device, { request, decision }: Waiting, now: number): Outcome | undefined {
    const { perform, ports } = this.#options;
    if (decision === undefined) return undefined;
    try {
      if (decision.allow) return perform(device, request, now, decision);
    } catch (error) {
      ports.emit({ type: "fault", where: request.type, error });
      return failed("internal");
    }
    ports.emit({ type: "request", request: request.type });
    return { error: decision.error };
  }

  #tell(
    { request, user, device, to }: PolicyQuestion,
    how: HowDecided,
    session: string | undefined,
    isPlaced = false,
  ): void {
    this.#options.ports.emit({
      ...{ type: "decided", request, user, ...how },
      ...(device !== undefined && { device }),
      ...(to !== undefined && { to }),
      ...(session !== undefined && { session }),
      ...(isPlaced && { placed: true }),
    });
  }

  #failed(request: Request, { code, limit }: Extract<Outcome, { error: unknown }>["error"]): void {
    const { ports } = this.#options;
    ports.emit({ type: "request_failed", request: request.type, code });
    if (limit !== undefined) ports.emit({ type: "limit", limit });
  }
}

const noAnswer: PolicyDecision = {
  allow: false,
  failed: true,
  error: wireError("temporary", "The application did not decide in time; try again."),
};

function questionOf(device: Device, request: Request): PolicyQuestion {
  const { user, id, kind, guest, gateway } = device;
  const who = { user, device: id, kind, guest, ...(gateway !== undefined && { gateway }) };
  switch (request.type) {
    case "call": {
      const { type, to, media, data } = request;
      return { request: type, ...who, to, ...(media !== undefined && { media }), data };
    }
    case "join":
      return { request: request.type, ...who, to: request.room, data: request.data };
    case "send":
      return { request: request.type, ...who, to: request.to, data: request.body };
    case "publish":
    case "view":
      return { request: request.type, ...who, to: request.to };
    case "watch": {
      const { type, users, streams } = request;
      return { request: type, ...who, ...(users && { users }), ...(streams && { streams }) };
    }
    default:
      throw new Error(`nobody decides a request of type ${request.type}`);
  }
}

/** True when no grant of the device covers the request. */
export function lacksGrant(device: Device, request: Request): boolean {
  switch (request.type) {
    case "call":
    case "send": {
      const address = parseAddress(request.to);
      return address === undefined || !may(device, request.type, address);
    }
    case "join":
      return !may(device, "join", request.room);
    case "watch":
      return request.users?.some((user) => !may(device, "watch", user)) === true;
    default:
      return false;
  }
}
