import type { Welcome } from "../protocol/handshake.ts";
import type { Push, PushOf } from "../protocol/pushes.ts";
import type { ReplyOf } from "../protocol/replies.ts";
import type { RequestType } from "../protocol/requests.ts";
import type {
  Call,
  CallOptions,
  Cancel,
  Client,
  ConnectOptions,
  Ended,
  Events,
  Frame,
  IncomingCall,
  JoinOptions,
  Message,
  Peer,
  Presence,
  Room,
  Rtc,
  Sent,
} from "./api.ts";
import { MediaCall } from "./call.ts";
import type { AskOptions, ClientInternals, Fields } from "./client-internals.ts";
import { Connection, type ConnectionEvents } from "./connection.ts";
import { deferred } from "./deferred.ts";
import { dispose, Emitter } from "./emitter.ts";
import { type ErrorCode, onAbort, SwitchboardError, settled } from "./error.ts";
import type { Ring } from "./incoming-call.ts";
import type { Introduction, Json } from "./link-shell.ts";
import { resolveMedia } from "./media.ts";
import { PageDevice } from "./page-device.ts";
import { followPage } from "./page-lifecycle.ts";
import { randomId } from "./random.ts";
import { JoinedRoom } from "./room.ts";
import { SessionTable, type Ticketed } from "./session-table.ts";
import type { Broadcast, PublishOptions, Viewing, ViewOptions } from "./stream-api.ts";
import type { StreamClient } from "./stream-end.ts";
import { Watches } from "./watches.ts";

type ClientEvents = { incoming: IncomingCall; message: Message; presence: Presence; frame: Frame };

/** The error codes of the close codes from 4300 on, after which the client does not reconnect. */
const stops: readonly ErrorCode[] = [
  "replaced",
  "replaced",
  "unauthorized",
  "unauthorized",
  "forbidden",
  "kicked",
  "bad_request",
];

/** Connects to a server. Returns at once; requests wait until the client is online. */
export function connect(options: ConnectOptions): Client {
  return new SwitchboardClient(options);
}

