/**
 * How nodes of a cluster reach each other. `cluster/memory.ts` joins nodes of one process (and is what a single
 * node runs on); `cluster/nats.ts` joins processes. A node never sends to itself through it.
 *
 * Subjects are texts of tokens with dots between them; any character may stand in them, and none is a wildcard.
 * What one node sends arrives in the order in which it was sent, each message once or not at all. A message may come
 * late, even after newer ones of its sender: after a fault, what stood in a frozen server arrives when that goes on.
 */
export interface Backplane {
  readonly state: BackplaneState;
  /** Tells every other subscriber of the subject. Dropped while the backplane is down: it is never sent later. */
  publish(subject: string, message: unknown): void;
  /**
   * Asks every other subscriber of the subject; the first answer counts. `done` is called exactly once; it may be called
   * before `request` returns.
   */
  request(subject: string, message: unknown, timeout: number, done: (answer: BackplaneAnswer) => void): void;
  /** Hears a subject until the returned function is called. `answer` is there for a request. It outlives outages. */
  subscribe(subject: string, hear: (message: unknown, answer?: (reply: unknown) => void) => void): () => void;
  /** Hears each change of the state, until the returned function is called. */
  onState(hear: (state: BackplaneState) => void): () => void;
}

export type BackplaneState = "up" | "down";

/** `too_large`: the message, or its reply, has more than {@link maxMessageBytes}, or than the server takes. */
export type BackplaneAnswer =
  | { readonly kind: "reply"; readonly reply: unknown }
  | { readonly kind: "no_responders" }
  | { readonly kind: "timeout" }
  | { readonly kind: "down" }
  | { readonly kind: "too_large" };

/** The largest message, as JSON in UTF-8. A larger one is not sent. It is what a NATS server takes by default. */
export const maxMessageBytes: number = 2 ** 20;
