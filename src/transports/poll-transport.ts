import { after } from "../net/clock.ts";
import type { Client } from "../net/http-server.ts";
import type { Connection } from "../signaling/core.ts";
import type { Transport } from "../signaling/ports.ts";
import type { TransportGuard } from "./transport-guard.ts";

/** A GET that waits for frames. */
export interface Waiting {
  /** ms */
  readonly wait: number;
  /** Aborts when the client went away. */
  readonly gone: AbortSignal;
}

/** One client of the HTTP fallback: frames down wait in a queue until a GET takes them. */
export class PollTransport implements Transport {
  readonly #guard: TransportGuard;
  readonly #client: Client;
  readonly #connection: Connection;
  #queue: string[] = [];
  #queued = 0;
  /** Ends the GET that waits now; true when it may take frames, false when it was relieved by another. */
  #wake: ((mine: boolean) => void) | undefined;
  #posting = false;
  #quietSince: number | undefined;
  #ended: { readonly code: number; readonly reason: string } | undefined;

  constructor(guard: TransportGuard, client: Client) {
    this.#guard = guard;
    this.#client = client;
    this.#quietSince = guard.now();
    guard.admission.entered(client);
    this.#connection = guard.core.open(this, client, guard.now());
  }

  get buffered(): number {
    return this.#queued;
  }

  /** Why it is over, if it is. */
  get ended(): { readonly code: number; readonly reason: string } | undefined {
    return this.#ended;
  }

  /** When the last GET ended; undefined while one waits. */
  get quietSince(): number | undefined {
    return this.#quietSince;
  }

  send(text: string): boolean {
    if (this.#ended !== undefined) return false;
    this.#queue.push(text);
    this.#queued += text.length;
    this.#wake?.(true);
    return true;
  }

  close(code: number, reason: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = { code, reason };
    this.#guard.admission.left(this.#client);
    this.#wake?.(true);
  }

  /** The client ended it, or is gone (1006). */
  lost(code: number): void {
    if (this.#ended !== undefined) return;
    this.close(code, "");
    this.#connection.closed(code, this.#guard.now());
  }

  receive(text: string): void {
    try {
      this.#connection.receive(text, this.#guard.now());
    } catch (error) {
      this.lost(1011);
      throw error;
    }
  }

  /** False while another POST is still under way: order could not be told. */
  beginUp(): boolean {
    if (this.#posting) return false;
    this.#posting = true;
    return true;
  }

  endUp(): void {
    this.#posting = false;
  }

  /**
   * Resolves when there is something to take, when the time is over, or when the client has gone: true. False when
   * a newer GET took its place. Without `waiting` it waits for as long as the core lets the transport live.
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

  /** Takes what waits; undefined when there is nothing. */
  take(): string[] | undefined {
    if (this.#queue.length === 0) return undefined;
    const frames = this.#queue;
    this.#queue = [];
    this.#queued = 0;
    return frames;
  }
}
