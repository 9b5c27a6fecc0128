import type { Socket } from "node:net";

/** A stream's writes go out at once where this many bytes of them wait. */
const mostWaiting = 65_536;
/** So do those of all streams where this many have something to send. */
const mostDue = 256;

/** The streams that have something to send at the end of this turn of the event loop. */
let due: StreamWriter[] = [];

function flushDue(): void {
  const all = due;
  due = [];
  for (const writer of all) writer.flush();
}

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
    else if (this.#waiting.length === 1) {
      due.push(this);
      if (due.length === 1) setImmediate(flushDue);
      else if (due.length >= mostDue) flushDue();
    }
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
