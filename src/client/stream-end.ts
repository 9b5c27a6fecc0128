import type { Push } from "../protocol/pushes.ts";
import type { Client, Ended } from "./api.ts";
import type { ClientInternals, Session } from "./client-internals.ts";
import { dispose, Emitter } from "./emitter.ts";
import { onAbort, SwitchboardError, toError } from "./error.ts";
import type { StreamLayer } from "./stream-api.ts";

/** Who hears the pushes `stream`. */
type StreamListener = (push: Streamed) => void;

/** What streams need of their client. */
export interface StreamClient
  extends Client,
    Pick<ClientInternals, "ask" | "say" | "sessions" | "newStream" | "newPeerConnection"> {
  streamed: StreamListener | undefined;
}

/** Ms until the first attempt to come back, and at most. */
const [firstPause, longestPause] = [300, 5_000];
/** How long a connection may be lost before ICE is restarted, and how long that may take before the connection is made anew. ms */
const [lostPatience, restartPatience] = [2_000, 4_000];
/** How long the server's answer to the end of a stream is waited for, in ms: there may be no link. */
const hangupPatience = 1_000;
/** What no second attempt mends. */
const final: ReadonlySet<string> = new Set([
  "forbidden",
  "no_media_server",
  "unsupported",
  "bad_request",
  "unknown_type",
  "incompatible",
  "closed",
]);
/** Ends of a session after which its stream is not looked for again. */
const endings: ReadonlySet<string> = new Set(["forbidden", "replaced", "incompatible"]);

/** Who follows which stream: the server is told only when the last one goes. */
const listeners = new WeakMap<StreamClient, Map<StreamListener, string>>();

type Streamed = Extract<Push, { type: "stream" }>;
type State = "waiting" | "connecting" | "live" | "reconnecting" | "ended";

/** One end of a stream: its session with the media server, and the connection of that. */
export abstract class StreamEnd extends Emitter<object> implements Session {
  readonly stream: string;
  state: State = "connecting";
  viewers = 0;
  layers: readonly StreamLayer[] = [];
  /** Why it isn't live, as far as that is known. */
  error: SwitchboardError | undefined;
  ticket?: string | undefined;
  readonly lasting = false;
  pc: RTCPeerConnection | undefined;
  protected readonly client: StreamClient;
  #session: string | undefined;
  #pause = firstPause;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wasLive = false;
  #asking = false;
  /** Of the last offer. */
  #generation = 0;
  /** ICE was restarted since it was last connected. */
  #restarted = false;
  readonly #off: (() => void)[] = [];

