import type { PushOf } from "../protocol/pushes.ts";
import type { Call, Channel, Flags } from "./api.ts";
import { Line } from "./channel.ts";
import { quiet, SwitchboardError, toError } from "./error.ts";
import type { Hub } from "./hub.ts";
import type { SourceMedia } from "./local-media.ts";
import { Pair, type PairEvents, type PairSignal } from "./pair.ts";
import { Recovery } from "./recovery.ts";
import type { Summary } from "./stats.ts";

/** The call that the pairs belong to, as they see it. */
export interface PairsOwner extends Call {
  readonly media: SourceMedia | undefined;
  /** The connection in use works, or is in trouble. */
  flows(works: boolean): void;
  /** What comes in has changed. */
  received(): void;
  opened(channel: Channel): void;
  failed(error: SwitchboardError): void;
}

const reportEvery = 10_000;

/**
 * The connections of one call: the pair in use, and the next one while a move is on. It keeps the identity of what outlives
 * a pair: the remote streams and the channels. It helps a pair in trouble, and reports on it.
 */
export class Pairs implements PairEvents {
  readonly remote: MediaStream;
  remoteScreen: MediaStream | undefined;
  remoteMuted: Flags = { audio: true, video: true };
  readonly lines = new Map<string, Line>();
  current: Pair | undefined;
  #next: Pair | undefined;
  #recoveryTimer: ReturnType<typeof setTimeout> | undefined;
  #reportTimer: ReturnType<typeof setInterval> | undefined;
  readonly #recovery = new Recovery();
  readonly #hub: Hub;
  readonly #owner: PairsOwner;

  constructor(hub: Hub, owner: PairsOwner, remote: MediaStream) {
    this.#hub = hub;
    this.#owner = owner;
    this.remote = remote;
  }

