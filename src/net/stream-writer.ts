import type { Socket } from "node:net";
import { TurnFlush } from "./turn-flush.ts";

/** A stream's writes go out at once where this many bytes of them wait. */
const mostWaiting = 65_536;
/** So do those of all streams where this many have something to send. */
const mostDue = 256;

const turn = new TurnFlush(mostDue);

/**
 * Writes to a socket. What is written in one turn of the event loop goes out together at its end: each write of the platform costs a system
 * call, and a burst of messages brings many.
 */
export class StreamWriter {
  readonly #socket: Socket;
  #waiting: Uint8Array[] = [];
  #bytes = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Bytes that were not sent yet. */
  get buffered(): number {
    return this.#bytes + this.#socket.writableLength;
  }

  write(bytes: Uint8Array): void {
    if (!this.#socket.writable) return;
    this.#waiting.push(bytes);
    this.#bytes += bytes.length;
    if (this.#bytes >= mostWaiting) this.flush();
    else if (this.#waiting.length === 1) turn.add(this);
  }

  /** Sends what waits now. */
  flush(): void {
    const [first, ...others] = this.#waiting;
    if (first === undefined) return;
    const bytes = others.length === 0 ? first : Buffer.concat(this.#waiting, this.#bytes);
    this.#waiting = [];
    this.#bytes = 0;
    if (this.#socket.writable) this.#socket.write(bytes);
  }
}
