import type { Client, Member, Room } from "../client/index.ts";
import { labelDevices } from "./device-name.ts";
import type { Page, Person } from "./page.ts";

/** What a device in a call says of itself. */
export const talkingStatus = "talking";

/**
 * The directory: everybody in the room `front`, joined without media, and by their presence whether they are in a
 * call.
 */
export class FrontRoom {
  readonly #page: Page;
  readonly #client: Client;
  readonly #room: Room;
  readonly #watched = new Map<string, () => void>();
  readonly #wanted = new Map<string, () => void>();

  constructor(page: Page, client: Client) {
    this.#page = page;
    this.#client = client;
    this.#room = client.join("room:front");
    this.#room.on("change", () => this.#draw());
    client.on("presence", ({ user }) => {
      this.#draw();
      this.#free(user);
    });
    // Not allowed in, or turned out: calls by name still work.
    void this.#room.ended.then(() => {
      if (client.state !== "closed") page.crowd.value = 0;
    });
  }

  /** The labels of a user's devices: the same everywhere, since all see the members in one order. */
  label(user: string, device: string | undefined): string | undefined {
    const devices = labelDevices(this.#of(user).map((member) => member.peer));
    return devices.find((one) => one.id === device)?.label;
  }

  /** Calls back once, when the user is on the line and in no call. */
  whenFree(user: string, then: () => void): void {
    this.#wanted.set(user, then);
    this.#watch(user);
  }

  #free(user: string): void {
    const then = this.#wanted.get(user);
    const presence = this.#client.presence.get(user);
    if (then === undefined || !presence?.online || this.#talks(user)) return;
    this.#wanted.delete(user);
    then();
  }

  #talks(user: string): boolean {
    const devices = this.#client.presence.get(user)?.devices ?? [];
    return devices.some((device) => device.status === talkingStatus);
  }

  #of(user: string): Member[] {
    return [...this.#room.members.values()].filter((member) => member.peer.user === user);
  }

  #watch(user: string): void {
    if (!this.#watched.has(user)) this.#watched.set(user, this.#client.watch([user]));
  }

  #draw(): void {
    const me = this.#page.me.peek();
    if (me === undefined) return;
    const users = [...new Set([...this.#room.members.values()].map((member) => member.peer.user))];
    const people: Person[] = [];
    for (const user of users) {
      const devices = labelDevices(this.#of(user).map((member) => member.peer));
      if (user === me.user) this.#page.mine.value = devices.filter((device) => device.id !== me.device);
      else {
        this.#watch(user);
        people.push({ user, devices, talking: this.#talks(user) });
      }
    }
    if (!users.includes(me.user)) this.#page.mine.value = [];
    for (const [user, unwatch] of this.#watched) {
      if (users.includes(user) || this.#wanted.has(user)) continue;
      unwatch();
      this.#watched.delete(user);
    }
    this.#page.people.value = people.sort((a, b) => a.user.localeCompare(b.user));
    const scoped = this.#room.count > this.#room.members.size + 1;
    if (this.#room.state === "joined") this.#page.crowd.value = scoped ? this.#room.count - 1 : undefined;
  }
}
