import { PathBudget } from "../../wire/dtls/path-budget.ts";
import type { MediaPath } from "./path.ts";

/** The least time between two requests of ours to an address that hasn't answered. ms */
const leastPause = 50;

/** A Binding request of ours that awaits its answer. */
interface Question {
  readonly transactionId: Uint8Array;
  readonly message: Uint8Array;
  /** Authenticates the answer. */
  readonly key: Uint8Array;
  readonly askedAt: number;
  /** Sent more than once: nobody knows which of them an answer is for. */
  repeated: boolean;
}

/** A path on which the peer has passed a check, and what is known of it. */
export class IcePath {
  readonly path: MediaPath;
  /** What may be sent there. Everything that isn't media is counted by it. */
  readonly budget: PathBudget;
  /** When the last valid check or answer came. */
  heardAt: number;
  /** The number of its latest nomination; 0 for none. Later ones are higher. */
  nomination = 0;
  /** Milliseconds from our last request to its answer. */
  rtt: number | undefined;
  #question: Question | undefined;
  #sentAt = Number.NEGATIVE_INFINITY;

  constructor(path: MediaPath, now: number) {
    this.path = path;
    this.budget = new PathBudget(path.reliable);
    this.heardAt = now;
  }

  /** Sends STUN as far as the budget allows. */
  send(bytes: Uint8Array): void {
    if (this.budget.spend(bytes.length)) this.path.send(bytes);
  }

  /**
   * Asks the peer for an answer, which `key` authenticates. An address that hasn't answered yet gets the same request again, so that an
   * answer counts however late it comes.
   */
  ask(key: Uint8Array, make: () => Pick<Question, "transactionId" | "message">, now: number): void {
    const { proved } = this.budget;
    if (!proved && now - this.#sentAt < leastPause) return;
    if (this.#question?.key === key && !proved) this.#question.repeated = true;
    else this.#question = { ...make(), key, askedAt: now, repeated: false };
    this.#sentAt = now;
    this.send(this.#question.message);
  }

  /** What an answer with this transaction id answers, if anything. */
  questionOf(transactionId: Uint8Array): Question | undefined {
    const question = this.#question;
    if (question === undefined || transactionId.length !== question.transactionId.length) return undefined;
    return transactionId.every((byte, at) => byte === question.transactionId[at]) ? question : undefined;
  }

  /** Our request has come back: the peer receives what is sent there. */
  answered(question: Question, now: number): void {
    this.budget.prove();
    this.#question = undefined;
    if (!question.repeated) this.rtt = now - question.askedAt;
  }
}
