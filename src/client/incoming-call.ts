import type { Push, PushOf } from "../protocol/pushes.ts";
import type { ReplyOf } from "../protocol/replies.ts";
import type { Description } from "../protocol/values.ts";
import type { Call, CallOptions, Ended, Flags, IncomingCall, Peer } from "./api.ts";
import { MediaCall } from "./call.ts";
import type { ClientInternals, Session } from "./client-internals.ts";
import { dispose, Emitter } from "./emitter.ts";
import { toEnded } from "./ended.ts";
import { quiet, SwitchboardError } from "./error.ts";
import { resolveMedia } from "./media.ts";

/** A ring at this device, or (`resumed`) a session from before a reload. */
export class Ring extends Emitter<object> implements IncomingCall, Session {
  declare readonly id: string;
  declare ticket: string | undefined;
  declare readonly from: Peer;
  declare readonly wants: Flags;
  declare readonly data: unknown;
  declare readonly age: number;
  declare readonly movedFrom: string | undefined;
  declare readonly resumed: boolean;
  readonly #client: ClientInternals;
  readonly #offer: Description | undefined;
  #over: Ended | undefined;
  #accepting: Promise<Call> | undefined;
  #alerted = false;

  constructor(client: ClientInternals, push: PushOf<"incoming"> | PushOf<"session">) {
    super();
    this.#client = client;
    this.id = push.session;
    this.wants = { audio: !!push.media?.audio, video: !!push.media?.video };
    this.resumed = push.type === "session";
    const ring = push as Partial<PushOf<"incoming">>;
    this.from = push.type === "session" ? push.peer : push.from;
    this.#offer = ring.description;
    this.data = ring.data;
    this.age = ring.age ?? 0;
    this.movedFrom = ring.movedFrom;
  }

  get lasting(): boolean {
    return this.resumed;
  }

  /** The application listens for rings: tells the caller that this device rings. */
  alert(): void {
    if (this.#alerted || this.resumed || this.movedFrom) return;
    this.#alerted = true;
    void this.#client.say("ringing", { session: this.id });
  }

  accept(options: CallOptions = {}): Promise<Call> {
    this.#accepting ??= quiet(
      this.#accept(options).catch((error) => {
        this.#accepting = undefined;
        if (error.stats) void this.#client.say("report", { session: this.id, stats: error.stats });
        throw error;
      }),
    );
    return this.#accepting;
  }

  async decline({ everywhere, reason }: Parameters<IncomingCall["decline"]>[0] = {}): Promise<void> {
    if (this.#over) return;
    this.over({ reason: "declined", by: this.#client.self });
    const session = this.id;
    if (this.resumed) await this.#client.say("hangup", { session });
    else await this.#client.say("decline", { session, everywhere, reason });
  }

  push(push: Push): void {
    if (push.type === "ended") this.over(toEnded(push));
  }

  over(ended: Ended): void {
    if (this.#over) return;
    this.#over = ended;
    this.#client.sessions.leave(this.id, this);
    this.#client.sessions.done(this);
    this.finish(ended);
  }

  [dispose](): Promise<void> {
    return this.decline();
  }

  /** Opens the media, then answers. If the user refuses the camera, the call still rings. */
  async #accept({ media, signal }: CallOptions): Promise<Call> {
    const call = new MediaCall(this.#client, "in", this.from);
    const source = await resolveMedia(media, signal);
    try {
      signal?.throwIfAborted();
      if (this.#over) {
        const { reason } = this.#over;
        const code = reason === "answered_elsewhere" ? reason : "no_session";
        throw new SwitchboardError(code, reason);
      }
      call.use(source.media, source.owned);
      const done = (reply: ReplyOf<"accept">) => {
        this.#won(call);
        if (reply.early) call.push({ ...reply, type: "offer_wanted" } as PushOf<"offer_wanted">);
        else call.begin({ offer: false, ...reply });
        // Some callers send their offer with the ring.
        if (this.#offer)
          call.push({ ...reply, type: "signal", description: this.#offer } as PushOf<"signal">);
      };
      if (this.resumed) {
        this.#won(call);
        await call.resume();
      } else await this.#client.ask("accept", { session: this.id }, { repeat: true, done });
      return call;
    } catch (error) {
      if (source.owned) source.media?.stop();
      throw error;
    }
  }

  /** This device won: the session is the call's from now on. */
  #won(call: MediaCall): void {
    this.over({ reason: "accepted", by: this.#client.self });
    call.ticket = this.ticket;
    call.become(this.id);
    this.#client.sessions.began(call);
  }
}
