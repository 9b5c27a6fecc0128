import type { Deadlines } from "../shared/deadlines.ts";
import type { Backplane, BackplaneAnswer, BackplaneState } from "./backplane.ts";

/**
 * A backplane whose messages are inputs of the core like a client's frames: after each of them the deadlines that it
 * made due are run.
 */
export class SettlingBackplane implements Backplane {
  readonly #backplane: Backplane;
  readonly #settle: () => void;

  constructor(backplane: Backplane, deadlines: Deadlines, now: () => number) {
    this.#backplane = backplane;
    this.#settle = () => deadlines.run(now());
  }

  get state(): BackplaneState {
    return this.#backplane.state;
  }

  onState(hear: (state: BackplaneState) => void): () => void {
    return this.#backplane.onState((state) => {
      hear(state);
      this.#settle();
    });
  }

  publish(subject: string, message: unknown): void {
    this.#backplane.publish(subject, message);
  }

  request(subject: string, message: unknown, timeout: number, done: (answer: BackplaneAnswer) => void): void {
    // An answer that comes before `request` returns belongs to the input in hand, whose own reply goes out first.
    let asking = true;
    this.#backplane.request(subject, message, timeout, (answer) => {
      done(answer);
      if (!asking) this.#settle();
    });
    asking = false;
  }

  subscribe(
    subject: string,
    hear: (message: unknown, answer?: (reply: unknown) => void) => void,
  ): () => void {
    return this.#backplane.subscribe(subject, (message, answer) => {
      hear(message, answer);
      this.#settle();
    });
  }
}
