import type { AuthorizeQuestion, WakeQuestion } from "../application/hooks.ts";
import { after } from "../net/clock.ts";
import { type WireError, wireError } from "../protocol/error-codes.ts";
import { fail, ok, type Result } from "../shared/result.ts";
import type {
  AskedRequest,
  Policy,
  PolicyDecision,
  PolicyQuestion,
  WakeQuestion as RingToWake,
} from "../signaling/policy.ts";
import type { Identity } from "../signaling/ports.ts";
import { readAuthenticate, readAuthorize } from "./answers.ts";
import type { HookName, Hooks } from "./hooks.ts";

export interface ApplicationOptions {
  readonly hooks: Hooks;
  /** The requests that `authorize` is asked about. */
  readonly asks: ReadonlySet<AskedRequest>;
  /** How long a hook may take, ms. */
  readonly timeout: number;
  /** What becomes of a request when `authorize` has no answer. */
  readonly whenDown: "refuse" | "allow";
  /** Largest `data` that an answer may give. */
  readonly bodyBytes: number;
  now(): number;
  /** A hook threw, was late or answered nonsense. At most one a second of each hook. */
  failed(hook: HookName, error: unknown): void;
}

/** The core gives a decision up this much later than a hook is: then it is us who are late. ms */
const grace = 500;
const failureInterval = 1_000;

/** The application's hooks, as the server asks them: whatever a hook does, there is one answer, in time and of the right form. */
export class Application {
  readonly #options: ApplicationOptions;
  readonly #reported = new Map<HookName, number>();
  /** Hooks without an answer, by name. */
  readonly failures: Record<HookName, number> = { authenticate: 0, authorize: 0, wake: 0 };

  constructor(options: ApplicationOptions) {
    this.#options = options;
  }

  /** For the core; undefined where no hook decides anything of its. */
  get policy(): Policy | undefined {
    const { hooks, asks, timeout } = this.#options;
    if (hooks.authorize === undefined && hooks.wake === undefined) return undefined;
    return {
      within: timeout + grace,
      asks: hooks.authorize === undefined ? new Set() : asks,
      decide: (question, done) => this.#decide(question, done),
      ...(hooks.wake !== undefined && {
        wake: (ring: RingToWake, done: (waits: boolean, now: number) => void) => this.#wake(ring, done),
      }),
    };
  }

  /**
   * Who a token speaks for. Undefined: there is no hook for it. `done` is called with undefined where the token is none of the
   * application's.
   */
  get authenticate():
    | ((token: string, done: (result: Result<Identity | undefined, WireError>) => void) => void)
    | undefined {
    const { hooks, now } = this.#options;
    if (hooks.authenticate === undefined) return undefined;
    return (token, done) =>
      this.#ask(
        "authenticate",
        () => hooks.authenticate?.({ token }),
        (answer) => readAuthenticate(answer, now()),
        (identity) => done(identity.ok ? ok(identity.value) : fail(wireError("temporary", undecided))),
      );
  }

  #decide(question: PolicyQuestion, done: (decision: PolicyDecision, now: number) => void): void {
    const { hooks, bodyBytes, whenDown, now } = this.#options;
    const { request } = question;
    this.#ask(
      "authorize",
      () => hooks.authorize?.(authorizeQuestion(question)),
      (answer) => readAuthorize(answer, request, bodyBytes),
      (decision) => done(decision.ok ? decision.value : undecidedBy[whenDown], now()),
    );
  }

  #wake(ring: RingToWake, done: (waits: boolean, now: number) => void): void {
    const { hooks, now } = this.#options;
    this.#ask(
      "wake",
      () => hooks.wake?.(wakeQuestion(ring)),
      (answer) => (typeof answer === "boolean" ? ok(answer) : fail("is no boolean")),
      (waits) => done(waits.ok && waits.value, now()),
    );
  }

  /** Calls a hook and reads what it answers. `done` is called once: at once where the hook answers at once. */
  #ask<T>(
    hook: HookName,
    call: () => unknown,
    read: (answer: unknown) => Result<T, string>,
    done: (answer: Result<T, undefined>) => void,
  ): void {
    const failed = (error: unknown): void => {
      this.#failed(hook, error);
      done(fail(undefined));
    };
    const answered = (answer: unknown): void => {
      const value = read(answer);
      if (value.ok) done(value);
      else failed(new Error(`the answer of ${hook} is of no use: ${value.error}`));
    };
    let answer: unknown;
    try {
      answer = call();
    } catch (error) {
      failed(error);
      return;
    }
    if (!isPromise(answer)) {
      answered(answer);
      return;
    }
    const { timeout } = this.#options;
    let over = false;
    const once = (then: () => void): void => {
      if (over) return;
      over = true;
      cancel();
      then();
    };
    const cancel = after(timeout, () => once(() => failed(new Error(`no answer within ${timeout} ms`))));
    answer.then(
      (value) => once(() => answered(value)),
      (error: unknown) => once(() => failed(error)),
    );
  }

  #failed(hook: HookName, error: unknown): void {
    const { now, failed } = this.#options;
    this.failures[hook] += 1;
    const last = this.#reported.get(hook);
    if (last !== undefined && now() - last < failureInterval) return;
    this.#reported.set(hook, now());
    failed(hook, error);
  }
}

const undecided = "The application did not decide; try again.";
const undecidedBy: Readonly<Record<"refuse" | "allow", PolicyDecision>> = {
  refuse: { allow: false, failed: true, error: wireError("temporary", undecided) },
  allow: { allow: true, failed: true },
};

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

function authorizeQuestion(question: PolicyQuestion): AuthorizeQuestion {
  const { request: type, user, device, kind, guest, gateway, ...asked } = question;
  const from = {
    ...{ user, guest },
    ...(device !== undefined && { device }),
    ...(kind !== undefined && { kind }),
    ...(gateway !== undefined && { gateway }),
  };
  return { type, from, ...asked };
}

function wakeQuestion({ session, user, device, from, expires }: RingToWake): WakeQuestion {
  return { session, user, ...(device !== undefined && { device }), from, expires };
}
