import { closeAction } from "../protocol/close-codes.ts";
import type { WireCode } from "../protocol/error-codes.ts";
import type { Goodbye, Hello, Welcome } from "../protocol/handshake.ts";
import type { Push } from "../protocol/pushes.ts";

/** A request on its way. The link knows it by identity; its id is the link's own business. */
export interface Outgoing {
  readonly body: { readonly type: string; readonly [field: string]: unknown };
  /** Asking twice does no more than asking once: it may be sent again on a new link. */
  readonly repeat?: boolean;
}

/** Why a request was not granted. */
export interface Refusal {
  readonly code: WireCode | "closed";
  readonly message: string;
  readonly temporary: boolean;
  readonly retryAfter?: number;
}

/** What a hello needs and the link does not know. */
export type Introduction = Pick<Hello, "token" | "device" | "sessions">;

export type LinkInput =
  | { readonly on: "connect" }
  /** A token is at hand: dial. Or there is none now: try later. */
  | { readonly on: "token"; readonly ok: boolean }
  | { readonly on: "opened"; readonly attempt: number; readonly hello: Introduction }
  | { readonly on: "frame"; readonly attempt: number; readonly frame: Incoming }
  | { readonly on: "closed"; readonly attempt: number; readonly code: number; readonly reason: string }
  | { readonly on: "request"; readonly request: Outgoing }
  /** The caller lost interest: not sent if it was not yet. */
  | { readonly on: "drop"; readonly request: Outgoing }
  /** The token was renewed for so many ms; or could not be. */
  | { readonly on: "renewed"; readonly expires: number | undefined }
  /** Network or page came back, or may have changed: try now, or find out whether the transport still lives. */
  | { readonly on: "wake" }
  /** The page goes to sleep in the back/forward cache: leave, and stay away until `connect`. */
  | { readonly on: "pause" }
  | { readonly on: "close" }
  | { readonly on: "tick" };

export type LinkOutput =
  /** Get a token, then say `token`. */
  | { readonly do: "token" }
  | {
      readonly do: "open";
      readonly attempt: number;
      readonly http: boolean;
      readonly url: string | undefined;
    }
  | { readonly do: "send"; readonly frame: Readonly<Record<string, unknown>> }
  /** Close the transport; nothing that it still says counts. */
  | { readonly do: "shut"; readonly code: number }
  | { readonly do: "state"; readonly state: LinkState }
  | { readonly do: "welcome"; readonly welcome: Welcome }
  | { readonly do: "push"; readonly push: Push }
  | {
      readonly do: "settle";
      readonly request: Outgoing;
      readonly ok?: Readonly<Record<string, unknown>>;
      readonly error?: Refusal;
    }
  /** Fetch a fresh token and `refresh` with it, then say `renewed`. */
  | { readonly do: "renew" }
  /** It is over: code and reason of the close that said so (1000: our own). */
  | { readonly do: "stopped"; readonly code: number; readonly reason: string };

export type LinkState = "connecting" | "online" | "reconnecting" | "closed";

/** A frame as it came: an object with whatever the server put into it. */
export type Incoming = Readonly<Record<string, unknown>>;

interface Sent {
  readonly id: number;
  readonly request: Outgoing;
}

type Status = "idle" | "token" | "waiting" | "opening" | "greeting" | "live" | "stopped";

const silent: ReadonlySet<string> = new Set(["signal", "report"]);
/** A browser may close with 1000 and 3000–4999 only; this one means: I come back. */
const comeBack = 4100;
const over: Refusal = { code: "closed", message: "The client is closed.", temporary: false };
const lost: Refusal = {
  code: "outcome_unknown",
  message: "The link was lost for good before the reply.",
  temporary: true,
};

