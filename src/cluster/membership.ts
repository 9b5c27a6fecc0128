/** What a node tells all others every two seconds, and `bye` when it leaves. */
export interface Beat {
  readonly op: "beat" | "bye";
  readonly node: string;
  /** A random text that names this run of the node. */
  readonly boot: string;
  /** The node's cluster time. */
  readonly time: number;
  readonly draining?: boolean;
}

interface MembershipEvents {
  /** A peer is there. `again`: it was there before, and either side may have missed what the other one announced since. */
  up(node: string, again: boolean, now: number): void;
  /** A live peer said goodbye, or was silent for too long. */
  left(node: string, now: number): void;
  /** Another run of a peer was heard. `live`: the former run counted as there until now. */
  replaced(node: string, live: boolean, now: number): void;
  /** A peer that has been gone for long is unknown from now on. */
  forgotten(node: string, now: number): void;
}

interface MembershipOptions {
  readonly node: string;
  /** A random text that names this run of the node. */
  readonly boot: string;
  /**
   * The silence after which a peer is given up, in ms. It is long enough that a process that stood still, or a backplane that
   * was down, loses nothing, and short enough that no user is shown online for a minute after her node died. Requests don't
   * wait for it: they look at {@link Nodes.responsive}.
   */
  readonly silence: number;
  publish(beat: Beat): void;
  readonly events: MembershipEvents;
}

const beatEvery = 2_000;

interface Peer {
  /** The run that was heard; empty until one was. */
  boot: string;
  /** When it was heard last; before that, when it was met. */
  heardAt: number;
  draining: boolean;
  live: boolean;
}

/**
 * Which other nodes are there, which of them drain, and what time it is in the cluster. It learns that from beats, and from
 * {@link heard} for anything else that shows that a peer is alive.
 */
export class Membership {
  readonly #options: MembershipOptions;
  readonly #peers = new Map<string, Peer>();
  /** How far the clock that is most ahead in the cluster is ahead of this node's, in ms. */
  #offset = 0;
  #beatAt = 0;
  /** Since when this node hears the others. While it could not, their silence doesn't count. */
  #hearingSince = 0;
  draining = false;

  constructor(options: MembershipOptions) {
    this.#options = options;
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

  /** True when a live peer has been heard within the last beats. */
  beats(node: string, now: number): boolean {
    const peer = this.#peers.get(node);
    return peer?.live === true && now - peer.heardAt < 2.5 * beatEvery;
  }

  /** The run of the peer that was heard last. */
  bootOf(node: string): string | undefined {
    return this.#peers.get(node)?.boot;
  }

  /** The cluster's time: the clock that is most ahead. Nodes agree on it but for the time that a message takes. */
  time(now: number): number {
    return now + this.#offset;
  }

  /** Notes a node that something is sent to before it was heard. */
  meet(node: string, now: number): void {
    if (!this.#peers.has(node)) this.#add(node, now);
  }

  /** Sends a beat when one is due, and gives up peers that are silent. Call it at least once a second. */
  tick(now: number, reachable: boolean): void {
    // A process that stood still heard no peer: the peers were not silent, this node was deaf.
    if (!reachable || now - this.#beatAt > 3 * beatEvery) this.#hearingSince = now;
    if (now - this.#beatAt < beatEvery) return;
    this.#beatAt = now;
    this.beat(now);
    const { silence } = this.#options;
    for (const [node, peer] of this.#peers) {
      const since = Math.max(peer.heardAt, this.#hearingSince);
      if (now - since < silence) continue;
      if (peer.live) this.#lose(node, peer, now);
      else if (now - peer.heardAt > 20 * silence) {
        this.#peers.delete(node);
        this.#options.events.forgotten(node, now);
      }
    }
  }

  /** The backplane came up or went down: no peer was silent before that. */
  backplaneChanged(up: boolean, now: number): void {
    this.#hearingSince = now;
    if (!up) return;
    this.#beatAt = now;
    this.beat(now);
  }

  /** Tells the others that this node is there, and how. */
  beat(now: number): void {
    this.#say("beat", now);
  }

  /** Tells the others that this node is leaving for good. */
  leave(now: number): void {
    this.#say("bye", now);
  }

  #say(op: Beat["op"], now: number): void {
    const { node, boot, publish } = this.#options;
    publish({ op, node, boot, time: this.time(now), ...(this.draining ? { draining: true } : {}) });
  }

  /** A beat of another node. */
  beaten({ op, node, boot, time, draining }: Beat, now: number): void {
    this.#offset = Math.max(this.#offset, time - now);
    const known = this.#peers.get(node);
    if (op === "bye") {
      if (known?.live === true && known.boot === boot) this.#lose(node, known, now);
      return;
    }
    this.heard(node, boot, now);
    const peer = this.#peers.get(node);
    if (peer !== undefined) peer.draining = draining === true;
  }

  /** A peer was heard, as that run of it: it is there. */
  heard(node: string, boot: string, now: number): void {
    const { events } = this.#options;
    const peer = this.#peers.get(node) ?? this.#add(node, now);
    const { boot: former, live } = peer;
    if (former !== boot) {
      peer.live = false;
      if (former !== "") events.replaced(node, live, now);
      peer.boot = boot;
    }
    peer.heardAt = now;
    if (!peer.live) {
      peer.live = true;
      events.up(node, former !== "", now);
    }
  }

  /**
   * What is known of a peer counts no more, though the peer is there: `lose` gives it up, and hears whether the peer
   * was live. A live peer is up again after that.
   */
  renew(node: string, now: number, lose: (live: boolean) => void): void {
    const peer = this.#peers.get(node);
    const live = peer?.live === true;
    if (peer !== undefined) peer.live = false;
    lose(live);
    if (peer === undefined || !live) return;
    peer.live = true;
    this.#options.events.up(node, true, now);
  }

  #lose(node: string, peer: Peer, now: number): void {
    peer.live = false;
    this.#options.events.left(node, now);
  }

  #add(node: string, now: number): Peer {
    const peer: Peer = { boot: "", heardAt: now, draining: false, live: false };
    this.#peers.set(node, peer);
    return peer;
  }
}
