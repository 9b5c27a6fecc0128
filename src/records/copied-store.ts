import type { Question, Questions, Store, StoredRecord, Told, Write } from "./store.ts";

/** What another node is asked to keep. */
export type Copy = Told | { readonly write: "record"; readonly stored: StoredRecord };

/** The other nodes, as those that keep copies. */
interface CopyKeepers {
  /** Nodes that are there, without this one. */
  names(): readonly string[];
  /**
   * Has that node keep copies, each as JSON; `since`: in place of all that it has of this one. False where it did not in time.
   * Never rejects.
   */
  keep(node: string, copies: readonly string[], since?: number): Promise<boolean>;
}

export interface CopiedStoreOptions {
  readonly node: string;
  readonly store: Store;
  readonly keepers: CopyKeepers;
  /** Unix ms. */
  now(): number;
  /** Calls back after so many ms, unless it is cancelled. */
  after(ms: number, task: () => void): () => void;
}

/**
 * How long a write waits for its copy. A node that is slow must not be taken for one that is gone: whoever goes on with a session by an old
 * copy tells a number again that was told already. ms
 */
const patience = 5_000;
/** How long a node that did not answer is not asked again while there is another one, and while there is none. ms */
const [restFor, leastRest] = [5_000, 1_000];
/** Copies that wait, and characters of one message: the backplane takes 1 MiB. */
const [mostWaiting, mostCharacters] = [20_000, 400_000];
/** Entries that are read at a time for a node that begins to keep copies. */
const pageSize = 1_000;

interface Waiting {
  readonly text: string;
  readonly isRecord: boolean;
  readonly done: () => void;
}

/**
 * A store of which one other node keeps a copy: records, sessions that have not ended, and events that wait. What is written is taken once
 * both have it; where no other node is there or answers, once the store has it. A node that begins to keep copies gets everything but the
 * records.
 */
export class CopiedStore implements Store {
  readonly #options: CopiedStoreOptions;
  #keeper: string | undefined;
  /** The one before: its copies are of no use. */
  #former: string | undefined;
  #waiting: Waiting[] = [];
  #busy = false;
  #last: Promise<unknown> = Promise.resolve();
  /** When nodes did not answer. */
  readonly #resting = new Map<string, number>();

  constructor(options: CopiedStoreOptions) {
    this.#options = options;
  }

  write(...writes: Write[]): Promise<boolean> {
    const written = this.#options.store.write(...writes);
    const copies = writes.flatMap((write) => copyOf(write) ?? []);
    const before = this.#last;
    const copied = copies.length === 0 || this.#choose() === undefined ? undefined : this.#copy(copies);
    // Writes are taken in order, whichever of them are copied.
    const taken = Promise.all([written, before, copied]).then(([isWritten]) => isWritten);
    this.#last = taken;
    return taken;
  }

  /** Resolves once the copies are made, or can't be. */
  #copy(copies: readonly Copy[]): Promise<void> {
    const { after } = this.#options;
    const copied = new Promise<void>((resolve) => {
      const cancel = after(patience, resolve);
      let open = copies.length;
      const done = (): void => {
        open -= 1;
        if (open > 0) return;
        cancel();
        resolve();
      };
      for (const copy of copies)
        this.#waiting.push({ text: JSON.stringify(copy), isRecord: copy.write === "record", done });
    });
    if (this.#waiting.length > mostWaiting) this.#failed();
    void this.#run();
    return copied;
  }

  ask<Q extends Question>(
    question: Q,
    argument?: Parameters<Questions[Q]>[0],
  ): Promise<ReturnType<Questions[Q]>> {
    return this.#options.store.ask(question, argument);
  }

  get counts(): Store["counts"] {
    return this.#options.store.counts;
  }

  stop(): Promise<void> {
    return this.#options.store.stop();
  }

