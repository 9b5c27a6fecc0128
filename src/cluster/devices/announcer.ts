import type { Deadlines } from "../../shared/deadlines.ts";
import type { Backplane } from "../backplane.ts";
import type { Closed, DeviceList, SessionClaim } from "../items.ts";
import type { Nodes } from "../nodes.ts";
import { type LocalDevice, noticeOf } from "./device-notice.ts";
import type { Following } from "./following.ts";
import type { HolderAnswer, HolderQuestion } from "./holder-search.ts";
import type { Interest } from "./interest.ts";

/** A node's list of a user's devices, as it publishes it to all nodes that have to do with the user. */
export interface Announcement extends DeviceList {
  readonly op: "devices";
}

export interface AnnouncerOptions {
  readonly nodes: Nodes;
  readonly backplane: Backplane;
  readonly deadlines: Deadlines;
  readonly interest: Interest;
  now(): number;
  hash(text: string): string;
  /** The local devices of a user. */
  local(user: string): readonly LocalDevice[];
}

/**
 * Tells other nodes which devices this node holds: after each change all of a user's, on both subjects of the user, and
 * whenever another node asks. Each list has a higher version than the one before.
 */
export class Announcer {
  readonly #options: AnnouncerOptions;
  #version: number;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
    this.#version = options.now();
  }

  /** A local device of the user came, changed or went: others are told, once for all changes of one turn. */
  announce(user: string, closed?: Closed): void {
    const { interest, local, deadlines } = this.#options;
    const following = interest.of(user);
    interest.hold(following, local(user).length > 0);
    if (closed !== undefined) following.closed.push(closed);
    if (following.heldBack > 0) return;
    following.announcing ??= deadlines.add(0, () => {
      following.announcing = undefined;
      const closed = following.closed.splice(0);
      const list = this.#list(user, closed.length > 0 ? closed : undefined);
      this.#publish(following.key, { op: "devices", ...list });
      interest.rest(following);
    });
  }

  /** Announces nothing of the user until the returned function is called: others are to hear of something else first. */
  holdBack(user: string): () => void {
    const following = this.#options.interest.of(user);
    following.heldBack += 1;
    return () => {
      following.heldBack -= 1;
      if (following.heldBack === 0) this.announce(user);
    };
  }

  /** The devices of the user at this node. The user is followed from now on. */
  list(user: string): DeviceList {
    this.#options.interest.of(user);
    return this.#list(user);
  }

  /**
   * Another node asks, through a channel, which of these users have devices here. `held`: it asks about those that have
   * none as well.
   */
  asked(from: string, users: readonly string[], held: boolean): void {
    const { nodes, interest } = this.#options;
    for (const user of users)
      if (held || interest.get(user)?.holds === true) nodes.send(from, { t: "devices", ...this.#list(user) });
  }

  /** Another node asks all nodes who holds devices of the user. */
  searched(
    following: Following,
    { by }: HolderQuestion,
    answer: ((reply: HolderAnswer) => void) | undefined,
  ): void {
    const { nodes } = this.#options;
    const { holds, complete, user, lists } = following;
    if (!holds && !complete) return;
    if (holds) nodes.send(by, { t: "devices", ...this.#list(user) });
    // A node that held a device until now still hears the question, and must not leave it without an answer.
    const others = [...lists].filter(([, { devices }]) => devices.size > 0).map(([node]) => node);
    answer?.({ holders: holds ? [nodes.name, ...others] : others });
  }

  /** Tells all nodes that have to do with the user. */
  tell(user: string, message: SessionClaim): void {
    this.#publish(this.#options.hash(user), message);
  }

  #list(user: string, closed?: DeviceList["closed"]): DeviceList {
    this.#version += 1;
    const { nodes, local } = this.#options;
    const list = { node: nodes.name, user, version: this.#version, devices: local(user).map(noticeOf) };
    return closed === undefined ? list : { ...list, closed };
  }

  #publish(key: string, message: Announcement | SessionClaim): void {
    const { backplane } = this.#options;
    backplane.publish(`u.${key}`, message);
    backplane.publish(`w.${key}`, message);
  }
}
