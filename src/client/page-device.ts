import { randomId } from "./random.ts";

const deviceKey = "switchboard.device";
const ticketsKey = "switchboard.tickets";
const patience = 300;

/**
 * The device that this page is. Its id lives in `sessionStorage`, so that a reload is the same device; a Web Lock by the
 * id's name tells a duplicated tab, whose copy of the storage has the same id, that the id is taken. The lock is
 * also what keeps Chrome from freezing a hidden page.
 */
export class PageDevice {
  #id: string | undefined;
  #release: (() => void) | undefined;
  #wanted = false;
  readonly #given: string | undefined;
  readonly #tickets: boolean;

  /** `tickets`: those of an earlier page are to be kept and found. */
  constructor(given: string | undefined, tickets: boolean) {
    this.#given = given;
    this.#tickets = tickets;
  }

  /** The id, held from now on; undefined where the server is to make one. */
  async hold(): Promise<string | undefined> {
    this.#wanted = true;
    if (this.#release) return this.#id;
    const stored = read(deviceKey);
    const id = this.#given ?? stored ?? (typeof document === "undefined" ? undefined : randomId());
    if (id === undefined) return undefined;
    this.#id = id;
    // An id of the application's own choice is its own affair, and only kept awake.
    if (this.#given !== undefined) await this.#lock(randomId());
    else if (!(await this.#lock(id))) {
      this.#id = randomId();
      write(ticketsKey, undefined);
      await this.#lock(this.#id);
    }
    if (this.#given === undefined) write(deviceKey, this.#id);
    return this.#id;
  }

  release(): void {
    this.#wanted = false;
    this.#release?.();
    this.#release = undefined;
  }

  /** Tickets that the page before this one left. */
  get tickets(): readonly string[] {
    const stored = this.#tickets ? read(ticketsKey) : undefined;
    return stored ? stored.split("\n") : [];
  }

  set tickets(tickets: readonly string[]) {
    if (this.#tickets) write(ticketsKey, tickets.length > 0 ? tickets.join("\n") : undefined);
  }

  /** Takes the lock, within a moment: the page before a reload lets go at once. True also where there are no locks. */
  async #lock(name: string): Promise<boolean> {
    if (typeof navigator === "undefined" || !navigator.locks) {
      this.#release = () => {};
      return true;
    }
    return new Promise((resolve) => {
      navigator.locks
        .request(`switchboard:${name}`, { signal: AbortSignal.timeout(patience) }, () => {
          resolve(true);
          if (!this.#wanted) return undefined;
          return new Promise<void>((release) => {
            this.#release = release;
          });
        })
        .catch(() => resolve(false));
    });
  }
}

/** Storage may be forbidden (sandboxed frames); then nothing survives a reload. */
function read(key: string): string | undefined {
  try {
    return sessionStorage.getItem(key) ?? undefined;
  } catch {
    return undefined;
  }
}

function write(key: string, value: string | undefined): void {
  try {
    if (value === undefined) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, value);
  } catch {
    // See read.
  }
}
