import { type Address, parseAddress } from "../../protocol/address.ts";
import type { WireReason } from "../../protocol/end-reasons.ts";
import type { RequestOf } from "../../protocol/requests.ts";
import type { Device, Outcome } from "../device.ts";
import type { Directory } from "../directory.ts";
import type { Elsewhere, KeyedCallElsewhere } from "../elsewhere.ts";
import { failed } from "../outcome.ts";
import { may } from "../permissions.ts";
import type { Permission, WakeQuestion } from "../policy.ts";
import type { Ports } from "../ports.ts";
import type { KeySnapshot } from "./call-keys.ts";
import { CallGate } from "./call-limits.ts";
import type { Glare } from "./glare.ts";
import { PlacedCalls } from "./placed-calls.ts";
import type { CallRequest } from "./ring.ts";
import { planLength, planUsers } from "./ring-plan.ts";
import { Session } from "./session.ts";
import type { SessionTable } from "./session-table.ts";

export interface CallSetupOptions {
  readonly sessions: SessionTable;
  readonly glare: Glare;
  readonly directory: Directory;
  readonly elsewhere: Elsewhere;
}

/** How calls begin: who may start one, which devices it rings, and which call a key means that is used again. */
export class CallSetup {
  readonly #options: CallSetupOptions;
  readonly #sessions: SessionTable;
  readonly #gate: CallGate;
  /** There is a gateway whose devices may need an offer to ring. */
  asksOffers = false;
  readonly placed: PlacedCalls;

  constructor(options: CallSetupOptions) {
    this.#options = options;
    this.#sessions = options.sessions;
    this.#gate = new CallGate(options.sessions.limits);
    this.placed = new PlacedCalls({
      ...{ gate: this.#gate, sessions: options.sessions, directory: options.directory },
      know: this.#know.bind(this),
      begin: this.#begin.bind(this),
      ringing: this.#ringing.bind(this),
    });
    this.#sessions.turned = (session, now) => this.#ring(session, now);
    this.#sessions.begins = (session, now) => this.#begin(session, now);
  }

  /** A device calls a user or a device. Undefined: the outcome comes later, as a reply. `permission`: what a policy decided of it. */
  call(
    device: Device,
    request: RequestOf<"call">,
    now: number,
    permission?: Permission,
  ): Outcome | undefined {
    const address = parseAddress(request.to);
    if (address === undefined || (address.kind !== "user" && address.kind !== "device"))
      return failed("bad_request", "to: a call rings a user or a device");
    if (!may(device, "call", address)) return failed("forbidden");
    const only = address.kind === "device" ? address.device : undefined;
    if (address.user === device.user && only === device.id)
      return failed("bad_request", "to: a device can't call itself");
    if (request.offer === false && request.description !== undefined)
      return failed("bad_request", "offer: false goes without a description");
    const refusal = this.#gate.malformed(request);
    if (refusal !== undefined) return refusal;
    const { key } = request;
    const target = permission?.to === undefined ? address : parseAddress(permission.to);
    if (target?.kind !== "user" && target?.kind !== "device") return failed("internal");
    const place = (later: number) => this.#place(device, request, target, later, permission);
    if (key === undefined) return place(now);
    const known = this.#again(device, key, now);
    if (known !== undefined) return known;
    const asked = this.#options.elsewhere.findKey(device, key, (found, later) => {
      const outcome =
        found === undefined
          ? // It may have been asked a second time meanwhile.
            (this.#again(device, key, later) ?? place(later))
          : this.#takenElsewhere(device, found.call, found.node, later);
      device.link.reply(request.id, outcome, later);
    });
    return asked ? undefined : place(now);
  }

