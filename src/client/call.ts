import type { Push } from "../protocol/pushes.ts";
import type { Call, CallOptions, CallStats, Channel, Ended, Flags, Media, Peer } from "./api.ts";
import { deferred } from "./deferred.ts";
import { onAbort, quiet, SwitchboardError, settled, toError } from "./error.ts";
import type { Hub, Session } from "./hub.ts";
import { type Cancel, dispose, Emitter, type Events } from "./live.ts";
import { resolveMedia, type SourceMedia } from "./local-media.ts";
import { Pairs, type PairsOwner } from "./pairs.ts";
import { randomId } from "./random.ts";

type CallEvents = { moved: Peer; channel: Channel };

/**
 * One session with media, at either end.
 *
 *     ringing ──accepted, answered──▶ connecting ──▶ connected ◀──▶ reconnecting
 *        └─────────────── any end ────────┴──────────────┴───────────────┴────▶ ended
 */
export class MediaCall extends Emitter<CallEvents> implements PairsOwner, Session {
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
  #closesMedia = false;
  #unfollow = () => {};
  /** This call crossed another one and is about to become it. */
  #crossing = false;

  /** `remote`: where to put what comes, when that stream exists already. */
  constructor(hub: Hub, direction: "in" | "out", peer: Peer, remote = hub.newStream()) {
    super();
    this.#hub = hub;
    this.direction = direction;
    this.peer = peer;
    this.#pairs = new Pairs(hub, this, remote);
  }

  get connected(): Promise<void> {
    return this.#connected.promise;
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
    void this.ended.then(onAbort(signal, () => void this.hangup()));
    try {
      await this.setMedia(media, signal);
      if (this.state === "ended") return;
      const wants = { ...this.media?.offers, data: this.#pairs.lines.size > 0 };
      await this.#hub.ask(
        "call",
        { to, key: randomId(), media: wants, data, timeout },
        {
          repeat: true,
          done: ({ session, ticket }) => {
            if (this.state !== "ended") this.become(session, ticket);
            else void this.#hub.say("cancel", { session });
          },
        },
      );
    } catch (error) {
      this.over(failure(error));
    }
  }

  /** The session that this call is; a crossing gives it another one. */
  become(session: string, ticket: string | undefined): void {
    this.#hub.leave(this.id, this);
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
    if (media) this.#unfollow = media.on("change", () => this.#pairs.attach());
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
  async cross(survivor: string, ticket: string | undefined, from: Peer = this.peer): Promise<void> {
    const loser = this.id;
    if (loser === undefined || this.#crossing) return;
    this.#crossing = true;
    const done = ({ pair, generation }: { pair: number; generation: number }) => {
      this.become(survivor, ticket);
      this.peer = from;
      void this.#hub.say("cancel", { session: loser });
      this.begin(pair, generation, false);
    };
    await this.#hub.ask("accept", { session: survivor }, { done }).catch(() => {});
    this.#crossing = false;
  }

  push(push: Push): void {
    switch (push.type) {
      case "ringing":
        this.#rings(push.device);
        break;
      case "accepted":
        if (this.state !== "ringing") break;
        this.peer = push.peer;
        void this.#hub.say("confirm", { session: push.session, device: push.device });
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
        if (!this.#crossing || push.reason !== "merged") this.over(toEnded(push));
    }
  }

  over(ended: Ended): void {
    if (this.state === "ended") return;
    this.state = "ended";
    this.#unfollow();
    this.#pairs.close();
    if (this.#closesMedia) this.media?.stop();
    this.#hub.leave(this.id, this);
    this.#connected.reject(ended.error ?? new SwitchboardError("closed", ended.reason));
    this.#hub.done(this);
    this.finish(ended);
  }

  refresh(): void {
    this.#pairs.links(this.#hub.state === "online" && this.peerLink === "live");
  }

  /** ICE servers are new. */
  configure(config: RTCConfiguration): void {
    this.#pairs.configure(config);
  }

  setMedia(media: Media | undefined, signal?: AbortSignal): Promise<void> {
    return settled(
      resolveMedia(media, signal).then((source) => {
        if (this.state !== "ended") this.use(source.media, source.owned);
        else if (source.owned) source.media?.stop();
      }),
    );
  }

  channel(label: string, options: RTCDataChannelInit = {}): Channel {
    return this.#pairs.line(label, options);
  }

  move(device: string, { signal }: Cancel = {}): Promise<void> {
    return settled(
      this.#active().then((session) => this.#hub.ask("move", { session, to: device }, { signal })),
    );
  }

  hold(on = true): Promise<void> {
    const hold = () => {
      this.held = on;
      this.#pairs.hold(on);
      this.changed();
    };
    return settled(this.#active().then(hold));
  }

  sendDigits(tones: string): void {
    const dtmf = this.#pairs.current?.sender("audio")?.dtmf;
    if (!dtmf) throw new SwitchboardError("unsupported", "no microphone");
    dtmf.insertDTMF(tones);
  }

  restartIce(): Promise<void> {
    return settled(this.#active().then(() => this.#pairs.restart()));
  }

  stats(): Promise<CallStats> {
    return quiet(this.#active().then(() => this.#pairs.stats()));
  }

  async hangup(reason?: string): Promise<void> {
    const by = this.#hub.self;
    if (this.state === "ringing") {
      this.over({ reason: "cancelled", by });
      if (this.id) await this.#hub.say("cancel", { session: this.id });
    } else if (this.state !== "ended") {
      await this.#pairs.report();
      await this.#give({ reason: "hangup", by, detail: reason });
    }
  }

  [dispose](): Promise<void> {
    return this.hangup();
  }

  flows(works: boolean): void {
    const state = works ? "connected" : "reconnecting";
    if (this.state === state || (!works && this.state !== "connected")) return;
    this.state = state;
    this.#connected.resolve();
    this.changed();
  }

  received(): void {
    this.changed();
  }

  opened(channel: Channel): void {
    this.emit("channel", channel);
  }

  failed(error: SwitchboardError): void {
    void this.#give({ reason: "failed", error });
  }

  protected override present(type: keyof Events<CallEvents>): Iterable<unknown> {
    return type === "channel" ? [...this.#pairs.lines.values()].filter((line) => !line.init) : [];
  }

  #rings(device: Peer | undefined): void {
    if (!device || this.ringing.some((known) => known.device === device.device)) return;
    this.ringing = [...this.ringing, device];
    this.changed();
  }

  /** The session, when it can be asked for something. */
  async #active(): Promise<string> {
    if (this.id && this.state !== "ringing" && this.state !== "ended") return this.id;
    throw new SwitchboardError("wrong_state", this.state);
  }

  /** Ends the call here and tells the server. */
  async #give(ended: Ended): Promise<void> {
    if (this.state === "ended") return;
    this.over(ended);
    const reason = ended.reason === "failed" ? "failed" : "hangup";
    if (this.id) await this.#hub.say("hangup", { session: this.id, reason, detail: ended.detail });
  }
}

/** The end that the server tells. */
export function toEnded({ reason, by, device, detail }: Ended): Ended {
  return { reason, by, device, detail };
}

/** The end of what could not even begin, or go on. */
export function failure(thrown: unknown): Ended {
  const error = toError(thrown, "negotiation_failed");
  const { code } = error;
  return { reason: code === "forbidden" || code === "closed" ? code : "failed", error };
}
