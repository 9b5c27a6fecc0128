/** One RTCPeerConnection, as its end knows it. */
interface BelievedPair {
  generation: number;
  readonly offer: boolean;
  /** The device at the other end, where it is known. */
  readonly peer: string | undefined;
}

/** A session as one device knows it, from frames alone. */
export interface Belief {
  readonly session: string;
  readonly side: "in" | "out";
  state: "ringing" | "accepting" | "active" | "ended";
  ticket: string;
  /** Whom it rings, where this device has asked for it. */
  readonly to?: string;
  /** The current pair's number. */
  pair: number;
  readonly pairs: Map<number, BelievedPair>;
  /** The device that has answered and waits for confirm. */
  answered?: string;
  confirmSent?: boolean;
  readonly room?: string;
  readonly movedFrom?: string;
  moving?: boolean;
  peerLink?: "live" | "suspended" | "detached";
  /** Descriptions that it has heard. */
  descriptions?: number;
}

// biome-ignore lint/suspicious/noExplicitAny: a test reads frames of every type
export type Frame = any;

const peerOf = (frame: Frame): string | undefined =>
  frame.peer?.device === undefined ? undefined : `${frame.peer.user}/${frame.peer.device}`;

const namesItself = (frame: Frame, slot: string): boolean =>
  frame.by?.device !== undefined && `${frame.by.user}/${frame.by.device}` === slot;

/** What one device believes of its sessions. A frame that can't be in what it believes throws. */
export class Beliefs {
  readonly #slot: string;
  readonly #lagged: () => boolean;
  /** The log of a link was full: something was dropped, and this client was told. */
  #missed = false;
  readonly #all = new Map<string, Belief>();
  /** Sessions that were found by a ticket: the next word of them says what they are, or that they are over by now. */
  readonly #promised = new Set<string>();

  /** `lagged`: nodes could not hear each other; what one has said may then be said again by another. */
  constructor(slot: string, lagged: () => boolean) {
    this.#slot = slot;
    this.#lagged = lagged;
  }

  promised(session: string): void {
    this.#promised.add(session);
  }

  get(session: string): Belief | undefined {
    return this.#all.get(session);
  }

  /** The newest ticket of a session counts, whatever brings it. */
  ticket(session: string | undefined, ticket: string | undefined): void {
    const belief = this.#all.get(session ?? "");
    if (belief !== undefined && ticket !== undefined) belief.ticket = ticket;
  }

