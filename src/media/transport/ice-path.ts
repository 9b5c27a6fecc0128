import { PathBudget } from "../../wire/dtls/path-budget.ts";
import type { MediaPath } from "./path.ts";

/** The least time between two requests of ours. ms */
const leastPause = 50;
/** So long an answer may take: a request that is younger is repeated, not replaced. ms */
const longestRoundTrip = 3_000;

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

/** A path on which the peer has passed a check, or that its answer names, and what is known of it. */
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
  /** Of the last authentic answer. */
  #answeredAt: number | undefined;
  #sentAt = Number.NEGATIVE_INFINITY;

  /** `named`: by the peer's own answer, so that what is sent there needs no budget. */
  constructor(path: MediaPath, now: number, named = false) {
    this.path = path;
    this.budget = new PathBudget(path.reliable || named);
    this.heardAt = now;
  }

  /** The peer itself has answered us here, with its password: not somebody who repeats its checks from another address or connection. */
  get confirmed(): boolean {
    return this.#answeredAt !== undefined;
  }

  /**
   * When the peer last consented to receive here (RFC 7675). A peer that answers us does so by its answers: its checks can be forged once the
   * address is somebody else's. Of one that never answers, its checks have to do.
   */
  get consentedAt(): number {
    return this.#answeredAt ?? this.heardAt;
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
    if (now - this.#sentAt < leastPause) return;
    let question = this.#question;
    const young = question !== undefined && now - question.askedAt < longestRoundTrip;
    if (question?.key === key && (young || !this.confirmed)) question.repeated = true;
    else question = { ...make(), key, askedAt: now, repeated: false };
    this.#question = question;
    this.#sentAt = now;
    this.send(question.message);
  }

  /** What an answer with this transaction id answers, if anything. */
  questionOf(transactionId: Uint8Array): Question | undefined {
    const question = this.#question;
    if (question === undefined || transactionId.length !== question.transactionId.length) return undefined;
    return transactionId.every((byte, at) => byte === question.transactionId[at]) ? question : undefined;
  }

  /** Our request has come back: the peer receives what is sent there. `authentic`: with the peer's password, so that it consents. */
  answered(question: Question, authentic: boolean, now: number): void {
    this.budget.prove();
    this.#question = undefined;
    if (!authentic) return;
    this.heardAt = now;
    this.#answeredAt = now;
    if (!question.repeated) this.rtt = now - question.askedAt;
  }
}
