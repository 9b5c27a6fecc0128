import { parseAddress } from "../../protocol/address.ts";
import type { MediaWanted } from "../../protocol/values.ts";
import type { Device, Outcome } from "../device.ts";
import type { Directory } from "../directory.ts";
import { failed } from "../outcome.ts";
import type { Permission } from "../policy.ts";
import type { CallGate } from "./call-limits.ts";
import { Leg } from "./leg.ts";
import { noDeviceYet, ringsLast } from "./placement.ts";
import type { CallRequest } from "./ring.ts";
import { planLength, type RingTarget } from "./ring-plan.ts";
import { Session } from "./session.ts";
import { type SessionTable, usersCalled } from "./session-table.ts";

/** A call that the application places between two parties, each a user or a device. */
export interface PlacedCall {
  readonly from: string;
  readonly to: string;
  readonly media?: MediaWanted | undefined;
  /** What both are told with the ring. */
  readonly data?: unknown;
  /** How long each of both rings. ms */
  readonly timeout?: number | undefined;
}

export interface PlacedCallsOptions {
  readonly gate: CallGate;
  readonly sessions: SessionTable;
  readonly directory: Directory;
  /** Calls back once all devices of these users are in the directory that can be. */
  know(users: readonly string[], now: number, ready: (now: number) => void): void;
  /** Rings whom the session rings first. */
  begin(session: Session, now: number): void;
  /** The calls that ring any of these users. */
  ringing(users: readonly string[]): ReadonlySet<Session>;
}

/** Begins calls that the application places: see {@link Placement}. */
export class PlacedCalls {
  readonly #options: PlacedCallsOptions;

  constructor(options: PlacedCallsOptions) {
    this.#options = options;
  }

  /**
   * Connects two parties: the devices of `from` ring, then those of `to`; the other way round where the devices of `from` can't ring first.
   * `done` hears the session, or why there is none, once it is known which devices there are. `permission`: what a policy decided.
   */
  place(
    request: PlacedCall,
    permission: Permission | undefined,
    now: number,
    done: (outcome: Outcome) => void,
  ): void {
    const { gate, sessions, know, ringing } = this.#options;
    const [from, asked] = [partyOf(request.from), partyOf(request.to)];
    const to = permission?.to === undefined ? asked : partyOf(permission.to);
    const data = permission?.data ?? request.data;
    const refusal = refusalOf(from, asked) ?? gate.malformed({ data }) ?? gate.crowdedNode(sessions);
    if (refusal !== undefined || from === undefined || to === undefined) {
      done(refusal ?? failed("internal"));
      return;
    }
    know([from.user], now, (later) => {
      const crowded = gate.crowded(ringing([from.user])) ?? gate.crowded(ringing([to.user]));
      if (crowded !== undefined) done(crowded);
      else
        done({ ok: { session: this.#place(request, from, to, { data, plan: permission?.plan }, later).id } });
    });
  }

  #place(
    request: PlacedCall,
    from: RingTarget,
    to: RingTarget,
    { data, plan }: { readonly data: unknown; readonly plan: CallRequest["plan"] | undefined },
    now: number,
  ): Session {
    const { sessions, directory, begin } = this.#options;
    const { ringTimeout, ringTimeoutMax } = sessions.limits;
    const said = { media: request.media, description: undefined, data };
    const rings = {
      from: { to: request.from, user: from.user, device: from.device, ...said } satisfies CallRequest,
      to: { to: request.to, user: to.user, device: to.device, ...said, ...(plan && { plan }) },
    };
    // Both rings together last as long as one may.
    const most = ringTimeoutMax / 2;
    const timeouts = {
      from: Math.min(request.timeout ?? ringTimeout, most),
      to: Math.min(request.timeout ?? (plan === undefined ? ringTimeout : planLength(plan)), most),
    };
    const [first, second] = ringsLast(from, directory)
      ? (["to", "from"] as const)
      : (["from", "to"] as const);
    const other = this.#standIn(second === "to" ? to : from);
    const standIn = new Leg(1, "caller", other, undefined);
    const session = new Session(sessions, sessions.newId(), standIn, rings[first], now);
    session.legCount = standIn.id;
    session.placement = {
      ...{ from, to: request.to, user: to.user, first },
      users: [...new Set([from.user, ...usersCalled(rings.to)])],
      next: { callRequest: rings[second], timeout: timeouts[second] },
      ...{ reply: undefined, early: false, offer: undefined },
    };
    sessions.add(session, now);
    sessions.started(session);
    session.ring.start(timeouts[first], now);
    sessions.deadlines.add(now, (later) => begin(session, later));
    return session;
  }

  /** What the party that rings first is told of the other one. */
  #standIn({ user, device }: RingTarget): Pick<Device, "user" | "id" | "info"> {
    if (device === undefined) return { user, id: noDeviceYet, info: { user } };
    const known = this.#options.directory.device(user, device);
    return { user, id: device, info: known?.info ?? { user, device } };
  }
}

function partyOf(text: string): RingTarget | undefined {
  const address = parseAddress(text);
  if (address?.kind === "user") return { user: address.user };
  return address?.kind === "device" ? { user: address.user, device: address.device } : undefined;
}

function refusalOf(from: RingTarget | undefined, to: RingTarget | undefined): Outcome | undefined {
  if (from === undefined) return failed("bad_request", "from: names a user or a device");
  if (to === undefined) return failed("bad_request", "to: names a user or a device");
  return from.user === to.user && from.device !== undefined && from.device === to.device
    ? failed("bad_request", "to: a device can't call itself")
    : undefined;
}