  constructor(client: StreamClient, name: string, signal: AbortSignal | undefined) {
    super();
    this.client = client;
    this.stream = name.replace(/^stream:/, "");
    const listener: StreamListener = ({ name, live, viewers, layers }) => {
      if (name !== this.stream) return;
      this.viewers = viewers;
      this.layers = layers;
      this.told(live);
      this.changed();
    };
    const all = listeners.get(client) ?? new Map<StreamListener, string>();
    listeners.set(client, all.set(listener, this.stream));
    client.streamed ??= (push) => {
      for (const hear of [...all.keys()]) hear(push);
    };
    let online = client.state === "online";
    this.#off.push(
      () => all.delete(listener),
      client.on("change", () => {
        const now = client.state === "online";
        if (now && !online) this.#watch();
        online = now;
        if (client.state === "closed") this.over({ reason: "closed" });
      }),
    );
    this.#watch();
    this.#off.push(onAbort(signal, () => void this.stop()));
  }

  /** The stream is live or not, as the server says. */
  protected told(_live: boolean): void {}

  /** Adds what the offer is to have. */
  protected abstract prepare(pc: RTCPeerConnection): void;
  protected abstract readonly request: "publish" | "view";

  /** Connects, or tries again in a while. */
  protected async connect(): Promise<void> {
    if (this.state === "ended" || this.#session !== undefined || this.#asking) return;
    this.#stopTimer();
    this.#asking = true;
    const attempt = new AbortController();
    void this.ended.then(() => attempt.abort());
    try {
      const { session } = await this.client.ask(
        this.request,
        { to: `stream:${this.stream}` },
        { signal: attempt.signal, done: ({ session }) => this.#begin(session) },
      );
      this.#asking = false;
      if (this.#session === session) await this.#offer(session, false);
    } catch (error) {
      this.#asking = false;
      this.#failed(toError(error, "negotiation_failed"));
    }
  }

  push(push: Push): void {
    if (push.type === "signal" && push.description) {
      // Another one than the newest answers an offer that an ICE restart has overtaken.
      if (push.generation === this.#generation) void this.#answered(push.description.sdp);
    } else if (push.type === "signal" && push.refused)
      this.#failed(new SwitchboardError("incompatible", push.refused.reason));
    else if (push.type === "ended") {
      this.#leave();
      if (endings.has(push.reason))
        this.over({ reason: push.reason, ...(push.detail && { detail: push.detail }) });
      else
        this.#failed(
          new SwitchboardError(
            push.reason === "busy" ? "stream_taken" : "closed",
            push.detail ?? push.reason,
            true,
          ),
        );
    }
  }

  /** Ends it at this end. */
  over(ended: Ended): void {
    if (this.state === "ended") return;
    // The server has forgotten the session, but not the stream.
    if (ended.reason === "lost") {
      this.#leave();
      this.#failed(new SwitchboardError("closed", "lost", true));
      return;
    }
    this.state = "ended";
    this.#stopTimer();
    this.#leave();
    for (const off of this.#off) off();
    this.closing();
    if (![...(listeners.get(this.client)?.values() ?? [])].includes(this.stream))
      void this.client.say("unwatch", { users: undefined, streams: [this.stream] });
    this.finish(ended);
  }

  protected closing(): void {}

  async stop(): Promise<void> {
    const session = this.#session;
    const { pc } = this;
    // Before the connection says goodbye: a publisher of which the server knows no more than that is waited for.
    this.pc = undefined;
    this.over({ reason: "hangup" });
    if (session !== undefined) {
      const late = new Promise((resolve) => setTimeout(resolve, hangupPatience));
      await Promise.race([this.client.say("hangup", { session }), late]);
    }
    pc?.close();
  }

  [dispose](): Promise<void> {
    return this.stop();
  }

  #watch(): void {
    void this.client.say("watch", { users: undefined, streams: [this.stream] });
  }

  #begin(session: string): void {
    if (this.state === "ended") {
      void this.client.say("hangup", { session });
      return;
    }
    this.#session = session;
    this.#generation = 0;
    this.#restarted = false;
    this.client.sessions.enter(session, this);
    const pc = this.client.newPeerConnection(this as never, true);
    this.pc = pc;
    pc.addEventListener("connectionstatechange", () => {
      if (this.pc === pc) this.#connection(pc);
    });
    this.prepare(pc);
  }

  async #offer(session: string, iceRestart: boolean): Promise<void> {
    const { pc } = this;
    if (!pc) return;
    this.#generation += 1;
    const generation = this.#generation;
    await pc.setLocalDescription(await pc.createOffer({ iceRestart }));
    const sdp = pc.localDescription?.sdp ?? "";
    await this.client.ask("signal", { session, pair: 1, generation, description: { type: "offer", sdp } });
  }

  async #answered(sdp: string): Promise<void> {
    const { pc } = this;
    if (pc?.signalingState !== "have-local-offer") return;
    await pc.setRemoteDescription({ type: "answer", sdp }).catch((error) => {
      this.#failed(toError(error, "negotiation_failed"));
    });
  }

  #connection(pc: RTCPeerConnection): void {
    const { connectionState: state } = pc;
    if (state === "connected") {
      this.#pause = firstPause;
      this.#wasLive = true;
      this.#restarted = false;
      this.#stopTimer();
      this.error = undefined;
      this.#become("live");
    } else if (state === "failed") this.#restart();
    else if (state === "disconnected") {
      this.#become("reconnecting");
      this.#timer ??= setTimeout(() => this.#restart(), lostPatience);
    }
  }

  /** Looks for another path; where none is found either, makes the connection anew. */
  #restart(): void {
    const session = this.#session;
    this.#stopTimer();
    if (session === undefined || this.#restarted) {
      this.#anew();
      return;
    }
    this.#restarted = true;
    this.#become("reconnecting");
    this.#timer = setTimeout(() => this.#anew(), restartPatience);
    this.#offer(session, true).catch(() => this.#session === session && this.#anew());
  }

  /** Gives the session up, and begins another one. */
  #anew(): void {
    const session = this.#session;
    this.#leave();
    if (session !== undefined) void this.client.say("hangup", { session });
    this.#become("reconnecting");
    void this.connect();
  }

  #failed(error: SwitchboardError): void {
    if (this.state === "ended") return;
    this.#leave();
    this.error = error;
    if (final.has(error.code) && !error.temporary) {
      this.over({ reason: error.code === "forbidden" ? "forbidden" : "failed", error });
      return;
    }
    const waits = error.code === "not_live";
    this.#become(waits ? "waiting" : this.#wasLive ? "reconnecting" : "connecting");
    // The push `stream` says when it is live; the timer is for when that is lost.
    const pause = waits ? longestPause : Math.max(error.retryAfter ?? 0, this.#pause * (0.5 + Math.random()));
    this.#pause = Math.min(longestPause, this.#pause * 2);
    this.#stopTimer();
    this.#timer = setTimeout(() => void this.connect(), pause);
  }

  #become(state: State): void {
    if (this.state === "ended") return;
    this.state = state;
    this.changed();
  }

  #leave(): void {
    this.#stopTimer();
    this.client.sessions.leave(this.#session, this);
    this.#session = undefined;
    const { pc } = this;
    this.pc = undefined;
    pc?.close();
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** The session, while there is one. */
  protected get session(): string | undefined {
    return this.#session;
  }
}
