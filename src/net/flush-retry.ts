import { after } from "./clock.ts";

/** How long to wait for room in the system's buffer, ms, and how often. */
const [pause, mostTimes] = [1, 20];

/** Tries again to send what the system didn't take. */
export class FlushRetry {
  readonly #flush: () => void;
  readonly #giveUp: () => void;
  #times = 0;
  #stop: (() => void) | undefined;

  /** `flush` must call {@link blocked} or {@link done}. `giveUp`: the buffer has been full for too long. */
  constructor(flush: () => void, giveUp: () => void) {
    this.#flush = flush;
    this.#giveUp = giveUp;
  }

  /** Something was left over. */
  blocked(): void {
    if (this.#stop !== undefined) return;
    this.#times++;
    if (this.#times > mostTimes) {
      this.done();
      this.#giveUp();
      return;
    }
    this.#stop = after(pause, () => {
      this.#stop = undefined;
      this.#flush();
    });
  }

  /** Everything has left, or is dropped. */
  done(): void {
    this.#times = 0;
    this.#stop?.();
    this.#stop = undefined;
  }
}
