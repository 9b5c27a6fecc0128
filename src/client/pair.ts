import type { Candidate, MediaNotes } from "../protocol/values.ts";
import type { Flags } from "./api.ts";
import { type Slot, type SourceMedia, slots } from "./local-media.ts";
import { Negotiation, type Signal } from "./negotiation.ts";
import { type Sample, type Summary, summarize } from "./stats.ts";

export interface PairEvents {
  send(signal: Omit<Signal, "description"> & Partial<Signal> & { readonly media?: MediaNotes }): void;
  state(state: RTCPeerConnectionState): void;
  /** What the other end sends may have changed. */
  received(): void;
  channel(channel: RTCDataChannel): void;
  failed(error: unknown): void;
}

/** What comes in over a pair. */
export interface Received {
  readonly tracks: readonly MediaStreamTrack[];
  readonly screen: readonly MediaStreamTrack[];
  readonly muted: Flags;
}

/**
 * One RTCPeerConnection of a call: its negotiation, its senders, its candidates in batches (the first 20 ms after the first of
 * them, the later ones each 100 ms, the end at once).
 */
export class Pair {
  readonly number: number;
  readonly pc: RTCPeerConnection;
  readonly negotiation: Negotiation;
  state: RTCPeerConnectionState = "new";
  #senders = new Map<Slot, RTCRtpSender>();
  #held = false;
  #closed = false;
  #notes: MediaNotes = {};
  #told = "";
  #batch: Candidate[] = [];
  #batchGeneration = 0;
  #batchTimer: ReturnType<typeof setTimeout> | undefined;
  #batches = 0;
  #sample: Sample | undefined;
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
    this.number = number;
    this.pc = pc;
    this.#offers = offers;
    this.#events = events;
    this.negotiation = new Negotiation(pc, !offers, generation, {
      send: (signal) => this.#send(signal),
      applied: () => events.received(),
      failed: (error) => events.failed(error),
    });
    pc.onnegotiationneeded = () => this.negotiation.needed();
    pc.onicecandidate = ({ candidate }) => this.#candidate(candidate);
    pc.ontrack = () => events.received();
    pc.ondatachannel = ({ channel }) => events.channel(channel);
    pc.onconnectionstatechange = () => {
      if (this.#closed || pc.connectionState === this.state) return;
      this.state = pc.connectionState;
      events.state(this.state);
    };
  }

