import type { Deadlines } from "../../shared/deadlines.ts";
import type { Backplane } from "../backplane.ts";
import { type Batch, type BatchAnswer, NodeChannel } from "./node-channel.ts";
import type { NodeItem } from "./node-item.ts";

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
  broadcast(message: Broadcast, now: number): void;
  /** A peer is there. `again`: it was before, and either side may have missed what was announced meanwhile. */
  up(node: string, again: boolean, now: number): void;
  /** A peer is gone, or its state is: what it told before counts no more. `lost` has not reached it for sure. */
  gone(node: string, lost: readonly NodeItem[], now: number): void;
}

export interface NodesOptions {
  readonly node: string;
  /** Random: this run of the node. */
  readonly boot: string;
  readonly backplane: Backplane;
  readonly deadlines: Deadlines;
  now(): number;
  readonly events: NodesEvents;
}

const beatEvery = 2_000;
/**
 * Silence after which a peer is given up. Long enough that a frozen process, or a backplane that was away, loses
 * nothing; short enough that nobody is shown online for a minute who is not. Nobody waits for it: see `responsive`.
 */
const goneAfter = 30_000;

interface Peer {
  boot: string;
  heardAt: number;
  draining: boolean;
  readonly channel: NodeChannel;
  /** The stream from there that we follow, and its last batch. Epoch 0: none yet. */
  fromEpoch: number;
  fromN: number;
  /** We have given its stream up: it must begin a new one. */
  refuses: boolean;
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
    const peer = this.#peers.get(node) ?? this.#meet(node, "", this.#options.now());
    peer.channel.send(item);
  }

  /** Calls back when all that was sent there until now has arrived, or is lost. */
  flushed(node: string, done: (arrived: boolean, now: number) => void): void {
    const peer = this.#peers.get(node);
    if (peer === undefined) done(false, this.#options.now());
    else peer.channel.flushed(done);
  }

  broadcast(message: Broadcast): void {
    this.#options.backplane.publish("nodes", message);
  }

  /** Beats, and looks who is silent. At least once a second. */
  tick(now: number): void {
    const { backplane } = this.#options;
    // A process that was frozen has not heard anybody: the others were not silent, it was deaf.
    if (backplane.state === "down" || now - this.#beatAt > 3 * beatEvery) this.#hearingSince = now;
    if (now - this.#beatAt < beatEvery) return;
    this.#beatAt = now;
    this.#beat("beat", now);
    for (const [node, peer] of this.#peers) {
      const since = Math.max(peer.heardAt, this.#hearingSince);
      if (now - since < goneAfter) continue;
      if (peer.live) this.#lose(node, peer, now);
      else if (now - peer.heardAt > 20 * goneAfter) this.#peers.delete(node);
    }
  }

  /** Tells the others that this node is leaving for good. */
  leave(now: number): void {
    this.#beat("bye", now);
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
      if (known?.live === true && known.boot === boot) this.#lose(node, known, now);
      return;
    }
    const peer = this.#present(node, boot, now);
    peer.heardAt = now;
    peer.draining = draining === true;
    if (!peer.channel.responsive(now)) peer.channel.wake();
  }

  /** The peer, as the run that was heard. */
  #present(node: string, boot: string, now: number): Peer {
    let peer = this.#peers.get(node) ?? this.#meet(node, boot, now);
    if (peer.boot === "") peer.boot = boot;
    if (peer.boot !== boot) {
      if (peer.live) this.#lose(node, peer, now);
      peer = this.#peers.get(node) ?? peer;
      peer.boot = boot;
      peer.fromEpoch = 0;
      peer.fromN = 0;
      peer.refuses = false;
    }
    if (!peer.live) {
      const again = peer.heardAt > 0;
      peer.live = true;
      peer.heardAt = now;
      this.#options.events.up(node, again, now);
    }
    return peer;
  }

  #meet(node: string, boot: string, now: number): Peer {
    const { node: from, boot: own, backplane, deadlines } = this.#options;
    const channel: NodeChannel = new NodeChannel(
      {
        node: from,
        boot: own,
        peer: node,
        backplane,
        deadlines,
        now: this.#options.now,
        broken: () => this.#broken(node),
      },
      // Above any epoch of a stream that this run may have had before it forgot the peer.
      now,
    );
    const peer: Peer = {
      boot,
      heardAt: 0,
      draining: false,
      channel,
      fromEpoch: 0,
      fromN: 0,
      refuses: false,
      live: false,
    };
    this.#peers.set(node, peer);
    return peer;
  }

  /** Gives a peer up, with what it told and what waits for it. */
  #lose(node: string, peer: Peer, now: number): void {
    peer.live = false;
    peer.refuses = true;
    this.#options.events.gone(node, peer.channel.abandon(now), now);
  }

  /** Our stream to the peer is broken; the peer itself may well be there. */
  #broken(node: string): void {
    const peer = this.#peers.get(node);
    if (peer === undefined) return;
    const now = this.#options.now();
    const { live, heardAt } = peer;
    this.#lose(node, peer, now);
    // It gave our stream up, and with it its own to us goes on only anew.
    if (live && now - heardAt < goneAfter) {
      peer.live = true;
      this.#options.events.up(node, true, now);
    }
  }

  #batch(batch: Batch, answer: ((reply: unknown) => void) | undefined): void {
    const now = this.#options.now();
    const { boot } = this.#options;
    const { from, epoch, n, to } = batch;
    const reset: BatchAnswer = { boot, reset: true };
    if (to !== undefined && to !== boot) {
      answer?.(reset);
      return;
    }
    const peer = this.#present(from, batch.boot, now);
    peer.heardAt = now;
    if (epoch < peer.fromEpoch || (epoch === peer.fromEpoch && peer.refuses)) answer?.(reset);
    else if (epoch > peer.fromEpoch && n !== 1) answer?.(reset);
    else {
      if (epoch > peer.fromEpoch) this.#newStream(from, peer, epoch, now);
      if (n === peer.fromN) answer?.({ boot, ok: n } satisfies BatchAnswer);
      else if (n !== peer.fromN + 1) answer?.(reset);
      else {
        peer.fromN = n;
        answer?.({ boot, ok: n } satisfies BatchAnswer);
        for (const text of batch.items) this.#options.events.item(from, JSON.parse(text), now);
      }
    }
  }

  #newStream(from: string, peer: Peer, epoch: number, now: number): void {
    // It has given up what it had sent before: so do we, with all that we know of it.
    if (peer.fromEpoch > 0 && !peer.refuses) {
      this.#lose(from, peer, now);
      peer.live = true;
      this.#options.events.up(from, true, now);
    }
    peer.fromEpoch = epoch;
    peer.fromN = 0;
    peer.refuses = false;
  }
}
