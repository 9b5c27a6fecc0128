import type { Push } from "../protocol/pushes.ts";
import type { ReplyOf } from "../protocol/replies.ts";
import type { Refused } from "../protocol/values.ts";
import type {
  Call,
  CallOptions,
  CallStats,
  Cancel,
  Channel,
  Ended,
  Events,
  Flags,
  Media,
  Peer,
} from "./api.ts";
import { CallPairs, type FirstPair, type PairsOwner } from "./call-pairs.ts";
import type { ClientInternals, Session } from "./client-internals.ts";
import { DataChannel } from "./data-channel.ts";
import { deferred } from "./deferred.ts";
import { dispose, Emitter } from "./emitter.ts";
import { failure, toEnded } from "./ended.ts";
import { onAbort, quiet, SwitchboardError, settled } from "./error.ts";
import type { SourceMedia } from "./local-media.ts";
import { resolveMedia } from "./media.ts";
import type { Pair } from "./pair.ts";
import { randomId } from "./random.ts";

type CallEvents = { moved: Peer; channel: Channel; refused: Refused };

/**
 * One session with media, at either end. It keeps what outlives a pair: the state, the media that it sends, the remote
 * streams and the data channels.
 *
 *     ringing ──accepted, answered──▶ connecting ──▶ connected ◀──▶ reconnecting
 *        └─────────────── any end ────────┴──────────────┴───────────────┴────▶ ended
 */
export class MediaCall extends Emitter<CallEvents> implements Session, PairsOwner {
  declare id: string | undefined;
  declare ticket: string | undefined;
  declare peer: Peer;
  declare readonly direction: "in" | "out";
  state: Call["state"] = "ringing";
  ringing: readonly Peer[] = [];
  peerLink: Call["peerLink"] = "live";
  declare readonly remote: MediaStream;
  declare remoteScreen: MediaStream | undefined;
  remoteMuted: Flags = { audio: true, video: true };
  held = false;
  declare media: SourceMedia | undefined;
  /** By label. */
  readonly channels = new Map<string, DataChannel>();
  readonly #client: ClientInternals;
  readonly #pairs: CallPairs;
  readonly #connected = deferred<void>();
  readonly connected = this.#connected.promise;
  #closesMedia = false;
  #unfollow: (() => void) | undefined;
  /** A call of a room's mesh. */
  ofRoom = false;
  /** This call lost to another one (glare), and is about to become that. */
  #merging = false;

  /** `remote`: the stream to put the other end's tracks into. */
  constructor(client: ClientInternals, direction: "in" | "out", peer: Peer, remote = client.newStream()) {
    super();
    this.#client = client;
    this.direction = direction;
    this.peer = peer;
    this.remote = remote;
    this.#pairs = new CallPairs(client, this);
  }

  get lasting(): boolean {
    return this.state !== "ended";
  }

  forgotten(): boolean {
    // Nobody tells of the other end's link any more; when media fails, the call must not wait for it.
    this.peerLink = "live";
    this.refresh();
    // The calls of a room's mesh end with the membership that they belong to, and begin anew with the next one.
    return !this.ofRoom && this.#pairs.current?.state === "connected";
  }

