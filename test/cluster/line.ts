import type { Journal } from "./journal.ts";
import type { Phone } from "./phone.ts";
import type { Talk } from "./talk.ts";

/** The two ends of a call that is up. */
interface Call {
  caller: Talk;
  callee: Talk;
  calleePhone: Phone;
  /** Whether a step that fails is a finding: not where it was set up while a fault was on. */
  strict: boolean;
}

let keys = 0;

/**
 * A user who calls another one, over and over: ring at all devices, race of accepts, talk, restart, move, hang-up. While
 * `strict` is off (a fault is on) a step that fails is a call that failed; while it is on, it is a finding.
 */
export class Line {
  readonly caller: Phone;
  readonly callees: readonly Phone[];
  strict = true;
  /** Calls that went through all steps, and that did not. */
  completed = 0;
  failed = 0;
  /** Calls that were refused at once, by code, and how long the refusals took at most, ms. */
  readonly refused = new Map<string, number>();
  /** How long a step may take, ms. */
  patience = 10_000;
  /** From `call` to both ends up, of each call, ms. */
  readonly setups: number[] = [];
  #stopped = false;
  readonly #journal: Journal;
  readonly #random: () => number;

  constructor(caller: Phone, callees: readonly Phone[], journal: Journal, random: () => number) {
    this.caller = caller;
    this.callees = callees;
    this.#journal = journal;
    this.#random = random;
  }

  /** Calls one after the other until {@link stop}. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      const call = await this.up();
      if (call !== undefined) await this.finish(call, { move: this.#random() < 0.3 });
      await sleep(50 + this.#random() * 200);
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Sets a call up. Undefined: it did not come to be. */
  async up(): Promise<Call | undefined> {
    keys += 1;
    const { strict } = this;
    const to = this.callees[0]!.device.user;
    const began = performance.now();
    let caller = await this.caller.call(to, `key-${keys}`);
    // The outcome is unknown: the key makes it the same call.
    while (caller === "outcome_unknown" && !this.#stopped) caller = await this.caller.call(to, `key-${keys}`);
    if (typeof caller === "string") {
      const took = performance.now() - began;
      this.refused.set(caller, Math.max(took, this.refused.get(caller) ?? 0));
      return this.#failed(`call was answered ${caller}`, strict);
    }
    const talk = caller;
    const is = () => talk.state === "over" || this.#other(talk) !== undefined;
    const up = await until(is, this.patience);
    const other = this.#other(talk);
    if (other === undefined) {
      const why = up ? `ended ${talk.reason}` : `after ${this.patience} ms: ${talk.state}`;
      await this.caller.hangUp(talk);
      await until(() => talk.state === "over", this.patience);
      return this.#failed(`${talk.session} did not come up: ${why}`, strict);
    }
    this.setups.push(performance.now() - began);
    return { caller: talk, ...other, strict };
  }

  /** Restarts, moves, lets both hear everything, and hangs up. False when a step failed. */
  async finish(call: Call, { move = false, talk = 300 + this.#random() * 700 } = {}): Promise<boolean> {
    const steps: [string, () => Promise<boolean>][] = [
      ["talk", () => sleep(talk).then(() => this.#isUp(call))],
      ["restart", () => this.restart(call)],
      ["hear each other", () => this.hearing(call)],
    ];
    if (move) steps.push(["move", () => this.move(call)], ["hear each other", () => this.hearing(call)]);
    for (const [name, step] of steps)
      if (!(await step())) {
        const { state, reason, session } = call.caller;
        this.#failed(`${session}: ${name} failed (${state} ${reason}, ${call.callee.state})`, call.strict);
        break;
      }
    const [one, other] =
      this.#random() < 0.5 ? [this.caller, call.calleePhone] : [call.calleePhone, this.caller];
    call.caller.hush();
    call.callee.hush();
    await one.hangUp(one === this.caller ? call.caller : call.callee);
    const over = () => call.caller.state === "over" && call.callee.state === "over";
    if (!(await until(over, this.patience))) {
      // What remains is hung up by its own end too.
      await other.hangUp(other === this.caller ? call.caller : call.callee);
      this.#failed(`${call.caller.session}: hang-up did not reach both ends`, call.strict);
      await until(over, this.patience);
      return false;
    }
    if (call.caller.reason !== "hangup" && call.callee.reason !== "hangup") return false;
    this.completed += 1;
    return true;
  }

  /** Either end asks for the next ICE generation; both are told. */
  async restart(call: Call): Promise<boolean> {
    const { caller, callee } = call;
    const end = this.#random() < 0.5 ? caller : callee;
    const phone = end === caller ? this.caller : call.calleePhone;
    const { session, pair, generation } = end;
    return this.#insist(call, async () => {
      const reply = await phone.device.ask("restart", { session, pair, generation });
      if (reply.ok === undefined) return false;
      return until(
        () => caller.generation === reply.ok.generation && callee.generation === reply.ok.generation,
        this.patience,
      );
    });
  }

  /** The callee takes the call to another one of its devices. */
  async move(call: Call): Promise<boolean> {
    const target = this.callees.find(
      (phone) => phone !== call.calleePhone && phone.device.state === "online",
    );
    if (target === undefined) return true;
    const { session } = call.caller;
    const moved = await this.#insist(call, async () => {
      const reply = await call.calleePhone.device.ask("move", { session, to: target.device.id });
      if (reply.ok === undefined) return false;
      return until(() => {
        const talk = target.talks.get(session);
        return talk?.state === "active" && call.caller.pair === reply.ok.pair && talk.pair === reply.ok.pair;
      }, this.patience);
    });
    const talk = target.talks.get(session);
    if (!moved || talk === undefined) return false;
    call.callee = talk;
    call.calleePhone = target;
    return true;
  }

  /** What each end says from now on reaches the other. */
  async hearing({ caller, callee }: Call): Promise<boolean> {
    const fresh = (one: Talk, other: Talk) => {
      const { stream, sent } = other;
      return () => one.heard.stream === other.stream && (other.stream !== stream || one.heard.n > sent);
    };
    const [there, back] = [fresh(caller, callee), fresh(callee, caller)];
    const over = () => caller.state === "over" || callee.state === "over";
    await until(() => over() || (there() && back()), this.patience);
    return !over() && there() && back();
  }

  /** Tries again while the server says that it can't just now. */
  async #insist({ strict }: Call, step: () => Promise<boolean>): Promise<boolean> {
    const deadline = performance.now() + this.patience;
    while (performance.now() < deadline) {
      if (await step()) return true;
      if (strict) return false;
      await sleep(300);
    }
    return false;
  }

  #isUp({ caller, callee }: Call): boolean {
    return caller.state === "active" && callee.state === "active";
  }

  #other({ session, state }: Talk): { callee: Talk; calleePhone: Phone } | undefined {
    if (state !== "active") return undefined;
    for (const calleePhone of this.callees) {
      const callee = calleePhone.talks.get(session);
      if (callee?.state === "active") return { callee, calleePhone };
    }
    return undefined;
  }

  #failed(doing: string, strict: boolean): undefined {
    this.failed += 1;
    if (strict && this.strict) this.#journal.write({ what: "stuck", device: this.caller.device.name, doing });
    return undefined;
  }
}

export type { Call };

/** True once the condition holds; false after `patience` ms. */
export async function until(condition: () => boolean, patience: number): Promise<boolean> {
  const deadline = performance.now() + patience;
  while (!condition()) {
    if (performance.now() > deadline) return false;
    await sleep(5);
  }
  return true;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