  /** Those that are not over. */
  live(): Belief[] {
    return [...this.#all.values()].filter((belief) => belief.state !== "ended");
  }

  /** The reply to `call`. A key may name a call that is over: then its end is told once more. */
  calling(session: string, ticket: string, to: string): void {
    const known = this.#all.get(session);
    if (known !== undefined && known.state !== "ended") return;
    this.#set({
      session,
      side: "out",
      state: "ringing",
      ticket,
      to,
      pair: 1,
      pairs: new Map([[1, { generation: 1, offer: true, peer: undefined }]]),
    });
  }

  accepted(session: string, reply: { pair: number; generation: number }): void {
    const belief = this.#leg(session, "the reply to accept");
    belief.state = "active";
    if (belief.pair !== reply.pair || belief.pairs.get(reply.pair)?.generation !== reply.generation)
      throw new Error(`${session}: accepted in pair ${reply.pair}.${reply.generation}, not ${belief.pair}`);
  }

  confirmed(session: string): void {
    const belief = this.#leg(session, "the reply to confirm");
    belief.state = "active";
  }

  over(session: string): void {
    const belief = this.#all.get(session);
    if (belief !== undefined) belief.state = "ended";
  }

  restarted(session: string, pair: number, generation: number): void {
    const known = this.#leg(session, "restart").pairs.get(pair);
    if (known === undefined) throw new Error(`${session}: a restart of pair ${pair}`);
    if (generation !== known.generation && generation !== known.generation + 1)
      throw new Error(`${session}#${pair}: generation ${generation} follows ${known.generation}`);
    known.generation = generation;
  }

  moveDone(session: string, pair: number): void {
    const belief = this.#all.get(session);
    if (belief === undefined || belief.state === "ended") return;
    belief.moving = false;
    if (belief.pairs.has(pair)) this.#switch(belief, pair);
  }

  moveFailed(session: string): void {
    const belief = this.#all.get(session);
    if (belief !== undefined) belief.moving = false;
  }

  /** Takes a push in. */
  hear(push: Frame): void {
    if (push.type === "dropped") this.#missed = true;
    // The ring may be what was dropped: what is said of its session means nothing to this client.
    const unknown = "session" in push && push.type !== "session" && !this.#all.has(push.session);
    if (this.#missed && unknown && push.type !== "incoming") return;
    switch (push.type) {
      case "incoming": {
        const known = this.#all.get(push.session);
        if (known !== undefined && known.state !== "ended") {
          if (this.#lagged()) break;
          throw new Error(`${push.session} rings twice`);
        }
        this.#set({
          session: push.session,
          side: "in",
          state: "ringing",
          ticket: push.ticket,
          pair: push.pair,
          pairs: new Map([
            [
              push.pair,
              {
                generation: push.generation,
                offer: push.offer,
                peer: `${push.from.user}/${push.from.device}`,
              },
            ],
          ]),
          ...(push.movedFrom === undefined ? {} : { movedFrom: push.movedFrom }),
        });
        break;
      }
      case "session":
        this.#set({
          session: push.session,
          side: push.direction === "out" ? "out" : "in",
          state: push.state === "active" ? "active" : "ringing",
          ticket: push.ticket,
          pair: push.pair,
          pairs: new Map([
            [push.pair, { generation: push.generation, offer: push.offer, peer: peerOf(push) }],
          ]),
          ...(push.room === undefined ? {} : { room: push.room }),
        });
        break;
      case "ringing":
      case "crossed":
      case "resync":
        this.#leg(push.session, push.type);
        break;
      case "accepted": {
        const belief = this.#leg(push.session, "accepted");
        if (belief.side !== "out") throw new Error(`${push.session}: accepted, at a callee`);
        belief.answered = push.device;
        belief.pairs.set(push.pair, { generation: push.generation, offer: true, peer: peerOf(push) });
        break;
      }
      case "signal":
        this.#signal(push);
        break;
      case "restart":
        this.restarted(push.session, push.pair, push.generation);
        break;
      case "pair": {
        const belief = this.#leg(push.session, "pair");
        if (belief.pairs.has(push.pair)) throw new Error(`${push.session}: pair ${push.pair} opens twice`);
        belief.pairs.set(push.pair, { generation: push.generation, offer: push.offer, peer: peerOf(push) });
        break;
      }
      case "moved":
        this.#switch(this.#leg(push.session, "moved"), push.pair);
        this.#leg(push.session, "moved").peerLink = "live";
        break;
      case "move_failed":
        this.#leg(push.session, "move_failed").pairs.delete(push.pair);
        break;
      case "peer":
        this.#leg(push.session, "peer").peerLink = push.link;
        break;
      case "ended":
        if (this.#promised.delete(push.session) && !this.#all.has(push.session)) break;
        if (namesItself(push, this.#slot)) throw new Error(`${push.session}: told that it ended it itself`);
        if (this.#lagged() && this.#all.get(push.session)?.state === "ended") break;
        this.#leg(push.session, "ended").state = "ended";
        break;
    }
  }

  #signal(push: Frame): void {
    const belief = this.#leg(push.session, "signal");
    const pair = belief.pairs.get(push.pair);
    if (pair === undefined || pair.generation !== push.generation)
      throw new Error(
        `${push.session}: a signal of ${push.pair}.${push.generation}, have ${pair?.generation}`,
      );
    if (push.description !== undefined) belief.descriptions = (belief.descriptions ?? 0) + 1;
    const confirmed = belief.state === "active" || belief.confirmSent === true;
    if (push.candidates !== undefined && !confirmed)
      throw new Error(`${push.session}: candidates while ${belief.state}`);
  }

  #switch(belief: Belief, pair: number): void {
    if (!belief.pairs.has(pair))
      throw new Error(`${belief.session}: moved to pair ${pair}, which never opened`);
    belief.pair = pair;
    for (const number of belief.pairs.keys()) if (number !== pair) belief.pairs.delete(number);
  }

  #set(belief: Belief): void {
    this.#all.set(belief.session, belief);
  }

  /** Only who holds a leg hears of a session. */
  #leg(session: string, what: string): Belief {
    const belief = this.#all.get(session);
    if (belief === undefined) throw new Error(`${what} of ${session}, in which it has no leg`);
    if (belief.state === "ended") throw new Error(`${what} of ${session}, which is over`);
    return belief;
  }
}
