import { closeAction } from "../protocol/close-codes.ts";
import type { Goodbye, Welcome } from "../protocol/handshake.ts";
import type { Push } from "../protocol/pushes.ts";
import type {
  Introduction,
  Json,
  LinkEvents,
  LinkShell,
  LinkState,
  Outgoing,
  Refusal,
} from "./link-shell.ts";

type Status = "idle" | "token" | "waiting" | "opening" | "greeting" | "live" | "stopped";

/** The close code for "this client comes back". Browsers may send 1000 and 3000–4999 only. */
const comeBack = 4100;
const over: Refusal = { code: "closed" };
const tooLarge: Refusal = { code: "too_large" };
const lost: Refusal = {
  code: "outcome_unknown",
  message: "The link was lost before the reply.",
  temporary: true,
};

/** Silent requests have no reply of success: the cumulative `ack` stands for it. */
function isSilent({ body: { type } }: Outgoing): boolean {
  return type === "signal" || type === "report";
}

/**
 * The client's end of a link (docs/protocol.md, Link): hello and welcome, both counters, resume, back-off. Pure: its inputs come
 * with the time, and it tells its shell what to do.
 *
 *     idle ──connect──▶ token ──▶ opening ──opened──▶ greeting ──welcome──▶ live
 *                         ▲           │ 5 s               │ 10 s             │ closed, 30 s of silence, a gap
 *                         └─ waiting ◀┴───────────────────┴──────────────────┘
 *     any ──43xx, close──▶ stopped          any ──pause──▶ idle
 */
export class Link {
  #status: Status = "idle";
  #state: LinkState = "connecting";
  #attempt = 0;
  /** What a resume names. Undefined after 42xx: the next hello asks for a new link. */
  #resume: { link: string; secret: string; home: string } | undefined;
  #seq = 0;
  #nextId = 1;
  /** Requests that were sent on this link and not answered, by id; then those that were not sent yet. */
  #sent = new Map<number, Outgoing>();
  #queue: Outgoing[] = [];
  #window!: number;
  #silence!: number;
  #frameBytes!: number;
  #unacked = 0;
  #failures = 0;
  #socketFailures = 0;
  #http = false;
  #url: string | undefined;
  #liveSince = 0;
  /** Deadlines of the status, of an ack, of a token's renewal, and of the move that a goodbye asks for. */
  #until: number | undefined;
  #ackAt: number | undefined;
  #renewAt: number | undefined;
  #leaveAt: number | undefined;
  readonly #shell: LinkShell;
  readonly #events: LinkEvents;
  readonly #instance: string;
  readonly #renewable: boolean;
  readonly #random: () => number;

  /** `renewable`: a fresh token can be fetched. `random`: a number from 0 to 1. */
  constructor(
    shell: LinkShell,
    events: LinkEvents,
    instance: string,
    renewable: boolean,
    random: () => number,
  ) {
    this.#shell = shell;
    this.#events = events;
    this.#instance = instance;
    this.#renewable = renewable;
    this.#random = random;
  }

  /** When the next attempt to connect is due, while the link waits for one. */
  get retryAt(): number | undefined {
    return this.#status === "waiting" ? (this.#until ?? this.#leaveAt) : undefined;
  }

