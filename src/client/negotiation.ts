import type { Candidate, Description, Refused } from "../protocol/values.ts";

/** What the two ends of a pair send each other. */
export interface Signal {
  readonly generation: number;
  readonly description?: Description;
  readonly candidates?: Candidate[];
  readonly endOfCandidates?: boolean;
  readonly refused?: Refused;
}

/** What a negotiation needs of an RTCPeerConnection. */
export type Negotiable = Pick<
  RTCPeerConnection,
  | "signalingState"
  | "sctp"
  | "getTransceivers"
  | "createOffer"
  | "createAnswer"
  | "setLocalDescription"
  | "setRemoteDescription"
  | "addIceCandidate"
>;

/**
 * Perfect negotiation (W3C webrtc-pc, example "Perfect negotiation") over one pair, with ICE generations. Pure
 * but for the RTCPeerConnection that it is given.
 *
 * - One queue: an operation ends before the next begins, so between operations the state is `stable` or
 *   `have-local-offer` and nothing else.
 * - `createOffer`, `createAnswer` and rollback are explicit: some implementations lack the implicit forms.
 * - Nothing is offered before the first offer, which one of the ends makes.
 * - An offer that this end can't apply is refused, and one of its own that was refused is rolled back: what stood before goes on.
 * - An offer of a newer generation wins whichever end is polite: its sender knows of a restart that this end's offer missed.
 */
export abstract class Negotiation<PC extends Negotiable = Negotiable> {
  #generation: number;
  /** Generations of the local description, which local candidates belong to, and of the remote one. */
  #local = 0;
  #remote = 0;
  /** The number of offers and answers so far, without one that is being made: that will include every change. */
  #steps = 0;
  /** The step at which an offer was refused, or left out: the same is not offered again before something changes. */
  #refusedAt = -1;
  /** What this end wanted to send and receive when it made its answer; undefined where it has made an offer since. */
  #answeredFor: string | undefined;
  #closed = false;
  #unanswered: Signal | undefined;
  /** Candidates that came before their description. */
  #early: Signal[] = [];
  /** Every local candidate of the current generation, for a resync. */
  #gathered: Candidate[] = [];
  #tail: Promise<void> = Promise.resolve();
  declare readonly pc: PC;
  readonly #polite: boolean;

  constructor(pc: PC, polite: boolean, generation: number) {
    this.pc = pc;
    this.#polite = polite;
    this.#generation = generation;
  }

  /** Sends to the other end. */
  protected abstract send(signal: Signal): void;

  /** A description was applied: directions and mids may have changed. */
  protected abstract applied(): void;

  /** This end can't apply an offer: tells the other end. */
  protected abstract refuse(error: unknown): void;

  protected abstract failed(error: unknown): void;

  get generation(): number {
    return this.#generation;
  }

  /** Makes the first offer. Only one of the ends calls this. */
  start(): void {
    this.#queue(() => this.#offer());
  }

  /**
   * The connection's `negotiationneeded`. Ignored before the first round of offer and answer, and during a step that may cover the
   * change: if it did not, the connection fires the event again afterwards.
   */
  needed(): void {
    const steps = this.#steps;
    if (!steps || steps === this.#refusedAt || this.#unanswered) return;
    this.#queue(async () => {
      if (steps === this.#steps) await this.#offer();
    });
  }

  /**
   * This end wants something else than before: if its last offer was refused, it makes another one. The connection itself says
   * nothing then, for it still needs what was refused.
   */
  changed(): void {
    if (this.#steps !== this.#refusedAt) return;
    this.#refusedAt = -1;
    this.needed();
  }

  /** What the other end sent. */
  receive(signal: Signal): void {
    this.#queue(async () => {
      if (signal.generation < this.#generation) return;
      this.#generation = signal.generation;
      const { description } = signal;
      if (signal.refused) await this.#rollback(signal);
      else if (description?.type === "offer") await this.#answer(signal, description);
      else if (description) await this.#answered(signal, description);
      if (signal.candidates || signal.endOfCandidates) {
        if (this.#remote === signal.generation) await this.#add(signal);
        else this.#early.push(signal);
      }
    });
  }

  /** The server opened a new generation. `offer`: this end makes the offer. */
  restart({ generation, offer }: { readonly generation: number; readonly offer: boolean }): void {
    this.#queue(async () => {
      if (generation <= this.#generation) return;
      this.#generation = generation;
      if (offer) await this.#offer({ iceRestart: true });
    });
  }

  /** The other end may have missed the last signals: sends them again. */
  resync(): void {
    this.#queue(async () => {
      if (this.#unanswered) this.send(this.#unanswered);
      if (this.#gathered[0]) this.send({ generation: this.#local, candidates: [...this.#gathered] });
    });
  }

