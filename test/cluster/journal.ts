/** How a numbered item ended for its sender. `nobody`: taken, and told that no device was there. */
export type Settlement = "done" | "refused" | "nobody" | "unknown";

/** What happened, as the clients and the test saw it. `device` is `user/device`, `at` ms since the journal began. */
export type Event =
  /** A welcome. `reason`: why a resume was refused. */
  | { what: "link"; device: string; link: string; node: string; resumed: boolean; reason?: string }
  /** A counted frame that was not the next one of its link. */
  | { what: "disorder"; device: string; link: string; seq: number; after: number }
  /** The server ended an honest client's newest transport for good. */
  | { what: "stopped"; device: string; code: number }
  /** The device is gone: `dead` without a word, `left` with a close. */
  | { what: "dead" | "left"; device: string }
  /** A numbered stream begins. `whole`: its last items must arrive too, not only those before one that did. */
  | { what: "stream"; stream: string; from: string; to: string; whole: boolean }
  | { what: "sent"; stream: string; n: number }
  | { what: "settled"; stream: string; n: number; outcome: Settlement; code?: string }
  | { what: "got"; stream: string; n: number; device: string; link: string }
  /** The device has part in a session from now on. */
  | { what: "holds"; device: string; session: string; role: "caller" | "callee" }
  /** The caller's confirm of `peer` was replied to with ok. */
  | { what: "confirmed"; device: string; session: string; peer: string }
  /** The accept was replied to with ok. */
  | { what: "won"; device: string; session: string }
  /** Where the session stands for this device. */
  | { what: "stands"; device: string; session: string; pair: number; generation: number; peer: string }
  /** `reason` is the server's; `forgotten`: a welcome did not name the session any more. */
  | { what: "ended"; device: string; session: string; reason: string }
  | { what: "presence"; watcher: string; user: string; devices: readonly string[] }
  | { what: "fault"; name: string; on: boolean }
  /** Something that had to happen did not, in time. */
  | { what: "stuck"; device: string; doing: string }
  /** What a node held when everybody had left. */
  | { what: "rest"; node: string; links: number; sessions: number };

export type Entry = Event & { readonly at: number };

/** Everything that happened in a run, in order. */
export class Journal {
  readonly entries: Entry[] = [];
  readonly #began = performance.now();

  /** ms since it began. */
  get now(): number {
    return performance.now() - this.#began;
  }

  write(event: Event): void {
    this.entries.push({ at: this.now, ...event });
  }

  count(what: Event["what"]): number {
    return this.entries.reduce((sum, entry) => (entry.what === what ? sum + 1 : sum), 0);
  }
}
