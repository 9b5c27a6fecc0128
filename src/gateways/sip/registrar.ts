import { isId } from "../../protocol/address.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import type { Deadline } from "../../shared/deadlines.ts";
import type { LinkEnd } from "../../signaling/links.ts";
import type { Identity } from "../../signaling/ports.ts";
import type { Agent } from "./agent.ts";
import type { Flow } from "./flow.ts";
import { addresses, type HeaderEntry, makeResponse, type SipRequest } from "./message.ts";
import { formatNameAddress, type NameAddress } from "./name-address.ts";
import { Phone, phoneCapabilities } from "./phone.ts";
import { registrationOf } from "./registration.ts";
import type { ServerTransaction } from "./server-transaction.ts";
import { userOf } from "./target.ts";

/** What happens to phones, for who owns their calls. */
export interface RegistrarUser {
  pushed(phone: Phone, push: PushBody, now: number): void;
  /** The phone is gone: its subscriptions end. Its calls were told. */
  gone(phone: Phone, now: number): void;
}

/** Where a phone is reached (RFC 3261 §10.2.1), and until when. */
interface Binding {
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

/**
 * Who is registered, and by which connection each is reached (RFC 3261 §10, RFC 5626). A binding lives as long as its
 * connection; where that is lost in a call, the call waits for the device to register again.
 */
export class Registrar {
  readonly #agent: Agent;
  readonly #user: RegistrarUser;
  readonly #bindings = new Map<string, Binding>();
  readonly #flows = new Map<Flow, Set<Phone>>();

  constructor(agent: Agent, user: RegistrarUser) {
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

  /** A REGISTER of somebody who has proven who it is. */
  register(transaction: ServerTransaction, identity: Identity, now: number): void {
    const { request, flow } = transaction;
    const refuse = (status: number, headers: readonly HeaderEntry[] = []): void =>
      transaction.respond(makeResponse(request, status, { toTag: this.#agent.random(6), headers }), now);
    const { domain, limits } = this.#agent.settings;
    if (this.#agent.core.draining) {
      refuse(503, [["Retry-After", "2"]]);
      return;
    }
    if (userOf(request.to.uri, domain) !== identity.user || request.to.uri.scheme !== "sip") {
      refuse(403);
      return;
    }
    const registration = registrationOf(request, limits);
    if (registration.kind === "refused") {
      refuse(registration.status, registration.headers);
      return;
    }
    if (registration.kind === "all") {
      for (const binding of this.#of(identity)) this.#unregister(binding, now);
      this.#ok(transaction, identity, undefined, now);
      return;
    }
    const { wishes } = registration;
    for (const { contact, seconds } of wishes) {
      const id = this.#deviceId(contact, identity);
      const known = this.#bindings.get(keyOf(identity.user, id));
      if (known !== undefined && known.callId === request.callId && known.sequence >= request.cseq.sequence) {
        refuse(500);
        return;
      }
      if (seconds === 0) {
        if (known !== undefined) this.#unregister(known, now);
        continue;
      }
      const until = Math.min(now + seconds * 1_000, identity.expires);
      const failed = this.#bind(id, contact, request, flow, identity, until, now);
      if (failed !== undefined) {
        refuse(failed);
        return;
      }
    }
    this.#ok(transaction, identity, wishes[0]?.contact, now);
  }

  /** A phone for somebody who calls without having registered: for as long as the connection lasts. */
  admit(request: SipRequest, flow: Flow, identity: Identity, now: number): Phone | undefined {
    const [contact] = addresses(request, "Contact") ?? [];
    if (contact === undefined) return undefined;
    const id = this.#deviceId(contact, identity);
    const until = Math.min(now + this.#agent.settings.limits.expiresMax * 1_000, identity.expires);
    this.#bind(id, contact, request, flow, identity, until, now);
    return this.#bindings.get(keyOf(identity.user, id))?.phone;
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
  #bind(
    id: string,
    contact: NameAddress,
    request: SipRequest,
    flow: Flow,
    identity: Identity,
    until: number,
    now: number,
  ): number | undefined {
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
    binding.expiry = this.#agent.clock.after(until - now, now, (then) => this.#unregister(later, then));
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
        name: display === undefined || display === "" ? undefined : display.slice(0, 128),
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

  #unregister(binding: Binding, now: number): void {
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

  #ok(transaction: ServerTransaction, identity: Identity, own: NameAddress | undefined, now: number): void {
    const { request } = transaction;
    const headers: HeaderEntry[] = [];
    for (const binding of this.#of(identity)) {
      if (binding.leaving) continue;
      const seconds = Math.max(0, Math.round((binding.expiresAt - now) / 1_000));
      const parameters = new Map([...binding.contact.parameters, ["expires", String(seconds)] as const]);
      const entry: HeaderEntry = ["Contact", formatNameAddress({ ...binding.contact, parameters })];
      // Its own first, for clients that look no further.
      if (binding.contact.uri.text === own?.uri.text) headers.unshift(entry);
      else headers.push(entry);
    }
    if (own?.parameters.has("reg-id") && request.headers.includes("Supported", "outbound"))
      headers.push(["Require", "outbound"]);
    headers.push(["Date", this.#agent.date(now)]);
    transaction.respond(makeResponse(request, 200, { toTag: this.#agent.random(6), headers }), now);
  }

  #of({ user, device }: Identity): Binding[] {
    return [...this.#bindings.values()].filter(
      ({ phone }) => phone.user === user && (device === undefined || phone.device?.id === device),
    );
  }

  /**
   * The credential's own device where it names one. Otherwise one for each instance (RFC 5626 §4.1) or, without that, for each
   * contact's user, which both are the same for as long as the client runs.
   */
  #deviceId(contact: NameAddress, identity: Identity): string {
    if (identity.device !== undefined) return identity.device;
    const { uri } = contact;
    const name =
      contact.parameters.get("+sip.instance") ??
      (uri.scheme === "sip" ? `${uri.user}@${uri.host}` : uri.text);
    const id = `sip-${this.#agent.core.ports.hash(name).slice(0, 12)}`;
    return isId(id) ? id : "sip";
  }
}

const none: ReadonlySet<Phone> = new Set();

function keyOf(user: string, device: string): string {
  return `${user}/${device}`;
}
