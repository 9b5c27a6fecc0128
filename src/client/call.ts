import type { Push } from "../protocol/pushes.ts";
import type { Call, CallOptions, CallStats, Channel, Ended, Flags, Media, Peer } from "./api.ts";
import { deferred } from "./deferred.ts";
import { quiet, SwitchboardError, toError } from "./error.ts";
import type { Hub, Session } from "./hub.ts";
import { type Cancel, dispose, Emitter, type Events } from "./live.ts";
import { resolveMedia, type SourceMedia } from "./local-media.ts";
import { Pairs } from "./pairs.ts";
import { randomId } from "./random.ts";

type CallEvents = { moved: Peer; channel: Channel };

/**
 * One session with media, at either end.
 *
 *     ringing ──accepted, answered──▶ connecting ──▶ connected ◀──▶ reconnecting
 *        └─────────────── any end ────────┴──────────────┴───────────────┴────▶ ended
 */
export class MediaCall extends Emitter<CallEvents> implements Call, Session {
  id: string | undefined;
  ticket: string | undefined;
  peer: Peer;
  readonly direction: "in" | "out";
  state: Call["state"] = "ringing";
  ringing: readonly Peer[] = [];
  peerLink: Call["peerLink"] = "live";
  held = false;
  media: SourceMedia | undefined;
  readonly lasting = true;
  readonly #hub: Hub;
  readonly #pairs: Pairs;
  readonly #connected = deferred<void>();
  readonly #ended = deferred<Ended>();
  #closesMedia = false;
  #unfollow = () => {};
  /** This call crossed another one and is about to become it. */
  #crossing = false;

