import type { HttpProblem } from "../net/problem.ts";
import type { Answer } from "./operation.ts";

/** What became of a request with an `Idempotency-Key`. */
type Kept =
  | { readonly state: "running" }
  | { readonly state: "done"; readonly answer: Answer | HttpProblem }
  /** It showed a secret, which is not kept. */
  | { readonly state: "secret" };

interface Entry {
  readonly fingerprint: string;
  readonly expires: number;
  kept: Kept;
}

/** How long an answer is kept, ms. */
export const keptFor = 24 * 3_600_000;
/** Keys that are kept at most, and characters of an answer: a larger one is kept as a secret is. */
const [mostEntries, mostCharacters] = [10_000, 20_000];

/** One line that outlives the process: which request began, and what came of it. */
export type IdempotencyLine =
  | readonly ["began", key: string, fingerprint: string, expires: number]
  | readonly ["done", key: string, kept: Kept]
  | readonly ["forgot", key: string];

/**
 * Requests by their `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a repeat gets the first answer, and is never executed
 * twice. Pure: `keep` writes each line before the request goes on, and {@link restore} takes them back after a restart. A request that
 * had begun and has no answer then was cut short: its repeats are refused, for nobody knows how far it came.
 */
export class Idempotency {
  readonly #entries = new Map<string, Entry>();
  readonly #keep: (line: IdempotencyLine) => void;

  constructor(keep: (line: IdempotencyLine) => void) {
    this.#keep = keep;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Takes back what was kept. Lines that are too old or make no sense together are left out. */
  restore(lines: readonly IdempotencyLine[], wall: number): void {
    for (const line of lines)
      if (line[0] === "began") {
        const [, key, fingerprint, expires] = line;
        if (expires > wall) this.#entries.set(key, { fingerprint, expires, kept: { state: "running" } });
      } else if (line[0] === "forgot") this.#entries.delete(line[1]);
      else {
        const entry = this.#entries.get(line[1]);
        if (entry !== undefined) entry.kept = line[2];
      }
  }

  /** What is to be kept of all that is there, for a file that is written anew. */
  *lines(wall: number): Generator<IdempotencyLine> {
    for (const [key, { fingerprint, expires, kept }] of this.#entries) {
      if (expires <= wall) continue;
      yield ["began", key, fingerprint, expires];
      if (kept.state !== "running") yield ["done", key, kept];
    }
  }

  /**
   * Begins a request: undefined where it is the first under its key, and then {@link finish} must be called. Else what its sender gets.
   * `fingerprint`: of method, path and body. `wall`: Unix ms.
   */
  begin(key: string, fingerprint: string, wall: number): Answer | HttpProblem | undefined {
    const known = this.#entries.get(key);
    if (known !== undefined && known.expires > wall) return repeated(known, fingerprint);
    this.#entries.delete(key);
    this.#makeRoom(wall);
    const expires = wall + keptFor;
    // First: where the line makes the file too long, it is written anew from the entries.
    this.#entries.set(key, { fingerprint, expires, kept: { state: "running" } });
    this.#keep(["began", key, fingerprint, expires]);
    return undefined;
  }

  /** The request has its answer. One that was refused for now is forgotten, so that it may be tried again. */
  finish(key: string, answer: Answer | HttpProblem, secret: boolean): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    const large = JSON.stringify(answer).length > mostCharacters;
    entry.kept = secret || large ? { state: "secret" } : { state: "done", answer };
    this.#keep(["done", key, entry.kept]);
  }

  /** The request was not executed: another one may come under the key. */
  forget(key: string): void {
    if (this.#entries.delete(key)) this.#keep(["forgot", key]);
  }

  /** The oldest are the first in the map. */
  #makeRoom(wall: number): void {
    for (const [key, { expires }] of this.#entries) {
      if (expires > wall && this.#entries.size < mostEntries) return;
      this.#entries.delete(key);
    }
  }
}

function repeated(entry: Entry, fingerprint: string): Answer | HttpProblem {
  const conflict = (detail: string): HttpProblem => ({ status: 409, code: "conflict", detail });
  if (entry.fingerprint !== fingerprint)
    return {
      status: 422,
      code: "idempotency_key_reused",
      detail: "Idempotency-Key: another request has used it. Take a new key for each request.",
    };
  switch (entry.kept.state) {
    case "done":
      return entry.kept.answer;
    case "secret":
      return conflict("This request was executed. Its answer is not kept: it showed a secret, or is large.");
    case "running":
      return conflict("This request is still being executed, or was cut short by a restart of the server.");
  }
}