/**
 * The client's end of a link (docs/protocol.md, Link): hello and welcome, both counters, resume, back-off. Pure.
 *
 *     idle ──connect──▶ token ──▶ opening ──opened──▶ greeting ──welcome──▶ live
 *              ▲                      │ 5 s               │ 10 s             │ closed, 30 s of silence, a gap
 *              └──── waiting ◀────────┴───────────────────┴──────────────────┘
 *     any ──43xx, close──▶ stopped          any ──pause──▶ idle
 */
export class Link {
  #status: Status = "idle";
  #state: LinkState = "connecting";
  #attempt = 0;
  /** What a resume names; undefined after 42xx: then a new link is asked for. */
  #resume: { link: string; secret: string; home: string } | undefined;
  #seq = 0;
  #nextId = 1;
  #sent: Sent[] = [];
  #queue: Outgoing[] = [];
  #window = 64;
  #silence = 30_000;
  #unacked = 0;
  #failures = 0;
  #socketFailures = 0;
  #http = false;
  #url: string | undefined;
  #liveSince = 0;
  /** Deadlines: of the current status, and of a live link. */
  #until: number | undefined;
  #ackAt: number | undefined;
  #renewAt: number | undefined;
  #leaveAt: number | undefined;
  #out: LinkOutput[] = [];
  readonly #instance: string;
  readonly #renewable: boolean;
  readonly #random: () => number;

  /** `renewable`: the token can be fetched anew; `random` gives 0 to 1. */
  constructor(instance: string, renewable: boolean, random: () => number) {
    this.#instance = instance;
    this.#renewable = renewable;
    this.#random = random;
  }

  get state(): LinkState {
    return this.#state;
  }

  /** When the next attempt is due, while one is. */
  get retryAt(): number | undefined {
    return this.#status === "waiting" ? this.#until : undefined;
  }

