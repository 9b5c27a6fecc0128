import type { Candidate, MediaNotes } from "../protocol/values.ts";
import type { Flags } from "./api.ts";
import type { SourceMedia } from "./local-media.ts";
import { Negotiation, type Signal } from "./negotiation.ts";
import { isScreen, type Slot, slots } from "./slots.ts";
import type { Sample, Summed } from "./stats.ts";

/** A signal, and the notes on media that go with it. */
export type PairSignal = Signal & { readonly media?: MediaNotes };

/** A signal to the other end. Undefined fields are left out on the wire. */
export type SentSignal = { readonly [K in keyof PairSignal]: PairSignal[K] | undefined } & {
  readonly generation: number;
};

/** What a pair tells its call. */
export interface PairEvents {
  onSignal(pair: Pair, signal: SentSignal): void;
  onState(pair: Pair): void;
  /** What the other end sends may have changed. */
  onReceived(pair: Pair): void;
  onChannel(pair: Pair, channel: RTCDataChannel): void;
  /** This end can't apply an offer of the other end. */
  onRefusal(pair: Pair, error: unknown): void;
  onFailure(pair: Pair, error: unknown): void;
}

/** What a pair receives. */
export interface Received {
  readonly tracks: readonly MediaStreamTrack[];
  readonly screen: readonly MediaStreamTrack[];
  readonly muted: Flags;
}

/**
 * One RTCPeerConnection of a call: its negotiation, its senders, and its candidates, which it sends in batches (20 ms after the
 * first one, then every 100 ms; the end of candidates at once).
 */
export class Pair extends Negotiation<RTCPeerConnection> {
  declare readonly number: number;
  state: RTCPeerConnectionState = "new";
  readonly #senders = new Map<RTCRtpSender, Slot>();
  #held = false;
  #notes: MediaNotes = {};
  #told = "";
  #batch: Candidate[] = [];
  #batchGeneration = 0;
  #batchTimer: ReturnType<typeof setTimeout> | undefined;
  #batchDelay = 20;
  #sample: Sample | undefined;
  /** Servers that gave no candidate. */
  readonly #iceErrors: RTCPeerConnectionIceErrorEvent[] = [];
  readonly #offers: boolean;
  readonly #events: PairEvents;

  /** `offers`: this end makes the first offer and is the impolite one. */
  constructor(
    number: number,
    generation: number,
    offers: boolean,
    pc: RTCPeerConnection,
    events: PairEvents,
  ) {
    super(pc, !offers, generation);
    this.number = number;
    this.#offers = offers;
    this.#events = events;
    pc.onnegotiationneeded = () => this.needed();
    pc.onicecandidate = ({ candidate }) => this.#candidate(candidate);
    pc.onicecandidateerror = (error) => this.#iceErrors.push(error);
    pc.ontrack = () => this.applied();
    pc.ondatachannel = ({ channel }) => events.onChannel(this, channel);
    pc.onconnectionstatechange = () => {
      const state = pc.connectionState;
      if (state === this.state || state === "closed") return;
      this.state = state;
      events.onState(this);
    };
  }