  /** Opens a pair: the first one is in use at once, a later one once the server says `moved`. */
  open(number: number, generation: number, offers: boolean): void {
    const owner = this.#owner;
    const pair = new Pair(number, generation, offers, this.#hub.newPeerConnection(owner), this);
    pair.attach(owner.media);
    if (owner.held) pair.hold(true);
    if (this.current) {
      this.#next?.close();
      this.#next = pair;
    } else {
      this.#use(pair);
      this.#recovery.start(Date.now());
      this.#schedule();
    }
    pair.start(this.lines.size);
  }

  /** Something from the server for one of the pairs. */
  push(push: PushOf<"signal"> | PushOf<"restart"> | PushOf<"resync">): void {
    const pair = this.#all.find((one) => one.number === push.pair);
    if (push.type === "signal") pair?.receive(push as PairSignal);
    else if (push.type === "restart") pair?.negotiation.restart(push.generation, push.offer);
    else pair?.negotiation.resync();
  }

  /** The pair is the call's from now on; the older one closes. */
  commit(number: number): void {
    const next = this.#next;
    if (next?.number !== number) return;
    this.#next = undefined;
    const old = this.current;
    for (const line of this.lines.values()) line.detach();
    this.#use(next);
    this.received(next);
    old?.close();
    this.state(next);
  }

  /** The next pair is given up. */
  drop(number: number): void {
    if (this.#next?.number !== number) return;
    this.#next.close();
    this.#next = undefined;
  }

  /** The server found the session again: both ends say once more what may have been lost. */
  resync(number: number, generation: number, offers: boolean): void {
    const negotiation = this.current?.negotiation;
    negotiation?.restart(generation, offers);
    void this.#hub.say("resync", { session: this.#session, pair: number, generation });
    negotiation?.resync();
    void this.report();
  }

  attach(): void {
    for (const pair of this.#all) pair.attach(this.#owner.media);
  }

  hold(on: boolean): void {
    for (const pair of this.#all) pair.hold(on);
  }

  configure(config: RTCConfiguration): void {
    for (const { pc } of this.#all) pc.setConfiguration(config);
  }

  /** Both ends' links are up, or one is not. */
  links(up: boolean): void {
    this.#recovery.links(up, Date.now());
    this.#schedule();
  }

  line(label: string, init: RTCDataChannelInit | undefined): Line {
    let line = this.lines.get(label);
    if (!line) {
      line = new Line(label, init, () => this.lines.delete(label));
      this.lines.set(label, line);
      if (init && this.current) line.open(this.current.pc);
    }
    return line;
  }

  /** Compare-and-set to the next ICE generation; whoever loses the race has what it wanted. */
  async restart(): Promise<void> {
    const pair = this.current;
    if (!pair) throw new SwitchboardError("wrong_state", "not connected");
    const { number, negotiation } = pair;
    try {
      await this.#hub.ask(
        "restart",
        { session: this.#session, pair: number, generation: negotiation.generation },
        { done: ({ generation, offer }) => negotiation.restart(generation, offer) },
      );
    } catch (error) {
      if (!SwitchboardError.is(error, "stale_generation")) throw error;
    }
  }

  stats(): Promise<Summary> {
    if (!this.current) throw new SwitchboardError("wrong_state");
    return this.current.stats();
  }

  /** Tells the server how a pair does; without one, the pair in use. */
  async report(pair: Pair | undefined = this.current): Promise<void> {
    if (!pair || pair.state === "new") return;
    const { state, number } = pair;
    const session = this.#session;
    const { loss = [], bitrate = [], ...rest } = await pair.stats().catch(() => ({ loss: [], bitrate: [] }));
    const [lossIn, lossOut] = loss;
    const [bitrateIn, bitrateOut] = bitrate;
    const stats = { pair: number, state, ...rest, lossIn, lossOut, bitrateIn, bitrateOut };
    if (session === this.#session)
      void this.#hub.say("report", { session, stats: stats as object as { state: typeof state } });
  }

  close(): void {
    clearTimeout(this.#recoveryTimer);
    clearInterval(this.#reportTimer);
    for (const pair of this.#all) pair.close();
    for (const line of [...this.lines.values()]) void line.close();
  }

  send({ number: pair }: Pair, { candidates, ...signal }: PairSignal): void {
    const fields = { session: this.#session, pair, ...signal, candidates: candidates && [...candidates] };
    void this.#hub.say("signal", fields);
  }

  state(pair: Pair): void {
    void this.report(pair);
    if (pair !== this.current) return;
    const { state } = pair;
    this.#recovery.state(state, Date.now());
    this.#schedule();
    if (state === "connected") {
      this.#reportTimer ??= setInterval(() => void this.report(), reportEvery);
      this.#owner.flows(true);
    } else if (state !== "connecting") this.#owner.flows(false);
  }

  received(pair: Pair): void {
    if (pair !== this.current) return;
    const { tracks, screen, muted } = pair.received;
    sync(this.remote, tracks);
    this.remoteScreen = screen.length > 0 ? (this.remoteScreen ?? this.#hub.newStream()) : undefined;
    if (this.remoteScreen) sync(this.remoteScreen, screen);
    this.remoteMuted = muted;
    this.#owner.received();
  }

  channel(pair: Pair, channel: RTCDataChannel): void {
    if (pair !== this.current) return;
    const known = this.lines.has(channel.label);
    const line = this.line(channel.label, undefined);
    line.adopt(channel);
    if (!known) this.#owner.opened(line);
  }

  failed(pair: Pair, error: unknown): void {
    this.#hub.log("warn", "negotiation failed", { error });
    if (pair === this.current) this.#owner.failed(toError(error, "negotiation_failed"));
    else this.drop(pair.number);
  }

  get #all(): Pair[] {
    return [this.current, this.#next].filter((pair) => pair !== undefined);
  }

  get #session(): string {
    return this.#owner.id ?? "";
  }

  #use(pair: Pair): void {
    this.current = pair;
    for (const line of this.lines.values()) if (line.init) line.open(pair.pc);
  }

  #schedule(): void {
    clearTimeout(this.#recoveryTimer);
    const at = this.#recovery.nextDeadline;
    if (!at) return;
    const help = () => {
      const step = this.#recovery.tick(Date.now());
      if (step === "restart") void quiet(this.restart());
      if (step === "fail") this.#owner.failed(new SwitchboardError("negotiation_failed", "no path"));
      else this.#schedule();
    };
    this.#recoveryTimer = setTimeout(help, Math.max(0, at - Date.now()));
  }
}

function sync(stream: MediaStream, tracks: readonly MediaStreamTrack[]): void {
  const there = stream.getTracks();
  for (const track of there) if (!tracks.includes(track)) stream.removeTrack(track);
  for (const track of tracks) if (!there.includes(track)) stream.addTrack(track);
}
