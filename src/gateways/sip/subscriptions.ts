import type { PushOf } from "../../protocol/pushes.ts";
import type { Deadline } from "../../shared/deadlines.ts";
import { Dialog } from "./dialog.ts";
import { type HeaderEntry, headerNumber, makeResponse } from "./message.ts";
import type { Phone } from "./phone.ts";
import { pidf, pidfType } from "./pidf.ts";
import { refusalOfError } from "./reasons.ts";
import type { ServerTransaction } from "./server-transaction.ts";
import { addressOfRecord, newVia, ownContact, type SipContext } from "./sip-context.ts";

type Presence = Omit<PushOf<"presence">, "seq">;

interface Subscription {
  readonly phone: Phone;
  readonly user: string;
  readonly dialog: Dialog;
  readonly tag: string;
  expiresAt: number;
  expiry: Deadline | undefined;
}

/** Presence subscriptions (RFC 3856): SUBSCRIBE becomes `watch`, and `presence` becomes NOTIFY. */
export class Subscriptions {
  readonly #agent: SipContext;
  readonly #byDialog = new Map<string, Subscription>();
  readonly #byPhone = new Map<Phone, Set<Subscription>>();
  /** The last presence that each phone got, for subscriptions that are added or renewed. */
  readonly #known = new Map<Phone, Map<string, Presence>>();

  constructor(agent: SipContext) {
    this.#agent = agent;
  }

  get size(): number {
    return this.#byDialog.size;
  }

  /** Answers a request of a subscription. False when the dialog key is not one of a subscription. */
  receive(key: string, transaction: ServerTransaction, now: number): boolean {
    const subscription = this.#byDialog.get(key);
    if (subscription === undefined) return false;
    const { request } = transaction;
    const respond = (status: number, headers: readonly HeaderEntry[] = []): void =>
      transaction.respond(makeResponse(request, status, { toTag: subscription.tag, headers }), now);
    if (!subscription.dialog.inOrder(request)) respond(500);
    else if (request.method !== "SUBSCRIBE") respond(405);
    else {
      subscription.dialog.refresh(request);
      const seconds = this.#seconds(transaction);
      respond(200, [["Expires", String(seconds)], ownContact(transaction.flow, subscription.tag)]);
      this.#renew(subscription, seconds, now);
    }
    return true;
  }

  /** The phone of a subscription. Undefined when there is no such subscription. */
  phoneOf(key: string): Phone | undefined {
    return this.#byDialog.get(key)?.phone;
  }

  /** A new subscription to the presence of a user. */
  subscribe(transaction: ServerTransaction, phone: Phone, user: string, now: number): void {
    const { request, flow } = transaction;
    const tag = this.#agent.random(9);
    const respond = (status: number, headers: readonly HeaderEntry[] = []): void =>
      transaction.respond(makeResponse(request, status, { toTag: tag, headers }), now);
    const event = (request.headers.get("Event") ?? "").split(";", 1)[0]?.trim().toLowerCase();
    const mine = this.#byPhone.get(phone) ?? new Set();
    const dialog = Dialog.ofServer(request, tag);
    if (event !== "presence") {
      respond(489, [["Allow-Events", "presence"]]);
      return;
    }
    if (dialog === undefined) {
      respond(400);
      return;
    }
    if (
      request.headers.has("Accept") &&
      !request.headers.values("Accept").some((one) => one.includes(pidfType) || one === "*/*")
    ) {
      respond(406);
      return;
    }
    if (mine.size >= this.#agent.settings.limits.subscriptions) {
      respond(503, [["Retry-After", "60"]]);
      return;
    }
    phone.ask("watch", { users: [user] }, now, (outcome) => {
      if ("error" in outcome) {
        respond(refusalOfError(outcome.error).status);
        return;
      }
      const seconds = this.#seconds(transaction);
      respond(200, [["Expires", String(seconds)], ownContact(flow, tag)]);
      const subscription: Subscription = { phone, user, dialog, tag, expiresAt: 0, expiry: undefined };
      this.#byDialog.set(dialog.key, subscription);
      this.#byPhone.set(phone, mine.add(subscription));
      this.#renew(subscription, seconds, now);
    });
  }

