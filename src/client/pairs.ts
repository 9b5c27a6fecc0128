import type { PushOf } from "../protocol/pushes.ts";
import type { RequestOf } from "../protocol/requests.ts";
import type { Flags } from "./api.ts";
import { Line } from "./channel.ts";
import { SwitchboardError, toError } from "./error.ts";
import type { Hub } from "./hub.ts";
import type { SourceMedia } from "./local-media.ts";
import { Pair } from "./pair.ts";
import { Recovery } from "./recovery.ts";
import type { Summary } from "./stats.ts";

/** The call that the pairs belong to, as they see it. */
export interface PairsOwner {
  readonly id: string | undefined;
  readonly media: SourceMedia | undefined;
  readonly held: boolean;
  connection(): RTCPeerConnection;
  /** The connection in use works, or is in trouble. */
  connected(): void;
  troubled(): void;
  /** What comes in has changed. */
  received(): void;
  channel(line: Line): void;
  failed(error: SwitchboardError): void;
}

const reportEvery = 10_000;

/**
 * The connections of one call: the pair in use, and the next one while a move is on. It keeps the identity of what outlives
 * a pair: the remote streams and the channels. It helps a pair in trouble, and reports on it.
 */
export class Pairs {
  readonly remote: MediaStream;
  remoteScreen: MediaStream | undefined;
  remoteMuted: Flags = { audio: true, video: true };
  readonly lines = new Map<string, Line>();
  #current: Pair | undefined;
  #next: Pair | undefined;
  #recoveryTimer: ReturnType<typeof setTimeout> | undefined;
  #reportTimer: ReturnType<typeof setInterval> | undefined;
  readonly #recovery = new Recovery();
  readonly #hub: Hub;
  readonly #owner: PairsOwner;

  constructor(hub: Hub, owner: PairsOwner, remote: MediaStream | undefined) {
    this.#hub = hub;
    this.#owner = owner;
    this.remote = remote ?? new hub.rtc.MediaStream();
  }

  get current(): Pair | undefined {
    return this.#current;
  }

