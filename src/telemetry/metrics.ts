import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { MetricsRegistry, SetValue } from "../shared/metrics-registry.ts";
import type { CoreStats } from "../signaling/core.ts";
import type { CoreEvent, SessionRecord } from "../signaling/events.ts";
import { registerProcessMetrics } from "./process-metrics.ts";

const prefix = "switchboard_";
/** How long a text is told again. ms */
const freshFor = 1_000;
/** Steps of `log_bytes`. To the byte, it would tell whoever sends to somebody whether she is away or not there at all. */
const logStep = 1_048_576;
const secondsOfSetup = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 20, 60];
const secondsOfCall = [1, 10, 30, 60, 300, 900, 1_800, 3_600, 14_400];

export interface MetricsText {
  readonly body: string;
  readonly contentType: string;
}

/**
 * What Prometheus scrapes: the core's metrics, and those that the parts of the server register. Labels come from closed lists only:
 * never a user, a device or an address.
 */
export class Metrics implements MetricsRegistry {
  readonly #registry = new Registry();
  #last: { readonly at: number; readonly text: Promise<MetricsText> } | undefined;
  /** Who tells the values of each registered metric. */
  readonly #collectors = new Map<string, ((set: SetValue) => void)[]>();
  readonly #requests = this.#counter("requests_total", "Requests that were admitted.", ["type"]);
  readonly #errors = this.#counter("request_errors_total", "Requests that were answered with an error.", [
    "code",
  ]);
  readonly #limits = this.#counter("limit_hits_total", "How often a limit refused something.", ["limit"]);
  readonly #opened = this.#counter("links_opened_total", "Links that began.");
  readonly #resumed = this.#counter("links_resumed_total", "Links that went on over a new transport.");
  readonly #replayed = this.#counter("frames_replayed_total", "Frames that were sent again on a resume.");
  readonly #notResumed = this.#counter("resumes_refused_total", "Resumes that began a new link.", ["reason"]);
  readonly #suspended = this.#counter("links_suspended_total", "Links that lost their transport.", ["code"]);
  readonly #closed = this.#counter("links_closed_total", "Links that ended.", ["reason"]);
  readonly #refused = this.#counter(
    "transports_refused_total",
    "Transports that were closed before welcome.",
    ["code"],
  );
  readonly #started = this.#counter(
    "sessions_started_total",
    "Sessions that began: rang, or were active at once.",
  );
  readonly #ended = this.#counter("sessions_ended_total", "Sessions that ended.", ["kind", "reason"]);
  readonly #decisions = this.#counter("decisions_total", "Requests that a hook was asked about.", [
    "request",
    "outcome",
  ]);
  readonly #wakes = this.#counter(
    "wakes_total",
    "Calls that found nobody online, and asked a hook to wake.",
    ["waits"],
  );
  readonly #decided = this.#histogram("decision_seconds", "From a request to its decision.", secondsOfSetup);
  readonly #faults = this.#counter("faults_total", "Faults of the server; the log has each.");
  readonly #accepted = this.#histogram("accept_seconds", "From call to accept.", secondsOfSetup);
  readonly #connected = this.#histogram("connect_seconds", "From accept to connected media.", secondsOfSetup);
  readonly #lasted = this.#histogram("session_seconds", "From accept to the end.", secondsOfCall);

  constructor(stats: () => CoreStats) {
    // The hot path counts by itself: an event for each would cost more than the relay.
    this.counter("signals_total", "Signals that were relayed or held.", [], (set) => set(stats().signals));
    registerProcessMetrics(this.#registry);
    this.gauge("links", "Links, by state.", ["state"], (set) => {
      set(stats().linksLive, { state: "live" });
      set(stats().linksSuspended, { state: "suspended" });
    });
    this.gauge("sessions", "Sessions, by state.", ["state"], (set) => {
      set(stats().sessionsRinging, { state: "ringing" });
      set(stats().sessionsActive, { state: "active" });
    });
    this.gauge("users", "Users with a device.", [], (set) => set(stats().users));
    this.gauge("devices", "Devices.", [], (set) => set(stats().devices));
    this.gauge("stream_sessions", "Sessions with the media server, by role.", ["role"], (set) => {
      set(stats().sessionsPublishing, { role: "publish" });
      set(stats().sessionsViewing, { role: "view" });
    });
    this.gauge("rooms", "Rooms.", [], (set) => set(stats().rooms));
    this.gauge("transports_open", "Transports that are open.", [], (set) => set(stats().transportsOpen));
    this.gauge("log_bytes", "Bytes that links keep for replay.", [], (set) =>
      set(Math.ceil(stats().logBytes / logStep) * logStep),
    );
  }

  // MetricsRegistry

  gauge(name: string, help: string, labelNames: readonly string[], collect: (set: SetValue) => void): void {
    this.#register(name, collect, (collectAll) => {
      const gauge: Gauge = new Gauge({
        name: prefix + name,
        help,
        labelNames,
        registers: [this.#registry],
        collect: () => {
          gauge.reset();
          collectAll((value, labels = {}) => gauge.set(labels, value));
        },
      });
    });
  }

  counter(name: string, help: string, labelNames: readonly string[], collect: (set: SetValue) => void): void {
    this.#register(name, collect, (collectAll) => {
      const counter: Counter = new Counter({
        name: prefix + name,
        help,
        labelNames,
        registers: [this.#registry],
        collect: () => {
          counter.reset();
          collectAll((value, labels = {}) => counter.inc(labels, value));
        },
      });
    });
  }

  /** What its parts tell of a registered metric now; empty where no part has registered it. */
  values(name: string): { readonly value: number; readonly labels: Readonly<Record<string, string>> }[] {
    const values: { value: number; labels: Readonly<Record<string, string>> }[] = [];
    for (const collect of this.#collectors.get(name) ?? [])
      collect((value, labels = {}) => values.push({ value, labels }));
    return values;
  }

  /** Counts what happened. */
  observe(event: CoreEvent): void {
    switch (event.type) {
      case "request":
        this.#requests.inc({ type: event.request });
        break;
      case "request_failed":
        this.#errors.inc({ code: event.code });
        break;
      case "decided":
        this.#decisions.inc({ request: event.request, outcome: event.outcome });
        this.#decided.observe(event.after / 1_000);
        break;
      case "wake":
        this.#wakes.inc({ waits: String(event.waits) });
        break;
      case "limit":
        this.#limits.inc({ limit: event.limit });
        break;
      case "link_opened":
        this.#opened.inc();
        break;
      case "link_resumed":
        this.#resumed.inc();
        this.#replayed.inc(event.replayed);
        break;
      case "resume_refused":
        this.#notResumed.inc({ reason: event.reason });
        break;
      case "link_suspended":
        this.#suspended.inc({ code: codeLabel(event.code) });
        break;
      case "link_closed":
        this.#closed.inc({ reason: event.reason });
        break;
      case "transport_refused":
        this.#refused.inc({ code: codeLabel(event.code) });
        break;
      case "session_started":
        this.#started.inc();
        break;
      case "session_accepted":
        this.#accepted.observe(event.after / 1_000);
        break;
      case "session_ended":
        this.#sessionEnded(event.record);
        break;
      case "fault":
        this.#faults.inc();
        break;
      case "report":
      case "session_moved":
      case "session_adopted":
      case "session_left":
      case "kicked":
      case "kick_learned":
        break;
    }
  }

  /** In the text format of Prometheus. It is made at most once a second, however many ask. `now`: monotonic, ms. */
  text(now: number = performance.now()): Promise<MetricsText> {
    if (this.#last === undefined || now - this.#last.at >= freshFor)
      this.#last = { at: now, text: this.#collect() };
    return this.#last.text;
  }

  async #collect(): Promise<MetricsText> {
    return { body: await this.#registry.metrics(), contentType: this.#registry.contentType };
  }

  #sessionEnded({ kind, reason, acceptedAt, connectedAt, endedAt }: SessionRecord): void {
    this.#ended.inc({ kind, reason });
    if (acceptedAt === undefined) return;
    this.#lasted.observe((endedAt - acceptedAt) / 1_000);
    if (connectedAt !== undefined) this.#connected.observe((connectedAt - acceptedAt) / 1_000);
  }

  #counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name: prefix + name, help, labelNames, registers: [this.#registry] });
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name: prefix + name, help, buckets, registers: [this.#registry] });
  }

  /** Joins those who tell values of one metric. The first makes it. */
  #register(
    name: string,
    collect: (set: SetValue) => void,
    make: (collectAll: (set: SetValue) => void) => void,
  ): void {
    const known = this.#collectors.get(name);
    if (known !== undefined) {
      known.push(collect);
      return;
    }
    const collectors = [collect];
    this.#collectors.set(name, collectors);
    make((set) => {
      for (const one of collectors) one(set);
    });
  }
}

/** A client may close with any code: those that are nobody's are counted as one. */
function codeLabel(code: number): string {
  const known = (code >= 1000 && code <= 1015) || (code >= 4100 && code < 4400);
  return known ? String(code) : "other";
}
