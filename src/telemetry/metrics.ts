import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { NatsCounts } from "../backplane/nats.ts";
import type { Backplane } from "../cluster/backplane.ts";
import type { ClusterStats } from "../cluster/cluster-host.ts";
import type { CutReason } from "../net/connection-caps.ts";
import { descriptorsShort } from "../net/descriptors.ts";
import type { CoreStats } from "../signaling/core.ts";
import type { CoreEvent, SessionRecord } from "../signaling/events.ts";

const prefix = "switchboard_";
const secondsOfSetup = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 20, 60];
const secondsOfCall = [1, 10, 30, 60, 300, 900, 1_800, 3_600, 14_400];

/** What is shown of a TURN server. */
export interface TurnNumbers {
  readonly allocations: number;
  readonly connections: number;
  readonly allocationsOpened: number;
  readonly toPeerMessages: number;
  readonly toPeerBytes: number;
  readonly toClientMessages: number;
  readonly toClientBytes: number;
  /** By rule, all of a fixed set. */
  readonly refused: Readonly<Record<string, number>>;
}

/** What is shown of a gateway to another protocol. */
export interface GatewayNumbers {
  readonly phones: number;
  readonly calls: number;
  readonly connections: number;
  /** By what became of them, all of a fixed set. */
  readonly messages: Readonly<Record<string, number>>;
}

