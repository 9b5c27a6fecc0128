import type { PushSubscription } from "../protocol/values.ts";
import type { PushRegistration } from "./registration.ts";

/** A ring that finds none of its devices connected. */
export interface Sleeper {
  readonly session: string;
  readonly user: string;
  /** The only device that is rung, where the call names one. */
  readonly device: string | undefined;
  readonly from: { readonly user: string; readonly device: string };
  /** How long it rings, if somebody may come. ms */
  readonly expires: number;
}

/** What a push service said. `gone`: the subscription is no more (404, 410). */
export type PushOutcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly failure: string; readonly gone?: boolean };

/** What became of one attempt to wake a device. */
export interface WakeAttempt {
  readonly session: string;
  readonly user: string;
  readonly device: string;
  readonly kind: "web" | "application";
  readonly outcome: PushOutcome;
  readonly took: number;
}

/** What a push carries, and nothing else. */
export interface WakeMessage {
  readonly session: string;
  readonly caller: string;
  /** How long it still rings, ms. */
  readonly left: number;
  /** Signs the device in at once, in place of a token, until the ring ends. */
  readonly ticket: string;
}

export interface WakeOptions {
  /** The registrations of a user, at all nodes. */
  registered(user: string): Promise<readonly PushRegistration[]>;
  ticket(registration: PushRegistration, life: number): string;
  /** Sends to a push service, which keeps the message for at most `life` ms. Never rejects. */
  push(subscription: PushSubscription, message: WakeMessage, life: number): Promise<PushOutcome>;
  /** Tells the application, where a device registered that way. */
  needed(registration: PushRegistration, sleeper: Sleeper, message: WakeMessage): void;
  attempted(attempt: WakeAttempt): void;
  /** Its push service does not know it any more. */
  gone(registration: PushRegistration): void;
  now(): number;
}

/** Wakes devices for a ring that finds none of them connected. */
export class Wakes {
  readonly #options: WakeOptions;

  constructor(options: WakeOptions) {
    this.#options = options;
  }

  /** Resolves to true once somebody may come, to false when it is known that nobody will. */
  async wake(sleeper: Sleeper): Promise<boolean> {
    const { registered, now } = this.#options;
    const from = now();
    const all = await registered(sleeper.user);
    const { device } = sleeper;
    const found = device === undefined ? all : all.filter((one) => one.device === device);
    const left = sleeper.expires - (now() - from);
    if (found.length === 0 || left <= 0) return false;
    return new Promise((resolve) => {
      let open = found.length;
      for (const registration of found)
        void this.#wake(registration, sleeper, left).then((ok) => {
          open -= 1;
          if (ok || open === 0) resolve(ok);
        });
    });
  }

  async #wake(registration: PushRegistration, sleeper: Sleeper, left: number): Promise<boolean> {
    const { ticket, push, needed, attempted, gone, now } = this.#options;
    const { target, user, device } = registration;
    const { session } = sleeper;
    const message: WakeMessage = {
      ...{ session, caller: sleeper.from.user, left },
      ticket: ticket(registration, left),
    };
    const began = now();
    let outcome: PushOutcome = { ok: true };
    if (target.kind === "application") needed(registration, sleeper, message);
    else outcome = await push(target.subscription, message, left);
    attempted({ session, user, device, kind: target.kind, outcome, took: now() - began });
    if (!outcome.ok && outcome.gone === true) gone(registration);
    return outcome.ok;
  }
}
