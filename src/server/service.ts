import type { ApiPush, ApiStreams, ApiWebhooks } from "../api/context.ts";
import type { Backplane } from "../cluster/backplane.ts";
import type { SignalingNode } from "../cluster/node.ts";
import type { LoadedSettings } from "../config/load.ts";
import type { EventLog } from "../events/event-log.ts";
import type { ToldEvents } from "../events/feed.ts";
import type { CertificatePair } from "../net/certificate-files.ts";
import type { CutReason } from "../net/connection-caps.ts";
import type { Client, SocketRoute } from "../net/http-server.ts";
import type { StreamHandlers, StreamSocket } from "../net/tcp.ts";
import type { Records } from "../records/records.ts";
import type { MetricsRegistry } from "../shared/metrics-registry.ts";
import type { CoreEvent } from "../signaling/events.ts";
import type { FrameObserver } from "../signaling/observer.ts";
import type { PushRegistry } from "../signaling/ports.ts";
import type { HealthPart } from "../telemetry/health.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { TransportGuard } from "../transports/transport-guard.ts";
import type { LocalPeer } from "../turn/shell/relay-sockets.ts";
import type { IceDevice, ToldIceServers } from "./ice-servers.ts";
import type { Observer } from "./observers.ts";
import type { GuestKeys } from "./publishable-keys.ts";

/** What a part of the server does for the whole, once it runs. It has what it needs, and nothing else. */
export interface Service {
  /** WebSocket routes that it serves. */
  readonly routes?: readonly SocketRoute[];
  /** Answers an HTTP request to this path; undefined leaves it to the next part of the list. */
  fetch?(request: Request, client: Client, path: string): Response | Promise<Response> | undefined;
  /** The same on the port for operators (`admin.port`). */
  fetchAdmin?(request: Request, client: Client, path: string): Response | Promise<Response> | undefined;
  /** Registers its metrics, once. */
  metrics?(registry: MetricsRegistry): void;
  /** What it shows in `/health/ready`. */
  health?(): HealthPart;
  /**
   * A user, or one device of the user (`alice` or `alice/phone`), was kicked so many ms ago: refuses the credentials made until then, and
   * ends what they have here.
   */
  revoke?(name: string, ago: number): void;
  /** Hears what happens in the core. */
  heard?(event: CoreEvent): void;
  /** Hears every frame of the core. */
  readonly observer?: FrameObserver;
  /** Tells the application events that only a part knows; one part at most. */
  readonly events?: ToldEvents;
  /** Wakes devices; one part at most. */
  readonly pushes?: PushRegistry & ApiPush;
  /** The records of sessions; one part at most. */
  readonly records?: Records;
  /** The last events of this node; one part at most. */
  readonly eventLog?: EventLog;
  /** The endpoints of webhooks; one part at most. */
  readonly webhooks?: ApiWebhooks;
  /** The server begins to drain. */
  draining?(): void;
  /** Takes another certificate of `tls`, for connections to come. */
  useCertificate?(pair: CertificatePair): void;
  /** ICE servers that the device is told of, beside those of the setting `iceServers`. */
  iceServers?(device: IceDevice, now: number): ToldIceServers;
  /** UDP sockets of this machine that clients may reach through the embedded TURN server as well. */
  relayPeers?(): readonly LocalPeer[];
  /** Takes those of all parts, once all have started. */
  useRelayPeers?(peers: readonly LocalPeer[]): void;
  /** Takes a connection of the server's own TLS port that speaks STUN and not HTTP; undefined cuts it. */
  stun?(stream: StreamSocket): StreamHandlers | undefined;
  /** The server's own TLS port is this one, and hands STUN to {@link stun}. */
  stunPort?(port: number): void;
  /** How the core reaches other nodes. Only of a part that starts before there is a core; one part at most has it. */
  readonly backplane?: Backplane;
  /** The streams of this node, for the API. One part at most has them. */
  readonly streams?: ApiStreams;
  /**
   * Settings, as environment variables, for the other workers of this machine, where they share what this one alone has: the n-th other
   * worker takes the n-th entry, and after the last they begin anew.
   */
  readonly workerSettings?: readonly Readonly<Record<string, string>>[];
  /** Ends its connections, frees its ports, stops its timers. */
  stop(): Promise<void>;
}

/** What every part starts with. */
export interface PartContext {
  readonly settings: LoadedSettings;
  /** This node's name. */
  readonly node: string;
  /** The address that the server listens on, unless a part has one of its own. */
  readonly host: string;
  readonly log: Logger;
  /** What seals tickets: the first seals, all of them open. */
  readonly ticketKeys: readonly Uint8Array[];
  /** Unix time in ms. */
  now(): number;
  /** Counts a connection that a listener closed as it came. */
  cut(reason: CutReason): void;
  /** Reports a fault of ours that harms nobody but the work in hand. */
  fault(where: string, error: unknown): void;
}

/** What a part starts with that has to do with the core, or shows what all parts do. */
export interface CoreContext extends PartContext {
  readonly core: SignalingNode;
  /** Functions of the application's that hear the events of this node. */
  readonly observers: readonly Observer[];
  /** The keys by which pages of other sites get tokens for guests. */
  readonly guestKeys: GuestKeys;
  /** What every transport passes on its way to the core. */
  readonly guard: TransportGuard;
  /** The metrics of the whole server, for a part that shows them. */
  readonly metrics: Metrics;
  /** The health of all parts. */
  health(): readonly HealthPart[];
  /** The streams of this node, once their part has started; undefined without a media server. */
  streams(): ApiStreams | undefined;
  /** The records of sessions; undefined where none are kept. */
  records(): Records | undefined;
  /** The last events of this node; undefined where none are made. */
  eventLog(): EventLog | undefined;
  /** Tells the application events; undefined where it hears of none. */
  events(): ToldEvents | undefined;
  /** What wakes devices; undefined where nothing does. */
  pushes(): ApiPush | undefined;
  /** The endpoints of webhooks; undefined where no events are made. */
  webhooks(): ApiWebhooks | undefined;
  /** An operator asks for the drain. */
  requestDrain(): void;
}

/**
 * A part of the server: an entry of the list in `services.ts`. Undefined where the settings leave it out. A start rejects with an Error
 * of one line that names the setting, and leaves nothing of the part running.
 */
export interface Part {
  /** Starts what the core is made with. */
  beforeCore?(context: PartContext): Promise<Service | undefined>;
  /** Starts what is made with the core. */
  start?(context: CoreContext): Promise<Service | undefined>;
}