  /** Opens the media, then calls. */
  async dial(to: string, { media, data, timeout, signal }: CallOptions): Promise<void> {
    void this.ended.then(onAbort(signal, () => void this.hangup()));
    const done = ({ session }: ReplyOf<"call">) => {
      if (this.state !== "ended") this.become(session);
      else void this.#client.say("cancel", { session });
    };
    try {
      await this.setMedia(media, signal);
      if (this.state === "ended") return;
      const wants = { ...this.media?.offers, data: !!this.channels.size };
      // A call that ends before the request was sent is never sent.
      const gone = new AbortController();
      void this.ended.then(() => gone.abort());
      await this.#client.ask(
        "call",
        { to, key: randomId(), media: wants, data, timeout },
        { repeat: true, done, signal: gone.signal },
      );
    } catch (error) {
      this.over(failure(error));
    }
  }

  /** The session that this call is; after glare it is another one. */
  become(session: string): void {
    this.#client.sessions.leave(this.id, this);
    this.id = session;
    this.#client.sessions.enter(session, this);
    this.changed();
  }

  /** The session is active: connects. `offer`: this end makes the offer. */
  begin(first: FirstPair): void {
    if (this.state === "ended") return;
    this.state = "connecting";
    this.ringing = [];
    this.#pairs.open(first);
    this.changed();
  }

  /** Continues a session after a reload, which ended its connection: moves it to this same device, for a new pair. */
  async resume(): Promise<void> {
    this.state = "connecting";
    try {
      await this.#client.ask("move", { session: this.id as string, to: this.#client.self?.device as string });
    } catch (error) {
      void this.#give(failure(error));
      throw error;
    }
  }

  /**
   * Glare: two users call each other, and the other user's call survives. This call accepts it with the media that it has, and
   * becomes that call.
   */
  async merge(survivor: string, from: Peer = this.peer): Promise<void> {
    const loser = this.id;
    if (!loser || this.#merging) return;
    this.#merging = true;
    const done = (reply: ReplyOf<"accept">) => {
      this.become(survivor);
      this.peer = from;
      void this.#client.say("cancel", { session: loser });
      this.begin({ ...reply, offer: false });
    };
    await this.#client.ask("accept", { session: survivor }, { done }).catch(() => {});
    this.#merging = false;
  }

  push(push: Push): void {
    if (this.state === "ended") return;
    switch (push.type) {
      case "ringing":
        this.#rings(push.device);
        break;
      case "offer_wanted":
        if (this.state === "ringing") this.#pairs.open(push, true);
        break;
      case "accepted":
        if (this.state !== "ringing") break;
        this.peer = push.peer;
        void this.#client.say("confirm", { session: push.session, device: push.device });
        this.begin({ offer: true, ...push });
        this.#pairs.signaled(push);
        break;
      case "signal":
        if (push.refused) this.emit("refused", push.refused);
        this.#pairs.signaled(push);
        break;
      case "restart":
      case "resync":
        this.#pairs.signaled(push);
        break;
      case "pair":
        this.#pairs.open(push);
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
        if (this.state === "ringing") break;
        // The other end may have moved while this end was away.
        if (push.peer.device !== this.peer.device) this.push({ ...push, type: "moved" });
        this.#pairs.found(push);
        break;
      case "ended":
        if (!this.#merging || push.reason !== "merged") this.over(toEnded(push));
    }
  }

  /** Ends the call at this end. It keeps the session's id until `told` resolves. */
  over(ended: Ended, told = Promise.resolve()): void {
    if (this.state === "ended") return;
    this.state = "ended";
    this.#unfollow?.();
    this.#pairs.close();
    for (const channel of [...this.channels.values()]) void channel.close();
    if (this.#closesMedia) this.media?.stop();
    void told.then(() => this.#client.sessions.leave(this.id, this));
    this.#connected.reject(ended.error ?? new SwitchboardError("closed", ended.reason));
    this.#client.sessions.done(this);
    this.finish(ended);
  }

  /** The link to the server of this end or the other one is up again, or lost. */
  refresh(): void {
    this.#pairs.links(this.#client.state === "online" && this.peerLink === "live");
  }

  move(device: string, { signal }: Cancel = {}): Promise<void> {
    return settled(
      this.#active().then((session) => this.#client.ask("move", { session, to: device }, { signal })),
    );
  }

  async hangup(reason?: string): Promise<void> {
    const rings = this.state === "ringing";
    // A last report, if the statistics come at once: hanging up does not wait for them.
    if (!rings)
      await Promise.race([this.#pairs.report(), new Promise((resolve) => setTimeout(resolve, 200))]);
    await this.#give({ reason: rings ? "cancelled" : "hangup", by: this.#client.self, detail: reason });
  }

  [dispose](): Promise<void> {
    return this.hangup();
  }

  get pc(): RTCPeerConnection | undefined {
    return this.#pairs.current?.pc;
  }

  setMedia(media: Media | undefined, signal?: AbortSignal): Promise<void> {
    return settled(resolveMedia(media, signal).then((source) => this.use(source.media, source.owned)));
  }

  /** Sends this media from now on; `owned`: the call closes it. */
  use(media: SourceMedia | undefined, owned: boolean): void {
    if (this.state === "ended") {
      if (owned) media?.stop();
      return;
    }
    const old = this.#closesMedia && this.media;
    this.#unfollow?.();
    this.media = media;
    this.#closesMedia = owned;
    const attach = () => {
      for (const pair of this.#pairs.all) pair.attach(media);
    };
    attach();
    this.#unfollow = media?.on("change", attach);
    if (old && old !== media) old.stop();
    this.changed();
  }

  channel(label: string, options: RTCDataChannelInit = {}): Channel {
    return this.#channel(label, options);
  }

  hold(on = true): Promise<void> {
    const hold = () => {
      this.held = on;
      for (const pair of this.#pairs.all) pair.hold(on);
      this.changed();
    };
    return settled(this.#active().then(hold));
  }

  sendDigits(tones: string): void {
    const dtmf = this.#pairs.current?.sender("audio")?.dtmf;
    if (!dtmf) throw new SwitchboardError("unsupported", "audio");
    dtmf.insertDTMF(tones);
  }

  restartIce(): Promise<void> {
    return settled(this.#active().then((session) => this.#pairs.restartIce(session)));
  }

  stats(): Promise<CallStats> {
    const zero = [0, 0] as const;
    const none: CallStats = { path: undefined, loss: zero, bitrate: zero };
    return quiet(this.#active().then(async () => (await this.#pairs.current?.stats())?.stats ?? none));
  }

  /** Gives the connections the current ICE servers. */
  configure(config: RTCConfiguration): void {
    for (const { pc } of this.#pairs.all) pc.setConfiguration({ ...pc.getConfiguration(), ...config });
  }

  opened(pair: Pair): void {
    pair.attach(this.media);
    pair.hold(this.held);
  }

  used({ pc }: Pair): void {
    for (const channel of this.channels.values()) {
      channel.detach();
      if (channel.init) channel.open(pc);
    }
  }

  onReceived({ received: { tracks, screen, muted } }: Pair): void {
    sync(this.remote, tracks);
    this.remoteScreen = screen[0] ? (this.remoteScreen ?? this.#client.newStream()) : undefined;
    if (this.remoteScreen) sync(this.remoteScreen, screen);
    this.remoteMuted = muted;
    this.changed();
  }

  onChannel({ pc }: Pair, opened: RTCDataChannel): void {
    const known = this.channels.has(opened.label);
    const channel = this.#channel(opened.label);
    channel.adopt(opened, pc);
    if (!known) this.emit("channel", channel);
  }

  flows(works: boolean): void {
    const state = works ? "connected" : "reconnecting";
    if (this.state === state || (!works && this.state !== "connected")) return;
    this.state = state;
    this.#connected.resolve();
    this.changed();
  }

  fail(error: SwitchboardError): void {
    void this.#give({ reason: "failed", error });
  }

  protected override present(type: keyof Events<CallEvents>): Iterable<unknown> {
    return type === "channel" ? [...this.channels.values()].filter((channel) => !channel.init) : [];
  }

  /** The id of the session. Rejects with `wrong_state` when it isn't active. */
  async #active(): Promise<string> {
    if (this.id && this.state !== "ringing" && this.state !== "ended") return this.id;
    throw new SwitchboardError("wrong_state", this.state);
  }

  #channel(label: string, init?: RTCDataChannelInit): DataChannel {
    let channel = this.channels.get(label);
    if (!channel) {
      channel = new DataChannel(label, init, () => this.channels.delete(label));
      this.channels.set(label, channel);
      if (init && this.pc) {
        channel.open(this.pc);
        this.#pairs.current?.changed();
      }
    }
    return channel;
  }

  #rings(device: Peer | undefined): void {
    if (!device || this.ringing.some((known) => known.device === device.device)) return;
    this.ringing = [...this.ringing, device];
    this.changed();
  }

  /** Ends the call here and tells the server, which may have to find the session again for that. */
  async #give(ended: Ended): Promise<void> {
    const { id: session, state } = this;
    if (state === "ended") return;
    // While the call rings, the server takes a hangup for a cancel.
    const told = session
      ? this.#client.say("hangup", {
          session,
          reason: ended.reason === "failed" ? "failed" : "hangup",
          detail: ended.detail,
        })
      : undefined;
    this.over(ended, told);
    await told;
  }
}

/** Gives a stream these tracks and no others. */
function sync(stream: MediaStream, tracks: readonly MediaStreamTrack[]): void {
  const there = stream.getTracks();
  for (const track of there) if (!tracks.includes(track)) stream.removeTrack(track);
  for (const track of tracks) if (!there.includes(track)) stream.addTrack(track);
}