  /** `remote`: where to put what comes, when that stream exists already. */
  constructor(hub: Hub, direction: "in" | "out", peer: Peer, remote?: MediaStream) {
    super();
    this.#hub = hub;
    this.direction = direction;
    this.peer = peer;
    const call = this;
    this.#pairs = new Pairs(
      hub,
      {
        get id() {
          return call.id;
        },
        get media() {
          return call.media;
        },
        get held() {
          return call.held;
        },
        connection: () => hub.peerConnection(this),
        connected: () => this.#flows("connected"),
        troubled: () => this.state === "connected" && this.#flows("reconnecting"),
        received: () => this.changed(),
        channel: (line) => this.emit("channel", line),
        failed: (error) => void this.#give({ reason: "failed", error }),
      },
      remote,
    );
  }

  get connected(): Promise<void> {
    return this.#connected.promise;
  }

  get ended(): Promise<Ended> {
    return this.#ended.promise;
  }

  get remote(): MediaStream {
    return this.#pairs.remote;
  }

  get remoteScreen(): MediaStream | undefined {
    return this.#pairs.remoteScreen;
  }

  get remoteMuted(): Flags {
    return this.#pairs.remoteMuted;
  }

  get pc(): RTCPeerConnection | undefined {
    return this.#pairs.current?.pc;
  }

  /** Media first, then the ring. */
  async dial(to: string, { media, data, timeout, signal }: CallOptions): Promise<void> {
    const cancel = () => void this.hangup();
    signal?.addEventListener("abort", cancel);
    void this.ended.then(() => signal?.removeEventListener("abort", cancel));
    try {
      signal?.throwIfAborted();
      await this.#source(media, signal);
      if (this.state === "ended") return;
      const wants = { ...this.media?.offers, data: this.#pairs.lines.size > 0 };
      await this.#hub.ask(
        "call",
        {
          to,
          key: randomId(),
          media: wants,
          ...(data !== undefined && { data }),
          ...(timeout !== undefined && { timeout }),
        },
        {
          repeat: true,
          done: ({ session, ticket }) => {
            if (this.state !== "ended") this.become(session, ticket);
            else void this.#hub.ask("cancel", { session }, { repeat: true });
          },
        },
      );
    } catch (error) {
      this.over(signal?.aborted ? { reason: "cancelled" } : failure(error));
    }
  }

  /** The session that this call is; a crossing gives it another one. */
  become(session: string, ticket: string | undefined): void {
    if (this.id !== undefined) this.#hub.leave(this.id, this);
    this.id = session;
    this.ticket = ticket;
    this.#hub.enter(session, this);
    this.changed();
  }

  /** Sends this from now on; `owned`: the call closes it. */
  use(media: SourceMedia | undefined, owned: boolean): void {
    const old = this.#closesMedia ? this.media : undefined;
    this.#unfollow();
    this.media = media;
    this.#closesMedia = owned;
    this.#unfollow = media?.on("change", () => this.#pairs.attach()) ?? (() => {});
    this.#pairs.attach();
    if (old !== media) old?.stop();
    this.changed();
  }

  /** The session is active: connect. `offers` when this end makes the offer. */
  begin(pair: number, generation: number, offers: boolean): void {
    if (this.state === "ended") return;
    this.state = "connecting";
    this.ringing = [];
    this.#pairs.open(pair, generation, offers);
    this.changed();
  }

  /** After a reload the session is there, its connection is not: the next pair goes to this same device. */
  async resume(): Promise<void> {
    this.state = "connecting";
    try {
      await this.#hub.ask("move", { session: this.id ?? "", to: this.#hub.self?.device ?? "" });
    } catch (error) {
      void this.#give(failure(error));
      throw error;
    }
  }

  /**
   * Two call each other: the other one's call survives, and this one has lost. It answers that one with the media that it
   * has, and is that call from then on.
   */
  async cross(survivor: string, ring: () => { ticket?: string | undefined; from?: Peer }): Promise<void> {
    const loser = this.id;
    if (loser === undefined || this.#crossing) return;
    this.#crossing = true;
    try {
      await this.#hub.ask(
        "accept",
        { session: survivor },
        {
          done: ({ pair, generation }) => {
            const { ticket, from = this.peer } = ring();
            this.become(survivor, ticket);
            this.peer = from;
            void this.#hub.ask("cancel", { session: loser }, { repeat: true });
            this.begin(pair, generation, false);
          },
        },
      );
    } catch (error) {
      this.#hub.log("info", "a crossing call could not be taken", { error });
    } finally {
      this.#crossing = false;
    }
  }

  push(push: Push): void {
    switch (push.type) {
      case "ringing":
        this.#rings(push.device);
        break;
      case "accepted":
        if (this.state !== "ringing") break;
        this.peer = push.peer;
        void this.#hub.ask("confirm", { session: push.session, device: push.device }, { repeat: true });
        this.begin(push.pair, push.generation, true);
        break;
      case "signal":
      case "restart":
      case "resync":
        this.#pairs.push(push);
        break;
      case "pair":
        this.#pairs.open(push.pair, push.generation, push.offer);
        break;
      case "moved":
        this.#pairs.commit(push.pair);
        this.peer = push.peer;
        this.peerLink = "live";
        this.emit("moved", push.peer);
        this.changed();
        break;
      case "move_failed":
        this.#pairs.drop(push.pair);
        break;
      case "peer":
        this.peerLink = push.link;
        this.refresh();
        this.changed();
        break;
      case "session":
        this.ticket = push.ticket;
        if (this.state !== "ringing") this.#pairs.resync(push.pair, push.generation, push.offer);
        break;
      case "ended":
        if (this.#crossing && push.reason === "merged") break;
        this.over({ reason: push.reason, by: push.by, device: push.device, detail: push.detail });
        break;
      default:
    }
  }

  over(ended: Ended): void {
    if (this.state === "ended") return;
    this.state = "ended";
    this.#unfollow();
    this.#pairs.close();
    if (this.#closesMedia) this.media?.stop();
    if (this.id !== undefined) this.#hub.leave(this.id, this);
    this.#connected.reject(ended.error ?? new SwitchboardError("closed", `The call ended: ${ended.reason}.`));
    this.#ended.resolve(ended);
    this.#hub.done(this);
    this.finish();
  }

  refresh(): void {
    this.#pairs.links(this.#hub.online && this.peerLink === "live");
  }

  /** ICE servers are new. */
  configure(config: RTCConfiguration): void {
    this.#pairs.configure(config);
  }

  setMedia(media: Media): Promise<void> {
    return quiet(this.#source(media, undefined));
  }

  channel(label: string, options: RTCDataChannelInit = {}): Channel {
    return this.#pairs.line(label, options);
  }

  async move(device: string, { signal }: Cancel = {}): Promise<void> {
    await this.#hub.ask("move", { session: this.#active(), to: device }, { signal });
  }

  async hold(on = true): Promise<void> {
    this.#active();
    this.held = on;
    this.#pairs.hold(on);
    this.changed();
  }

  sendDigits(tones: string): void {
    const dtmf = this.#pairs.current?.sender("audio")?.dtmf;
    if (!dtmf) throw new SwitchboardError("unsupported", "There is nothing to send tones with.");
    dtmf.insertDTMF(tones);
  }

  restartIce(): Promise<void> {
    return quiet(this.#pairs.restart());
  }

  async stats(): Promise<CallStats> {
    const { current } = this.#pairs;
    if (!current || this.state === "ended")
      throw new SwitchboardError("closed", "The call is not connected.");
    const { path, rtt, jitter, loss, bitrate } = await current.stats();
    return { path, rtt, jitter, loss, bitrate };
  }

  async hangup(reason?: string): Promise<void> {
    const by = this.#hub.self;
    if (this.state === "ringing") {
      this.over({ reason: "cancelled", by });
      if (this.id !== undefined) await this.#leave("cancel", { session: this.id });
    } else if (this.state !== "ended") {
      await this.#pairs.report();
      await this.#give({ reason: "hangup", by, detail: reason });
    }
  }

  [dispose](): Promise<void> {
    return this.hangup();
  }

  protected override present<K extends keyof Events<CallEvents>>(type: K): Iterable<Events<CallEvents>[K]> {
    if (type !== "channel") return [];
    const theirs = [...this.#pairs.lines.values()].filter((line) => !line.init);
    return theirs as unknown as Events<CallEvents>[K][];
  }

  #rings(device: Peer | undefined): void {
    if (!device || this.ringing.some((known) => known.device === device.device)) return;
    this.ringing = [...this.ringing, device];
    this.changed();
  }

  #flows(state: "connected" | "reconnecting"): void {
    if (this.state === state || this.state === "ended") return;
    this.state = state;
    if (state === "connected") this.#connected.resolve();
    this.changed();
  }

  /** Opens what was asked for, and sends it. */
  async #source(media: Media | undefined, signal: AbortSignal | undefined): Promise<void> {
    const source = await resolveMedia(media, signal);
    if (this.state !== "ended") this.use(source.media, source.owned);
    else if (source.owned) source.media?.stop();
  }

  #active(): string {
    if (this.id === undefined || this.state === "ringing" || this.state === "ended")
      throw new SwitchboardError("wrong_state", `The call is ${this.state}.`);
    return this.id;
  }

  /** Ends the call here and tells the server. */
  async #give(ended: Ended): Promise<void> {
    const session = this.id;
    if (this.state === "ended") return;
    this.over(ended);
    if (session === undefined) return;
    const reason = ended.reason === "failed" ? "failed" : "hangup";
    await this.#leave("hangup", {
      session,
      reason,
      ...(ended.detail !== undefined && { detail: ended.detail }),
    });
  }

  /** What is over already is over. */
  async #leave(
    type: "cancel" | "hangup",
    fields: { session: string; reason?: "hangup" | "failed"; detail?: string },
  ): Promise<void> {
    await this.#hub.ask(type, fields, { repeat: true }).catch((error) => {
      this.#hub.log("debug", `${type} refused`, { error });
    });
  }
}

/** A call that could not even begin, or go on. */
function failure(thrown: unknown): Ended {
  const error = toError(thrown, "negotiation_failed");
  return {
    reason: error.code === "forbidden" ? "forbidden" : error.code === "closed" ? "closed" : "failed",
    error,
  };
}