  /** To be called when media and data channels (this many) are attached: the end that offers makes its offer. */
  begin(channels: number): void {
    if (!this.#offers) return;
    // An offer without any section would connect nothing.
    if (!channels && !this.pc.getTransceivers()[0])
      for (const kind of ["audio", "video"]) this.pc.addTransceiver(kind, { direction: "recvonly" });
    this.start();
  }

  /** Takes a signal of the other end. */
  override receive(signal: PairSignal): void {
    if (signal.media) {
      this.#notes = signal.media;
      this.applied();
    }
    super.receive(signal);
  }

  /** Sends the media's current tracks. */
  attach(media: SourceMedia | undefined): void {
    for (const slot of slots) {
      const track = media?.track(slot) ?? null;
      const sender = this.sender(slot);
      if (sender) {
        if (sender.track !== track)
          // The sender has the new track only then, and directions and notes depend on it.
          sender.replaceTrack(track).then(
            () => {
              this.#direct();
              this.#tell();
            },
            (error) => this.failed(error),
          );
      } else if (track && media) this.#senders.set(this.#add(slot, track, media), slot);
    }
    this.#direct();
    this.#tell();
  }

  hold(on: boolean): void {
    this.#held = on;
    this.#direct();
  }

  sender(slot: Slot): RTCRtpSender | undefined {
    for (const [sender, its] of this.#senders) if (its === slot) return sender;
    return undefined;
  }

  /** What the other end sends now, by the negotiated directions and its notes. */
  get received(): Received {
    const tracks: MediaStreamTrack[] = [];
    const screen: MediaStreamTrack[] = [];
    const muted = { audio: true, video: true };
    for (const { mid, currentDirection, receiver } of this.pc.getTransceivers()) {
      if (currentDirection !== "sendrecv" && currentDirection !== "recvonly") continue;
      const note = this.#notes[mid ?? ""];
      const { track } = receiver;
      (note?.screen ? screen : tracks).push(track);
      if (!note?.screen && !note?.muted) muted[track.kind as keyof Flags] = false;
    }
    return { tracks, screen, muted };
  }

  /** Statistics since the last time. */
  async stats(): Promise<Summed> {
    // Loaded on demand: the first report comes when the call is connected, and nobody waits for it.
    const { measure } = await import("./stats.ts");
    const summed = await measure(this.pc, this.#sample, this.#iceErrors, () => this.#events.onState(this));
    this.#sample = summed.sample;
    return summed;
  }

  override close(): void {
    clearTimeout(this.#batchTimer);
    super.close();
    this.pc.close();
  }

  /** Sends a signal; a description with the notes on media. */
  protected send(signal: Signal): void {
    const media = signal.description && this.#ownNotes;
    if (media) this.#told = JSON.stringify(media);
    this.#events.onSignal(this, { ...signal, media });
  }

  protected applied(): void {
    this.#events.onReceived(this);
  }

  protected refuse(error: unknown): void {
    this.#events.onRefusal(this, error);
  }

  protected failed(error: unknown): void {
    this.#events.onFailure(this, error);
  }

  #add(slot: Slot, track: MediaStreamTrack, { stream, screen }: SourceMedia): RTCRtpSender {
    if (!isScreen(slot)) return this.pc.addTrack(track, stream);
    return this.pc.addTransceiver(track, { direction: "sendonly", streams: screen ? [screen] : [] }).sender;
  }

  /** Gives each transceiver the direction that hold and media require. A change fires negotiationneeded. */
  #direct(): void {
    for (const transceiver of this.pc.getTransceivers()) {
      const slot = this.#senders.get(transceiver.sender);
      let direction: RTCRtpTransceiverDirection = slot ? "sendrecv" : "recvonly";
      if (slot && isScreen(slot)) direction = transceiver.sender.track ? "sendonly" : "inactive";
      if (this.#held) direction = "inactive";
      if (transceiver.direction !== direction && transceiver.direction !== "stopped")
        transceiver.direction = direction;
    }
    this.changed();
  }

  /** What the SDP does not say of the tracks that this end sends. */
  get #ownNotes(): MediaNotes {
    const notes: MediaNotes = {};
    for (const { mid, sender } of this.pc.getTransceivers()) {
      const slot = this.#senders.get(sender);
      if (mid && slot)
        notes[mid] = {
          screen: isScreen(slot) || undefined,
          muted: !sender.track?.enabled || undefined,
        } as MediaNotes[string];
    }
    return notes;
  }

  /** Sends the notes if they have changed since the last description. */
  #tell(): void {
    const media = this.#ownNotes;
    const text = JSON.stringify(media);
    if (this.#told === "" || text === this.#told) return;
    this.#told = text;
    this.#events.onSignal(this, { generation: this.generation, media });
  }

  #candidate(candidate: RTCIceCandidate | null): void {
    // An empty candidate ends those of one m-line, null ends all.
    const own = candidate?.candidate ? (candidate.toJSON() as Candidate) : undefined;
    const generation = this.gathered(own);
    if (generation !== this.#batchGeneration) {
      this.#flush();
      this.#batchGeneration = generation;
      this.#batchDelay = 20;
    }
    if (own) this.#batch.push(own);
    if (!candidate) this.#flush(true);
    else this.#batchTimer ??= setTimeout(() => this.#flush(), this.#batchDelay);
  }

  #flush(endOfCandidates?: true): void {
    clearTimeout(this.#batchTimer);
    this.#batchTimer = undefined;
    const candidates = this.#batch;
    if (!candidates[0] && !endOfCandidates) return;
    this.#batch = [];
    this.#batchDelay = 100;
    this.#events.onSignal(this, {
      generation: this.#batchGeneration,
      candidates: candidates[0] && candidates,
      endOfCandidates,
    });
  }
}
