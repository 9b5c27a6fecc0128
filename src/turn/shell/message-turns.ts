import { nextTurn } from "../../net/clock.ts";

type Receive = (bytes: Uint8Array, port: number, address: string) => void;

/** Messages that are acted on as they come. The rest waits for the next turn of the event loop. */
const directly = 16;
/** How long each turn works on what waits. ms */
const slice = 0.5;
/** Datagrams that may wait; later ones are lost, as where the system's buffer is full. */
const mostDatagrams = 4_096;
/** A stream is not read while this many bytes of it wait. */
const mostStreamBytes = 65_536;

interface Datagram {
  readonly receive: Receive;
  readonly bytes: Uint8Array;
  readonly port: number;
  readonly address: string;
}

/**
 * Leaves the event loop to others again and again, however many messages come to the sockets of one server: the system hands over all that
 * it has at once, which a flood makes endless. Datagrams and the messages of each stream have their turns one after the other.
 */
export class MessageTurns {
  #left = directly;
  #datagrams: Datagram[] = [];
  /** The next datagram. */
  #next = 0;
  /** Streams with something waiting, the next one first. */
  readonly #streams = new Set<StreamTurns>();
  #scheduled = false;

  /** The same receiver of datagrams, within these bounds. */
  bounded(receive: Receive): Receive {
    return (bytes, port, address) => {
      if (this.direct()) receive(bytes, port, address);
      else if (this.#datagrams.length - this.#next < mostDatagrams)
        this.#datagrams.push({ receive, bytes, port, address });
    };
  }

  /** The turns of one stream. */
  stream(host: StreamHost): StreamTurns {
    return new StreamTurns(this, host);
  }

  /** Forgets what waits: the sockets are closed. */
  clear(): void {
    this.#datagrams = [];
    this.#next = 0;
    this.#streams.clear();
  }

  // For streams

  /** True where a message may be acted on as it comes. */
  direct(): boolean {
    const may = this.#left > 0;
    if (may) this.#left -= 1;
    if (this.#left === 0) this.#schedule();
    return may;
  }

  /** Something of the stream waits. */
  waits(stream: StreamTurns): void {
    this.#streams.add(stream);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    nextTurn(() => this.#work());
  }

  #work(): void {
    this.#scheduled = false;
    const end = performance.now() + slice;
    while (performance.now() < end && this.#step());
    this.#datagrams.splice(0, this.#next);
    this.#next = 0;
    if (this.#datagrams.length + this.#streams.size > 0) this.#schedule();
    else this.#left = directly;
  }

  /** Acts on one datagram, and on one message of a stream. False where nothing waits. */
  #step(): boolean {
    const datagram = this.#datagrams[this.#next];
    if (datagram !== undefined) {
      this.#next += 1;
      datagram.receive(datagram.bytes, datagram.port, datagram.address);
    }
    const [stream] = this.#streams;
    if (stream === undefined) return datagram !== undefined;
    // What goes on waiting goes behind the others.
    this.#streams.delete(stream);
    if (stream.step()) this.#streams.add(stream);
    return true;
  }
}

/** What stands behind the turns of a stream. */
export interface StreamHost {
  /** Acts on a message. */
  perform(message: Uint8Array): void;
  /** Stops and starts to read. */
  pause(): void;
  resume(): void;
}

/** What one stream has brought, in its order. Nothing of it is lost: while much waits, the stream is not read. */
export class StreamTurns {
  readonly #turns: MessageTurns;
  readonly #host: StreamHost;
  /** Messages, and what is to be done after those before. */
  #waiting: (Uint8Array | (() => void))[] = [];
  #next = 0;
  #bytes = 0;
  #paused = false;

  constructor(turns: MessageTurns, host: StreamHost) {
    this.#turns = turns;
    this.#host = host;
  }

  /** A message, or something else: it is done now, or when its turn comes. */
  take(what: Uint8Array | (() => void)): void {
    if (this.#waiting.length === 0 && this.#turns.direct()) {
      this.#perform(what);
      return;
    }
    this.#waiting.push(what);
    if (typeof what !== "function") this.#bytes += what.length;
    if (this.#bytes >= mostStreamBytes && !this.#paused) {
      this.#paused = true;
      this.#host.pause();
    }
    this.#turns.waits(this);
  }

  /** For {@link MessageTurns}: does the first that waits. False where nothing is left. */
  step(): boolean {
    const what = this.#waiting[this.#next];
    if (what === undefined) return false;
    this.#next += 1;
    if (typeof what !== "function") this.#bytes -= what.length;
    const left = this.#next < this.#waiting.length;
    if (!left) {
      this.#waiting = [];
      this.#next = 0;
    }
    this.#perform(what);
    if (this.#paused && this.#bytes < mostStreamBytes) {
      this.#paused = false;
      this.#host.resume();
    }
    return left;
  }

  #perform(what: Uint8Array | (() => void)): void {
    if (typeof what === "function") what();
    else this.#host.perform(what);
  }
}
