import { nextTurn } from "../../net/clock.ts";

type Receive = (bytes: Uint8Array, port: number, address: string) => void;

/** Datagrams that are acted on as they come. The rest waits for the next turn of the event loop. */
const directly = 16;
/** How long each turn works on what waits. ms */
const slice = 1;
/** Datagrams that may wait; later ones are lost, as where the system's buffer is full. */
const mostWaiting = 4_096;

interface Waiting {
  readonly receive: Receive;
  readonly bytes: Uint8Array;
  readonly port: number;
  readonly address: string;
}

/**
 * Leaves the event loop to others again and again, however many datagrams come to the sockets of one server: the system hands over all
 * that it has at once, which a flood makes endless.
 */
export class DatagramTurns {
  #left = directly;
  #waiting: Waiting[] = [];
  #scheduled = false;

  /** The same receiver, within these bounds. */
  bounded(receive: Receive): Receive {
    return (bytes, port, address) => {
      if (this.#left > 0) {
        this.#left -= 1;
        receive(bytes, port, address);
      } else if (this.#waiting.length < mostWaiting) this.#waiting.push({ receive, bytes, port, address });
      if (this.#left === 0 && !this.#scheduled) {
        this.#scheduled = true;
        nextTurn(() => this.#work());
      }
    };
  }

  /** Forgets what waits: the sockets are closed. */
  clear(): void {
    this.#waiting = [];
  }

  #work(): void {
    this.#scheduled = false;
    const waiting = this.#waiting;
    const end = performance.now() + slice;
    let done = 0;
    while (done < waiting.length && performance.now() < end) {
      const { receive, bytes, port, address } = waiting[done++] as Waiting;
      receive(bytes, port, address);
    }
    if (this.#waiting !== waiting) return;
    waiting.splice(0, done);
    if (waiting.length === 0) this.#left = directly;
    else {
      this.#scheduled = true;
      nextTurn(() => this.#work());
    }
  }
}