class SwitchboardClient
  extends Emitter<ClientEvents>
  implements Client, ClientInternals, StreamClient, ConnectionEvents
{
  state: Client["state"] = "connecting";
  declare self: Peer | undefined;
  refuses = false;
  declare streamed: StreamClient["streamed"];
  declare readonly sessions: SessionTable;
  declare readonly calls: ReadonlySet<MediaCall>;
  declare readonly rings: ReadonlySet<Ring>;
  readonly #options: ConnectOptions;
  readonly #connection: Connection;
  readonly #device: PageDevice;
  readonly #watches = new Watches(this, (presence) => {
    this.emit("presence", presence);
    this.changed();
  });
  readonly presence = this.#watches.presence;
  readonly #ready = deferred<void>();
  readonly ready = this.#ready.promise;
  readonly closed = this.ended;
  readonly #rooms = new Map<string, JoinedRoom>();
  #iceServers: readonly RTCIceServer[] = [];
  #status: string | undefined;
  #redaction: Promise<typeof import("./redact.ts")> | undefined;
  #greeted = false;
  readonly #unfollow: () => void;

  constructor(options: ConnectOptions) {
    super();
    this.#options = options;
    const { device, pageHide, signal } = options;
    const server = options.url ?? globalThis.location?.origin;
    if (!server) throw new SwitchboardError("unsupported", "no url");
    this.#device = new PageDevice(device?.id, pageHide === "keep");
    this.sessions = new SessionTable(this, this.#device, this.#rooms, (ring) => {
      if (ring && this.has("incoming")) ring.alert();
      if (ring) this.emit("incoming", ring);
      this.changed();
    });
    this.calls = this.sessions.calls;
    this.rings = this.sessions.rings;
    this.#connection = new Connection(randomId(), server.replace(/\/?$/, "/"), options, this);
    this.#unfollow = followPage({
      wake: () => this.retry(),
      network: () => {
        this.retry();
        for (const call of this.calls) if (call.pc) void call.restartIce();
      },
      sleep: () => {
        this.#connection.tell((link) => link.pause());
        this.#device.release();
      },
      back: () => this.#connection.tell((link) => link.connect()),
      gone: () => pageHide !== "keep" && void this.close(),
    });
    this.#connection.tell((link) => link.connect());
    onAbort(signal, () => void this.close());
  }

  get retryAt(): number | undefined {
    return this.#connection.retryAt;
  }

  call(to: string, options: CallOptions = {}): Call {
    const [user = to, device] = to.split("/");
    const call = new MediaCall(this, "out", { user, device });
    this.sessions.began(call);
    void call.dial(to, options);
    return call;
  }

  publish(stream: string, options?: PublishOptions): Promise<Broadcast> {
    return import("./streams.ts").then(({ publish }) => publish(this, stream, options, resolveMedia));
  }

  view(stream: string, options?: ViewOptions): Promise<Viewing> {
    return import("./streams.ts").then(({ view }) => view(this, stream, options));
  }

  join(name: string, options: JoinOptions = {}): Room {
    const room = new JoinedRoom(this, name, options);
    this.#rooms.set(room.address, room);
    void room.ended.then(() => {
      if (this.#rooms.get(room.address) === room) this.#rooms.delete(room.address);
    });
    void room.enter();
    return room;
  }

  send(to: string, body: unknown, { signal }: Cancel = {}): Promise<Sent> {
    return this.ask("send", { to, body }, { signal });
  }

  watch(users: readonly string[], { signal }: Cancel = {}): () => void {
    return this.#watches.watch(users, signal);
  }

  setStatus(status: string): Promise<void> {
    this.#status = status;
    return settled(this.ask("status", { status }, { repeat: true }));
  }

  retry(): void {
    this.#connection.tell((link, now) => link.wake(now));
  }

  async close(): Promise<void> {
    this.#connection.tell((link) => link.close());
  }

  [dispose](): Promise<void> {
    return this.close();
  }

  protected override present(type: keyof Events<ClientEvents>): Iterable<unknown> {
    return type === "incoming" ? this.rings : [];
  }

  protected override listened(type: keyof Events<ClientEvents>): void {
    if (type === "incoming") for (const ring of this.rings) ring.alert();
  }

  async introduce(): Promise<Omit<Introduction, "token">> {
    // Closed before it connected: don't take the lock of the device.
    if (this.state === "closed") throw new SwitchboardError("closed");
    const id = await this.#device.hold();
    const { kind = typeof document === "undefined" ? "service" : "browser", ...more } =
      this.#options.device ?? {};
    const capabilities = { refusals: true, ...more.capabilities };
    const device = { ...more, id, kind, capabilities } as NonNullable<Introduction["device"]>;
    return { device, sessions: this.sessions.tickets };
  }

  entered(state: Client["state"]): void {
    this.state = state;
    for (const call of this.calls) call.refresh();
    this.changed();
  }

  welcome(welcome: Welcome): void {
    const { kind, name } = this.#options.device ?? {};
    this.self = { user: welcome.user, device: welcome.device, kind, name };
    this.refuses = welcome.features.includes("refusals");
    this.#useIceServers(welcome.iceServers);
    if (this.#greeted && !welcome.resumed) {
      // A new link: the server is told again what it forgot with the old one.
      this.sessions.retain(welcome.sessions, welcome.over);
      this.#watches.again();
      if (this.#status !== undefined) void this.say("status", { status: this.#status });
      for (const room of this.#rooms.values()) if (room.state !== "joining") room.join().catch(() => {});
    }
    this.#greeted = true;
    this.sessions.keep();
    this.#ready.resolve();
  }

  push(push: Push): void {
    if (push.type === "presence") this.#watches.told(push);
    else if (push.type === "message") this.#message(push);
    else if (push.type === "stream") this.streamed?.(push);
    else if (push.type === "ice_servers") this.#useIceServers(push.iceServers);
    else if ("session" in push) this.sessions.push(push);
    else if ("room" in push) this.#rooms.get(push.room)?.push(push);
  }

  #message({ from, to, body }: PushOf<"message">): void {
    const message = { from, to, body };
    this.#rooms.get(to)?.told(message);
    this.emit("message", message);
  }

  #useIceServers(servers: readonly RTCIceServer[]): void {
    this.#iceServers = servers;
    const config = this.#config();
    for (const call of this.calls) call.configure(config);
  }

  #config(): RTCConfiguration {
    return { iceServers: [...this.#iceServers], ...this.#options.rtc?.config };
  }

  stopped(code: number, reason: string): void {
    const why = code === 4102 ? "token_expired" : stops[code - 4300];
    const error = why && new SwitchboardError(why, reason || why);
    const ended: Ended = { reason: "closed", error };
    this.#unfollow();
    this.#device.release();
    for (const one of [...this.calls, ...this.rings, ...this.#rooms.values()]) one.over(ended);
    this.#ready.reject(error ?? new SwitchboardError("closed"));
    this.finish(ended);
  }

  // ClientInternals, for calls, rings and rooms. The public type `Client` does not have it.

  frame(out: boolean, frame: Json): void {
    if (!this.has("frame")) return;
    const at = Date.now();
    // Loaded on demand: frames are for debugging. The callbacks of one promise run in order, those of several imports don't.
    this.#redaction ??= import("./redact.ts");
    void settled(this.#redaction.then(({ redact }) => this.emit("frame", { at, out, frame: redact(frame) })));
  }

  log(level: "debug" | "info" | "warn", text: string, data?: object): void {
    this.#options.log?.(level, text, data);
  }

  ask<T extends RequestType>(type: T, fields: Fields<T>, options: AskOptions<T> = {}): Promise<ReplyOf<T>> {
    const done = (reply: ReplyOf<T>) => {
      options.done?.(reply);
      this.sessions.fresh({ ...fields, ...reply } as Ticketed);
    };
    return this.#connection.ask(type, fields, { ...options, done });
  }

  async say<T extends RequestType>(type: T, fields: Fields<T>): Promise<void> {
    await this.ask(type, fields, { repeat: true }).catch((error) => this.log("debug", type, { error }));
  }

  newStream(): MediaStream {
    return new (this.#rtc("MediaStream"))();
  }

  newPeerConnection(call: Call, bundles: boolean | undefined): RTCPeerConnection {
    const pc = new (this.#rtc("RTCPeerConnection"))({
      bundlePolicy: bundles ? "max-bundle" : "balanced",
      ...this.#config(),
    });
    this.#options.rtc?.setup?.(pc, call);
    return pc;
  }

  #rtc<K extends "RTCPeerConnection" | "MediaStream">(name: K): Rtc[K] {
    const found = this.#options.rtc?.[name] ?? globalThis[name];
    if (!found) throw new SwitchboardError("unsupported", `give rtc.${name}`);
    return found as Rtc[K];
  }
}
