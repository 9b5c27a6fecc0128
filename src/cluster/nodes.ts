import type { Deadlines } from "../shared/deadlines.ts";
import type { Backplane } from "./backplane.ts";
import { type Batch, Channel, type GoneOn, type Lost } from "./channel.ts";
import type { NodeItem } from "./items.ts";
import { type Beat, Membership } from "./membership.ts";

/** What a node tells every other node. */
export type Broadcast = { readonly op: "kick"; readonly user: string; readonly device?: string };

export interface NodesEvents {
  /** A peer has sent what is no item, or none that this node knows. It was dropped. */
  malformed(): void;
  /** Hears an item of a peer. The items of a peer come in order, each once. */
  item(from: string, item: NodeItem, now: number): void;
  /** Which of these items' links have left this node, and where to: this node will send the items on. */
  goneOn(items: readonly NodeItem[]): readonly GoneOn[];
  /** A peer has sent on items for this link, which has left it. */
  sentOn(peer: string, link: GoneOn, now: number): void;
  broadcast(message: Broadcast, now: number): void;
  /** A peer is there. `again`: it was there before, and either side may have missed what the other one announced since. */
  up(node: string, again: boolean, now: number): void;
  /** A peer, or this run of it, is gone: what it told is void, and these items may not have reached it. */
  gone(node: string, lost: Lost, now: number): void;
}

export interface NodesOptions {
  readonly node: string;
  /** A random text that names this run of the node. */
  readonly boot: string;
  readonly backplane: Backplane;
  readonly deadlines: Deadlines;
  /** The silence after which a peer is given up, in ms. */
  readonly silence: number;
  now(): number;
  readonly events: NodesEvents;
}

/** The other nodes of the cluster: who is there, and a channel to each. */
export class Nodes {
  readonly #options: NodesOptions;
  readonly #membership: Membership;
  readonly #channels = new Map<string, Channel>();

