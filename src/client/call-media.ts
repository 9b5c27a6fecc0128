import type { PushOf } from "../protocol/pushes.ts";
import type { Stats } from "../protocol/values.ts";
import type { CallStats, Channel, Flags, Media, Peer } from "./api.ts";
import type { ClientInternals } from "./client-internals.ts";
import { DataChannel } from "./data-channel.ts";
import { quiet, SwitchboardError, settled, toError } from "./error.ts";
import { Emitter, type Events } from "./live.ts";
import type { SourceMedia } from "./local-media.ts";
import { resolveMedia } from "./media.ts";
import { Pair, type PairEvents, type PairSignal } from "./pair.ts";
import { Recovery } from "./recovery.ts";

export type CallEvents = { moved: Peer; channel: Channel };

const reportEvery = 10_000;

/**
 * The media of one call: the pair in use, and the next one while a move is on. It keeps the identity of what outlives a pair:
 * the remote streams and the channels. It helps a pair in trouble, and reports on it.
 */
export abstract class CallMedia extends Emitter<CallEvents> implements PairEvents {
  id: string | undefined;
  readonly remote: MediaStream;
  remoteScreen: MediaStream | undefined;
  remoteMuted: Flags = { audio: true, video: true };
  held = false;
  media: SourceMedia | undefined;
  protected readonly lines = new Map<string, DataChannel>();
  protected readonly client: ClientInternals;
  #current: Pair | undefined;
  #next: Pair | undefined;
  /** The pair in use was opened while it still rang. */
  #early: true | undefined;
  #closesMedia = false;
  #unfollow = () => {};
  #recoveryTimer: ReturnType<typeof setTimeout> | undefined;
  #reportTimer: ReturnType<typeof setInterval> | undefined;
  readonly #recovery = new Recovery();

  /** `remote`: where to put what comes. */
  constructor(client: ClientInternals, remote: MediaStream) {
    super();
    this.client = client;
    this.remote = remote;
  }

  get pc(): RTCPeerConnection | undefined {
    return this.#current?.pc;
  }

  /** The session, when it is active; rejects when it is not. */
  protected abstract active(): Promise<string>;
  /** The connection in use works, or is in trouble. */
  protected abstract flows(works: boolean): void;
  protected abstract fail(error: SwitchboardError): void;

  setMedia(media: Media | undefined, signal?: AbortSignal): Promise<void> {
    return settled(resolveMedia(media, signal).then((source) => this.use(source.media, source.owned)));
  }

