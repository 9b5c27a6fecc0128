/**
 * How the nodes of a cluster reach each other. `src/backplane/memory.ts` joins nodes of one process,
 * `src/backplane/nats.ts` joins processes. A node never sends to itself through it.
 *
 * A subject is a text of tokens with dots between them; a token may hold any character, and none is a wildcard. The
 * messages of one node arrive in the order in which it sent them, each once or not at all. After a fault a message may
 * arrive late, even after newer ones of its sender: a NATS server that stood still delivers what it held when it goes
 * on.
 */
export interface Backplane {
  readonly state: BackplaneState;
  /**
   * Sends a message to every other subscriber of the subject. While the backplane is down the message is dropped, not
   * kept.
   */
  publish(subject: string, message: unknown): void;
  /**
   * Asks every other subscriber of the subject; the first answer counts. Calls `done` exactly once, after `timeout` ms
   * at the latest, and perhaps before `request` returns.
   */
  request(subject: string, message: unknown, timeout: number, done: (answer: BackplaneAnswer) => void): void;
  /**
   * Calls `hear` for each message on the subject until the returned function is called; the subscription outlives outages.
   * `answer` is given where the message is a request.
   */
  subscribe(subject: string, hear: (message: unknown, answer?: (reply: unknown) => void) => void): () => void;
  /** Calls `hear` at each change of the state until the returned function is called. */
  onState(hear: (state: BackplaneState) => void): () => void;
}

export type BackplaneState = "up" | "down";

/** `too_large`: the message or its reply is larger than {@link maxMessageBytes}, or than the server accepts. */
export type BackplaneAnswer =
  | { readonly kind: "reply"; readonly reply: unknown }
  | { readonly kind: "no_responders" }
  | { readonly kind: "timeout" }
  | { readonly kind: "down" }
  | { readonly kind: "too_large" };

/** The largest message, as JSON in UTF-8: the limit of a NATS server by default. A larger one is not sent. */
export const maxMessageBytes: number = 2 ** 20;
