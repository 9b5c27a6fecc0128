import type { PushOf } from "../protocol/pushes.ts";
import type { Presence } from "./api.ts";
import type { ClientInternals } from "./client-internals.ts";
import { onAbort } from "./error.ts";

/** The watched users and their presence. The server is asked for each user once, however many watch that user. */
export class Watches {
  readonly presence = new Map<string, Presence>();
  readonly #watchers = new Set<readonly string[]>();
  readonly #client: Pick<ClientInternals, "say">;
  readonly #told: (presence: Presence) => void;

  constructor(client: Pick<ClientInternals, "say">, told: (presence: Presence) => void) {
    this.#client = client;
    this.#told = told;
  }

  watch(users: readonly string[], signal: AbortSignal | undefined): () => void {
    const mine = [...new Set(users)];
    this.#say("watch", mine);
    this.#watchers.add(mine);
    const off = () => {
      deaf();
      if (!this.#watchers.delete(mine)) return;
      this.#say("unwatch", mine);
      for (const user of mine) if (!this.#users.has(user)) this.presence.delete(user);
    };
    const deaf = onAbort(signal, () => queueMicrotask(off));
    return off;
  }

  /** Asks again, on a new link. */
  again(): void {
    const users = [...this.#users];
    if (users[0]) void this.#client.say("watch", { users });
  }

  told({ user, online, devices }: PushOf<"presence">): void {
    if (!this.#users.has(user)) return;
    const presence = { user, online, devices: devices.map((device) => ({ user, ...device })) };
    this.presence.set(user, presence);
    this.#told(presence);
  }

  get #users(): Set<string> {
    return new Set([...this.#watchers].flat());
  }

  /** Tells the server of the users whom nobody else here watches. */
  #say(type: "watch" | "unwatch", mine: readonly string[]): void {
    const users = mine.filter((user) => !this.#users.has(user));
    if (users[0]) void this.#client.say(type, { users });
  }
}
