import type { Backplane, BackplaneAnswer, BackplaneState } from "./backplane.ts";
import { messageCheck, replyCheck } from "./message-schemas.ts";

/**
 * A backplane on which nothing comes that has the wrong shape: such a message is dropped, and such a reply is none, so that the request
 * times out at once. Whoever can publish can still forge messages of the right shape.
 */
export class CheckedBackplane implements Backplane {
  readonly #backplane: Backplane;
  readonly #malformed: () => void;

  /** `malformed` hears of each message that is dropped. */
  constructor(backplane: Backplane, malformed: () => void) {
    this.#backplane = backplane;
    this.#malformed = malformed;
  }

  get state(): BackplaneState {
    return this.#backplane.state;
  }

  onState(hear: (state: BackplaneState) => void): () => void {
    return this.#backplane.onState(hear);
  }

  publish(subject: string, message: unknown): void {
    this.#backplane.publish(subject, message);
  }

  request(subject: string, message: unknown, timeout: number, done: (answer: BackplaneAnswer) => void): void {
    const check = replyCheck(isKeyQuestion(message) ? "key" : firstToken(subject));
    this.#backplane.request(subject, message, timeout, (answer) => {
      if (answer.kind !== "reply" || check?.(answer.reply) === true) done(answer);
      else {
        this.#malformed();
        done({ kind: "timeout" });
      }
    });
  }

  subscribe(
    subject: string,
    hear: (message: unknown, answer?: (reply: unknown) => void) => void,
  ): () => void {
    const check = messageCheck(firstToken(subject));
    return this.#backplane.subscribe(subject, (message, answer) => {
      if (check?.(message) === true) hear(message, answer);
      else this.#malformed();
    });
  }
}

function firstToken(subject: string): string {
  const dot = subject.indexOf(".");
  return dot < 0 ? subject : subject.slice(0, dot);
}

function isKeyQuestion(message: unknown): boolean {
  return typeof message === "object" && message !== null && "key" in message;
}
