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
  #held: Promise<string | undefined> | undefined;
  #release = () => {};
  readonly #given: string | undefined;
  readonly #tickets: boolean;

  /** `tickets`: those of an earlier page are to be kept and found. */
  constructor(given: string | undefined, tickets: boolean) {
    this.#given = given;
    this.#tickets = tickets;
  }

  /** The id, held from now on; undefined where the server is to make one. */
  hold(): Promise<string | undefined> {
    this.#held ??= this.#take();
    return this.#held;
  }

  release(): void {
    this.#held = undefined;
    this.#release();
  }

  /** Tickets that the page before this one left. */
  get tickets(): readonly string[] {
    const stored = this.#tickets ? read(ticketsKey) : undefined;
    return stored ? stored.split("\n") : [];
  }

  set tickets(tickets: readonly string[]) {
    if (this.#tickets) write(ticketsKey, tickets.length > 0 ? tickets.join("\n") : undefined);
  }

  async #take(): Promise<string | undefined> {
    const given = this.#given;
    // An id of the application's own choice is its own affair, and only kept awake.
    if (given !== undefined || typeof document === "undefined") {
      await this.#lock(randomId());
      return given;
    }
    let id = read(deviceKey) ?? randomId();
    if (!(await this.#lock(id))) {
      id = randomId();
      write(ticketsKey, undefined);
      await this.#lock(id);
    }
    write(deviceKey, id);
    return id;
  }

  /** Takes the lock, within a moment: the page before a reload lets go at once. True also where there are no locks. */
  async #lock(name: string): Promise<boolean> {
    const locks = globalThis.navigator?.locks;
    if (!locks || typeof document === "undefined") return true;
    return new Promise((resolve) => {
      const hold = () => {
        resolve(true);
        // Released before it was taken.
        return (
          this.#held &&
          new Promise<void>((release) => {
            this.#release = release;
          })
        );
      };
      locks
        .request(`switchboard:${name}`, { signal: AbortSignal.timeout(patience) }, hold)
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