  /** Looks whether the node that keeps copies is still there. Call it once a second. */
  tick(): void {
    if (this.#choose() !== this.#keeper) void this.#run();
  }

  /** The node that keeps copies, as long as it is there; else the one after this one by name. */
  #choose(): string | undefined {
    const { keepers, node, now } = this.#options;
    const at = now();
    const rested = (least: number) => (name: string) =>
      at - (this.#resting.get(name) ?? Number.NEGATIVE_INFINITY) >= least;
    const all = keepers.names().filter(rested(leastRest));
    const others = all.filter(rested(restFor));
    const names = others.length > 0 ? others : all;
    if (this.#keeper !== undefined && names.includes(this.#keeper)) return this.#keeper;
    names.sort();
    return names.find((name) => name > node) ?? names[0];
  }

  async #run(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    const { keepers } = this.#options;
    for (;;) {
      const keeper = this.#choose();
      if (keeper === undefined) {
        this.#failed();
        break;
      }
      if (keeper !== this.#keeper) {
        if (this.#keeper !== undefined) this.#former = this.#keeper;
        this.#keeper = keeper;
        if (!(await this.#begin(keeper))) this.#failed(keeper);
        continue;
      }
      const batch = this.#batch();
      if (batch.length === 0) break;
      const kept = await keepers.keep(
        keeper,
        batch.map(({ text }) => text),
      );
      for (const { done } of batch) done();
      if (kept) continue;
      // What is not in the store's own tables is copied to the next one.
      this.#waiting.unshift(...batch.filter(({ isRecord }) => isRecord));
      this.#failed(keeper);
    }
    this.#busy = false;
  }

  /** Copies all that a node needs to go on in place of this one. */
  async #begin(keeper: string): Promise<boolean> {
    const { store, keepers, now } = this.#options;
    // Questions overtake writes that wait.
    await store.write();
    if (!(await keepers.keep(keeper, [], now()))) return false;
    const former = this.#former;
    this.#former = undefined;
    if (former !== undefined && former !== keeper && keepers.names().includes(former))
      await keepers.keep(former, [], 0);
    try {
      const open = await store.ask("open");
      // What waits comes first: of a session that the keeper knows, it has all events.
      for (let after: number | undefined = 0; after !== undefined; ) {
        const { items, last }: Awaited<ReturnType<Questions["waiting"]>> = await store.ask("waiting", {
          after,
          limit: pageSize,
        });
        if (
          !(await this.#all(
            keeper,
            items.map((entry): Told => ({ write: "outbox", entry })),
          ))
        )
          return false;
        after = last;
      }
      return await this.#all(
        keeper,
        open.map((one): Told => ({ write: "open", open: one })),
      );
    } catch {
      // The store says so itself.
      return false;
    }
  }

  async #all(keeper: string, told: readonly Told[]): Promise<boolean> {
    let texts: string[] = [];
    let characters = 0;
    for (const one of told) {
      const text = JSON.stringify(one);
      if (characters + text.length > mostCharacters) {
        if (!(await this.#options.keepers.keep(keeper, texts))) return false;
        [texts, characters] = [[], 0];
      }
      texts.push(text);
      characters += text.length;
    }
    return texts.length === 0 || (await this.#options.keepers.keep(keeper, texts));
  }

  #batch(): Waiting[] {
    let characters = 0;
    let count = 0;
    for (const { text } of this.#waiting) {
      characters += text.length;
      if (count > 0 && characters > mostCharacters) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  /** Nobody waits for copies any more; the next node that keeps some gets them from the store, and the records that wait. */
  #failed(keeper?: string): void {
    if (keeper !== undefined) {
      this.#resting.set(keeper, this.#options.now());
      this.#former = keeper;
    }
    this.#keeper = undefined;
    for (const { done } of this.#waiting) done();
    const records = this.#waiting.filter(({ isRecord }) => isRecord);
    this.#waiting = records.slice(-mostWaiting / 2);
  }
}

function copyOf(write: Write): Copy | undefined {
  switch (write.write) {
    case "open":
    case "closed":
    case "delivered":
    case "record":
      return write;
    case "outbox": {
      const { entry } = write;
      // Its node says by itself what became of it.
      if (entry.dead) return { write: "delivered", endpoint: entry.endpoint, id: entry.id };
      return entry.attempts === 0 ? write : undefined;
    }
    default:
      return undefined;
  }
}
