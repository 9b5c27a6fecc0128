import type { CloseName } from "../../protocol/close-codes.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import type { DeviceLink, Outcome } from "../../signaling/device.ts";
import type { NodeItem } from "../items.ts";

/** What a remote link needs of the cluster. */
export interface RemoteLinkHost {
  send(node: string, item: NodeItem): void;
  /** The device has part in a first session here, or in none any more: it must stay known as long. */
  used(link: RemoteLink, used: boolean): void;
}

/** The conversation with a device of another node: what is said to it travels there. */
export class RemoteLink implements DeviceLink {
  readonly id: string;
  readonly user: string;
  readonly stamp: number;
  readonly instance: string;
  attempt: number;
  /** The node that holds the link now. */
  node: string;
  state: "live" | "suspended" | "closed" = "live";
  /** Its node has said itself that it holds the link. Until then what it does not say of it means nothing. */
  confirmed = true;
  readonly #host: RemoteLinkHost;
  readonly #sessions = new Set<string>();
  /** What is held back while the link is on its way to another node. */
  #held: NodeItem[] | undefined;
  /** Who waits for that to be over. */
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

  deliver(push: PushBody, _now: number): void {
    this.#send({ t: "push", links: [this.id], push });
  }

  reply(id: number, outcome: Outcome, _now: number): void {
    this.#send({ t: "reply", link: this.id, id, outcome });
  }

  /** Replies to a request whose success is not replied to. */
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

  bound(session: string, epoch: number, leg: number): void {
    if (this.#sessions.size === 0) {
      this.#host.used(this, true);
      // Without a part in sessions here its node did not say how it is; it does so now, if it is suspended.
      if (this.state === "suspended") this.state = "live";
    }
    this.#sessions.add(session);
    this.#send({ t: "bound", link: this.id, session, epoch, leg });
  }

  unbound(session: string, goesOn: boolean): void {
    if (!this.#sessions.delete(session)) return;
    if (!goesOn) this.#send({ t: "unbound", link: this.id, session });
    if (this.#sessions.size === 0) this.#host.used(this, false);
  }

  /** The sessions here that the device has part in, without telling its node, which knows. */
  knownIn(sessions: readonly string[]): void {
    for (const session of sessions) this.#sessions.add(session);
    if (sessions.length > 0) this.#host.used(this, true);
  }

  /** Keeps back what is said until {@link release}, when it goes to the node that has the link by then. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    for (const item of this.takeHeld()) this.#send(item);
    this.#tell();
  }

  /** Calls back when nothing is held back any more, or nothing can be said to the link by way of another node. */
  whenReleased(done: () => void): void {
    if (this.#held === undefined || this.state === "closed") done();
    else this.#waiting.push(done);
  }

  get holds(): boolean {
    return this.#held !== undefined;
  }

  /** What was kept back; nothing is any more. */
  takeHeld(): NodeItem[] {
    const held = this.#held ?? [];
    this.#held = undefined;
    return held;
  }

  /** The link is one of this node from now on. */
  ended(): void {
    this.gone();
    if (this.#sessions.size > 0) this.#host.used(this, false);
    this.#sessions.clear();
  }

  /** Nothing more can be said to it. */
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

/** What waits for a link that moves; that takes a round trip, and a link that more was said to begins anew. */
const maxHeld = 4_096;
