import type { Cancel, Ended, Events, Live } from "./api.ts";
import { deferred } from "./deferred.ts";
import { abortable, onAbort, SwitchboardError } from "./error.ts";

/** The key of `await using`. Safari has no `Symbol.asyncDispose`, and a method needs a key everywhere. */
export const dispose: typeof Symbol.asyncDispose =
  Symbol.asyncDispose ?? (Symbol.for("Symbol.asyncDispose") as typeof Symbol.asyncDispose);

type Listener = (event: never) => void;

/** The typed emitter behind all public objects. An EventTarget would have weak types, an async iterator a hidden queue. */
export abstract class Emitter<E extends object> implements Live<E> {
  revision = 0;
  #listeners = new Map<PropertyKey, Set<Listener>>();
  readonly #ended = deferred<Ended>();
  /** Resolves with how the object ended. Not all public types show it. */
  readonly ended = this.#ended.promise;

  on<K extends keyof Events<E>>(
    type: K,
    listener: (event: Events<E>[K]) => void,
    { signal, once }: Cancel & { readonly once?: boolean } = {},
  ): () => void {
    const set = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, set);
    const call = (event: Events<E>[K]) => {
      if (once) off();
      listener(event);
    };
    set.add(call);
    const off = () => {
      set.delete(call);
      deaf();
    };
    const deaf = onAbort(signal, () => set.delete(call));
    this.listened(type);
    for (const event of this.present(type))
      queueMicrotask(() => {
        if (set.has(call) && [...this.present(type)].includes(event)) run(call, event as Events<E>[K]);
      });
    return off;
  }

  next<K extends keyof Events<E>>(type: K, { signal }: Cancel = {}): Promise<Events<E>[K]> {
    const next = new Promise<Events<E>[K]>((resolve, reject) => {
      const off = this.on(type, resolve, { signal, once: true });
      void this.ended.then(() => {
        off();
        reject(new SwitchboardError("closed"));
      });
    });
    return abortable(next, signal);
  }

  abstract [dispose](): Promise<void>;

  /** The events of this type that late listeners get too: those about what is still there. */
  protected present(_type: keyof Events<E>): Iterable<unknown> {
    return [];
  }

  /** A listener was added. */
  protected listened(_type: keyof Events<E>): void {}

  protected has(type: keyof Events<E>): boolean {
    return !!this.#listeners.get(type)?.size;
  }

  protected emit<K extends keyof Events<E>>(type: K, event: Events<E>[K]): void {
    for (const listener of new Set(this.#listeners.get(type)))
      run(listener as (event: unknown) => void, event);
  }

  protected changed(): void {
    this.revision++;
    this.emit("change", undefined as Events<E>["change"]);
  }

  /** Ends the object. Those who wait for an event learn that none will come. */
  protected finish(ended: Ended): void {
    this.#ended.resolve(ended);
    this.changed();
  }
}

function run<T>(listener: (event: T) => void, event: T): void {
  try {
    listener(event);
  } catch (error) {
    if (typeof reportError === "function") reportError(error);
    else
      queueMicrotask(() => {
        throw error;
      });
  }
}
