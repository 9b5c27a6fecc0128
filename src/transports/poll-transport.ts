import { after } from "../net/clock.ts";
import type { Client } from "../net/http-server.ts";
import { closeCodes } from "../protocol/close-codes.ts";
import type { Connection } from "../signaling/core.ts";
import type { Remote, Transport } from "../signaling/ports.ts";
import { Backlog, type Worker } from "./fair-queue.ts";
import { FlowMeter } from "./flow-meter.ts";
import type { TransportGuard } from "./transport-guard.ts";

/** A GET that waits for frames. */
export interface Waiting {
  /** ms */
  readonly wait: number;
  /** Aborts when the client went away. */
  readonly gone: AbortSignal;
}

/** A frame, or what is to be done once the frames before were acted on. */
type Input = string | (() => void);

/** A client of the HTTP fallback. Frames for it wait in a queue until a GET takes them. */
export class PollTransport implements Transport, Worker<Input> {
  readonly #guard: TransportGuard;
  readonly #client: Client;
  readonly #connection: Connection;
  readonly #meter: FlowMeter;
  readonly #backlog: Backlog<Input>;
  #queue: string[] = [];
  #queued = 0;
  /** Ends the waiting GET: true when it may take frames, false when another GET replaces it. */
  #wake: ((mine: boolean) => void) | undefined;
  #posting = false;
  /** Resolves the promise of {@link acted}. */
  #acted: (() => void) | undefined;
  #quietSince: number | undefined;
  #ended: { readonly code: number; readonly reason: string } | undefined;

  constructor(guard: TransportGuard, client: Client, remote: Remote) {
    this.#guard = guard;
    this.#client = client;
    const now = guard.now();
    this.#quietSince = now;
    this.#meter = new FlowMeter(guard.rates, now);
    this.#backlog = new Backlog<Input>(guard.queue, this);
    guard.admission.entered(client);
    this.#connection = guard.core.open(this, remote, now);
  }

  get buffered(): number {
    return this.#queued;
  }

  /** Why the transport ended, if it has. */
  get ended(): { readonly code: number; readonly reason: string } | undefined {
    return this.#ended;
  }

  /** When the last GET ended. Undefined while one waits. */
  get quietSince(): number | undefined {
    return this.#quietSince;
  }

  send(text: string): boolean {
    // What is outside a link's log, such as a pong, has no other bound.
    if (this.#ended !== undefined || this.#queued > this.#guard.rates.sendBuffer) return false;
    this.#queue.push(text);
    this.#queued += text.length;
    this.#wake?.(true);
    return true;
  }

  close(code: number, reason: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = { code, reason };
    this.#guard.admission.left(this.#client);
    this.#backlog.clear();
    this.#acted?.();
    this.#wake?.(true);
  }

  /** The client closes the transport, after what it has sent. */
  leave(): void {
    this.#backlog.take(() => this.lost(closeCodes.normal.code), 0, this.#guard.now());
  }

  /** The client closed the transport, or is gone (1006). */
  lost(code: number): void {
    if (this.#ended !== undefined) return;
    this.close(code, "");
    this.#connection.closed(code, this.#guard.now());
  }

  /** A request of the client came. It counts like a message, whatever is in it. */
  requested(): void {
    const now = this.#guard.now();
    if (!this.#meter.framed(now)) this.flooded();
  }

  /** The body of a request came, whose lines go to {@link receive}. */
  body(bytes: number): void {
    const now = this.#guard.now();
    if (!this.#meter.bytes(bytes, now)) this.flooded();
  }

  /** One frame, which is acted on now or soon. Does nothing once the transport has ended. */
  receive(text: string): void {
    if (this.#ended !== undefined) return;
    const now = this.#guard.now();
    if (this.#meter.framed(now)) this.#backlog.take(text, text.length, now);
    else this.flooded();
  }

  /** Resolves once all frames that came were acted on, or the transport has ended. */
  acted(): Promise<void> {
    if (this.#ended !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.#acted = resolve;
      this.#backlog.take(resolve, 0, this.#guard.now());
    });
  }

  /** Begins a POST. False while another one is under way, because their order would be unknown. */
  beginUp(): boolean {
    if (this.#posting) return false;
    this.#posting = true;
    return true;
  }

  endUp(): void {
    this.#posting = false;
  }

  /**
   * Resolves to true when there are frames to take, when the time is over, or when the client is gone; to false when a newer GET
   * replaces this one. Without `waiting` it waits as long as the core keeps the transport.
   */
  frames(waiting: Waiting | undefined): Promise<boolean> {
    this.#wake?.(false);
    if (this.#queue.length > 0 || this.#ended !== undefined) return Promise.resolve(true);
    this.#quietSince = undefined;
    return new Promise((resolve) => {
      const wake = (mine: boolean): void => {
        this.#wake = undefined;
        stop();
        waiting?.gone.removeEventListener("abort", leave);
        this.#quietSince = this.#guard.now();
        resolve(mine);
      };
      const leave = (): void => wake(false);
      const stop = waiting === undefined ? () => {} : after(waiting.wait, () => wake(true));
      waiting?.gone.addEventListener("abort", leave);
      this.#wake = wake;
    });
  }

  /** Takes the waiting frames. Undefined when there are none. */
  take(): string[] | undefined {
    if (this.#queue.length === 0) return undefined;
    const frames = this.#queue;
    this.#queue = [];
    this.#queued = 0;
    return frames;
  }

  // Worker

  perform(input: Input, came: number): void {
    if (typeof input === "function") {
      input();
      return;
    }
    try {
      this.#connection.receive(input, this.#guard.now(), came);
    } catch (error) {
      this.failed();
      throw error;
    }
  }

  flooded(): void {
    if (this.#ended !== undefined) return;
    const now = this.#guard.now();
    const { code, text } = closeCodes.tooManyRequests;
    this.close(code, text);
    this.#guard.admission.flooded(this.#client, now);
    this.#connection.closed(code, now);
  }

  failed(): void {
    this.lost(1011);
  }
}
