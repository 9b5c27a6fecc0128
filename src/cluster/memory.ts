import type { Backplane, BackplaneAnswer } from "../signaling/backplane.ts";

type Hear = (message: unknown, answer?: (reply: unknown) => void) => void;

/** Joins the nodes of one process. A single node has one of its own, on which nobody else ever answers. */
export class MemoryBus {
  readonly #subscribers = new Map<string, Set<{ readonly owner: Backplane; readonly hear: Hear }>>();

  /** The bus as one node sees it: it hears the others, never itself. */
  join(): Backplane {
    const owner: Backplane = {
      state: "up",
      publish: (subject, message) => {
        for (const one of this.#others(subject, owner)) queueMicrotask(() => one.hear(message));
      },
      request: (subject, message, _timeout, done) => {
        const [first] = this.#others(subject, owner);
        queueMicrotask(() => {
          if (first === undefined) done({ kind: "no_responders" });
          else first.hear(message, once(done));
        });
      },
      subscribe: (subject, hear) => {
        const entry = { owner, hear };
        const entries = this.#subscribers.get(subject) ?? new Set();
        this.#subscribers.set(subject, entries.add(entry));
        return () => {
          entries.delete(entry);
          if (entries.size === 0) this.#subscribers.delete(subject);
        };
      },
    };
    return owner;
  }

  #others(subject: string, owner: Backplane): { readonly hear: Hear }[] {
    return [...(this.#subscribers.get(subject) ?? [])].filter((one) => one.owner !== owner);
  }
}

function once(done: (answer: BackplaneAnswer) => void): (reply: unknown) => void {
  let answered = false;
  return (reply) => {
    if (answered) return;
    answered = true;
    done({ kind: "reply", reply });
  };
}
