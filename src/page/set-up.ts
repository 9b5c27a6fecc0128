import type { Told } from "./ladder.ts";

/** Messages of a set-up that wait for one another, so that their ways add up. */
const steps = new Set<unknown>(["call", "incoming", "accept", "accepted", "confirm"]);

/** Times a set-up: from the call to the first ring, and from the answer to media. The ringing is the person's time. */
export class SetUp {
  #called: number | undefined;
  #found = 0;
  #answered: number | undefined;
  #connected: number | undefined;
  #server = 0;

  /** `way`: ms between the two ends of this message, when both were seen. */
  see({ at, out, frame }: Told, way = 0): void {
    if (this.#connected !== undefined) return;
    if (frame.type === "call") this.#called = at;
    if (frame.type === "ringing" && !out && this.#found === 0) this.#found = at - (this.#called ?? at);
    if (frame.type === "accepted" || frame.type === "accept") this.#answered = at;
    if (steps.has(frame.type) || frame.description !== undefined) this.#server += way;
  }

  connected(at: number): void {
    this.#connected ??= at;
  }

  get result(): { readonly ms: number; readonly server?: number } | undefined {
    if (this.#connected === undefined || this.#answered === undefined) return undefined;
    const ms = Math.max(1, Math.round(this.#found + this.#connected - this.#answered));
    return this.#server > 0 ? { ms, server: Math.max(1, Math.round(this.#server)) } : { ms };
  }
}
