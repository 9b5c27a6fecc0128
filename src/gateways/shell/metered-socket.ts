import type { Socket, SocketHandlers } from "../../net/http-server.ts";
import { Backlog, type Worker } from "../../transports/fair-queue.ts";
import { FlowMeter, type FlowRates } from "../../transports/flow-meter.ts";
import type { EntryGuard } from "../../transports/transport-guard.ts";

/** Close codes (RFC 6455 §7.4.1): the usual one, that for messages of a wrong kind, for who floods, and for a fault of ours. */
export const closeCodes = {
  normal: 1000,
  unsupported: 1003,
  policyViolation: 1008,
  internalError: 1011,
} as const;

/** What stands behind a socket: the flow of a gateway. */
export interface SocketUser {
  /** One message, of text or of bytes, in its turn. */
  received(message: string | Uint8Array): void;
  /** The socket is closed, by whomever. Called once. */
  closed(): void;
}

/** A message, or what is to be done after those before. */
type Input = string | Uint8Array | (() => void);

/**
 * A WebSocket connection of a gateway's client, with the bounds that every entrance has: it counts what comes before any of it is
 * parsed, shares the event loop with others, and closes a client that floods or reads too slowly.
 */
export class MeteredSocket implements SocketHandlers, Worker<Input> {
  readonly #guard: EntryGuard;
  readonly #socket: Socket;
  readonly #user: SocketUser;
  readonly #meter: FlowMeter;
  readonly #backlog: Backlog<Input>;
  open = true;

  /** `mostDirect`: what may be done as it comes, where that is not as much as for our own messages; see {@link Backlog}. */
  constructor(rates: FlowRates, guard: EntryGuard, socket: Socket, user: SocketUser, mostDirect?: number) {
    this.#guard = guard;
    this.#socket = socket;
    this.#user = user;
    this.#meter = new FlowMeter(rates, guard.now());
    this.#backlog = new Backlog<Input>(guard.queue, this, mostDirect);
    guard.admission.entered(socket.client);
  }

  /** The client's address. */
  get address(): string {
    return this.#socket.client.address;
  }

  /** Sends one message. Does nothing once the socket is closed. */
  send(message: string | Uint8Array<ArrayBuffer>): void {
    if (!this.open) return;
    if (!this.#socket.send(message) || !this.#meter.waiting(this.#socket.buffered)) this.close("slow");
  }

  close(reason: string, code: number = closeCodes.normal): void {
    if (!this.open) return;
    this.#socket.close(code, reason);
    this.#gone();
  }

  // SocketHandlers

  text(message: string): void {
    this.#take(message);
  }

  binary(message: Uint8Array): void {
    this.#take(message);
  }

  closed(): void {
    this.#backlog.take(() => this.#gone(), 0, this.#guard.now());
  }

  // Worker

  perform(input: Input): void {
    if (!this.open) return;
    if (typeof input === "function") input();
    else this.#user.received(input);
  }

  flooded(): void {
    if (!this.open) return;
    this.#guard.admission.flooded(this.#socket.client, this.#guard.now());
    this.close("too many messages", closeCodes.policyViolation);
  }

  failed(): void {
    this.close("internal error", closeCodes.internalError);
  }

  #take(input: string | Uint8Array): void {
    if (!this.open) return;
    const now = this.#guard.now();
    if (this.#meter.message(input.length, now)) this.#backlog.take(input, input.length, now);
    else this.flooded();
  }

  #gone(): void {
    if (!this.open) return;
    this.open = false;
    this.#backlog.clear();
    this.#guard.admission.left(this.#socket.client);
    this.#user.closed();
  }
}