  /** Opens a pair: the first one is in use at once, a later one once the server says `moved`. */
  open(number: number, generation: number, offers: boolean): void {
    const pair = new Pair(number, generation, offers, this.#owner.connection(), {
      send: (signal) => this.#signal(pair, signal),
      state: (state) => this.#state(pair, state),
      received: () => pair === this.#current && this.#received(),
      channel: (channel) => pair === this.#current && this.#adopt(channel),
      failed: (error) => this.#failed(pair, error),
    });
    if (this.#current) {
      this.#next?.close();
      this.#next = pair;
    } else {
      this.#current = pair;
      this.#recovery.start(Date.now());
      this.#schedule();
    }
    pair.attach(this.#owner.media);
    if (this.#owner.held) pair.hold(true);
    if (pair === this.#current) this.#reopenLines();
    pair.start();
  }

  /** Something from the server for one of the pairs. */
  push(push: PushOf<"signal"> | PushOf<"restart"> | PushOf<"resync">): void {
    const pair = [this.#current, this.#next].find((one) => one?.number === push.pair);
    if (push.type === "signal") pair?.receive(push as Parameters<Pair["receive"]>[0]);
    else if (push.type === "restart") pair?.negotiation.restart(push.generation, push.offer);
    else pair?.negotiation.resync();
  }

  /** The pair is the call's from now on; the older one closes. */
  commit(number: number): void {
    const next = this.#next;
    if (next?.number !== number) return;
    this.#next = undefined;
    const old = this.#current;
    this.#current = next;
    for (const line of this.lines.values()) line.detach();
    this.#reopenLines();
    this.#received();
    old?.close();
    this.#state(next, next.state);
  }

  /** The next pair is given up. */
  drop(number?: number): void {
    if (number !== undefined && this.#next?.number !== number) return;
    this.#next?.close();
    this.#next = undefined;
  }

  /** The server found the session again: both ends say once more what may have been lost. */
  resync(number: number, generation: number, offers: boolean): void {
    const pair = this.#current;
    const session = this.#owner.id;
    if (!pair || session === undefined) return;
    pair.negotiation.restart(generation, offers);
    void this.#hub.ask("resync", { session, pair: number, generation });
    pair.negotiation.resync();
    void this.report();
  }

  attach(): void {
    for (const pair of [this.#current, this.#next]) pair?.attach(this.#owner.media);
  }

  hold(on: boolean): void {
    for (const pair of [this.#current, this.#next]) pair?.hold(on);
  }

  configure(config: RTCConfiguration): void {
    for (const pair of [this.#current, this.#next]) pair?.pc.setConfiguration(config);
  }

  /** Both ends' links are up, or one is not. */
  links(up: boolean): void {
    this.#recovery.links(up, Date.now());
    this.#schedule();
  }

  line(label: string, init: RTCDataChannelInit): Line {
    const known = this.lines.get(label);
    if (known) return known;
    const line = this.#line(label, init);
    if (this.#current) line.open(this.#current.pc);
    return line;
  }

  /** Compare-and-set to the next ICE generation; whoever loses the race has what it wanted. */
  async restart(): Promise<void> {
    const pair = this.#current;
    const session = this.#owner.id;
    if (!pair || session === undefined)
      throw new SwitchboardError("wrong_state", "The call is not connected.");
    try {
      await this.#hub.ask(
        "restart",
        { session, pair: pair.number, generation: pair.negotiation.generation },
        { done: (now) => pair.negotiation.restart(now.generation, now.offer) },
      );
    } catch (error) {
      if (!SwitchboardError.is(error, "stale_generation")) throw error;
    }
  }

  /** Tells the server how a pair does; without one, the pair in use. */
  async report(pair: Pair | undefined = this.#current): Promise<void> {
    const session = this.#owner.id;
    if (!pair || session === undefined || pair.state === "new") return;
    const { state } = pair;
    const summary = await pair.stats().catch(() => undefined);
    if (session !== this.#owner.id) return;
    const stats = { pair: pair.number, state, ...(summary && wireStats(summary)) };
    this.#hub.ask("report", { session, stats }).catch(() => {});
  }

  close(): void {
    clearTimeout(this.#recoveryTimer);
    clearInterval(this.#reportTimer);
    this.drop();
    this.#current?.close();
    for (const line of this.lines.values()) line.end();
  }

  #signal(pair: Pair, signal: object): void {
    const session = this.#owner.id;
    if (session === undefined) return;
    const fields = { session, pair: pair.number, ...signal } as Omit<RequestOf<"signal">, "id" | "type">;
    this.#hub.ask("signal", fields).catch((error) => this.#hub.log("debug", "signal refused", { error }));
  }

  #state(pair: Pair, state: RTCPeerConnectionState): void {
    void this.report(pair);
    if (pair !== this.#current) return;
    this.#recovery.state(state, Date.now());
    this.#schedule();
    if (state === "connected") {
      this.#reportTimer ??= setInterval(() => void this.report(), reportEvery);
      this.#owner.connected();
    } else if (state === "disconnected" || state === "failed") this.#owner.troubled();
  }

  #failed(pair: Pair, error: unknown): void {
    const failure = toError(error, "negotiation_failed");
    this.#hub.log("warn", "negotiation failed", { error });
    if (pair === this.#current) this.#owner.failed(failure);
    else this.drop(pair.number);
  }

  #schedule(): void {
    clearTimeout(this.#recoveryTimer);
    const at = this.#recovery.nextDeadline;
    if (at === undefined) return;
    this.#recoveryTimer = setTimeout(
      () => {
        const step = this.#recovery.tick(Date.now());
        if (step === "fail")
          this.#owner.failed(new SwitchboardError("negotiation_failed", "No path connects the two ends."));
        else {
          if (step === "restart") this.restart().catch(() => {});
          this.#schedule();
        }
      },
      Math.max(0, at - Date.now()),
    );
  }

  #received(): void {
    const now = this.#current?.received;
    if (!now) return;
    sync(this.remote, now.tracks);
    if (now.screen.length > 0) {
      this.remoteScreen ??= new this.#hub.rtc.MediaStream();
      sync(this.remoteScreen, now.screen);
    } else this.remoteScreen = undefined;
    this.remoteMuted = now.muted;
    this.#owner.received();
  }

  #line(label: string, init: RTCDataChannelInit | undefined): Line {
    const line = new Line(label, init, () => this.lines.delete(label));
    this.lines.set(label, line);
    return line;
  }

  #reopenLines(): void {
    const pc = this.#current?.pc;
    if (pc) for (const line of this.lines.values()) if (line.init) line.open(pc);
  }

  #adopt(channel: RTCDataChannel): void {
    const known = this.lines.get(channel.label);
    const line = known ?? this.#line(channel.label, undefined);
    line.adopt(channel);
    if (!known) this.#owner.channel(line);
  }
}

function sync(stream: MediaStream, tracks: readonly MediaStreamTrack[]): void {
  const there = stream.getTracks();
  for (const track of there) if (!tracks.includes(track)) stream.removeTrack(track);
  for (const track of tracks) if (!there.includes(track)) stream.addTrack(track);
}

function wireStats({ loss, bitrate, path, ...rest }: Summary) {
  const given = Object.fromEntries(
    Object.entries({ path, ...rest }).filter(([, value]) => value !== undefined),
  );
  return { ...given, lossIn: loss[0], lossOut: loss[1], bitrateIn: bitrate[0], bitrateOut: bitrate[1] };
}
