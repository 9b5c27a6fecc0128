import type { Push, PushOf } from "../protocol/pushes.ts";
import type { Call, CallOptions, Ended, Flags, IncomingCall, Peer } from "./api.ts";
import { MediaCall } from "./call.ts";
import { deferred } from "./deferred.ts";
import { quiet, SwitchboardError } from "./error.ts";
import type { Hub, Session } from "./hub.ts";
import { dispose, Emitter } from "./live.ts";
import { resolveMedia } from "./local-media.ts";

/** A ring at this device, or (`resumed`) a session that a reload left behind. */
export class Ring extends Emitter<object> implements IncomingCall, Session {
  readonly id: string;
  readonly ticket: string;
  readonly from: Peer;
  readonly wants: Flags;
  readonly data: unknown;
  readonly age: number;
  readonly movedFrom: string | undefined;
  readonly resumed: boolean;
  readonly #hub: Hub;
  readonly #ended = deferred<Ended>();
  #over: Ended | undefined;
  #accepting: Promise<Call> | undefined;
  #alerted = false;

  constructor(hub: Hub, push: PushOf<"incoming"> | PushOf<"session">) {
    super();
    this.#hub = hub;
    this.id = push.session;
    this.ticket = push.ticket;
    this.wants = { audio: push.media?.audio ?? false, video: push.media?.video ?? false };
    this.resumed = push.type === "session";
    const ring = push.type === "incoming" ? push : undefined;
    this.from = ring?.from ?? (push as PushOf<"session">).peer;
    this.data = ring?.data;
    this.age = ring?.age ?? 0;
    this.movedFrom = ring?.movedFrom;
  }

  get lasting(): boolean {
    return this.resumed;
  }

  get ended(): Promise<Ended> {
    return this.#ended.promise;
  }

  get alive(): boolean {
    return this.#over === undefined;
  }

  /** Somebody listens for rings: the caller may know that this device alerts. */
  alert(): void {
    if (this.#alerted || this.resumed) return;
    this.#alerted = true;
    void this.#hub.ask("ringing", { session: this.id });
  }

  accept(options: CallOptions = {}): Promise<Call> {
    this.#accepting ??= quiet(
      this.#accept(options).catch((error) => {
        this.#accepting = undefined;
        throw error;
      }),
    );
    return this.#accepting;
  }

  async decline({ everywhere, reason }: Parameters<IncomingCall["decline"]>[0] = {}): Promise<void> {
    if (this.#over) return;
    this.over({ reason: "declined", by: this.#hub.self });
    const session = this.id;
    const told = this.resumed
      ? this.#hub.ask("hangup", { session }, { repeat: true })
      : this.#hub.ask(
          "decline",
          { session, ...(everywhere && { everywhere }), ...(reason && { reason }) },
          { repeat: true },
        );
    await told.catch((error) => this.#hub.log("debug", "decline refused", { error }));
  }

  push(push: Push): void {
    if (push.type !== "ended") return;
    this.over({ reason: push.reason, by: push.by, device: push.device, detail: push.detail });
  }

  over(ended: Ended): void {
    if (this.#over) return;
    this.#over = ended;
    this.#hub.leave(this.id, this);
    this.#ended.resolve(ended);
    this.#hub.done(this);
    this.finish();
  }

  refresh(): void {}

  [dispose](): Promise<void> {
    return this.decline();
  }

  /** Media first, then the answer: a camera that is refused leaves it ringing. */
  async #accept({ media, signal }: CallOptions): Promise<Call> {
    const call = new MediaCall(this.#hub, "in", this.from);
    const source = await resolveMedia(media, signal);
    try {
      signal?.throwIfAborted();
      if (this.#over) throw new SwitchboardError(lostTo(this.#over), `The ring ended: ${this.#over.reason}.`);
      call.use(source.media, source.owned);
      if (this.resumed) {
        this.#won(call);
        await call.resume();
      } else
        await this.#hub.ask(
          "accept",
          { session: this.id },
          {
            repeat: true,
            done: ({ pair, generation }) => {
              this.#won(call);
              call.begin(pair, generation, false);
            },
          },
        );
      return call;
    } catch (error) {
      if (source.owned) source.media?.stop();
      throw error;
    }
  }

  /** The session is the call's now. */
  #won(call: MediaCall): void {
    this.over({ reason: "accepted", by: this.#hub.self });
    call.become(this.id, this.ticket);
    this.#hub.began(call);
  }
}

function lostTo({ reason }: Ended): "answered_elsewhere" | "no_session" {
  return reason === "answered_elsewhere" ? reason : "no_session";
}