  get nextDeadline(): number | undefined {
    const all = [this.#until, this.#ackAt, this.#renewAt, this.#leaveAt].filter((at) => at !== undefined);
    return all.length > 0 ? Math.min(...all) : undefined;
  }

  handle(input: LinkInput, now: number): LinkOutput[] {
    this.#out = [];
    if (this.#status !== "stopped") this.#take(input, now);
    else if (input.on === "request") this.#settle(input.request, over);
    return this.#out;
  }

  #take(input: LinkInput, now: number): void {
    switch (input.on) {
      case "connect":
        if (this.#status === "idle") this.#begin();
        return;
      case "token":
        if (this.#status !== "token") return;
        if (input.ok) this.#dial(now);
        else this.#wait(now);
        return;
      case "opened":
        if (this.#status === "opening" && input.attempt === this.#attempt) this.#greet(input.hello, now);
        return;
      case "frame":
        if (input.attempt === this.#attempt) this.#frame(input.frame, now);
        return;
      case "closed":
        if (input.attempt === this.#attempt) this.#closed(input.code, input.reason, now);
        return;
      case "request":
        this.#queue.push(input.request);
        this.#flush();
        return;
      case "drop": {
        const at = this.#queue.indexOf(input.request);
        if (at >= 0) this.#queue.splice(at, 1);
        return;
      }
      case "renewed":
        this.#renewIn(input.expires === undefined ? 5_000 : input.expires * 0.8, now);
        return;
      case "wake":
        if (this.#status === "waiting" && this.#leaveAt === undefined) {
          this.#begin();
          return;
        }
        if (this.#status === "live") {
          this.#send({ type: "ping" });
          this.#until = Math.min(this.#until ?? now + 2_000, now + 2_000);
        }
        return;
      case "pause":
        this.#out.push({ do: "shut", code: 1000 });
        this.#resume = undefined;
        this.#enter("idle", undefined);
        this.#tell("reconnecting");
        return;
      case "close":
        if (this.#status !== "idle") this.#out.push({ do: "shut", code: 1000 });
        this.#stop(1000, "closed");
        return;
      case "tick":
        this.#tick(now);
        return;
    }
  }

  #tick(now: number): void {
    const due = (at: number | undefined) => at !== undefined && at <= now;
    if (due(this.#ackAt)) this.#ack();
    if (due(this.#renewAt)) {
      this.#renewAt = undefined;
      this.#out.push({ do: "renew" });
    }
    if (due(this.#leaveAt)) {
      this.#leaveAt = undefined;
      if (this.#status === "waiting") {
        this.#begin();
        return;
      }
      this.#out.push({ do: "shut", code: comeBack });
      this.#begin();
    } else if (due(this.#until)) {
      if (this.#status === "waiting") {
        this.#begin();
        return;
      }
      this.#out.push({ do: "shut", code: comeBack });
      this.#fail(now);
    }
  }

  #enter(status: Status, until: number | undefined): void {
    this.#status = status;
    this.#until = until;
    this.#ackAt = undefined;
    this.#unacked = 0;
    if (status !== "live") this.#renewAt = undefined;
  }

  /** Token first, then the socket: nothing is open that waits for an application. */
  #begin(): void {
    this.#attempt++;
    this.#enter("token", undefined);
    if (this.#state === "online") this.#tell("reconnecting");
    this.#out.push({ do: "token" });
  }

  #dial(now: number): void {
    this.#http = this.#socketFailures >= 2;
    this.#enter("opening", now + 5_000);
    this.#out.push({ do: "open", attempt: this.#attempt, http: this.#http, url: this.#url });
  }

  #greet(hello: Introduction, now: number): void {
    this.#enter("greeting", now + 10_000);
    const resume = this.#resume && { resume: { ...this.#resume, seq: this.#seq } };
    this.#send({ type: "hello", ...hello, instance: this.#instance, attempt: this.#attempt, ...resume });
  }

  #frame(frame: Incoming, now: number): void {
    if (this.#status === "greeting") {
      if (frame.type === "welcome") this.#welcome(frame as unknown as Welcome, now);
      else if (frame.type === "goodbye") this.#goodbye(frame as unknown as Goodbye, now);
      return;
    }
    if (this.#status !== "live") return;
    this.#until = now + this.#silence;
    if (typeof frame.seq === "number") {
      this.#counted(frame as Incoming & { seq: number }, now);
      return;
    }
    if (frame.type === "ping") this.#send({ type: "pong" });
    if (frame.type === "goodbye") this.#goodbye(frame as unknown as Goodbye, now);
    if (frame.type === "ack") {
      const upTo = frame.id as number;
      this.#sent = this.#sent.filter(({ id, request }) => id > upTo || !silent.has(request.body.type));
    }
  }

  #counted(frame: Incoming & { seq: number }, now: number): void {
    if (frame.seq <= this.#seq) return;
    if (frame.seq !== this.#seq + 1) {
      this.#out.push({ do: "shut", code: comeBack });
      this.#fail(now);
      return;
    }
    this.#seq = frame.seq;
    if (++this.#unacked >= 16) this.#ack();
    else this.#ackAt ??= now + 1_000;
    if (frame.re === undefined) {
      this.#out.push({ do: "push", push: frame as unknown as Push });
      return;
    }
    const at = this.#sent.findIndex(({ id }) => id === frame.re);
    const [answered] = at < 0 ? [] : this.#sent.splice(at, 1);
    if (answered === undefined) return;
    if (frame.error !== undefined) this.#settle(answered.request, frame.error as Refusal);
    else this.#out.push({ do: "settle", request: answered.request, ok: (frame.ok ?? {}) as Incoming });
    this.#flush();
  }

  #welcome(welcome: Welcome, now: number): void {
    const { link, secret, home, limits } = welcome;
    this.#resume = { link, secret, home };
    this.#window = limits.requestsInFlight ?? this.#window;
    this.#silence = limits.silence ?? this.#silence;
    if (!this.#http) this.#socketFailures = 0;
    this.#url = undefined;
    this.#liveSince = now;
    this.#enter("live", now + this.#silence);
    this.#renewIn(welcome.expires * 0.8, now);
    if (welcome.resumed) {
      this.#sent = this.#sent.filter(({ id, request }) => id > welcome.got || !silent.has(request.body.type));
      for (const { id, request } of this.#sent) if (id > welcome.got) this.#send({ id, ...request.body });
    } else this.#anew();
    this.#out.push({ do: "welcome", welcome });
    this.#tell("online");
    this.#flush();
  }

  /** A new link: what was asked on the old one and can't be asked again has an outcome that nobody knows. */
  #anew(): void {
    const old = this.#sent;
    this.#sent = [];
    this.#seq = 0;
    this.#nextId = 1;
    const again: Outgoing[] = [];
    for (const { request } of old) {
      if (request.repeat) again.push(request);
      else this.#settle(request, lost);
    }
    this.#queue.unshift(...again);
  }

  #goodbye({ action, after = 0, url, reason = "" }: Goodbye, now: number): void {
    if (action === "stop") {
      this.#out.push({ do: "shut", code: 1000 });
      this.#stop(4300, reason);
      return;
    }
    if (action === "reconnect") this.#resume = undefined;
    this.#url = url;
    this.#leaveAt = now + after;
  }

  #closed(code: number, reason: string, now: number): void {
    if (this.#status === "idle" || this.#status === "waiting" || this.#status === "token") return;
    const action = closeAction(code);
    if (action === "stop" || (code === 4102 && !this.#renewable)) {
      this.#stop(code, reason);
      return;
    }
    if (action === "reconnect") this.#resume = undefined;
    this.#fail(now);
  }

  #fail(now: number): void {
    if (this.#status === "opening" && !this.#http) this.#socketFailures++;
    else if (this.#status === "greeting" && this.#http) this.#socketFailures = 0;
    // A link that lived for a while and broke is news; one that breaks at once is the same trouble as before.
    if (this.#status === "live" && now - this.#liveSince > 5_000) this.#failures = 0;
    this.#wait(now);
  }

  #wait(now: number): void {
    const most = this.#failures === 0 ? 300 : Math.min(8_000, 500 * 2 ** this.#failures);
    this.#failures++;
    this.#enter("waiting", this.#leaveAt === undefined ? now + this.#random() * most : undefined);
    if (this.#state === "online") this.#tell("reconnecting");
  }

  #stop(code: number, reason: string): void {
    this.#enter("stopped", undefined);
    this.#leaveAt = undefined;
    const pending = [...this.#sent.map(({ request }) => request), ...this.#queue];
    this.#sent = [];
    this.#queue = [];
    for (const request of pending) this.#settle(request, over);
    this.#tell("closed");
    this.#out.push({ do: "stopped", code, reason });
  }

  /** Sends what waits, in order, as far as the server's window for unanswered requests reaches. */
  #flush(): void {
    if (this.#status !== "live") return;
    let open = this.#sent.filter(({ request }) => !silent.has(request.body.type)).length;
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      if (!silent.has(next.body.type) && ++open > this.#window) return;
      this.#queue.shift();
      const id = this.#nextId++;
      this.#sent.push({ id, request: next });
      this.#send({ id, ...next.body });
    }
  }

  #renewIn(ms: number, now: number): void {
    this.#renewAt = this.#renewable && this.#status === "live" ? now + ms : undefined;
  }

  #ack(): void {
    this.#ackAt = undefined;
    this.#unacked = 0;
    this.#send({ type: "ack", seq: this.#seq });
  }

  #send(frame: Readonly<Record<string, unknown>>): void {
    this.#out.push({ do: "send", frame });
  }

  /** Nobody waits for a silent one, and what it said is said again when it matters. */
  #settle(request: Outgoing, error: Refusal): void {
    const gone = error === over || error === lost;
    this.#out.push(
      gone && silent.has(request.body.type)
        ? { do: "settle", request, ok: {} }
        : { do: "settle", request, error },
    );
  }

  #tell(state: LinkState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#out.push({ do: "state", state });
  }
}
