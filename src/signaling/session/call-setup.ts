import { type Address, parseAddress } from "../../protocol/address.ts";
import type { WireReason } from "../../protocol/end-reasons.ts";
import type { RequestOf } from "../../protocol/requests.ts";
import type { Device, Outcome } from "../device.ts";
import type { Directory } from "../directory.ts";
import type { Elsewhere, KeyedCallElsewhere } from "../elsewhere.ts";
import { failed } from "../outcome.ts";
import { may } from "../permissions.ts";
import type { KeySnapshot } from "./call-keys.ts";
import { CallGate } from "./call-limits.ts";
import type { Glare } from "./glare.ts";
import type { CallRequest } from "./ring.ts";
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

  constructor(options: CallSetupOptions) {
    this.#options = options;
    this.#sessions = options.sessions;
    this.#gate = new CallGate(options.sessions.limits);
  }

  /** A device calls a user or a device. Undefined: the outcome comes later, as a reply. */
  call(device: Device, request: RequestOf<"call">, now: number): Outcome | undefined {
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
    if (key === undefined) return this.#place(device, request, address, now);
    const known = this.#again(device, key, now);
    if (known !== undefined) return known;
    const asked = this.#options.elsewhere.findKey(device, key, (found, later) => {
      const outcome =
        found === undefined
          ? // It may have been asked a second time meanwhile.
            (this.#again(device, key, later) ?? this.#place(device, request, address, later))
          : this.#takenElsewhere(device, found.call, found.node, later);
      device.link.reply(request.id, outcome, later);
    });
    return asked ? undefined : this.#place(device, request, address, now);
  }

  /** Rings. */
  #place(
    device: Device,
    request: RequestOf<"call">,
    address: Extract<Address, { kind: "user" | "device" }>,
    now: number,
  ): Outcome {
    const only = address.kind === "device" ? address.device : undefined;
    const rings = this.#sessions.ringing(address.user);
    const full = this.#gate.full(device, rings, this.#sessions, now);
    if (full !== undefined) return full;
    const crowded = this.#gate.crowded(rings);
    // How many others call her now is for those to know who may watch her. To others the call rings, and nobody answers.
    if (crowded !== undefined && this.#sessions.maySee(device, address.user)) return crowded;
    if (this.#unreachable(device, address.user)) return failed("temporary");
    const callRequest: CallRequest = {
      to: request.to,
      user: address.user,
      device: only,
      media: request.media,
      description: request.description,
      data: request.data,
      ...(request.offer === false || device.capabilities.sdpRole === "answer-only" ? { offers: false } : {}),
      ...(crowded === undefined ? {} : { muted: true }),
    };
    const session = new Session(this.#sessions, this.#sessions.newId(), device, callRequest, now);
    session.key = request.key;
    this.#sessions.add(session, now);
    this.#sessions.started(session);
    const { ringTimeout, ringTimeoutMax } = this.#sessions.limits;
    session.ring.start(Math.min(request.timeout ?? ringTimeout, ringTimeoutMax), now);
    // The caller hears its reply before anything that the ring brings about.
    this.#sessions.deadlines.add(now, (later) => this.#ring(session, later));
    return { ok: { session: session.id, ticket: this.#sessions.ticket(session, session.caller, now) } };
  }

  #ring(session: Session, now: number): void {
    const { elsewhere, directory } = this.#options;
    if (session.state !== "ringing") return;
    const { user } = session.callRequest;
    for (const device of directory.devices(user)) session.ringDevice(device, now);
    // A caller that may not know which devices there are must not learn it by being asked.
    if (this.asksOffers && !may(session.caller.device ?? noDevice, "watch", user))
      session.ring.wantOffer(now);
    this.#options.glare.look(session, now);
    // Those that are not known yet arrive, and are rung then. Only when all are known may the ring be given up.
    elsewhere.know(user, (_complete, later) => {
      if (session.state === "ringing") session.ring.settle(later);
    });
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
      session.rebind(session.caller, device, now);
      this.#sessions.deadlines.add(now, (later) => {
        session.tellRecovered(session.caller, later);
        session.linkChanged(session.caller, "live", later);
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
