import type { Push, PushOf } from "../protocol/pushes.ts";
import type { ReplyOf } from "../protocol/replies.ts";
import type { Call, CallOptions, Ended, Peer } from "./api.ts";
import { CallMedia } from "./call-media.ts";
import type { ClientInternals, Session } from "./client-internals.ts";
import { deferred } from "./deferred.ts";
import { onAbort, SwitchboardError, settled, toError } from "./error.ts";
import { type Cancel, dispose } from "./live.ts";
import type { SourceMedia } from "./local-media.ts";
import { randomId } from "./random.ts";

/**
 * One session with media, at either end.
 *
 *     ringing ──accepted, answered──▶ connecting ──▶ connected ◀──▶ reconnecting
 *        └─────────────── any end ────────┴──────────────┴───────────────┴────▶ ended
 */
export class MediaCall extends CallMedia implements Call, Session {
  ticket: string | undefined;
  peer: Peer;
  readonly direction: "in" | "out";
  state: Call["state"] = "ringing";
  ringing: readonly Peer[] = [];
  peerLink: Call["peerLink"] = "live";
  readonly #connected = deferred<void>();
  /** This call crossed another one and is about to become it. */
  #crossing = false;

  constructor(client: ClientInternals, direction: "in" | "out", peer: Peer, remote = client.newStream()) {
    super(client, remote);
    this.direction = direction;
    this.peer = peer;
  }

  get lasting(): boolean {
    return this.state !== "ended";
  }

  get connected(): Promise<void> {
    return this.#connected.promise;
  }

  /** Media first, then the ring. */
  async dial(to: string, { media, data, timeout, signal }: CallOptions): Promise<void> {
    void this.ended.then(onAbort(signal, () => void this.hangup()));
    const done = ({ session }: ReplyOf<"call">) => {
      if (this.state !== "ended") this.become(session);
      else void this.client.say("cancel", { session });
    };
    try {
      await this.setMedia(media, signal);
      if (this.state === "ended") return;
      const wants = { ...this.media?.offers, data: this.lines.size > 0 };
      const fields = { to, key: randomId(), media: wants, data, timeout };
      // Given up before it was sent: then it is not sent.
      const gone = new AbortController();
      void this.ended.then(() => gone.abort());
      await this.client.ask("call", fields, { repeat: true, done, signal: gone.signal });
    } catch (error) {
      this.over(failure(error));
    }
  }

  /** The session that this call is; a crossing gives it another one. */
  become(session: string): void {
    this.client.leave(this.id, this);
    this.id = session;
    this.client.enter(session, this);
    this.changed();
  }

  /** The session is active: connect. `offer`: this end makes the offer. */
  begin(first: Pick<PushOf<"pair">, "pair" | "generation" | "offer">): void {
    if (this.state === "ended") return;
    this.state = "connecting";
    this.ringing = [];
    this.open(first);
    this.changed();
  }

  /** After a reload the session is there, its connection is not: the next pair goes to this same device. */
  async resume(): Promise<void> {
    this.state = "connecting";
    try {
      await this.client.ask("move", { session: this.id ?? "", to: this.client.self?.device ?? "" });
    } catch (error) {
      void this.#give(failure(error));
      throw error;
    }
  }

  /**
   * Two call each other: the other one's call survives, and this one has lost. It answers that one with the media that it
   * has, and is that call from then on.
   */
  async cross(survivor: string, from: Peer = this.peer): Promise<void> {
    const loser = this.id;
    if (!loser || this.#crossing) return;
    this.#crossing = true;
    const done = (reply: ReplyOf<"accept">) => {
      this.become(survivor);
      this.peer = from;
      void this.client.say("cancel", { session: loser });
      this.begin({ ...reply, offer: false });
    };
    await this.client.ask("accept", { session: survivor }, { done }).catch(() => {});
    this.#crossing = false;
  }

  push(push: Push): void {
    if (this.state === "ended") return;
    switch (push.type) {
      case "ringing":
        this.#rings(push.device);
        break;
      case "offer_wanted":
        if (this.state === "ringing") this.open(push, true);
        break;
      case "accepted":
        if (this.state !== "ringing") break;
        this.peer = push.peer;
        void this.client.say("confirm", { session: push.session, device: push.device });
        this.begin({ ...push, offer: true });
        this.signaled(push);
        break;
      case "signal":
      case "restart":
      case "resync":
        this.signaled(push);
        break;
      case "pair":
        this.open(push);
        break;
      case "moved":
        this.commit(push.pair);
        this.peer = push.peer;
        this.peerLink = "live";
        this.emit("moved", push.peer);
        this.changed();
        break;
      case "move_failed":
        this.drop(push.pair);
        break;
      case "peer":
        this.peerLink = push.link;
        this.refresh();
        this.changed();
        break;
      case "session":
        if (this.state === "ringing") break;
        // It may have moved while this end was away.
        if (push.peer.device !== this.peer.device) this.push({ ...push, type: "moved" });
        this.found(push);
        break;
      case "ended":
        if (!this.#crossing || push.reason !== "merged") this.over(toEnded(push));
    }
  }

  /** `told`: what it waits for before it lets go of the session. */
  over(ended: Ended, told = Promise.resolve()): void {
    if (this.state === "ended") return;
    this.state = "ended";
    this.closeMedia();
    void told.then(() => this.client.leave(this.id, this));
    this.#connected.reject(ended.error ?? new SwitchboardError("closed", ended.reason));
    this.client.done(this);
    this.finish(ended);
  }

  /** A link to the server, of this end or the other one, went up or down. */
  refresh(): void {
    this.links(this.client.state === "online" && this.peerLink === "live");
  }

  move(device: string, { signal }: Cancel = {}): Promise<void> {
    return settled(
      this.active().then((session) => this.client.ask("move", { session, to: device }, { signal })),
    );
  }

  async hangup(reason?: string): Promise<void> {
    const rings = this.state === "ringing";
    // A last report, if it is to be had at once: who hangs up does not wait for numbers.
    if (!rings) await Promise.race([this.report(), new Promise((resolve) => setTimeout(resolve, 200))]);
    await this.#give({ reason: rings ? "cancelled" : "hangup", by: this.client.self, detail: reason });
  }

  [dispose](): Promise<void> {
    return this.hangup();
  }

  override use(media: SourceMedia | undefined, owned: boolean): void {
    if (this.state !== "ended") super.use(media, owned);
    else if (owned) media?.stop();
  }

  protected async active(): Promise<string> {
    if (this.id && this.state !== "ringing" && this.state !== "ended") return this.id;
    throw new SwitchboardError("wrong_state", this.state);
  }

  protected flows(works: boolean): void {
    const state = works ? "connected" : "reconnecting";
    if (this.state === state || (!works && this.state !== "connected")) return;
    this.state = state;
    this.#connected.resolve();
    this.changed();
  }

  protected fail(error: SwitchboardError): void {
    void this.#give({ reason: "failed", error });
  }

  #rings(device: Peer | undefined): void {
    if (!device || this.ringing.some((known) => known.device === device.device)) return;
    this.ringing = [...this.ringing, device];
    this.changed();
  }

  /** Ends the call here and tells the server; it may have to be found there again for that. */
  async #give(ended: Ended): Promise<void> {
    const { id: session, state } = this;
    if (state === "ended") return;
    const { reason, detail } = ended;
    const fields = { reason: reason === "failed" ? reason : "hangup", detail } as const;
    // Of a call that rings the server takes it for a cancel.
    const told = session ? this.client.say("hangup", { session, ...fields }) : undefined;
    this.over(ended, told);
    await told;
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
