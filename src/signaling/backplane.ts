/**
 * How nodes of a cluster reach each other. `cluster/memory.ts` joins nodes of one process (and is what a single
 * node runs on); `cluster/nats.ts` joins processes. A node never sends to itself through it.
 */
export interface Backplane {
  readonly state: "up" | "down";
  /** Tells every other subscriber of the subject. Dropped while the backplane is down. */
  publish(subject: string, message: unknown): void;
  /** Asks all other subscribers of the subject; the first answer counts. `done` is called exactly once. */
  request(subject: string, message: unknown, timeout: number, done: (answer: BackplaneAnswer) => void): void;
  /** Hears a subject until the returned function is called. `answer` is there for a request. */
  subscribe(subject: string, hear: (message: unknown, answer?: (reply: unknown) => void) => void): () => void;
}

export type BackplaneAnswer =
  | { readonly kind: "reply"; readonly reply: unknown }
  | { readonly kind: "no_responders" }
  | { readonly kind: "timeout" }
  | { readonly kind: "down" };
