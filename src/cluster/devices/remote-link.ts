import type { CloseName } from "../../protocol/close-codes.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import type { DeviceLink, Outcome } from "../../signaling/device.ts";
import type { NodeItem } from "../items.ts";

/** What a remote link needs of the cluster. */
export interface RemoteLinkHost {
  send(node: string, item: NodeItem): void;
  /** The device is in a first session of this node, or in none any more. While it is in one it must stay known here. */
  used(link: RemoteLink, used: boolean): void;
  /** Something is said to the device: whoever observes this node hears of it. */
  pushed?(link: RemoteLink, push: PushBody, now: number): void;
  replied?(link: RemoteLink, id: number, outcome: Outcome, now: number): void;
}

/** The link of a device of another node: what is delivered to it travels to that node. */
export class RemoteLink implements DeviceLink {
  readonly id: string;
  readonly user: string;
  readonly stamp: number;
  readonly instance: string;
  attempt: number;
  /** The node that holds the link, as far as is known. */
  node: string;
  state: "live" | "suspended" | "closed" = "live";
  /** The node has said that it holds the link. Until then a list of its devices without this one means nothing. */
  confirmed = true;
  readonly #host: RemoteLinkHost;
  readonly #sessions = new Set<string>();
  /** Items that are held back while the link moves to another node; undefined while none are. */
  #held: NodeItem[] | undefined;
  /** Callers that wait until nothing is held back. */
  #waiting: (() => void)[] = [];

  constructor(
    host: RemoteLinkHost,
    of: { link: string; user: string; node: string; stamp: number; instance: string; attempt: number },
  ) {
    this.#host = host;
    this.id = of.link;
    this.user = of.user;
    this.node = of.node;
    this.stamp = of.stamp;
    this.instance = of.instance;
    this.attempt = of.attempt;
  }

  deliver(push: PushBody, now: number): void {
    this.#host.pushed?.(this, push, now);
    this.#send({ t: "push", links: [this.id], push });
  }

  reply(id: number, outcome: Outcome, now: number): void {
    this.#host.replied?.(this, id, outcome, now);
    this.#send({ t: "reply", link: this.id, id, outcome });
  }

  /** Refuses a silent request, which gets a reply only when it fails. */
  refuse(id: number, outcome: Outcome): void {
    this.#send({ t: "reply", link: this.id, id, outcome, silent: true });
  }

  /** Replies to a request about a room. */
  replyOfRoom(id: number, room: string, outcome: Outcome): void {
    this.#send({ t: "reply", link: this.id, id, outcome, room });
  }

  close(why: CloseName, _now: number): void {
    this.#send({ t: "shut", link: this.id, why });
  }

  /** The device has a leg in a session of this node. */
  bound(session: string, epoch: number, leg: number): void {
    if (this.#sessions.size === 0) {
      this.#host.used(this, true);
      // While the device was in no session here, its node did not report the link's state. It does now, if the link is suspended.
      if (this.state === "suspended") this.state = "live";
    }
    this.#sessions.add(session);
    this.#send({ t: "bound", link: this.id, session, epoch, leg });
  }

  /**
   * The device has no leg in the session here any more. `goesOn`: the session goes on under another owner, so the node
   * is not told.
   */
  unbound(session: string, goesOn: boolean): void {
    if (!this.#sessions.delete(session)) return;
    if (!goesOn) this.#send({ t: "unbound", link: this.id, session });
    if (this.#sessions.size === 0) this.#host.used(this, false);
  }

  /** Notes the sessions of this node that the device is in. Its node knows them, and is not told. */
  knownIn(sessions: readonly string[]): void {
    for (const session of sessions) this.#sessions.add(session);
    if (sessions.length > 0) this.#host.used(this, true);
  }

  /** Holds items back until {@link release}. */
  hold(): void {
    this.#held ??= [];
  }

  /** Sends what was held back to the node that has the link by now. */
  release(): void {
    for (const item of this.takeHeld()) this.#send(item);
    this.#tell();
  }

  /** Calls back when nothing is held back, or the link is no longer one of another node. */
  whenReleased(done: () => void): void {
    if (this.#held === undefined || this.state === "closed") done();
    else this.#waiting.push(done);
  }

  get holds(): boolean {
    return this.#held !== undefined;
  }

  /** Returns the items that were held back, and holds back no more. */
  takeHeld(): NodeItem[] {
    const held = this.#held ?? [];
    this.#held = undefined;
    return held;
  }

  /** The link has moved to this node. */
  ended(): void {
    this.gone();
    if (this.#sessions.size > 0) this.#host.used(this, false);
    this.#sessions.clear();
  }

  /** The link is gone: nothing is sent to it any more. */
  gone(): void {
    this.state = "closed";
    this.#held = undefined;
    this.#tell();
  }

  #tell(): void {
    for (const done of this.#waiting.splice(0)) done();
  }

  #send(item: NodeItem): void {
    if (this.state === "closed") return;
    if (this.#held === undefined) this.#host.send(this.node, item);
    else if (this.#held.length < maxHeld) this.#held.push(item);
    else if (this.#held.length === maxHeld) this.#held.push({ t: "gap", link: this.id });
  }
}

/** Items that may wait for a link while it moves, which takes a round trip. A link that more was said to begins anew. */
const maxHeld = 4_096;
