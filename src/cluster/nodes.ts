import type { Deadlines } from "../shared/deadlines.ts";
import type { Backplane } from "./backplane.ts";
import { type Batch, type BatchAnswer, type GoneOn, type Lost, NodeChannel } from "./channel.ts";
import type { NodeItem } from "./items.ts";

/** What a node tells all others, every two seconds. */
interface Beat {
  readonly op: "beat" | "bye";
  readonly node: string;
  readonly boot: string;
  /** Its cluster time. */
  readonly time: number;
  readonly draining?: boolean;
}

/** What is told to every node. */
export type Broadcast = { readonly op: "kick"; readonly user: string; readonly device?: string };

export interface NodesEvents {
  /** What a peer sent: in order, each once. */
  item(from: string, item: NodeItem, now: number): void;
  /** The links that a peer's items are for, and which have left this node: those will be sent on. */
  goneOn(items: readonly NodeItem[]): readonly GoneOn[];
  /** A peer has sent on what it was sent for this link, which has left it. */
  sentOn(peer: string, link: GoneOn, now: number): void;
  broadcast(message: Broadcast, now: number): void;
  /** A peer is there. `again`: it was before, and either side may have missed what was announced meanwhile. */
  up(node: string, again: boolean, now: number): void;
  /** A peer is gone, or its state is: what it told before counts no more. */
  gone(node: string, lost: Lost, now: number): void;
}

export interface NodesOptions {
  readonly node: string;
  /** Random: this run of the node. */
  readonly boot: string;
  readonly backplane: Backplane;
  readonly deadlines: Deadlines;
  /**
   * Silence after which a peer is given up, ms. Long enough that a frozen process, or a backplane that was away, loses
   * nothing; short enough that nobody is shown online for a minute who is not. Nobody waits for it: see `responsive`.
   */
  readonly silence: number;
  now(): number;
  readonly events: NodesEvents;
}

const beatEvery = 2_000;

interface Peer {
  /** Which run of it; empty until it was heard. */
  boot: string;
  heardAt: number;
  draining: boolean;
  readonly channel: NodeChannel;
  /** Counts the times that either side has given the other up; the number of the last batch from there since. */
  epoch: number;
  fromN: number;
  live: boolean;
}

/** The other nodes of the cluster: who is there, and a channel to each. */
export class Nodes {
  readonly #options: NodesOptions;
  readonly #peers = new Map<string, Peer>();
  /** How far the clock that is most ahead in the cluster is ahead of ours, ms. */
  #offset = 0;
  #beatAt = 0;
  /** Since when we hear others: a time in which we could not counts for nobody's silence. */
  #hearingSince = 0;
  draining = false;

