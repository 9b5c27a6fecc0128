import type { PushBody } from "../../protocol/pushes.ts";
import type { Deadline } from "../../shared/deadlines.ts";
import type { LinkEnd } from "../../signaling/device.ts";
import type { Identity } from "../../signaling/ports.ts";
import { nameOfDisplay } from "./display-name.ts";
import type { Flow } from "./flow.ts";
import type { SipRequest } from "./message.ts";
import type { NameAddress } from "./name-address.ts";
import { Phone, phoneCapabilities } from "./phone.ts";
import type { SipContext } from "./sip-context.ts";

/** What happens to phones, for who owns their calls. */
export interface BindingsUser {
  pushed(phone: Phone, push: PushBody, now: number): void;
  /** The phone is gone: its subscriptions end. Its calls were told. */
  gone(phone: Phone, now: number): void;
}

/** Where a phone is reached (RFC 3261 §10.2.1), and until when. */
export interface Binding {
  readonly phone: Phone;
  contact: NameAddress;
  callId: string;
  sequence: number;
  expiresAt: number;
  expiry: Deadline | undefined;
  /** After its flow was lost. */
  grace: Deadline | undefined;
  /** It unregistered in the middle of a call: it goes when that is over. */
  leaving: boolean;
}

/** What a binding is made of, or made anew. */
export interface Bound {
  /** Of the device. */
  readonly id: string;
  readonly contact: NameAddress;
  readonly request: SipRequest;
  readonly flow: Flow;
  readonly identity: Identity;
  /** Unix ms */
  readonly until: number;
}

/**
 * Which phones there are, and by which connection each is reached (RFC 5626). A binding lives as long as its connection; where
 * that is lost in a call, the call waits for the device to register again.
 */
export class Bindings {
  readonly #agent: SipContext;
  readonly #user: BindingsUser;
  readonly #bindings = new Map<string, Binding>();
  readonly #flows = new Map<Flow, Set<Phone>>();

  constructor(agent: SipContext, user: BindingsUser) {
    this.#agent = agent;
    this.#user = user;
  }

  get size(): number {
    return this.#bindings.size;
  }

  /** The phones that are reached by this connection. */
  phones(flow: Flow): ReadonlySet<Phone> {
    return this.#flows.get(flow) ?? none;
  }

  /** The phone of a user on this connection. */
  phoneOf(flow: Flow, user: string): Phone | undefined {
    for (const phone of this.phones(flow)) if (phone.user === user) return phone;
    return undefined;
  }

  /** The binding of a user's device. */
  find(user: string, id: string): Binding | undefined {
    return this.#bindings.get(keyOf(user, id));
  }

  /** Those of who has signed in: of one device where the credential is for one. */
  of({ user, device }: Identity): Binding[] {
    return [...this.#bindings.values()].filter(
      ({ phone }) => phone.user === user && (device === undefined || phone.device?.id === device),
    );
  }

  /** The connection is gone. */
  flowClosed(flow: Flow, now: number): void {
    for (const phone of [...this.phones(flow)]) this.#lost(phone, now);
    this.#flows.delete(flow);
  }

  /** One of the phone's calls is over. */
  callEnded(phone: Phone, now: number): void {
    const binding = this.#bindings.get(keyOf(phone.user, phone.device?.id ?? ""));
    if (binding === undefined || binding.phone !== phone || phone.calls.size > 0) return;
    if (binding.leaving) this.#remove(binding, "client", now);
    else if (phone.flow === undefined) this.#remove(binding, "expired", now);
  }