  /** When {@link tick} is due; Infinity for never. */
  get nextDeadline(): number {
    const all = [this.#until, this.#ackAt, this.#renewAt, this.#leaveAt];
    return Math.min(...all.filter((at) => at !== undefined));
  }

  connect(): void {
    if (this.#status === "idle") this.#begin();
  }

  /** There is a token: dial. Or there is none now: try later. */
  token(ok: boolean, now: number): void {
    if (this.#status !== "token") return;
    if (ok) {
      this.#http = this.#socketFailures >= 2;
      this.#enter("opening", now + 5_000);
      this.#shell.open(this.#attempt, this.#http, this.#url);
    } else this.#wait(now);
  }

  opened(attempt: number, hello: Introduction, now: number): void {
    if (this.#status !== "opening" || attempt !== this.#attempt) return;
    this.#enter("greeting", now + 10_000);
    const resume = this.#resume && { resume: { ...this.#resume, seq: this.#seq } };
    this.#shell.send({ type: "hello", ...hello, instance: this.#instance, attempt, ...resume });
  }

  frame(attempt: number, frame: Json, now: number): void {
    if (attempt !== this.#attempt) return;
    if (frame.type === "goodbye") this.#goodbye(frame as unknown as Goodbye, now);
    else if (this.#status === "greeting") {
      if (frame.type === "welcome") this.#welcome(frame as unknown as Welcome, now);
    } else if (this.#status === "live") {
      this.#until = now + this.#silence;
      if (typeof frame.seq === "number") this.#counted(frame.seq, frame, now);
      else if (frame.type === "ping") this.#shell.send({ type: "pong" });
      else if (frame.type === "ack") this.#admitted(frame.id as number);
    }
  }

  closed(attempt: number, code: number, reason: string, now: number): void {
    if (attempt !== this.#attempt) return;
    if (this.#status !== "opening" && this.#status !== "greeting" && this.#status !== "live") return;
    const action = closeAction(code);
    if (action === "stop" || (code === 4102 && !this.#renewable)) this.#stop(code, reason);
    else {
      if (action === "reconnect") this.#resume = undefined;
      this.#fail(now);
    }
  }

  request(request: Outgoing): void {
    if (this.#status === "stopped") this.#drop(request, over);
    else {
      this.#queue.push(request);
      this.#flush();
    }
  }

  /** The request was aborted: if it was not sent yet, it never is. */
  forget(request: Outgoing): void {
    this.#queue = this.#queue.filter((one) => one !== request);
  }

  /** The token was renewed for so many ms, or (undefined) could not be. */
  renewed(expires: number | undefined, now: number): void {
    this.#renewIn(expires === undefined ? 5_000 : expires * 0.8, now);
  }

  /** The network or the page came back or changed: tries to connect now, or checks whether the transport still works. */
  wake(now: number): void {
    if (this.#status === "live") {
      this.#shell.send({ type: "ping" });
      this.#until = Math.min(this.#until as number, now + 2_000);
    } else if (this.#status === "waiting" && this.#leaveAt === undefined) this.#begin();
  }

  /** The page goes into the back/forward cache: leaves, and stays away until {@link connect}. */
  pause(): void {
    if (this.#status === "stopped") return;
    this.#shell.shut(1000);
    this.#resume = undefined;
    this.#enter("idle");
    this.#tell("reconnecting");
  }

  close(): void {
    if (this.#status === "stopped") return;
    this.#shell.shut(1000);
    this.#stop(1000, "closed");
  }

  tick(now: number): void {
    const due = (at: number | undefined) => at !== undefined && at <= now;
    if (due(this.#ackAt)) this.#ack();
    if (due(this.#renewAt)) {
      this.#renewAt = undefined;
      this.#shell.renew();
    }
    if (due(this.#leaveAt) || (this.#status === "waiting" && due(this.#until))) this.#begin();
    else if (due(this.#until)) this.#break(now);
  }

  #enter(status: Status, until?: number): void {
    this.#status = status;
    this.#until = until;
    this.#ackAt = undefined;
    this.#renewAt = undefined;
    this.#unacked = 0;
  }

  /** Gets a token first, then opens a socket: no socket is open while the application fetches a token. */
  #begin(): void {
    this.#shell.shut(comeBack);
    this.#attempt++;
    this.#leaveAt = undefined;
    this.#enter("token");
    this.#away();
    this.#shell.needToken();
  }

  #counted(seq: number, frame: Json, now: number): void {
    if (seq <= this.#seq) return;
    if (seq > this.#seq + 1) {
      this.#break(now);
      return;
    }
    this.#seq = seq;
    if (++this.#unacked >= 16) this.#ack();
    else this.#ackAt ??= now + 1_000;
    if (frame.re === undefined) {
      this.#events.push(frame as unknown as Push);
      return;
    }
    const answered = this.#sent.get(frame.re as number);
    this.#sent.delete(frame.re as number);
    answered?.settle((frame.ok ?? {}) as Json, frame.error as Refusal | undefined);
    this.#flush();
  }

  #welcome(welcome: Welcome, now: number): void {
    const { link, secret, home, limits, resumed, got } = welcome;
    this.#resume = { link, secret, home };
    this.#window = limits.requestsInFlight ?? 64;
    this.#silence = limits.silence ?? 30_000;
    this.#frameBytes = limits.frameBytes ?? 65_536;
    // HTTP may have been needed only because the server was down just then: next time it tries a WebSocket once more.
    this.#socketFailures = Number(this.#http);
    this.#url = undefined;
    this.#liveSince = now;
    this.#enter("live", now + this.#silence);
    this.#renewIn(welcome.expires * 0.8, now);
    if (resumed) {
      this.#admitted(got);
      for (const [id, { body }] of this.#sent) if (id > got) this.#shell.send({ id, ...body });
    } else this.#anew();
    this.#events.welcome(welcome);
    this.#tell("online");
    this.#flush();
  }

  /** A new link. Requests of the old one are sent again if they are idempotent; of the others the outcome is unknown. */
  #anew(): void {
    const old = [...this.#sent.values()];
    this.#sent.clear();
    this.#seq = 0;
    this.#nextId = 1;
    this.#queue.unshift(...old.filter((request) => request.repeat && !isSilent(request)));
    for (const request of old) if (!request.repeat) this.#drop(request, lost);
  }

  /** The server has admitted all requests up to this id: the silent ones among them are done. */
  #admitted(upTo: number): void {
    for (const [id, request] of this.#sent) if (id <= upTo && isSilent(request)) this.#sent.delete(id);
  }

  #goodbye({ action, after = 0, url, reason = "" }: Goodbye, now: number): void {
    if (action === "stop") {
      this.#shell.shut(1000);
      this.#stop(4300, reason);
      return;
    }
    if (action === "reconnect") this.#resume = undefined;
    this.#url = url;
    this.#leaveAt = now + after;
  }

  /** The transport no longer works. */
  #break(now: number): void {
    this.#shell.shut(comeBack);
    this.#fail(now);
  }

  #fail(now: number): void {
    if (this.#status === "opening" && !this.#http) this.#socketFailures++;
    // Nor does HTTP work, or its part of the SDK can't be loaded: a browser may keep that failure for good, as Firefox does.
    else if (this.#status !== "live" && this.#http) this.#socketFailures = 0;
    // The back-off starts over after a link that worked for a while, not after one that breaks at once.
    if (this.#status === "live" && now - this.#liveSince > 5_000) this.#failures = 0;
    this.#wait(now);
  }

  #wait(now: number): void {
    const most = this.#failures === 0 ? 300 : Math.min(8_000, 500 * 2 ** this.#failures);
    this.#failures++;
    this.#enter("waiting", this.#leaveAt === undefined ? now + this.#random() * most : undefined);
    this.#away();
  }

  #stop(code: number, reason: string): void {
    this.#enter("stopped");
    this.#leaveAt = undefined;
    for (const request of [...this.#sent.values(), ...this.#queue]) this.#drop(request, over);
    this.#sent.clear();
    this.#queue = [];
    this.#tell("closed");
    this.#events.stopped(code, reason);
  }

  /** Sends waiting requests in order, as many as the server's window for unanswered ones allows. */
  #flush(): void {
    if (this.#status !== "live") return;
    let open = [...this.#sent.values()].filter((request) => !isSilent(request)).length;
    for (let next = this.#queue[0]; next; next = this.#queue[0]) {
      const frame = { id: this.#nextId, ...next.body };
      // The server would close the transport, and again with each repetition.
      const large = new Blob([JSON.stringify(frame)]).size > this.#frameBytes;
      if (!large && !isSilent(next) && ++open > this.#window) return;
      this.#queue.shift();
      if (large) next.settle(undefined, tooLarge);
      else {
        this.#sent.set(this.#nextId++, next);
        this.#shell.send(frame);
      }
    }
  }

  #renewIn(ms: number, now: number): void {
    if (this.#renewable && this.#status === "live") this.#renewAt = now + ms;
  }

  #ack(): void {
    this.#ackAt = undefined;
    this.#unacked = 0;
    this.#shell.send({ type: "ack", seq: this.#seq });
  }

  /** Nobody waits for a silent request, and what it said is sent again when it matters. */
  #drop(request: Outgoing, why: Refusal): void {
    if (!isSilent(request)) request.settle(undefined, why);
  }

  #away(): void {
    if (this.#state === "online") this.#tell("reconnecting");
  }

  #tell(state: LinkState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#events.entered(state);
  }
}