  /** The core pushed a user's presence. */
  told(phone: Phone, presence: Presence, now: number): void {
    let known = this.#known.get(phone);
    if (known === undefined) {
      known = new Map();
      this.#known.set(phone, known);
    }
    known.set(presence.user, presence);
    for (const subscription of this.#byPhone.get(phone) ?? [])
      if (subscription.user === presence.user) this.#notify(subscription, "active", now);
  }

  /** The phone is gone. */
  gone(phone: Phone): void {
    for (const subscription of this.#byPhone.get(phone) ?? []) {
      subscription.expiry?.cancel();
      this.#byDialog.delete(subscription.dialog.key);
    }
    this.#byPhone.delete(phone);
    this.#known.delete(phone);
  }

  #seconds({ request }: ServerTransaction): number {
    const { expires, expiresMax } = this.#agent.settings.limits;
    return Math.min(headerNumber(request, "Expires") ?? expires, expiresMax);
  }

  #renew(subscription: Subscription, seconds: number, now: number): void {
    subscription.expiry?.cancel();
    subscription.expiresAt = now + seconds * 1_000;
    if (seconds === 0) {
      this.#end(subscription, now);
      return;
    }
    subscription.expiry = this.#agent.clock.after(seconds * 1_000, now, (later) =>
      this.#end(subscription, later),
    );
    // After the 200. Send what is known at once (RFC 6665 §4.2.1.2); the core's push follows.
    if (this.#known.get(subscription.phone)?.has(subscription.user))
      this.#agent.clock.after(0, now, (later) => this.#notify(subscription, "active", later));
  }

  #end(subscription: Subscription, now: number): void {
    const { phone, user, dialog } = subscription;
    subscription.expiry?.cancel();
    this.#notify(subscription, "terminated", now);
    this.#byDialog.delete(dialog.key);
    const mine = this.#byPhone.get(phone);
    mine?.delete(subscription);
    if (mine === undefined || mine.size === 0) this.#byPhone.delete(phone);
    if ([...(mine ?? [])].some((other) => other.user === user)) return;
    this.#known.get(phone)?.delete(user);
    phone.ask("unwatch", { users: [user] }, now);
  }

  #notify(subscription: Subscription, state: "active" | "terminated", now: number): void {
    const { phone, user, dialog, tag } = subscription;
    const { flow } = phone;
    if (flow === undefined || (state === "active" && this.#byDialog.get(dialog.key) !== subscription)) return;
    const seconds = Math.max(0, Math.round((subscription.expiresAt - now) / 1_000));
    const presence = this.#known.get(phone)?.get(user) ?? { online: false, devices: [] };
    const request = dialog.request("NOTIFY", {
      via: newVia(this.#agent, flow),
      headers: [
        ownContact(flow, tag),
        ["Event", "presence"],
        [
          "Subscription-State",
          state === "active" ? `active;expires=${seconds}` : "terminated;reason=timeout",
        ],
      ],
      body: { type: pidfType, content: pidf(addressOfRecord(user, phone.domain).text, presence) },
    });
    const over = (): void => {
      if (this.#byDialog.get(dialog.key) !== subscription) return;
      subscription.expiry?.cancel();
      this.#byDialog.delete(dialog.key);
      this.#byPhone.get(phone)?.delete(subscription);
    };
    this.#agent.transactions.send(
      request,
      flow,
      {
        // RFC 6665 §4.2.2: the subscriber does not know the subscription any more.
        response: ({ status }) => {
          if (status >= 300 && status !== 491) over();
        },
        failed: over,
      },
      now,
    );
  }
}
