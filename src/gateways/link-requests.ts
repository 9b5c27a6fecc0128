import type { Request, RequestOf, RequestType } from "../protocol/requests.ts";
import type { Deadline } from "../shared/deadlines.ts";
import type { Device, Outcome } from "../signaling/device.ts";
import type { GatewayPort } from "../signaling/gateway-port.ts";

type Asked<T extends RequestType> = Omit<RequestOf<T>, "id" | "type">;
type Done = (outcome: Outcome, now: number) => void;

/** What a link needs of its gateway. */
export interface LinkContext {
  readonly core: GatewayPort;
  /** Calls `due` once, this many ms after `now`. */
  after(ms: number, now: number, due: (now: number) => void): Deadline;
}

/**
 * What one device of a gateway asks the core, and what it does about what the core says. The core delivers in the middle of its work,
 * when nothing may be asked of it: what follows from a delivery is done after that work, in the order of the deliveries.
 */
export class LinkRequests {
  readonly #context: LinkContext;
  #device: Device | undefined;
  #closed = false;
  #asked = 0;
  #waiting: Map<number, Done> | undefined;
  #later: ((now: number) => void)[] | undefined;

  constructor(context: LinkContext) {
    this.#context = context;
  }

  /** The core's device; undefined before it is attached. */
  get device(): Device | undefined {
    return this.#device;
  }

  attached(device: Device): void {
    this.#device = device;
  }

  /** The device is gone: nothing is asked any more. */
  close(): void {
    this.#closed = true;
  }

  /** True when nothing is left to be done for an earlier delivery. */
  get idle(): boolean {
    return this.#later === undefined;
  }

  /** Asks the core. `done` gets the outcome, now or later. */
  ask<T extends RequestType>(type: T, fields: Asked<T>, now: number, done?: Done): void {
    if (this.#device === undefined || this.#closed) return;
    this.#asked += 1;
    const id = this.#asked;
    if (done !== undefined) {
      this.#waiting ??= new Map();
      this.#waiting.set(id, done);
    }
    const request = { ...fields, id, type } as unknown as Request;
    const outcome = this.#context.core.perform(this.#device, request, now);
    if (outcome === undefined || done === undefined) return;
    this.#waiting?.delete(id);
    done(outcome, now);
  }

  /** The core replies to a request that had no outcome when it was made. */
  reply(id: number, outcome: Outcome, now: number): void {
    this.afterwards(now, (later) => {
      const done = this.#waiting?.get(id);
      this.#waiting?.delete(id);
      done?.(outcome, later);
    });
  }

  /** Does something after the core's current work. */
  afterwards(now: number, what: (now: number) => void): void {
    if (this.#closed) return;
    if (this.#later !== undefined) {
      this.#later.push(what);
      return;
    }
    const work = [what];
    this.#later = work;
    this.#context.after(0, now, (later) => {
      try {
        // What is delivered meanwhile waits for its turn behind these.
        for (const one of work) one(later);
      } finally {
        this.#later = undefined;
      }
    });
  }
}