  /** Kicked, from the core's side. */
  shut(phone: Phone, now: number): void {
    for (const binding of this.#bindings.values())
      if (binding.phone === phone) {
        this.#remove(binding, "kicked", now);
        return;
      }
  }

  /** 403 or 503 when the core does not take the device. */
  bind({ id, contact, request, flow, identity, until }: Bound, now: number): number | undefined {
    const key = keyOf(identity.user, id);
    const known = this.#bindings.get(key);
    let binding = known;
    if (binding === undefined) {
      const made = this.#attach(id, contact, request, identity, now);
      if (typeof made === "number") return made;
      binding = made;
      this.#bindings.set(key, binding);
    }
    binding.contact = contact;
    binding.callId = request.callId;
    binding.sequence = request.cseq.sequence;
    binding.leaving = false;
    binding.expiresAt = until;
    binding.expiry?.cancel();
    const later = binding;
    binding.expiry = this.#agent.clock.after(until - now, now, (then) => this.unregister(later, then));
    this.#reach(binding, flow, now);
    if (binding.phone.device !== undefined) binding.phone.device.grants = identity.grants;
    return undefined;
  }

  #attach(
    id: string,
    contact: NameAddress,
    request: SipRequest,
    identity: Identity,
    now: number,
  ): Binding | number {
    const { uri, display } = request.from;
    const phone = new Phone(
      this.#agent,
      { pushed: this.#user.pushed.bind(this.#user), shut: this.shut.bind(this) },
      {
        id: `sip_${this.#agent.random(9)}`,
        user: identity.user,
        domain: uri.scheme === "sip" || uri.scheme === "sips" ? uri.host : "invalid",
        contact: contact.uri,
      },
    );
    const attached = this.#agent.core.attach(
      {
        user: identity.user,
        id,
        kind: "phone",
        name: nameOfDisplay(display),
        capabilities: phoneCapabilities,
        link: phone,
        grants: identity.grants,
      },
      now,
      (device) => phone.attached(device),
    );
    if (!attached.ok) return attached.error.temporary ? 503 : 403;
    return {
      phone,
      contact,
      callId: request.callId,
      sequence: request.cseq.sequence,
      expiresAt: now,
      expiry: undefined,
      grace: undefined,
      leaving: false,
    };
  }

  /** The phone is reached by this connection from now on. */
  #reach(binding: Binding, flow: Flow, now: number): void {
    const { phone } = binding;
    phone.contact = binding.contact.uri;
    if (phone.flow === flow) return;
    const before = phone.flow;
    if (before !== undefined) this.#flows.get(before)?.delete(phone);
    phone.flow = flow;
    const there = this.#flows.get(flow);
    if (there === undefined) this.#flows.set(flow, new Set([phone]));
    else there.add(phone);
    binding.grace?.cancel();
    binding.grace = undefined;
    if (phone.state === "suspended") {
      phone.state = "live";
      if (phone.device !== undefined) this.#agent.core.resume(phone.device, now);
    }
    for (const call of [...phone.calls.values()]) call.moved(flow, now);
  }

  /** Its connection is gone: without a call so is the phone. */
  #lost(phone: Phone, now: number): void {
    const binding = this.#bindings.get(keyOf(phone.user, phone.device?.id ?? ""));
    if (binding === undefined || binding.phone !== phone) return;
    phone.flow = undefined;
    for (const call of [...phone.calls.values()]) call.moved(undefined, now);
    if (this.#bindings.get(keyOf(phone.user, phone.device?.id ?? "")) !== binding) return;
    if (phone.calls.size === 0) {
      this.#remove(binding, "expired", now);
      return;
    }
    phone.state = "suspended";
    if (phone.device !== undefined) this.#agent.core.suspend(phone.device, now);
    const { graceTimeout } = this.#agent.settings.limits;
    binding.grace = this.#agent.clock.after(graceTimeout, now, (later) =>
      this.#remove(binding, "expired", later),
    );
  }

  /** It goes, as soon as it is in no call. */
  unregister(binding: Binding, now: number): void {
    if (binding.phone.calls.size > 0) binding.leaving = true;
    else this.#remove(binding, "client", now);
  }

  #remove(binding: Binding, why: LinkEnd, now: number): void {
    const { phone } = binding;
    const key = keyOf(phone.user, phone.device?.id ?? "");
    if (this.#bindings.get(key) !== binding) return;
    this.#bindings.delete(key);
    binding.expiry?.cancel();
    binding.grace?.cancel();
    for (const call of [...phone.calls.values()]) call.gone(now);
    phone.state = "closed";
    if (phone.flow !== undefined) this.#flows.get(phone.flow)?.delete(phone);
    phone.flow = undefined;
    if (phone.device !== undefined) this.#agent.core.detach(phone.device, why, now);
    this.#user.gone(phone, now);
  }
}

const none: ReadonlySet<Phone> = new Set();

function keyOf(user: string, device: string): string {
  return `${user}/${device}`;
}