  constructor(options: NodesOptions) {
    this.#options = options;
    const { backplane, node } = options;
    backplane.onState((state) => this.#backplaneChanged(state === "up", options.now()));
    backplane.subscribe("nodes", (message) => this.#heard(message as Beat | Broadcast));
    backplane.subscribe(`n.${node}`, (message, answer) => this.#batch(message as Batch, answer));
  }

  get name(): string {
    return this.#options.node;
  }

  now(): number {
    return this.#options.now();
  }

  /** Whether the others can be reached at all. */
  get reachable(): boolean {
    return this.#options.backplane.state === "up";
  }

  /** The live peers, those that drain included. */
  *live(): Iterable<string> {
    for (const [node, peer] of this.#peers) if (peer.live) yield node;
  }

  isLive(node: string): boolean {
    return this.#peers.get(node)?.live === true;
  }

  isDraining(node: string): boolean {
    return this.#peers.get(node)?.draining === true;
  }

  /** True when a peer is there and answers: a request to it is answered soon. */
  responsive(node: string, now: number): boolean {
    const peer = this.#peers.get(node);
    return peer?.live === true && this.reachable && peer.channel.responsive(now);
  }

  /** True when the peer has said lately that it is there. */
  beats(node: string, now: number): boolean {
    const peer = this.#peers.get(node);
    return peer?.live === true && now - peer.heardAt < 2.5 * beatEvery;
  }

  /** Items that wait for peers. */
  get backlog(): number {
    let sum = 0;
    for (const { channel } of this.#peers.values()) sum += channel.backlog;
    return sum;
  }

  /** The cluster's time: the clock that is most ahead. Nodes agree on it but for the time that a message takes. */
  time(now: number): number {
    return now + this.#offset;
  }

  /** Sends to a peer. One that was never heard of is met by this. */
  send(node: string, item: NodeItem): void {
    const peer = this.#peers.get(node) ?? this.#meet(node);
    peer.channel.send(item);
  }

  /** Calls back when all that was sent there until now has arrived, or is lost. */
  flushed(node: string, done: (arrived: boolean, now: number) => void, how?: { once?: boolean }): void {
    const peer = this.#peers.get(node);
    if (peer === undefined) done(false, this.#options.now());
    else peer.channel.flushed(done, how);
  }

  broadcast(message: Broadcast): void {
    this.#options.backplane.publish("nodes", message);
  }

  /** Beats, and looks who is silent. At least once a second. */
  tick(now: number): void {
    const { backplane, silence } = this.#options;
    // A process that was frozen has not heard anybody: the others were not silent, it was deaf.
    if (backplane.state === "down" || now - this.#beatAt > 3 * beatEvery) this.#hearingSince = now;
    if (now - this.#beatAt < beatEvery) return;
    this.#beatAt = now;
    this.#beat("beat", now);
    for (const [node, peer] of this.#peers) {
      const since = Math.max(peer.heardAt, this.#hearingSince);
      if (now - since < silence) continue;
      if (peer.live) this.#lose(node, peer, peer.epoch + 1, now);
      else if (now - peer.heardAt > 20 * silence) this.#peers.delete(node);
    }
  }

  /** This node takes on nothing that could be another's from now on: the others hear it at once. */
  drain(now: number): void {
    this.draining = true;
    this.#beat("beat", now);
  }

  /** Tells the others that this node is leaving for good. */
  leave(now: number): void {
    this.#beat("bye", now);
  }

  /** Says that this node is there, and how. */
  beat(now: number): void {
    this.#beat("beat", now);
  }

  #beat(op: Beat["op"], now: number): void {
    const { backplane, node, boot } = this.#options;
    const beat: Beat = { op, node, boot, time: this.time(now), ...(this.draining ? { draining: true } : {}) };
    backplane.publish("nodes", beat);
  }

  #backplaneChanged(up: boolean, now: number): void {
    this.#hearingSince = now;
    if (!up) return;
    this.#beatAt = now;
    this.#beat("beat", now);
    for (const [node, peer] of this.#peers) {
      peer.channel.wake();
      if (peer.live) this.#options.events.up(node, true, now);
    }
  }

  #heard(message: Beat | Broadcast): void {
    const now = this.#options.now();
    if (message.op === "kick") this.#options.events.broadcast(message, now);
    else this.#beaten(message, now);
  }

  #beaten({ op, node, boot, time, draining }: Beat, now: number): void {
    if (node === this.#options.node) return;
    this.#offset = Math.max(this.#offset, time - now);
    const known = this.#peers.get(node);
    if (op === "bye") {
      if (known?.live === true && known.boot === boot) this.#lose(node, known, known.epoch + 1, now);
      return;
    }
    const peer = this.#present(node, boot, now);
    peer.heardAt = now;
    peer.draining = draining === true;
    if (!peer.channel.responsive(now)) peer.channel.wake();
  }

  /** The peer, as the run that was heard. */
  #present(node: string, boot: string, now: number): Peer {
    const peer = this.#peers.get(node) ?? this.#meet(node);
    if (peer.boot === "") peer.boot = boot;
    else if (peer.boot !== boot) {
      if (peer.live) this.#lose(node, peer, 0, now);
      else this.#succeed(peer, now);
      peer.boot = boot;
    }
    // From the first batch on: another run that took it would take the next stream's first one for a repetition.
    peer.channel.peerBoot = boot;
    if (!peer.live) {
      const again = peer.heardAt > 0;
      peer.live = true;
      peer.heardAt = now;
      this.#options.events.up(node, again, now);
    }
    return peer;
  }

  #meet(node: string): Peer {
    const { node: own, boot, backplane, deadlines, now } = this.#options;
    const channel = new NodeChannel({
      node: own,
      boot,
      peer: node,
      backplane,
      deadlines,
      now,
      reset: (peerBoot, epoch) => this.#reset(node, peerBoot, epoch),
      moved: (links) => {
        for (const one of links) this.#options.events.sentOn(node, one, now());
      },
      overflowed: () => {
        const peer = this.#peers.get(node);
        if (peer !== undefined) this.#renew(node, peer, peer.epoch + 1, now());
      },
    });
    const peer: Peer = { boot: "", heardAt: 0, draining: false, channel, epoch: 0, fromN: 0, live: false };
    this.#peers.set(node, peer);
    return peer;
  }

  /** Gives up what the peer told, and what waits for it. */
  #lose(node: string, peer: Peer, epoch: number, now: number): void {
    const { live } = peer;
    peer.live = false;
    peer.epoch = epoch;
    peer.fromN = 0;
    const lost = peer.channel.abandon(epoch, now);
    if (peer.boot !== "") peer.channel.peerBoot = peer.boot;
    if (live || lost.doubtful.length + lost.unsent.length > 0) this.#options.events.gone(node, lost, now);
  }

  /** Another run of a peer that was gone already. What has been said to it since is for this one: the former one never had it. */
  #succeed(peer: Peer, now: number): void {
    const { channel } = peer;
    const { doubtful, unsent } = channel.abandon(0, now);
    peer.epoch = 0;
    peer.fromN = 0;
    for (const item of [...doubtful, ...unsent]) channel.send(item);
  }

  /** Both sides begin anew: the peer is there, and all that is known of it is not. */
  #renew(node: string, peer: Peer, epoch: number, now: number): void {
    const { live } = peer;
    this.#lose(node, peer, epoch, now);
    if (!live) return;
    peer.live = true;
    this.#options.events.up(node, true, now);
  }

  /** The peer says that it does not know our stream. */
  #reset(node: string, boot: string, epoch: number): void {
    const now = this.#options.now();
    const peer = this.#peers.get(node);
    if (peer === undefined) return;
    if (peer.boot !== boot) this.#present(node, boot, now);
    else this.#renew(node, peer, Math.max(epoch, peer.epoch + 1), now);
  }

  #batch(batch: Batch, answer: ((reply: unknown) => void) | undefined): void {
    const now = this.#options.now();
    const { boot } = this.#options;
    const { from, epoch, n, to } = batch;
    const say = (said: BatchAnswer): void => answer?.(said);
    if (to !== undefined && to !== boot) {
      say({ boot, reset: 0 });
      return;
    }
    const peer = this.#present(from, batch.boot, now);
    peer.heardAt = now;
    // It has given up what both had said: so do we.
    if (epoch > peer.epoch) this.#renew(from, peer, epoch, now);
    const next = n === peer.fromN + 1;
    if (epoch < peer.epoch || (!next && n !== peer.fromN)) {
      say({ boot, reset: peer.epoch });
      return;
    }
    const { events } = this.#options;
    const items = batch.items.map((text) => JSON.parse(text) as NodeItem);
    const moved = events.goneOn(items);
    say({ boot, ok: n, ...(moved.length === 0 ? {} : { moved }) });
    if (!next) return;
    peer.fromN = n;
    for (const item of items) events.item(from, item, now);
  }
}
