import type { PushOf } from "../protocol/pushes.ts";
import type { Presence } from "./api.ts";
import type { Hub } from "./hub.ts";

/** Who is watched, and what is known of them. Each user is asked for once, however many watch. */
export class Watches {
  readonly presence = new Map<string, Presence>();
  readonly #counts = new Map<string, number>();
  readonly #hub: Pick<Hub, "ask" | "log">;
  readonly #told: (presence: Presence) => void;

  constructor(hub: Pick<Hub, "ask" | "log">, told: (presence: Presence) => void) {
    this.#hub = hub;
    this.#told = told;
  }

  watch(users: readonly string[], signal: AbortSignal | undefined): () => void {
    const mine = new Set(users);
    const first = [...mine].filter((user) => !this.#counts.has(user));
    for (const user of mine) this.#counts.set(user, (this.#counts.get(user) ?? 0) + 1);
    this.#ask("watch", first);
    const off = () => {
      signal?.removeEventListener("abort", off);
      const last: string[] = [];
      for (const user of mine) {
        const left = (this.#counts.get(user) ?? 0) - 1;
        if (left > 0) this.#counts.set(user, left);
        else {
          this.#counts.delete(user);
          this.presence.delete(user);
          last.push(user);
        }
      }
      mine.clear();
      this.#ask("unwatch", last);
    };
    if (signal?.aborted) off();
    else signal?.addEventListener("abort", off);
    return off;
  }

  /** Watches on a new link. */
  again(): void {
    this.#ask("watch", [...this.#counts.keys()]);
  }

  told({ user, online, devices }: PushOf<"presence">): void {
    if (!this.#counts.has(user)) return;
    const presence = { user, online, devices: devices.map((device) => ({ user, ...device })) };
    this.presence.set(user, presence);
    this.#told(presence);
  }

  #ask(type: "watch" | "unwatch", users: string[]): void {
    if (users.length === 0) return;
    this.#hub.ask(type, { users }).catch((error) => {
      this.#hub.log("warn", `${type} refused`, { users, error });
    });
  }
}
