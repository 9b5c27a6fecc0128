import type { EventLog } from "../events/event-log.ts";
import type { HttpProblem } from "../net/problem.ts";
import type { WireError } from "../protocol/error-codes.ts";
import type { PushSubscription, RoomPolicy } from "../protocol/values.ts";
import type { Records } from "../records/records.ts";
import type { OutboxEntry } from "../records/store.ts";
import type { Administration } from "../signaling/administration.ts";
import type { CoreStats } from "../signaling/core.ts";
import type { Outcome } from "../signaling/device.ts";
import type { Grants } from "../signaling/grants.ts";
import type { Survey } from "../signaling/survey.ts";
import type { Scope } from "./scopes.ts";

/** A key as the API shows it: never the key itself. */
interface ShownKey {
  readonly id: string;
  /** Unix ms. */
  readonly created: number;
}

export interface ShownApiKey extends ShownKey {
  /** What people call it. */
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** When it ends, Unix ms; absent for one that does not. */
  readonly expires?: number;
}

/** A key that pages of these origins get tokens for guests with, who may call the target. */
export interface ShownPublishableKey extends ShownKey {
  /** What people call it. */
  readonly name: string;
  /** The user or device that guests may call. */
  readonly target: string;
  /** Where the pages come from that may use it. */
  readonly origins: readonly string[];
  /** Tokens that it gives in a minute, in all and to one address. */
  readonly perMinute: number;
  readonly perAddress: number;
  /** How long a token is valid. s */
  readonly lifetime: number;
  /** When it ends, Unix ms; absent for one that does not. */
  readonly expires?: number;
}

interface ShownStreamKey extends ShownKey {
  readonly stream: string;
}

export interface ShownStream {
  readonly stream: string;
  readonly live: boolean;
  readonly viewers: number;
  readonly layers: readonly object[];
  readonly codecs: object;
  readonly pushes: readonly ShownPush[];
}

/** A push of a stream to another server, as the API shows it: without what is secret in its target. */
interface ShownPush {
  readonly id: string;
  readonly stream: string;
  readonly kind: "rtmp" | "whip";
  readonly to: string;
  readonly by: "rule" | "request";
  readonly state: "waiting" | "connecting" | "live";
  readonly since: number;
  readonly failures: number;
  readonly failure?: string;
}

/** What the API asks of the part that pushes streams. */
export interface ApiPushes {
  list(stream: string): readonly ShownPush[];
  /** Pushes a live stream until it is over, or says why it doesn't. */
  add(stream: string, to: string, token: string | undefined): ShownPush | "no target" | "not live" | "full";
  /** False where there is none of that id. */
  remove(stream: string, id: string): boolean;
}

/** Samples for graphs: every series is as long as `at`. */
interface ShownHistory {
  readonly every: number;
  readonly at: readonly number[];
  readonly series: Readonly<Record<string, readonly number[]>>;
}

/** The streams of this node; undefined in {@link ApiContext} where there is no media server. */
export interface ApiStreams {
  list(): Iterable<ShownStream>;
  get(name: string): ShownStream | undefined;
  keys(name: string): ShownStreamKey[];
  addKey(name: string): { readonly key: string; readonly id: string };
  /** Answers how many there were. */
  revokeKeys(name: string, id?: string): number;
  /** Undefined where another process of this machine has the media server. */
  readonly pushes: ApiPushes | undefined;
  /** A signed token for `?token=` of the stream's WHIP or WHEP URL. `expires`: Unix s. */
  link(name: string, action: "publish" | "view", expires: number): string;
}

/** What the API asks of the part that wakes devices. */
export interface ApiPush {
  list(user: string): { user: string; device: string; kind: "webPush" | "application"; at: number }[];
  put(
    user: string,
    device: string,
    target: { readonly webPush?: PushSubscription; readonly application?: unknown },
  ): Outcome;
  /** False where there is none. */
  remove(user: string, device: string): boolean;
}

/** An endpoint of webhooks as the API shows it: without its secrets. */
export interface ShownWebhook {
  readonly id: string;
  readonly url: string;
  readonly events?: readonly string[];
  /** Unix ms; absent for one of the settings. */
  readonly created?: number;
  /** It stands in the settings: this API can't change it. */
  readonly fixed: boolean;
  /** This node sends nothing to it, for it has answered 410. */
  readonly disabled: boolean;
}