/** What Prometheus scrapes. Labels come from closed lists only: never a user, a device or an address. */
export class Metrics {
  readonly #registry = new Registry();
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
  readonly #started = this.#counter("sessions_started_total", "Sessions that began to ring.");
  readonly #ended = this.#counter("sessions_ended_total", "Sessions that ended.", ["kind", "reason"]);
  readonly #faults = this.#counter("faults_total", "Faults of the server; the log has each.");
  readonly #cut = this.#counter("connections_cut_total", "Connections that were cut as they came.", [
    "reason",
  ]);
  readonly #accepted = this.#histogram("accept_seconds", "From call to accept.", secondsOfSetup);
  readonly #connected = this.#histogram("connect_seconds", "From accept to connected media.", secondsOfSetup);
  readonly #lasted = this.#histogram("session_seconds", "From accept to the end.", secondsOfCall);

  constructor(stats: () => CoreStats) {
    // The hot path counts by itself: an event for each would cost more than the relay.
    this.#copied("signals_total", "Signals that were relayed or held.", [], (set) => set(stats().signals));
    collectDefaultMetrics({ register: this.#registry });
    this.#gauge("links", "Links, by state.", ["state"], (set) => {
      set(stats().linksLive, { state: "live" });
      set(stats().linksSuspended, { state: "suspended" });
    });
    this.#gauge("sessions", "Sessions, by state.", ["state"], (set) => {
      set(stats().sessionsRinging, { state: "ringing" });
      set(stats().sessionsActive, { state: "active" });
    });
    this.#gauge("users", "Users with a device.", [], (set) => set(stats().users));
    this.#gauge("devices", "Devices.", [], (set) => set(stats().devices));
    this.#gauge("rooms", "Rooms.", [], (set) => set(stats().rooms));
    this.#gauge("transports_open", "Transports that are open.", [], (set) => set(stats().transportsOpen));
    this.#gauge(
      "descriptors_short",
      "1 while newcomers are refused for want of file descriptors.",
      [],
      (set) => set(descriptorsShort() ? 1 : 0),
    );
    this.#gauge("log_bytes", "Bytes that links keep for replay.", [], (set) => set(stats().logBytes));
  }

  /** Shows what joins this node to others as well. */
  watchBackplane(
    backplane: Pick<Backplane, "state">,
    counts: () => NatsCounts,
    stats: () => ClusterStats | undefined,
  ): void {
    this.#gauge("cluster_peers", "Other nodes that are there.", [], (set) => set(stats()?.peers ?? 0));
    this.#gauge("cluster_known", "What is known of other nodes.", ["what"], (set) => {
      const { devices = 0, users = 0, sessions = 0 } = stats() ?? {};
      set(devices, { what: "devices" });
      set(users, { what: "users" });
      set(sessions, { what: "sessions" });
    });
    this.#gauge("cluster_backlog", "What waits to reach other nodes.", [], (set) =>
      set(stats()?.backlog ?? 0),
    );
    this.#gauge("backplane_up", "1 while the backplane is up.", [], (set) =>
      set(backplane.state === "up" ? 1 : 0),
    );
    this.#copied("backplane_messages_total", "Messages to and from other nodes.", ["direction"], (set) => {
      set(counts().sent, { direction: "sent" });
      set(counts().received, { direction: "received" });
    });
    this.#copied("backplane_dropped_total", "Messages that were lost here.", ["reason"], (set) => {
      set(counts().dropped, { reason: "not_sent" });
      set(counts().unreadable, { reason: "unreadable" });
    });
    this.#copied("backplane_requests_total", "Requests to other nodes.", ["outcome"], (set) => {
      for (const [outcome, count] of Object.entries(counts().requests)) set(count, { outcome });
    });
  }

  /** Shows the embedded TURN server as well. */
  watchTurn(report: () => TurnNumbers): void {
    this.#gauge("turn_allocations", "Live TURN allocations.", [], (set) => set(report().allocations));
    this.#gauge("turn_connections", "TCP and TLS connections of TURN clients.", [], (set) =>
      set(report().connections),
    );
    this.#copied("turn_allocations_total", "TURN allocations that were made.", [], (set) =>
      set(report().allocationsOpened),
    );
    this.#copied("turn_messages_total", "Messages that TURN relayed.", ["direction"], (set) => {
      set(report().toPeerMessages, { direction: "to_peer" });
      set(report().toClientMessages, { direction: "to_client" });
    });
    this.#copied("turn_bytes_total", "Bytes of payload that TURN relayed.", ["direction"], (set) => {
      set(report().toPeerBytes, { direction: "to_peer" });
      set(report().toClientBytes, { direction: "to_client" });
    });
    this.#copied("turn_refused_total", "What TURN refused or dropped.", ["rule"], (set) => {
      for (const [rule, count] of Object.entries(report().refused)) set(count, { rule });
    });
  }

  /** Shows a gateway as well. */
  watchGateway(name: string, report: () => GatewayNumbers): void {
    const labels = { gateway: name };
    this.#gauge("gateway_devices", "Devices that are signed in by a gateway.", ["gateway"], (set) =>
      set(report().phones, labels),
    );
    this.#gauge("gateway_calls", "Legs of calls at a gateway.", ["gateway"], (set) =>
      set(report().calls, labels),
    );
    this.#gauge("gateway_connections", "Connections of a gateway's clients.", ["gateway"], (set) =>
      set(report().connections, labels),
    );
    this.#copied(
      "gateway_messages_total",
      "Messages of a gateway's protocol.",
      ["gateway", "kind"],
      (set) => {
        for (const [kind, count] of Object.entries(report().messages)) set(count, { ...labels, kind });
      },
    );
  }

  /** Counts a connection that was cut as it came. */
  cut(reason: CutReason): void {
    this.#cut.inc({ reason });
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
      case "kicked":
        break;
    }
  }

  /** In the text format of Prometheus. */
  async text(): Promise<{ readonly body: string; readonly contentType: string }> {
    return { body: await this.#registry.metrics(), contentType: this.#registry.contentType };
  }

  #sessionEnded({ kind, reason, acceptedAt, connectedAt, endedAt }: SessionRecord): void {
    this.#ended.inc({ kind, reason });
    if (acceptedAt === undefined) return;
    this.#lasted.observe((endedAt - acceptedAt) / 1_000);
    if (connectedAt !== undefined) this.#connected.observe((connectedAt - acceptedAt) / 1_000);
  }

  /** A counter that somebody else counts. */
  #copied(
    name: string,
    help: string,
    labelNames: string[],
    collect: (set: (value: number, labels?: Record<string, string>) => void) => void,
  ): void {
    const counter: Counter = new Counter({
      name: prefix + name,
      help,
      labelNames,
      registers: [this.#registry],
      collect: () => {
        counter.reset();
        collect((value, labels = {}) => counter.inc(labels, value));
      },
    });
  }

  #counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name: prefix + name, help, labelNames, registers: [this.#registry] });
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name: prefix + name, help, buckets, registers: [this.#registry] });
  }

  #gauge(
    name: string,
    help: string,
    labelNames: string[],
    collect: (set: (value: number, labels?: Record<string, string>) => void) => void,
  ): void {
    const gauge: Gauge = new Gauge({
      name: prefix + name,
      help,
      labelNames,
      registers: [this.#registry],
      collect: () => collect((value, labels = {}) => gauge.set(labels, value)),
    });
  }
}

/** A client may close with any code: those that are nobody's are counted as one. */
function codeLabel(code: number): string {
  const known = (code >= 1000 && code <= 1015) || (code >= 4100 && code < 4400);
  return known ? String(code) : "other";
}