  /** To be called when media and channels are attached: the offering end offers. */
  start(): void {
    if (!this.#offers) return;
    // An offer of nothing connects nothing.
    if (this.pc.getTransceivers().length === 0 && !this.#hasChannels)
      for (const kind of ["audio", "video"]) this.pc.addTransceiver(kind, { direction: "recvonly" });
    this.negotiation.start();
  }

  /** Set before `start` when channels were created on the connection. */
  #hasChannels = false;
  willHaveChannels(): void {
    this.#hasChannels = true;
  }

  /** Takes what came from the other end for this pair. */
  receive(signal: Signal & { readonly media?: MediaNotes }): void {
    if (signal.media) {
      this.#notes = signal.media;
      this.#events.received();
    }
    this.negotiation.receive(signal);
  }

  /** Sends what the media has now. */
  attach(media: SourceMedia | undefined): void {
    for (const slot of slots) {
      const track = media?.track(slot);
      const sender = this.#senders.get(slot);
      if (sender) {
        if ((sender.track ?? undefined) !== track)
          sender.replaceTrack(track ?? null).catch(this.#events.failed);
      } else if (track && media)
        this.#senders.set(
          slot,
          isScreen(slot) ? this.#addScreen(track, media) : this.pc.addTrack(track, media.stream),
        );
    }
    this.#direct();
    this.#tell(media);
  }

  hold(on: boolean): void {
    this.#held = on;
    this.#direct();
  }

  sender(slot: Slot): RTCRtpSender | undefined {
    return this.#senders.get(slot);
  }

  /** What the other end sends now: by the negotiated directions, told apart by its notes. */
  get received(): Received {
    const tracks: MediaStreamTrack[] = [];
    const screen: MediaStreamTrack[] = [];
    const muted = { audio: true, video: true };
    for (const { mid, currentDirection, receiver } of this.pc.getTransceivers()) {
      if (currentDirection !== "sendrecv" && currentDirection !== "recvonly") continue;
      const note = mid === null ? undefined : this.#notes[mid];
      const { track } = receiver;
      (note?.screen ? screen : tracks).push(track);
      if (!note?.screen && !note?.muted) muted[track.kind as keyof Flags] = false;
    }
    return { tracks, screen, muted };
  }

  /** Sums up `getStats` since the last time. */
  async stats(): Promise<Summary> {
    const { summary, sample } = summarize(await this.pc.getStats(), this.#sample);
    this.#sample = sample;
    return summary;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#batchTimer);
    this.negotiation.close();
    this.pc.close();
  }

  #addScreen(track: MediaStreamTrack, media: SourceMedia): RTCRtpSender {
    return this.pc.addTransceiver(track, {
      direction: "sendonly",
      streams: media.screen ? [media.screen] : [],
    }).sender;
  }

  /** Gives each transceiver the direction that hold and media ask for; a change renegotiates by itself. */
  #direct(): void {
    for (const transceiver of this.pc.getTransceivers()) {
      const slot = [...this.#senders].find(([, sender]) => sender === transceiver.sender)?.[0];
      let direction: RTCRtpTransceiverDirection = slot ? "sendrecv" : "recvonly";
      if (slot && isScreen(slot)) direction = transceiver.sender.track ? "sendonly" : "inactive";
      if (this.#held) direction = "inactive";
      if (transceiver.direction !== direction && transceiver.direction !== "stopped")
        transceiver.direction = direction;
    }
  }

  /** What the SDP does not say of what this end sends. */
  get #ownNotes(): MediaNotes {
    const notes: MediaNotes = {};
    for (const { mid, sender } of this.pc.getTransceivers()) {
      const slot = [...this.#senders].find(([, own]) => own === sender)?.[0];
      if (mid === null || !slot) continue;
      notes[mid] = {
        ...(isScreen(slot) && { screen: true }),
        ...(!sender.track?.enabled && { muted: true }),
      };
    }
    return notes;
  }

  #tell(media: SourceMedia | undefined): void {
    const notes = this.#ownNotes;
    const text = JSON.stringify(notes);
    if (!media || this.#told === "" || text === this.#told) return;
    this.#told = text;
    this.#events.send({ generation: this.negotiation.generation, media: notes });
  }

  #send(signal: Signal): void {
    if (!signal.description) {
      this.#events.send(signal);
      return;
    }
    const media = this.#ownNotes;
    this.#told = JSON.stringify(media);
    this.#events.send({ ...signal, media });
  }

  #candidate(candidate: RTCIceCandidate | null): void {
    if (this.#closed) return;
    // An empty candidate ends one m-line's; the null one all.
    const own = candidate?.candidate ? (candidate.toJSON() as Candidate) : undefined;
    const generation = this.negotiation.gathered(own);
    if (generation !== this.#batchGeneration) {
      this.#flush();
      this.#batchGeneration = generation;
      this.#batches = 0;
    }
    if (own) this.#batch.push(own);
    if (candidate === null) this.#flush(true);
    else this.#batchTimer ??= setTimeout(() => this.#flush(), this.#batches === 0 ? 20 : 100);
  }

  #flush(end = false): void {
    clearTimeout(this.#batchTimer);
    this.#batchTimer = undefined;
    if (this.#batch.length === 0 && !end) return;
    this.#batches++;
    this.#events.send({
      generation: this.#batchGeneration,
      ...(this.#batch.length > 0 && { candidates: this.#batch }),
      ...(end && { endOfCandidates: true }),
    });
    this.#batch = [];
  }
}

function isScreen(slot: Slot): boolean {
  return slot === "screen" || slot === "screenAudio";
}
