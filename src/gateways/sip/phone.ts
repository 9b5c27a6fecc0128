import type { CloseName } from "../../protocol/close-codes.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import type { Request, RequestOf, RequestType } from "../../protocol/requests.ts";
import type { Capabilities } from "../../protocol/values.ts";
import type { Device, DeviceLink, Outcome } from "../../signaling/device.ts";
import type { Flow } from "./flow.ts";
import type { SipContext } from "./sip-context.ts";
import type { Uri } from "./uri.ts";

/** What may be asked of a phone: it rings with an offer only, takes no trickle, and does not report. */
export const phoneCapabilities: Capabilities = {
  trickle: false,
  needsOffer: true,
  iceRestart: false,
  reports: false,
};

/** What a phone tells who keeps it. */
export interface PhoneKeeper {
  /** The core has something for a call, a subscription or the person. */
  pushed(phone: Phone, push: PushBody, now: number): void;
  /** The server's side ended it: it was kicked. */
  shut(phone: Phone, now: number): void;
}

/** One endpoint of the phone's call, found by its session. */
export interface PhoneCall {
  push(push: PushBody, now: number): void;
  /** The phone's connection is lost, or it has another one. */
  moved(flow: Flow | undefined, now: number): void;
  /** The phone is gone for good. */
  gone(now: number): void;
}

type Asked<T extends RequestType> = Omit<RequestOf<T>, "id" | "type">;

/**
 * One registered device: the core's link to it. It is bound to the device and not to a connection; while it has none
 * (`flow`), its calls wait for it.
 */
export class Phone implements DeviceLink {
  readonly id: string;
  readonly user: string;
  /** The domain in which the client knows itself and others. */
  readonly domain: string;
  state: "live" | "suspended" | "closed" = "live";
  flow: Flow | undefined;
  /** Where it is called: the Contact that it registered. */
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

  /** Asks the core; `done` hears the outcome, at once or later. */
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
    this.#later(now, (later) => this.#keeper.pushed(this, push, later));
  }

  reply(id: number, outcome: Outcome, now: number): void {
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

  /** The core delivers in the middle of its own work: what it says is looked at after it. */
  #later(now: number, what: (now: number) => void): void {
    if (this.state === "closed") return;
    this.#agent.clock.after(0, now, what);
  }
}
