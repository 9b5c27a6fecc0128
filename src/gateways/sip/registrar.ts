import { isId } from "../../protocol/address.ts";
import type { Identity } from "../../signaling/ports.ts";
import type { Bindings } from "./bindings.ts";
import type { Flow } from "./flow.ts";
import { addresses, type HeaderEntry, makeResponse, type SipRequest } from "./message.ts";
import { formatNameAddress, type NameAddress } from "./name-address.ts";
import type { Phone } from "./phone.ts";
import { registrationOf } from "./registration.ts";
import type { ServerTransaction } from "./server-transaction.ts";
import type { SipContext } from "./sip-context.ts";
import { userOf } from "./target.ts";

/** The registrar (RFC 3261 §10.3), for authenticated users. */
export class Registrar {
  readonly #agent: SipContext;
  readonly #bindings: Bindings;

  constructor(agent: SipContext, bindings: Bindings) {
    this.#agent = agent;
    this.#bindings = bindings;
  }

  /** Handles a REGISTER of an authenticated user. */
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
      for (const binding of this.#bindings.of(identity)) this.#bindings.unregister(binding, now);
      this.#ok(transaction, identity, undefined, now);
      return;
    }
    const { bindings } = registration;
    for (const { contact, seconds } of bindings) {
      const id = this.#deviceId(contact, identity);
      const known = this.#bindings.find(identity.user, id);
      if (known !== undefined && known.callId === request.callId && known.sequence >= request.cseq.sequence) {
        refuse(500);
        return;
      }
      if (seconds === 0) {
        if (known !== undefined) this.#bindings.unregister(known, now);
        continue;
      }
      // Without a device of its own, the credential has passed although this one was kicked.
      if (this.#agent.core.stale(identity, now, id)) {
        refuse(403);
        return;
      }
      const until = Math.min(now + seconds * 1_000, identity.expires);
      const failed = this.#bindings.bind({ id, contact, request, flow, identity, until }, now);
      if (failed !== undefined) {
        refuse(failed);
        return;
      }
    }
    this.#ok(transaction, identity, bindings[0]?.contact, now);
  }

  /** Makes a phone for an authenticated user who calls without a registration. It lasts as long as the connection. */
  admit(request: SipRequest, flow: Flow, identity: Identity, now: number): Phone | undefined {
    const [contact] = addresses(request, "Contact") ?? [];
    if (contact === undefined) return undefined;
    const id = this.#deviceId(contact, identity);
    if (this.#agent.core.stale(identity, now, id)) return undefined;
    const until = Math.min(now + this.#agent.settings.limits.expiresMax * 1_000, identity.expires);
    this.#bindings.bind({ id, contact, request, flow, identity, until }, now);
    return this.#bindings.find(identity.user, id)?.phone;
  }

  #ok(transaction: ServerTransaction, identity: Identity, own: NameAddress | undefined, now: number): void {
    const { request } = transaction;
    const headers: HeaderEntry[] = [];
    for (const binding of this.#bindings.of(identity)) {
      if (binding.leaving) continue;
      const seconds = Math.max(0, Math.round((binding.expiresAt - now) / 1_000));
      const parameters = new Map([...binding.contact.parameters, ["expires", String(seconds)] as const]);
      const entry: HeaderEntry = ["Contact", formatNameAddress({ ...binding.contact, parameters })];
      // The client's own first, for clients that look only at the first.
      if (binding.contact.uri.text === own?.uri.text) headers.unshift(entry);
      else headers.push(entry);
    }
    if (own?.parameters.has("reg-id") && request.headers.includes("Supported", "outbound"))
      headers.push(["Require", "outbound"]);
    headers.push(["Date", this.#agent.date(now)]);
    transaction.respond(makeResponse(request, 200, { toTag: this.#agent.random(6), headers }), now);
  }

  /**
   * The device that the credential names, if it does. Otherwise one for each instance (RFC 5626 §4.1) or, without that, for each
   * contact's user. Both stay the same while the client runs.
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
