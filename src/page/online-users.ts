import type { Client, Room } from "../client/index.ts";
import { labelDevices } from "./device-name.ts";
import type { Device, Page, Person } from "./page.ts";

/** The status of a device that is in a call. */
export const talkingStatus = "talking";

/**
 * The users who are online: the members of the room `front`, which each page joins without media. By their presence the page
 * knows whether they are in a call.
 */
export class OnlineUsers {
  readonly #page: Page;
  readonly #client: Client;
  readonly #room: Room;
  /** When this device came online. All pages number the devices of a user in this order. */
  readonly #since = Date.now();
  readonly #name: string;
  readonly #watched = new Map<string, () => void>();
  readonly #wanted = new Map<string, () => void>();

  /** `name`: what this device calls itself. */
  constructor(page: Page, client: Client, name: string) {
    this.#name = name;
    this.#page = page;
    this.#client = client;
    this.#room = client.join("front", { data: { since: this.#since } });
    this.#room.on("change", () => this.#draw());
    client.on("presence", ({ user }) => {
      this.#draw();
      this.#free(user);
    });
    // Refused, or removed from the room: users can still be called by name.
    void this.#room.ended.then(() => {
      if (client.state !== "closed") page.crowd.value = 0;
    });
  }

  /** What a device is called; undefined when it is not online. */
  label(user: string, device: string | undefined): string | undefined {
    return this.#devices(user).find((one) => one.id === device)?.label;
  }

  /** Calls back once, when the user is online and in no call. */
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

  /** A user's devices, this one included, the oldest first. */
  #devices(user: string): Device[] {
    const { self } = this.#client;
    const found = [...this.#room.members.values()]
      .filter(({ peer }) => peer.user === user)
      .map(({ peer, data }) => ({
        ...peer,
        since: Number((data as { since?: unknown } | null)?.since) || 0,
      }));
    if (self?.user === user) found.push({ ...self, name: this.#name, since: this.#since });
    return labelDevices(found.sort((a, b) => a.since - b.since));
  }

  #watch(user: string): void {
    if (!this.#watched.has(user)) this.#watched.set(user, this.#client.watch([user]));
  }

  #draw(): void {
    const { self } = this.#client;
    if (self?.device === undefined) return;
    const own = this.#devices(self.user);
    this.#page.mine.value = own.filter((device) => device.id !== self.device);
    this.#page.me.value = {
      user: self.user,
      device: self.device,
      label: own.find((device) => device.id === self.device)?.label ?? this.#name,
    };
    const users = [...new Set([...this.#room.members.values()].map((member) => member.peer.user))];
    const people: Person[] = [];
    for (const user of users) {
      if (user === self.user) continue;
      this.#watch(user);
      people.push({ user, devices: this.#devices(user), talking: this.#talks(user) });
    }
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