  /** Notes a local candidate; returns the generation that it belongs to. */
  gathered(candidate: Candidate | undefined): number {
    if (candidate) this.#gathered.push(candidate);
    return this.#local;
  }

  close(): void {
    this.#closed = true;
  }

  #queue(operation: () => Promise<void>): void {
    this.#tail = this.#tail
      .then(() => (this.#closed ? undefined : operation()))
      .catch((error) => {
        if (!this.#closed) this.failed(error);
      });
  }

  async #offer(options?: RTCOfferOptions): Promise<void> {
    await this.#step(async () => {
      const offer = await this.pc.createOffer(options);
      // Applied with its answer if that can wait: libwebrtc does not undo all that a rollback takes back (directions, and a first data
      // channel, which it can't offer again). New sections get their mid when they are applied, and the notes on media need it.
      const waits = this.#remote && !options && this.pc.getTransceivers().every(({ mid }) => mid);
      const opens = !this.pc.sctp && offer.sdp?.includes("m=app");
      // When the other end holds the call, Firefox wants to offer what the hold took away, which would undo the hold.
      if (waits && !opens && this.#answeredFor === this.#wants) {
        this.#refusedAt = this.#steps + 1;
        return;
      }
      this.#answeredFor = undefined;
      // Replaces an unanswered offer, if there is one.
      if (!waits && !(opens && this.#polite)) await this.#apply(offer);
      // What createOffer gave, not pc.localDescription, to which candidates are added.
      this.#unanswered = { generation: this.#generation, description: plain(offer) };
      this.send(this.#unanswered);
    });
  }

  async #answer(signal: Signal, offer: Description): Promise<void> {
    const { pc } = this;
    if (!this.#polite && this.#unanswered?.generation === signal.generation) return;
    const glare = pc.signalingState !== "stable";
    try {
      // At once: between two calls a browser might fire negotiationneeded.
      await this.#step(() =>
        Promise.all([glare && pc.setLocalDescription({ type: "rollback" }), pc.setRemoteDescription(offer)]),
      );
    } catch (error) {
      this.refuse(error);
      // Without a first description there is nothing to go on with.
      if (!this.#remote) throw error;
      // The offer that gave way in glare has its turn after all.
      return this.#unanswered && this.#offer();
    }
    // An offer that gave way in glare wanted more than the answer gives.
    this.#answeredFor = this.#unanswered ? undefined : this.#wants;
    this.#unanswered = undefined;
    await this.#described(signal.generation);
    const answer = await pc.createAnswer();
    await this.#apply(answer);
    this.send({ generation: this.#generation, description: plain(answer) });
    this.applied();
  }

  /** The directions of the transceivers. */
  get #wants(): string {
    return `${this.pc.getTransceivers().map(({ direction }) => direction)}`;
  }

  #step(step: () => Promise<unknown>): Promise<unknown> {
    return step().finally(() => {
      this.#steps++;
    });
  }

  async #answered(signal: Signal, answer: Description): Promise<void> {
    const offer = this.#unanswered;
    if (offer?.generation !== signal.generation) return;
    // Before the state is stable again, because the browser fires negotiationneeded then.
    this.#unanswered = undefined;
    if (this.pc.signalingState === "stable") await this.#apply(offer.description as Description);
    await this.pc.setRemoteDescription(answer);
    await this.#described(signal.generation);
    this.applied();
  }

  /** The other end refused this end's offer. */
  async #rollback({ generation }: Signal): Promise<void> {
    if (this.#unanswered?.generation !== generation) return;
    if (this.pc.signalingState !== "stable")
      await this.#step(() => this.pc.setLocalDescription({ type: "rollback" }));
    this.#unanswered = undefined;
    this.#refusedAt = this.#steps;
  }

  /** Candidates may be gathered before the promise settles: they belong to this description already. */
  async #apply(description: RTCSessionDescriptionInit): Promise<void> {
    if (this.#local !== this.#generation) this.#gathered = [];
    this.#local = this.#generation;
    await this.pc.setLocalDescription(description);
  }

  async #described(generation: number): Promise<void> {
    this.#remote = generation;
    for (const signal of this.#early.splice(0)) if (signal.generation === generation) await this.#add(signal);
  }

  async #add({ candidates = [], endOfCandidates }: Signal): Promise<void> {
    // A candidate that doesn't fit (its offer lost in glare, or this end can't use it) must not stop the others.
    for (const candidate of candidates)
      await this.pc.addIceCandidate(candidate as RTCIceCandidateInit).catch(() => {});
    if (endOfCandidates) await this.pc.addIceCandidate().catch(() => {});
  }
}

function plain({ type, sdp = "" }: RTCSessionDescriptionInit): Description {
  return { type: type as Description["type"], sdp };
}
