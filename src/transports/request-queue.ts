import { addressGroup } from "../net/client-address.ts";
import type { Client, Refusal } from "../net/http-server.ts";
import { keepNewest } from "../shared/keep-newest.ts";
import { Backlog, type FairQueue } from "./fair-queue.ts";

/** Addresses whose requests are remembered. */
const rememberedAddresses = 10_000;
/**
 * What a request costs in the queue: a client on Bun may send 16 without waiting for an answer, and Bun closes a connection that sends one
 * more while another waits. Hardly any client sends two; and as many as are answered in one turn delay everybody else.
 */
const requestCost = 768;

type Turn = (refusal: Refusal | undefined) => void;

interface Address {
  readonly backlog: Backlog<Turn>;
  readonly waiting: Set<Turn>;
}

/** Shares the event loop among the addresses that send HTTP requests. IPv6 counts by /64. */
export class RequestQueue {
  readonly #queue: FairQueue;
  readonly #addresses = new Map<string, Address>();

  constructor(queue: FairQueue) {
    this.#queue = queue;
  }

  /** Undefined: answer the request now. Otherwise resolves when its turn has come, to a refusal where too many wait. */
  turn(client: Client, now: number): Promise<Refusal | undefined> | undefined {
    const { backlog, waiting } = this.#addressOf(client);
    let come = false;
    let resolve: Turn = () => {};
    const turn: Turn = (refusal) => {
      come = true;
      waiting.delete(turn);
      resolve(refusal);
    };
    waiting.add(turn);
    backlog.take(turn, 0, now, requestCost);
    if (come) return undefined;
    return new Promise((done) => {
      resolve = done;
    });
  }

  #addressOf(client: Client): Address {
    const group = addressGroup(client.address);
    let address = this.#addresses.get(group);
    if (address === undefined) {
      const waiting = new Set<Turn>();
      const refuse = (): void => {
        for (const turn of waiting) turn(tooMany);
      };
      const worker = { perform: (turn: Turn) => turn(undefined), flooded: refuse, failed: refuse };
      address = { backlog: new Backlog<Turn>(this.#queue, worker), waiting };
    }
    keepNewest(this.#addresses, group, address, rememberedAddresses);
    return address;
  }
}

const tooMany: Refusal = {
  status: 429,
  body: "Too many requests wait.",
  headers: { "Retry-After": "5" },
};