  constructor(options: NodesOptions) {
    this.#options = options;
    const { backplane, node, boot, events } = options;
    this.#membership = new Membership({
      node,
      boot,
      silence: options.silence,
      publish: (beat) => backplane.publish("nodes", beat),
      events: {
        up: events.up.bind(events),
        left: (peer, now) => {
          const channel = this.#channel(peer);
          this.#lose(peer, channel, channel.epoch + 1, true, now);
        },
        replaced: (peer, live, now) => {
          const channel = this.#channel(peer);
          if (live) this.#lose(peer, channel, 0, true, now);
          else channel.restart(now);
        },
        forgotten: (peer, now) => {
          const channel = this.#channel(peer);
          this.#channels.delete(peer);
          this.#lose(peer, channel, 0, false, now);
        },
      },
    });
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

  /** Whether the backplane is up. */
  get reachable(): boolean {
    return this.#options.backplane.state === "up";
  }

  /** The live peers, those that drain included. */
  live(): Iterable<string> {
    return this.#membership.live();
  }

  isLive(node: string): boolean {
    return this.#membership.isLive(node);
  }

  isDraining(node: string): boolean {
    return this.#membership.isDraining(node);
  }

  /** True when the peer is there and answers, so that a request to it gets a reply soon. */
  responsive(node: string, now: number): boolean {
    return this.isLive(node) && this.reachable && this.#channel(node).responsive(now);
  }

  /** True when the peer was heard within the last beats. */
  beats(node: string, now: number): boolean {
    return this.#membership.beats(node, now);
  }

  /** Items that peers have not acknowledged. */
  get backlog(): number {
    let sum = 0;
    for (const { backlog } of this.#channels.values()) sum += backlog;
    return sum;
  }

  /** The cluster's time: see {@link Membership.time}. */
  time(now: number): number {
    return this.#membership.time(now);
  }

  /** Sends an item to a peer, which need not have been heard yet. */
  send(node: string, item: NodeItem): void {
    this.#membership.meet(node, this.now());
    this.#channel(node).send(item);
  }

  /** See {@link Channel.flushed}. */
  flushed(node: string, done: (arrived: boolean, now: number) => void, how?: { once?: boolean }): void {
    const channel = this.#channels.get(node);
    if (channel === undefined) done(false, this.#options.now());
    else channel.flushed(done, how);
  }

  broadcast(message: Broadcast): void {
    this.#options.backplane.publish("nodes", message);
  }

  /** Beats, and gives up peers that are silent. Call it at least once a second. */
  tick(now: number): void {
    this.#membership.tick(now, this.reachable);
  }

  /**
   * True while this node drains, and should be given nothing that another one could take. Others hear of it with the
   * next beat.
   */
  get draining(): boolean {
    return this.#membership.draining;
  }

  set draining(draining: boolean) {
    this.#membership.draining = draining;
  }

  /** This node drains from now on, and the others hear it at once. */
  drain(now: number): void {
    this.draining = true;
    this.beat(now);
  }

  /** Tells the others that this node is leaving for good. */
  leave(now: number): void {
    this.#membership.leave(now);
  }

  /** Tells the others that this node is there, and how. */
  beat(now: number): void {
    this.#membership.beat(now);
  }

  #backplaneChanged(up: boolean, now: number): void {
    this.#membership.backplaneChanged(up, now);
    if (!up) return;
    for (const [node, channel] of this.#channels) {
      channel.wake();
      if (this.isLive(node)) this.#options.events.up(node, true, now);
    }
  }

  #heard(message: Beat | Broadcast): void {
    const now = this.#options.now();
    if (message.op === "kick") {
      this.#options.events.broadcast(message, now);
      return;
    }
    const { op, node, boot } = message;
    if (node === this.name) return;
    this.#membership.beaten(message, now);
    if (op === "bye") return;
    const channel = this.#channel(node);
    channel.peerBoot = boot;
    if (!channel.responsive(now)) channel.wake();
  }

  /** The channel to that node, made when it is first needed. */
  #channel(node: string): Channel {
    let channel = this.#channels.get(node);
    if (channel === undefined) {
      channel = this.#open(node);
      this.#channels.set(node, channel);
    }
    return channel;
  }

  #open(peer: string): Channel {
    const { node, boot, backplane, deadlines, now, events } = this.#options;
    return new Channel({
      node,
      boot,
      peer,
      backplane,
      deadlines,
      now,
      item: (item) => events.item(peer, item, now()),
      malformed: events.malformed.bind(events),
      goneOn: events.goneOn.bind(events),
      sentOn: (links) => {
        for (const one of links) events.sentOn(peer, one, now());
      },
      renew: (epoch) => this.#renew(peer, epoch, now()),
      reset: (peerBoot, epoch) => {
        const known = this.#membership.bootOf(peer);
        // Where that was another run, the streams with it are given up by this.
        if (known !== peerBoot) this.#present(peer, peerBoot, now());
        if (known === peerBoot || known === "") this.#renew(peer, epoch, now());
      },
    });
  }

  /** A peer was heard, as that run of it. */
  #present(node: string, boot: string, now: number): Channel {
    this.#membership.heard(node, boot, now);
    const channel = this.#channel(node);
    channel.peerBoot = boot;
    return channel;
  }

  /** Gives up what a peer told, and what waits for it. */
  #lose(node: string, channel: Channel, epoch: number, live: boolean, now: number): void {
    const lost = channel.abandon(epoch, now);
    if (live || lost.doubtful.length + lost.unsent.length > 0) this.#options.events.gone(node, lost, now);
  }

  /** Both sides begin anew: the peer is still there, but what it told is void. */
  #renew(node: string, epoch: number, now: number): void {
    this.#membership.renew(node, now, (live) => {
      this.#lose(node, this.#channel(node), epoch, live, now);
    });
  }

  #batch(batch: Batch, answer: ((reply: unknown) => void) | undefined): void {
    const { boot, now } = this.#options;
    const { from, to } = batch;
    // The sender means another run of this node.
    if (to !== undefined && to !== boot) answer?.({ boot, reset: 0 });
    else this.#present(from, batch.boot, now()).receive(batch, (said) => answer?.(said));
  }
}