  /** Sends this from now on; `owned`: the call closes it. */
  use(media: SourceMedia | undefined, owned: boolean): void {
    const old = this.#closesMedia && this.media;
    this.#unfollow();
    this.media = media;
    this.#closesMedia = owned;
    const attach = () => {
      for (const pair of this.#pairs) pair.attach(media);
    };
    attach();
    if (media) this.#unfollow = media.on("change", attach);
    if (old && old !== media) old.stop();
    this.changed();
  }

  channel(label: string, options: RTCDataChannelInit = {}): Channel {
    return this.#line(label, options);
  }

  hold(on = true): Promise<void> {
    const hold = () => {
      this.held = on;
      for (const pair of this.#pairs) pair.hold(on);
      this.changed();
    };
    return settled(this.active().then(hold));
  }

  sendDigits(tones: string): void {
    const dtmf = this.#current?.sender("audio")?.dtmf;
    if (!dtmf) throw new SwitchboardError("unsupported", "audio");
    dtmf.insertDTMF(tones);
  }

  /** Compare-and-set to the next ICE generation; whoever loses the race has what it wanted. */
  restartIce(): Promise<void> {
    const restart = async (session: string) => {
      const pair = this.#current as Pair;
      const { number, generation } = pair;
      await this.client.ask(
        "restart",
        { session, pair: number, generation },
        { done: (now) => pair.restart(now.generation, now.offer) },
      );
    };
    const raced = (error: unknown) => {
      if (!SwitchboardError.is(error, "stale_generation")) throw error;
    };
    return settled(this.active().then(restart).catch(raced));
  }

  stats(): Promise<CallStats> {
    const none: CallStats = { path: undefined, loss: [0, 0], bitrate: [0, 0] };
    return quiet(this.active().then(async () => (await this.#current?.stats())?.stats ?? none));
  }

  /** ICE servers are new. */
  configure(config: RTCConfiguration): void {
    for (const { pc } of this.#pairs) pc.setConfiguration(config);
  }

  /**
   * Opens a pair: the first one is in use at once, a later one once the server says `moved`. `early`: while it still rings, so
   * that its offer can ring devices that need one.
   */
  protected open(
    { pair: number, generation, offer }: Pick<PushOf<"pair">, "pair" | "generation" | "offer">,
    early?: true,
  ): void {
    const there = this.#early && offer;
    // The call turned out to be another, in which the other end offers.
    if (this.#early && !there) this.#current = this.#current?.close() as undefined;
    this.#early = early;
    if (!there) {
      const pair = new Pair(number, generation, offer, this.client.newPeerConnection(this as never), this);
      pair.attach(this.media);
      if (this.held) pair.hold(true);
      if (this.#current) {
        this.#next?.close();
        this.#next = pair;
      } else this.#use(pair);
      pair.begin(this.lines.size);
    }
    if (early || this.#next) return;
    this.#recovery.start(Date.now());
    this.#schedule();
  }

  /** Something from the server for one of the pairs. */
  protected signaled(
    push: PushOf<"signal"> | PushOf<"accepted"> | PushOf<"restart"> | PushOf<"resync">,
  ): void {
    const pair = this.#pairs.find(({ number }) => number === push.pair);
    if (push.type === "restart") pair?.restart(push.generation, push.offer);
    else if (push.type === "resync") pair?.resync();
    else pair?.receive(push as PairSignal);
  }

  /** The pair is the call's from now on; the older one closes. */
  protected commit(number: number): void {
    const next = this.#next;
    if (next?.number !== number) return;
    this.#next = undefined;
    const old = this.#current;
    this.#use(next);
    this.onReceived(next);
    old?.close();
    this.onState(next);
  }

  /** The next pair is given up: this one, or any. */
  protected drop(number = this.#next?.number): void {
    if (this.#next?.number !== number) return;
    this.#next?.close();
    this.#next = undefined;
  }

  /** The server found the session again, in this pair: both ends say once more what may have been lost. */
  protected found({ session, pair, generation, offer }: PushOf<"session">): void {
    this.commit(pair);
    this.drop();
    this.#current?.restart(generation, offer);
    void this.client.say("resync", { session, pair, generation });
    this.#current?.resync();
    void this.report();
  }

  /** Both ends' links are up, or one is not. */
  protected links(up: boolean): void {
    this.#recovery.links(up, Date.now());
    this.#schedule();
  }

  /** Tells the server how a pair does; without one, the pair in use. */
  protected async report(pair = this.#current): Promise<void> {
    if (!pair || pair.state === "new" || !this.id) return;
    const session = this.id;
    const { state, number } = pair;
    const stats = { pair: number, state, ...(await pair.stats().catch(() => undefined))?.summary };
    if (session === this.id) void this.client.say("report", { session, stats: stats as Stats });
  }

  protected closeMedia(): void {
    clearTimeout(this.#recoveryTimer);
    clearInterval(this.#reportTimer);
    this.#unfollow();
    for (const pair of this.#pairs) pair.close();
    for (const line of [...this.lines.values()]) void line.close();
    if (this.#closesMedia) this.media?.stop();
  }

  protected override present(type: keyof Events<CallEvents>): Iterable<unknown> {
    return type === "channel" ? [...this.lines.values()].filter((line) => !line.init) : [];
  }

  onSignal({ number: pair }: Pair, signal: PairSignal): void {
    if (this.id) void this.client.say("signal", { session: this.id, pair, ...signal });
  }

  onState(pair: Pair): void {
    void this.report(pair);
    if (pair !== this.#current) return;
    const { state } = pair;
    this.#recovery.state(state, Date.now());
    this.#schedule();
    if (state === "connected") this.#reportTimer ??= setInterval(() => void this.report(), reportEvery);
    if (state !== "connecting") this.flows(state === "connected");
  }

  onReceived(pair: Pair): void {
    if (pair !== this.#current) return;
    const { tracks, screen, muted } = pair.received;
    sync(this.remote, tracks);
    this.remoteScreen = screen.length > 0 ? (this.remoteScreen ?? this.client.newStream()) : undefined;
    if (this.remoteScreen) sync(this.remoteScreen, screen);
    this.remoteMuted = muted;
    this.changed();
  }

  onChannel(pair: Pair, channel: RTCDataChannel): void {
    if (pair !== this.#current) return;
    const known = this.lines.has(channel.label);
    const line = this.#line(channel.label, undefined);
    line.adopt(channel, pair.pc);
    if (!known) this.emit("channel", line);
  }

  onFailure(pair: Pair, error: unknown): void {
    this.client.log("warn", "negotiation_failed", { error });
    if (pair === this.#current) this.fail(toError(error, "negotiation_failed"));
    else this.drop(pair.number);
  }

  get #pairs(): Pair[] {
    return [this.#current, this.#next].filter((pair) => pair !== undefined);
  }

  #use(pair: Pair): void {
    this.#current = pair;
    for (const line of this.lines.values()) {
      line.detach();
      if (line.init) line.open(pair.pc);
    }
  }

  #line(label: string, init: RTCDataChannelInit | undefined): DataChannel {
    let line = this.lines.get(label);
    if (!line) {
      line = new DataChannel(label, init, () => this.lines.delete(label));
      this.lines.set(label, line);
      if (init && this.pc) line.open(this.pc);
    }
    return line;
  }

  #schedule(): void {
    clearTimeout(this.#recoveryTimer);
    const at = this.#recovery.nextDeadline;
    if (!at) return;
    const help = () => {
      const step = this.#recovery.tick(Date.now());
      if (step === "fail") {
        this.fail(new SwitchboardError("negotiation_failed"));
        return;
      }
      if (step) void this.restartIce();
      this.#schedule();
    };
    this.#recoveryTimer = setTimeout(help, Math.max(0, at - Date.now()));
  }
}

function sync(stream: MediaStream, tracks: readonly MediaStreamTrack[]): void {
  const there = stream.getTracks();
  for (const track of there) if (!tracks.includes(track)) stream.removeTrack(track);
  for (const track of tracks) if (!there.includes(track)) stream.addTrack(track);
}
