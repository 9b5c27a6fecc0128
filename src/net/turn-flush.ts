/** What collects writes until it is flushed. */
interface Flushed {
  flush(): void;
}

/**
 * Flushes, at the end of the event loop's turn, whatever has something to send; at once where `most` have. What was written to one socket
 * in a turn then needs one system call, and consecutive system calls are cheaper than calls between other work, because receivers are
 * woken for many messages at once.
 */
export class TurnFlush {
  readonly #most: number;
  #due: Flushed[] = [];
  #scheduled = false;
  readonly #turn = (): void => {
    this.#scheduled = false;
    this.flush();
  };

  constructor(most: number) {
    this.#most = most;
  }

  /** This one has something to send. It may have nothing left when it is flushed. */
  add(one: Flushed): void {
    this.#due.push(one);
    if (this.#due.length >= this.#most) this.flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(this.#turn);
    }
  }

  flush(): void {
    const due = this.#due;
    this.#due = [];
    for (const one of due) one.flush();
  }
}