/** Endpoints that events are sent to, those of the settings included. What changes is told to all nodes; those that are silent hear it later. */
export interface ApiWebhooks {
  list(): readonly ShownWebhook[];
  /** A failure where the URL is taken, or there are too many. */
  create(
    url: string,
    events: readonly string[] | undefined,
  ): Promise<{ readonly id: string; readonly secret: string } | { readonly failure: string }>;
  /** False: there is none of that id which this API can change. */
  remove(id: string): Promise<boolean>;
  /** `overlap`: how long the former secret signs as well, ms. */
  rotate(id: string, overlap: number): Promise<{ readonly secret: string } | undefined>;
  /** Messages of this node for the endpoint, the oldest first. */
  deliveries(url: string, dead: boolean, limit: number): Promise<readonly OutboxEntry[]>;
  /** Sends dead messages of this node again. */
  retry(url: string, wanted: (entry: OutboxEntry) => boolean): Promise<number>;
}

/** What the API works on. Throws of these are faults of ours, but for keys: those fail where the state folder can't be used. */
export interface ApiContext {
  readonly node: string;
  readonly version: string;
  readonly administration: Administration;
  readonly streams: ApiStreams | undefined;
  /** The records of sessions; undefined where none are kept. */
  records(): Records | undefined;
  /** Endpoints of webhooks; undefined where no events are made. */
  webhooks(): ApiWebhooks | undefined;
  /** How the nodes are asked. */
  readonly survey: Survey;
  /** The last events of this node; undefined where none are made. */
  eventLog(): EventLog | undefined;
  /** The core's time, Unix ms. */
  now(): number;
  /** Unix ms, by the system's clock. */
  wall(): number;
  stats(): CoreStats;
  /** Ends links at this node alone; answers how many. */
  kick(user: string, device: string | undefined): number;
  /** Has the other nodes do so, without an answer. */
  tellKick(user: string, device: string | undefined): void;
  /** What wakes devices; undefined where nothing does. */
  push(): ApiPush | undefined;
  /** Begins the drain. */
  drain(): void;
  readonly draining: boolean;
  /** Development mode: the server is for this machine only. */
  readonly development: boolean;
  /** The settings in force at this node, as JSON without secrets, and which of them somebody gave. */
  settings(): readonly { readonly path: string; readonly value: string; readonly given: boolean }[];
  /** Rooms of the whole cluster. */
  readonly rooms: {
    /** Sets the rules of a room (`room:NAME`), whether or not somebody is in. False: too many have such rules. */
    open(room: string, policy: RoomPolicy): Promise<boolean>;
    /** The rules that {@link open} has set. */
    policyOf(room: string): RoomPolicy | undefined;
  };
  /** Samples of this node that were taken after that moment. Unix ms. */
  history(since: number): ShownHistory;
  /** Signs a token; undefined where the server has no shared secret. Development mode without one has `dev:USER`, with all grants. */
  signToken(claims: {
    readonly user: string;
    readonly device?: string | undefined;
    readonly guest?: boolean | undefined;
    readonly grants: Grants;
    readonly lifetime: number;
  }): Promise<string> | undefined;
  /** The secret of a device that is derived from `credentials.key`; undefined without that. */
  deviceSecret(login: string): string | undefined;
  readonly keys: {
    list(): ShownApiKey[];
    add(key: Omit<ShownApiKey, "id" | "created">): { readonly key: string; readonly id: string };
    /** False: there is none of that id. */
    revoke(id: string): boolean;
  };
  readonly publishableKeys: {
    list(): ShownPublishableKey[];
    add(key: Omit<ShownPublishableKey, "id" | "created">): { readonly key: string; readonly id: string };
    /** False: there is none of that id. */
    revoke(id: string): boolean;
  };
}

/** What a refusal of the core means over HTTP. */
export function wireProblem({ code, message, retryAfter }: WireError): HttpProblem {
  const status = statusOf(code);
  const wait =
    retryAfter === undefined ? {} : { "Retry-After": `${Math.max(1, Math.ceil(retryAfter / 1_000))}` };
  return { status, code, detail: message, headers: wait };
}

/** The outcome of a request of the core, as an answer without a body of its own or a refusal. */
export function wireOutcome(outcome: Outcome): { readonly status: 200; readonly body: object } | HttpProblem {
  return "error" in outcome ? wireProblem(outcome.error) : { status: 200, body: outcome.ok };
}

function statusOf(code: string): number {
  switch (code) {
    case "bad_request":
      return 400;
    case "forbidden":
      return 403;
    case "no_session":
    case "no_device":
    case "no_room":
      return 404;
    case "too_large":
      return 413;
    case "rate_limited":
    case "too_many_requests":
      return 429;
    case "temporary":
    case "no_media_server":
      return 503;
    default:
      return 409;
  }
}