  /** Rings. */
  #place(
    device: Device,
    request: RequestOf<"call">,
    address: Extract<Address, { kind: "user" | "device" }>,
    now: number,
    permission: Permission | undefined,
  ): Outcome {
    const only = address.kind === "device" ? address.device : undefined;
    const plan = permission?.plan;
    const called = plan === undefined ? [address.user] : planUsers(plan);
    const rings = this.#ringing(called);
    const full = this.#gate.full(device, rings, this.#sessions, now);
    if (full !== undefined) return full;
    // Whom a plan rings is looked at when their turn comes.
    const crowded = plan === undefined ? this.#gate.crowded(rings) : undefined;
    // How many others call her now is for those to know who may watch her. To others the call rings, and nobody answers.
    if (crowded !== undefined && this.#sessions.maySee(device, address.user)) return crowded;
    if (plan === undefined && this.#unreachable(device, address.user)) return failed("temporary");
    const callRequest: CallRequest = {
      to: request.to,
      user: address.user,
      device: only,
      media: request.media,
      description: request.description,
      data: permission?.data ?? request.data,
      ...(request.offer === false || device.capabilities.sdpRole === "answer-only" ? { offers: false } : {}),
      ...(crowded === undefined ? {} : { muted: true }),
      ...(plan === undefined ? {} : { plan }),
    };
    const session = new Session(this.#sessions, this.#sessions.newId(), device, callRequest, now);
    session.key = request.key;
    this.#sessions.add(session, now);
    this.#sessions.started(session);
    const { ringTimeout, ringTimeoutMax } = this.#sessions.limits;
    const usual = plan === undefined ? ringTimeout : planLength(plan);
    const timeout =
      plan === undefined ? (request.timeout ?? usual) : Math.min(request.timeout ?? usual, usual);
    session.ring.start(Math.min(timeout, ringTimeoutMax), now);
    // The caller hears its reply before anything that the ring brings about.
    this.#sessions.deadlines.add(now, (later) => this.#begin(session, later));
    return { ok: { session: session.id, ticket: this.#sessions.ticket(session, session.caller, now) } };
  }

  /** A plan begins once the devices are known that it may ring: the least busy are chosen of them. */
  #begin(session: Session, now: number): void {
    const { plan } = session.callRequest;
    if (plan === undefined) this.#ring(session, now);
    else
      this.#know(planUsers(plan), now, (later) => {
        if (session.state === "ringing") session.ring.nextTurn(later);
      });
  }

  #ring(session: Session, now: number): void {
    const { directory } = this.#options;
    if (session.state !== "ringing") return;
    const { users } = session.ring;
    for (const user of users) {
      if (session.callRequest.plan !== undefined && this.#isCrowded(session, user)) continue;
      for (const device of directory.devices(user)) session.ringDevice(device, now);
    }
    // A caller that may not know which devices there are must not learn it by being asked.
    const caller = session.caller.device ?? noDevice;
    if (
      this.asksOffers &&
      session.placement === undefined &&
      users.some((user) => !may(caller, "watch", user))
    )
      session.ring.wantOffer(now);
    this.#options.glare.look(session, now);
    // Those that are not known yet arrive, and are rung then. Only when all are known may the ring be given up.
    this.#know(users, now, (later) => {
      if (session.state === "ringing" && session.ring.users === users) this.#rung(session, users, later);
    });
  }

  /** All devices that are there ring. Where none of them is online, somebody may wake one. */
  #rung(session: Session, users: readonly string[], now: number): void {
    const { ports } = this.#sessions;
    const { ring } = session;
    const wakers = wakersOf(ports);
    if (wakers.length === 0 || ring.isHeard || ring.callRequest.muted === true) {
      ring.settle(now);
      return;
    }
    let answers = users.length * wakers.length;
    let waits = false;
    const settle = (later: number): void => {
      answers -= 1;
      if (answers > 0 || session.state !== "ringing" || ring.users !== users) return;
      if (!waits) ring.settle(later);
    };
    const expires = Math.max(0, (ring.endsAt ?? now) - now);
    const from = session.caller.identity;
    for (const user of users) {
      const { device } = ring.targets.find((target) => target.user === user) ?? {};
      for (const { by, within = expires, wake } of wakers) {
        let over = false;
        const done = (one: boolean, later: number): void => {
          if (over) return;
          over = true;
          waits ||= one;
          end.cancel();
          ports.emit({ type: "wake", session: session.id, user, by, waits: one, after: later - now });
          settle(later);
        };
        const end = this.#sessions.deadlines.add(now + within, (later) => done(false, later));
        wake({ session: session.id, user, device, from, expires }, done);
      }
    }
  }

  /** Calls back once all devices of these users are in the directory that can be. */
  #know(users: readonly string[], now: number, ready: (now: number) => void): void {
    let left = users.length;
    if (left === 0) ready(now);
    for (const user of users)
      this.#options.elsewhere.know(user, (_complete, later) => {
        left -= 1;
        if (left === 0) ready(later);
      });
  }

  /** The calls that ring any of these users. */
  #ringing(users: readonly string[]): ReadonlySet<Session> {
    const [only] = users;
    if (users.length === 1 && only !== undefined) return this.#sessions.ringing(only);
    return new Set(users.flatMap((user) => [...this.#sessions.ringing(user)]));
  }

  /** True when so many other calls ring the user that a plan must go on without. */
  #isCrowded(session: Session, user: string): boolean {
    const others = [...this.#sessions.ringing(user)].filter((one) => one !== session);
    return this.#gate.crowded(new Set(others)) !== undefined;
  }

  /** True when the user can have devices only at nodes that can't be reached, and the caller may know that. */
  #unreachable(caller: Device, user: string): boolean {
    const { elsewhere, directory } = this.#options;
    if (elsewhere.reachable || !this.#sessions.maySee(caller, user)) return false;
    return directory.devices(user).every(({ node }) => node !== undefined);
  }

  // Keys

  /** The call that this node has taken under the user's key, for another node. */
  keyed(user: string, key: string, now: number): KeyedCallElsewhere | undefined {
    const known = this.#sessions.keys.get(user, key, now);
    if (known === undefined) return undefined;
    const { session: id, device, reason } = known;
    const session = this.#sessions.get(id);
    const ticket = session === undefined ? "" : this.#sessions.ticket(session, session.caller, now);
    return { session: id, device, ticket, ...(reason === undefined ? {} : { reason }) };
  }

  /** What the device has called by key, and is over: its next node remembers it. */
  keysOf({ user, id }: Device, now: number): KeySnapshot[] {
    return this.#sessions.keys.over(user, now, id);
  }

  rememberKeys(user: string, keys: readonly KeySnapshot[], now: number): void {
    this.#sessions.keys.restore(user, keys, now);
  }

  /** This node leaves: what devices of other nodes have called here, and is over, is remembered there. */
  handOverKeys(now: number): void {
    const { elsewhere, directory } = this.#options;
    const { keys } = this.#sessions;
    for (const user of [...keys.users()])
      for (const over of keys.over(user, now)) {
        const device = directory.device(user, over.device);
        if (device?.node === undefined) continue;
        elsewhere.keyOver(device, over);
        keys.delete(user, over.key);
      }
  }

  /** A call that was asked for before, by its key. */
  #again(device: Device, key: string, now: number): Outcome | undefined {
    const known = this.#sessions.keys.get(device.user, key, now);
    if (known === undefined) return undefined;
    if (known.device !== device.id) return failed("wrong_state", "key: another device has used it");
    const session = this.#sessions.get(known.session);
    if (session === undefined) {
      const { elsewhere } = this.#options;
      const owner = known.reason === undefined ? elsewhere.nextOwner(device, known.session) : undefined;
      if (owner === undefined) return this.#overAlready(device, known.session, known.reason, now);
      // It goes on at another node, which says where it stands, with a ticket.
      this.#sessions.deadlines.add(now, () => elsewhere.rejoin(device, known.session, owner));
      return { ok: { session: known.session, ticket: "" } };
    }
    return this.#goesOn(device, session, now);
  }

  /** The call of that key is one of this node: a device that has come back is its caller again. */
  #goesOn(device: Device, session: Session, now: number): Outcome {
    // It has gone over to another device of the user.
    if (session.caller.deviceId !== device.id) return this.#overAlready(device, session.id, "moved", now);
    if (session.caller.device !== device) {
      session.links.rebind(session.caller, device, now);
      this.#sessions.deadlines.add(now, (later) => {
        session.links.tellRecovered(session.caller, later);
        session.links.changed(session.caller, "live", later);
      });
    }
    return { ok: { session: session.id, ticket: this.#sessions.ticket(session, session.caller, now) } };
  }

  /** The call of that key is another node's. */
  #takenElsewhere(device: Device, call: KeyedCallElsewhere, node: string, now: number): Outcome {
    const { session, ticket } = call;
    if (call.device !== device.id) return failed("wrong_state", "key: another device has used it");
    // This node may have taken it over, by a ticket, which does not tell the key.
    const here = this.#sessions.get(session);
    if (here !== undefined) return this.#goesOn(device, here, now);
    if (ticket === "") return this.#overAlready(device, session, call.reason, now);
    this.#sessions.deadlines.add(now, () => this.#options.elsewhere.rejoin(device, session, node));
    return { ok: { session, ticket } };
  }

  #overAlready(device: Device, session: string, reason: WireReason | undefined, now: number): Outcome {
    const push = { type: "ended", session, reason: reason ?? "closed" } as const;
    this.#sessions.deadlines.add(now, (later) => device.link.deliver(push, later));
    // Nothing is left that a ticket could find; the reply keeps its shape.
    return { ok: { session, ticket: "" } };
  }
}

const noDevice = { user: "", grants: {} };

/** Who may wake a device. */
interface Waker {
  readonly by: "hook" | "push";
  /** Without an answer after so many ms nobody comes; absent: as long as it rings. */
  readonly within?: number;
  wake(question: WakeQuestion, done: (waits: boolean, now: number) => void): void;
}

function wakersOf({ policy, pushes }: Ports): Waker[] {
  const hook = policy?.wake?.bind(policy);
  return [
    ...(policy !== undefined && hook !== undefined
      ? [{ by: "hook" as const, within: policy.within, wake: hook }]
      : []),
    ...(pushes !== undefined ? [{ by: "push" as const, wake: pushes.wake.bind(pushes) }] : []),
  ];
}
