import type { CloseName } from "../../protocol/close-codes.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import type { Request, RequestOf, RequestType } from "../../protocol/requests.ts";
import type { Capabilities } from "../../protocol/values.ts";
import type { Device, DeviceLink, Outcome } from "../../signaling/device.ts";
import type { Flow } from "./flow.ts";
import type { SipContext } from "./sip-context.ts";
import type { Uri } from "./uri.ts";

/** The capabilities of a phone: it needs an offer to ring, has no trickle ICE, sends no reports, and its offers can be refused. */
export const phoneCapabilities: Capabilities = {
  trickle: false,
  needsOffer: true,
  iceRestart: false,
  reports: false,
  refusals: true,
};

/** What a phone tells the user agent. */
export interface PhoneKeeper {
  /** The core pushed something for a call, a subscription, or a message. */
  pushed(phone: Phone, push: PushBody, now: number): void;
  /** The server ended the phone's link: the phone was kicked. */
  shut(phone: Phone, now: number): void;
}

/** A call of the phone, by its session. */
export interface PhoneCall {
  push(push: PushBody, now: number): void;
  /** The phone lost its connection, or has another one. */
  moved(flow: Flow | undefined, now: number): void;
  /** The phone is gone for good. */
  gone(now: number): void;
}

type Asked<T extends RequestType> = Omit<RequestOf<T>, "id" | "type">;

/**
 * A registered device: the core's link to it. It belongs to the device, not to a connection: while it has no connection
 * (`flow`), its calls wait.
 */
export class Phone implements DeviceLink {
  readonly id: string;
  readonly user: string;
  /** The domain that the client uses in addresses. */
  readonly domain: string;
  state: "live" | "suspended" | "closed" = "live";
  flow: Flow | undefined;
  /** The Contact that the phone registered, for requests to it. */
  contact: Uri;
  readonly calls = new Map<string, PhoneCall>();
  readonly #agent: SipContext;
  readonly #keeper: PhoneKeeper;
  #asked = 0;
  readonly #waiting = new Map<number, (outcome: Outcome, now: number) => void>();
  #device: Device | undefined;

  constructor(
    agent: SipContext,
    keeper: PhoneKeeper,
    who: { readonly id: string; readonly user: string; readonly domain: string; readonly contact: Uri },
  ) {
    this.id = who.id;
    this.user = who.user;
    this.domain = who.domain;
    this.contact = who.contact;
    this.#agent = agent;
    this.#keeper = keeper;
  }

  /** The core's device; undefined before it is attached. */
  get device(): Device | undefined {
    return this.#device;
  }

  attached(device: Device): void {
    this.#device = device;
  }

  /** Asks the core. `done` gets the outcome, now or later. */
  ask<T extends RequestType>(
    type: T,
    fields: Asked<T>,
    now: number,
    done: (outcome: Outcome, now: number) => void = () => {},
  ): void {
    if (this.#device === undefined || this.state === "closed") return;
    this.#asked += 1;
    const id = this.#asked;
    this.#waiting.set(id, done);
    const outcome = this.#agent.core.perform(
      this.#device,
      { ...fields, id, type } as unknown as Request,
      now,
    );
    if (outcome === undefined) return;
    this.#waiting.delete(id);
    done(outcome, now);
  }

  // DeviceLink

  deliver(push: PushBody, now: number): void {
    const { observer } = this.#agent.core.ports;
    if (observer !== undefined && this.#device !== undefined) observer.push(this.#device, push, now);
    this.#later(now, (later) => this.#keeper.pushed(this, push, later));
  }

  reply(id: number, outcome: Outcome, now: number): void {
    if (this.#device !== undefined) this.#agent.core.ports.observer?.reply(this.#device, id, outcome, now);
    this.#later(now, (later) => {
      const done = this.#waiting.get(id);
      this.#waiting.delete(id);
      done?.(outcome, later);
    });
  }

  close(_why: CloseName, now: number): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.#agent.clock.after(0, now, (later) => this.#keeper.shut(this, later));
  }

  /** Does something after the core's current work, in the middle of which it delivers. */
  #later(now: number, what: (now: number) => void): void {
    if (this.state === "closed") return;
    this.#agent.clock.after(0, now, what);
  }
}
