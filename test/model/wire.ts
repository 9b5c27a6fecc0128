import type { Connection, Core } from "../../src/signaling/core.ts";

/** What a client hears of its transport. */
export interface WireEnd {
  frame(text: string): void;
  closed(code: number): void;
  /** The server has heard a frame. */
  delivered(): void;
}

/** One simulated transport: frames wait in both directions until they are delivered, or are lost with it. */
export class Wire {
  readonly #core: Pick<Core, "open">;
  readonly #now: () => number;
  readonly #client: WireEnd;
  readonly #connection: Connection;
  #up: string[] = [];
  #down: (() => void)[] = [];
  /** `half`: the server still holds its end, and neither side hears the other. */
  #state: "open" | "half" | "closed" = "open";
  #serverClosed = false;
  /** True: frames wait. */
  lagging = false;
  /** True: the socket takes nothing more. */
  stalled = false;

  constructor(core: Pick<Core, "open">, now: () => number, client: WireEnd) {
    this.#core = core;
    this.#now = now;
    this.#client = client;
    this.#connection = this.#core.open(
      {
        send: (text) => {
          if (this.stalled) return false;
          // Never within the core's own call.
          if (this.#state === "open") this.#down.push(() => this.#client.frame(text));
          return true;
        },
        close: (code) => {
          if (this.#state !== "open") return;
          this.#serverClosed = true;
          this.#down.push(() => {
            this.#state = "closed";
            this.#client.closed(code);
          });
        },
        buffered: 0,
      },
      {},
      now(),
    );
  }

  get open(): boolean {
    return this.#state === "open";
  }

  /** Sends with the next {@link flow}. */
  send(text: string): void {
    if (this.#state === "open") this.#up.push(text);
  }

  /** Delivers what waits, unless it lags. */
  flow(): void {
    while (!this.lagging && this.#state === "open") {
      const up = this.#up.shift();
      if (up !== undefined && !this.#serverClosed) {
        this.#connection.receive(up, this.#now());
        this.#client.delivered();
      }
      const down = this.#down.shift();
      down?.();
      if (up === undefined && down === undefined) return;
    }
  }

  /** Breaks: what is under way is lost. The server hears of it, or not before it misses somebody. */
  cut(serverHears: boolean): void {
    if (this.#state !== "open") return;
    this.#lose();
    this.#state = serverHears ? "closed" : "half";
    if (serverHears) this.#connection.closed(1006, this.#now());
  }

  /** The client's own close, behind all that it sent. */
  close(): void {
    if (this.#state !== "open") return;
    this.lagging = false;
    this.flow();
    if (!this.open) return;
    this.#lose();
    this.#state = "closed";
    this.#connection.closed(1000, this.#now());
  }

  #lose(): void {
    this.#up = [];
    this.#down = [];
  }
}
