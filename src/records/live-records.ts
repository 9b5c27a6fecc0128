import type { LiveRecord } from "./live-record.ts";

/** The records of sessions that live, by session and by the users of both ends. */
export class LiveRecords {
  readonly #bySession = new Map<string, LiveRecord>();
  readonly #byUser = new Map<string, Set<LiveRecord>>();

  get size(): number {
    return this.#bySession.size;
  }

  get(session: string): LiveRecord | undefined {
    return this.#bySession.get(session);
  }

  /** All of them, the newest first. */
  newestFirst(): LiveRecord[] {
    return [...this.#bySession.values()].reverse();
  }

  /** Those of which `user` is an end. */
  ofUser(user: string): Iterable<LiveRecord> {
    return this.#byUser.get(user) ?? [];
  }

  add(live: LiveRecord): void {
    this.#bySession.set(live.session, live);
    for (const user of live.users) {
      const its = this.#byUser.get(user);
      if (its === undefined) this.#byUser.set(user, new Set([live]));
      else its.add(live);
    }
  }

  delete(live: LiveRecord): void {
    this.#bySession.delete(live.session);
    for (const user of live.users) {
      const its = this.#byUser.get(user);
      its?.delete(live);
      if (its?.size === 0) this.#byUser.delete(user);
    }
  }
}
