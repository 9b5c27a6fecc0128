import type { FarHalf, Frames, Told } from "./ladder.ts";
import { counterpart, farLabel } from "./ladder-words.ts";

/** The far end's frames of the call, taken in order as the near end's ask for theirs. */
export class FarEnd {
  readonly #queues = new Map<string, number[]>();

  constructor({ far }: Frames) {
    const accepts = new Set<unknown>();
    for (const { at, out, frame } of far) {
      if (out && frame.type === "accept") accepts.add(frame.id);
      const name = `${out}${frame.type ?? (accepts.has(frame.re) ? "re:accept" : "")}`;
      const queue = this.#queues.get(name);
      if (queue === undefined) this.#queues.set(name, [at]);
      else queue.push(at);
    }
  }

  /** The far half of this frame: seen, with what lay between the two, or inferred. Undefined where there is none. */
  match({ at, out, frame }: Told): FarHalf | undefined {
    const type = counterpart(frame, out);
    if (type === undefined) return undefined;
    const description = frame.description as { type?: string } | undefined;
    const label = description?.type ?? farLabel(type);
    const seen = this.#queues.get(`${!out}${type}`)?.shift();
    return seen === undefined ? { label } : { label, ms: Math.abs(seen - at) };
  }
}
