import { randomId } from "./random.ts";

const deviceKey = "switchboard.device";
const ticketsKey = "switchboard.tickets";
const patience = 300;

/**
 * This page as a device. Its id is kept in `sessionStorage`, so that a reload is the same device. A duplicated tab has a copy of
 * the storage with the same id: a Web Lock named after the id tells it that the id is taken. The lock also keeps Chrome from
 * freezing a hidden page.
 */
export class PageDevice {
  #held: Promise<string | undefined> | undefined;
  #release: (() => void) | undefined;
  readonly #given: string | undefined;
  readonly #tickets: boolean;

  /** `given`: an id of the application's choice. `tickets`: keep tickets for the page after a reload. */
  constructor(given: string | undefined, tickets: boolean) {
    this.#given = given;
    this.#tickets = tickets;
  }

  /** The id, locked from now on. Undefined when the server is to make one. */
  hold(): Promise<string | undefined> {
    this.#held ??= this.#take();
    return this.#held;
  }

  release(): void {
    this.#held = undefined;
    this.#release?.();
  }

  /** Tickets that the page before this one left. */
  get tickets(): readonly string[] {
    const stored = this.#tickets && read(ticketsKey);
    return stored ? stored.split("\n") : [];
  }

  set tickets(tickets: readonly string[]) {
    if (this.#tickets) write(ticketsKey, tickets.join("\n"));
  }

  async #take(): Promise<string | undefined> {
    const given = this.#given;
    // The application looks after an id of its own choice. The lock only keeps the page from being frozen.
    if (given !== undefined || typeof document === "undefined") {
      await this.#lock(randomId());
      return given;
    }
    let id = read(deviceKey) ?? randomId();
    if (!(await this.#lock(id))) {
      id = randomId();
      write(ticketsKey, "");
      await this.#lock(id);
    }
    write(deviceKey, id);
    return id;
  }

  /** Takes the lock. Waits a moment for it, because the page before a reload releases it at once. True also without Web Locks. */
  async #lock(name: string): Promise<boolean> {
    const locks = globalThis.navigator?.locks;
    if (!locks || typeof document === "undefined") return true;
    return new Promise((resolve) => {
      const hold = () => {
        resolve(true);
        // The lock may have been released before it was taken.
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

/** Storage may be forbidden (sandboxed frames). Then nothing survives a reload. */
function read(key: string): string | undefined {
  try {
    return sessionStorage.getItem(key) ?? undefined;
  } catch {
    return undefined;
  }
}

function write(key: string, value: string): void {
  try {
    sessionStorage.setItem(key, value);
  } catch {
    // See read.
  }
}
