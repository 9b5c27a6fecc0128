import { overLimit, wireError } from "../protocol/error-codes.ts";
import type { Limits } from "../protocol/limits.ts";
import type { DevicePresence } from "../protocol/values.ts";
import type { Deadline, Deadlines } from "../shared/deadlines.ts";
import type { Device, Outcome } from "./device.ts";
import type { Elsewhere } from "./elsewhere.ts";
import { may } from "./permissions.ts";

/** Presences told to one device at a time, so that a thousand watches do not fill its link's log in one go. */
const batch = 128;

export interface PresenceOptions {
  readonly limits: Pick<Limits, "watches" | "presenceInterval">;
  /** The devices of this node, and those of other nodes that are followed. */
  readonly directory: { devices(user: string): readonly Device[] };
  readonly deadlines: Deadlines;
  /** Follows a user's devices elsewhere as long as somebody here watches her. */
  readonly elsewhere: Pick<Elsewhere, "follow" | "release">;
}

/**
 * Who watches whom. A watcher hears the presence of each watched user once after `watch`, and after changes: at most
 * every `presenceInterval`, then each user's newest state, in batches. While its link is suspended it hears nothing
 * and nothing piles up; `resumed` tells it what changed meanwhile.
 *
 * Every push is a deadline, never a part of the call that caused it: run the deadlines after the reply of the request
 * in hand was delivered. A device that watches nobody and is watched by nobody costs nothing here.
 */
export class Presence {
  readonly #options: PresenceOptions;
  readonly #watchers = new Map<Device, Watcher>();
  /** User → who watches. */
  readonly #watched = new Map<string, Set<Watcher>>();
  /** Watched users of whom other nodes have not been heard yet. */
  readonly #unknown = new Set<string>();

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  /** Devices that watch somebody. */
  get watcherCount(): number {
    return this.#watchers.size;
  }

  /** Users whom somebody watches. */
  get watchedCount(): number {
    return this.#watched.size;
  }

  /**
   * Watches these users from now on. All or none: a single user that the device may not watch makes it `forbidden`,
   * whether that user exists or not. A user that is watched already is told again.
   */
  watch(device: Device, users: readonly string[], now: number): Outcome {
    for (const user of users) if (!may(device, "watch", user)) return { error: wireError("forbidden") };
    const known = this.#watchers.get(device);
    const all = new Set(known?.users);
    for (const user of users) all.add(user);
    if (all.size > this.#options.limits.watches) return { error: overLimit("watches", "too_many_watches") };
    const watcher = known ?? new Watcher(device);
    this.#watchers.set(device, watcher);
    for (const user of users) {
      watcher.users.add(user);
      this.#watchersOf(user).add(watcher);
      if (!this.#unknown.has(user)) watcher.untold.add(user);
    }
    this.#schedule(watcher, now);
    return { ok: {} };
  }

  /** Ends the watches of these users, where there are any. */
  unwatch(device: Device, users: readonly string[]): Outcome {
    const watcher = this.#watchers.get(device);
    if (watcher !== undefined) for (const user of users) this.#forget(watcher, user);
    return { ok: {} };
  }

  /** A device of the user signed in or out, or its `online`, `status` or name is another. */
  changed(user: string, now: number): void {
    if (this.#unknown.has(user)) return;
    for (const watcher of this.#watched.get(user) ?? []) {
      watcher.untold.add(user);
      this.#schedule(watcher, now);
    }
  }

  /** Whom the device watches, for its next node. */
  watchesOf(device: Device): string[] {
    return [...(this.#watchers.get(device)?.users ?? [])];
  }

  /** The device's link is live again. */
  resumed(device: Device, now: number): void {
    const watcher = this.#watchers.get(device);
    if (watcher !== undefined) this.#schedule(watcher, now);
  }

  /** The device's link is closed: its watches end. */
  dropped(device: Device): void {
    const watcher = this.#watchers.get(device);
    if (watcher !== undefined) for (const user of [...watcher.users]) this.#forget(watcher, user);
  }

  /** The device's grants are others: watches that they no longer cover end, silently. */
  recheck(device: Device): void {
    const watcher = this.#watchers.get(device);
    if (watcher === undefined) return;
    for (const user of [...watcher.users]) if (!may(device, "watch", user)) this.#forget(watcher, user);
  }

  /** The online devices of the user. */
  devices(user: string): DevicePresence[] {
    const devices: DevicePresence[] = [];
    // For a moment two nodes may hold a device that has gone from one to the other.
    for (const device of this.#options.directory.devices(user))
      if (isOnline(device) && !devices.some((one) => one.device === device.id))
        devices.push(devicePresence(device));
    return devices;
  }

  #watchersOf(user: string): Set<Watcher> {
    let watchers = this.#watched.get(user);
    if (watchers === undefined) {
      watchers = new Set();
      this.#watched.set(user, watchers);
      this.#follow(user);
    }
    return watchers;
  }

  /** Nobody is told of a user before it is known what other nodes have of her: offline first would be a lie. */
  #follow(user: string): void {
    this.#unknown.add(user);
    this.#options.elsewhere.follow(user, (_complete, now) => {
      this.#unknown.delete(user);
      this.changed(user, now);
    });
  }

  #forget(watcher: Watcher, user: string): void {
    if (!watcher.users.delete(user)) return;
    watcher.untold.delete(user);
    const watchers = this.#watched.get(user);
    watchers?.delete(watcher);
    if (watchers?.size === 0) {
      this.#watched.delete(user);
      this.#options.elsewhere.release(user);
    }
    if (watcher.users.size > 0) return;
    watcher.deadline?.cancel();
    this.#watchers.delete(watcher.device);
  }

  #schedule(watcher: Watcher, now: number): void {
    if (watcher.deadline !== undefined || watcher.untold.size === 0) return;
    const at = Math.max(now, watcher.toldAt + this.#options.limits.presenceInterval);
    watcher.deadline = this.#options.deadlines.add(at, (then) => {
      watcher.deadline = undefined;
      if (watcher.device.link.state === "live") this.#tell(watcher, then);
    });
  }

  #tell(watcher: Watcher, now: number): void {
    watcher.toldAt = now;
    let left = batch;
    for (const user of watcher.untold) {
      if (left-- === 0) break;
      watcher.untold.delete(user);
      const devices = this.devices(user);
      watcher.device.link.deliver({ type: "presence", user, online: devices.length > 0, devices }, now);
    }
    this.#schedule(watcher, now);
  }
}

class Watcher {
  readonly device: Device;
  readonly users = new Set<string>();
  /** Watched users whose newest presence the device has not heard. */
  readonly untold = new Set<string>();
  toldAt = Number.NEGATIVE_INFINITY;
  deadline: Deadline | undefined;

  constructor(device: Device) {
    this.device = device;
  }
}

function isOnline(device: Device): boolean {
  return device.online && device.link.state !== "closed";
}

function devicePresence({ id, kind, name, status }: Device): DevicePresence {
  return {
    device: id,
    kind,
    ...(name === undefined ? {} : { name }),
    ...(status === undefined ? {} : { status }),
  };
}
