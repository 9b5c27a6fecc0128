import { quiet, SwitchboardError } from "./error.ts";

/** Ends what it is given to when its signal aborts; the promise then rejects with the signal's reason. */
export interface Cancel {
  readonly signal?: AbortSignal | undefined;
}

/** The events of an object: its own, and `change`, which every object has. */
export type Events<E extends object> = E & { change: undefined };

/** An object that changes while you hold it. */
export interface Live<E extends object = object> extends AsyncDisposable {
  /**
   * Calls `listener` on each event, until the returned function is called, `signal` aborts or, with `once`, the first
   * came. Events about something that is still there (`incoming`, `joined`, `knock`, `channel`) are told to late
   * listeners too. What a listener throws goes to `reportError` and disturbs nobody else.
   */
  on<K extends keyof Events<E>>(
    type: K,
    listener: (event: Events<E>[K]) => void,
    options?: Cancel & { readonly once?: boolean },
  ): () => void;
  /** The next such event. Rejects with `closed` when the object ends first. */
  next<K extends keyof Events<E>>(type: K, options?: Cancel): Promise<Events<E>[K]>;
  /** Counts the changes: a snapshot for `useSyncExternalStore` and the like. */
  readonly revision: number;
}

/** The key of `await using`; Safari has no `Symbol.asyncDispose`, and a class field needs a key everywhere. */
export const dispose: typeof Symbol.asyncDispose =
  Symbol.asyncDispose ?? (Symbol.for("Symbol.asyncDispose") as typeof Symbol.asyncDispose);

type Listener = (event: never) => void;

/** The typed emitter behind every public object. Neither an EventTarget (weak types) nor an iterator (a hidden queue). */
export abstract class Emitter<E extends object> implements Live<E> {
  revision = 0;
  #listeners = new Map<PropertyKey, Set<Listener>>();
  #finished = new Set<() => void>();
  #over = false;

  on<K extends keyof Events<E>>(
    type: K,
    listener: (event: Events<E>[K]) => void,
    options: Cancel & { readonly once?: boolean } = {},
  ): () => void {
    const { signal, once } = options;
    if (signal?.aborted) return () => {};
    const set = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, set);
    const off = () => {
      set.delete(call);
      signal?.removeEventListener("abort", off);
    };
    const call = (event: Events<E>[K]) => {
      if (once) off();
      listener(event);
    };
    set.add(call);
    signal?.addEventListener("abort", off);
    this.listened(type);
    for (const event of this.present(type))
      queueMicrotask(() => {
        if (set.has(call) && [...this.present(type)].includes(event)) run(call, event);
      });
    return off;
  }

  next<K extends keyof Events<E>>(type: K, options: Cancel = {}): Promise<Events<E>[K]> {
    const { signal } = options;
    return quiet(
      new Promise((resolve, reject) => {
        const settle = (act: () => void) => {
          off();
          this.#finished.delete(finish);
          signal?.removeEventListener("abort", abort);
          act();
        };
        const finish = () => settle(() => reject(new SwitchboardError("closed")));
        const abort = () => settle(() => reject(signal?.reason));
        const off = this.on(type, (event) => settle(() => resolve(event)));
        if (signal?.aborted) return abort();
        if (this.#over) return finish();
        this.#finished.add(finish);
        signal?.addEventListener("abort", abort);
      }),
    );
  }

  abstract [dispose](): Promise<void>;

  /** Events that are told to late listeners: those about something that is still there. */
  protected present<K extends keyof Events<E>>(_type: K): Iterable<Events<E>[K]> {
    return [];
  }

  /** Somebody began to listen. */
  protected listened(_type: keyof Events<E>): void {}

  protected has(type: keyof Events<E>): boolean {
    return (this.#listeners.get(type)?.size ?? 0) > 0;
  }

  protected emit<K extends keyof Events<E>>(type: K, event: Events<E>[K]): void {
    for (const listener of [...(this.#listeners.get(type) ?? [])])
      run(listener as (event: unknown) => void, event);
  }

  protected changed(): void {
    this.revision++;
    this.emit("change", undefined as Events<E>["change"]);
  }

  /** The last change: whoever waits for another event is told that none will come. */
  protected finish(): void {
    this.#over = true;
    this.changed();
    for (const finish of [...this.#finished]) finish();
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
