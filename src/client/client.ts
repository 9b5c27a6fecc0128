import type { Welcome } from "../protocol/handshake.ts";
import type { Push, PushOf } from "../protocol/pushes.ts";
import type {
  Call,
  CallOptions,
  Client,
  ConnectOptions,
  Ended,
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
import { Connection } from "./connection.ts";
import { deferred } from "./deferred.ts";
import { type ErrorCode, SwitchboardError } from "./error.ts";
import { redact } from "./frame.ts";
import type { Hub, Session } from "./hub.ts";
import { Ring } from "./incoming-call.ts";
import { type Cancel, dispose, Emitter, type Events } from "./live.ts";
import { PageDevice } from "./page-device.ts";
import { followPage } from "./page-lifecycle.ts";
import { randomId } from "./random.ts";
import { isRoomPush, JoinedRoom } from "./room.ts";
import { Watches } from "./watches.ts";

type ClientEvents = { incoming: IncomingCall; message: Message; presence: Presence; frame: Frame };

/** What a close that is not to be undone means. */
const closeErrors: Readonly<Record<number, ErrorCode>> = {
  4102: "token_expired",
  4300: "replaced",
  4301: "replaced",
  4302: "unauthorized",
  4303: "unauthorized",
  4304: "forbidden",
  4305: "kicked",
};

/** Connects to a server. Returns at once; what is asked before it is online waits. */
export function connect(options: ConnectOptions): Client {
  return new SwitchboardClient(options);
}

class SwitchboardClient extends Emitter<ClientEvents> implements Client {
  state: Client["state"] = "connecting";
  self: Peer | undefined;
  readonly calls = new Set<Call>();
  readonly rings = new Set<Ring>();
  readonly #options: ConnectOptions;
  readonly #connection: Connection;
  readonly #device: PageDevice;
  readonly #hub: Hub;
  readonly #watches: Watches;
  readonly #ready = deferred<void>();
  readonly #closed = deferred<Ended>();
  readonly #sessions = new Map<string, Session>();
  readonly #rooms = new Map<string, JoinedRoom>();
  /** Rings that are not to be shown: by session, the crossing call that answers it, or none. */
  readonly #crossed = new Map<string, MediaCall | undefined>();
  #iceServers: RTCIceServer[] = [];
  #status: string | undefined;
  #greeted = false;
  readonly #unfollow: () => void;

  constructor(options: ConnectOptions) {
    super();
    this.#options = options;
    const server = options.url ?? globalThis.location?.origin;
    if (!server) throw new SwitchboardError("unsupported", "Outside of pages, connect needs a url.");
    this.#device = new PageDevice(options.device?.id, options.pageHide === "keep");
    this.#connection = new Connection(
      randomId(),
      server.replace(/^ws/, "http").replace(/\/?$/, "/"),
      options,
      {
        introduce: () => this.#introduce(),
        state: (state) => this.#entered(state),
        welcome: (welcome) => this.#welcome(welcome),
        push: (push) => this.#push(push),
        frame: (out, frame) =>
          this.has("frame") && this.emit("frame", { at: Date.now(), out, frame: redact(frame) }),
        stopped: (code, reason) => this.#stopped(code, reason),
      },
    );
    this.#hub = this.#makeHub();
    this.#watches = new Watches(this.#hub, (presence) => {
      this.emit("presence", presence);
      this.changed();
    });
    this.#unfollow = followPage({
      wake: () => this.#connection.wake(),
      network: () => {
        this.#connection.wake();
        for (const call of this.calls) if (call.pc) call.restartIce().catch(() => {});
      },
      sleep: () => {
        this.#connection.pause();
        this.#device.release();
      },
      back: () => this.#connection.connect(),
      gone: () => {
        if (options.pageHide !== "keep") this.#connection.close();
      },
    });
    const { signal } = options;
    signal?.addEventListener("abort", () => void this.close(), { once: true });
    if (signal?.aborted) void this.close();
    else this.#connection.connect();
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get closed(): Promise<Ended> {
    return this.#closed.promise;
  }

  get retryAt(): number | undefined {
    return this.#connection.retryAt;
  }

  get presence(): ReadonlyMap<string, Presence> {
    return this.#watches.presence;
  }

  call(to: string, options: CallOptions = {}): Call {
    const [user = to, device] = to.split("/");
    const call = new MediaCall(this.#hub, "out", { user, device });
    this.#hub.began(call);
    void call.dial(to, options);
    return call;
  }

  publish(stream: string, options?: CallOptions): Call {
    return this.call(`stream:${stream}`, options);
  }

  view(stream: string, options: CallOptions = {}): Call {
    return this.call(`stream:${stream}`, { media: false, ...options });
  }

  join(name: string, options: JoinOptions = {}): Room {
    const room = new JoinedRoom(this.#hub, name, options);
    this.#rooms.set(room.address, room);
    void room.ended.then(() => {
      if (this.#rooms.get(room.address) === room) this.#rooms.delete(room.address);
    });
    void room.enter();
    return room;
  }

  send(to: string, body: unknown, { signal }: Cancel = {}): Promise<Sent> {
    return this.#hub.ask("send", { to, body }, { signal });
  }

  watch(users: readonly string[], options: Cancel = {}): () => void {
    return this.#watches.watch(users, options.signal);
  }

  async setStatus(status: string): Promise<void> {
    this.#status = status;
    await this.#hub.ask("status", { status }, { repeat: true });
  }

  retry(): void {
    this.#connection.wake();
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  [dispose](): Promise<void> {
    return this.close();
  }

  protected override present<K extends keyof Events<ClientEvents>>(
    type: K,
  ): Iterable<Events<ClientEvents>[K]> {
    if (type !== "incoming") return [];
    return [...this.rings] as unknown as Events<ClientEvents>[K][];
  }

  protected override listened(type: keyof Events<ClientEvents>): void {
    if (type === "incoming") for (const ring of this.rings) ring.alert();
  }

  async #introduce() {
    const id = await this.#device.hold();
    const { kind, name, capabilities } = this.#options.device ?? {};
    const device = {
      ...(id !== undefined && { id }),
      kind: kind ?? (typeof document === "undefined" ? "service" : "browser"),
      ...(name !== undefined && { name }),
      ...(capabilities && { capabilities }),
    };
    const sessions = new Set(this.#device.tickets);
    for (const { ticket } of this.#sessions.values()) if (ticket) sessions.add(ticket);
    return { device, ...(sessions.size > 0 && { sessions: [...sessions].slice(0, 64) }) };
  }

  #entered(state: Client["state"]): void {
    this.state = state;
    for (const session of this.#sessions.values()) session.refresh();
    this.changed();
  }

  #welcome(welcome: Welcome): void {
    const { kind, name } = this.#options.device ?? {};
    this.self = { user: welcome.user, device: welcome.device, kind, name };
    this.#useIceServers(welcome.iceServers);
    if (!welcome.resumed && this.#greeted) this.#anew(new Set(welcome.sessions));
    this.#greeted = true;
    this.#keepTickets();
    this.#ready.resolve();
  }

  /** A new link: what it does not know, it is told again; what the server does not know any more, is over. */
  #anew(found: ReadonlySet<string>): void {
    for (const [id, session] of [...this.#sessions]) if (!found.has(id)) session.over({ reason: "lost" });
    this.#watches.again();
    if (this.#status !== undefined) this.setStatus(this.#status).catch(() => {});
    for (const room of this.#rooms.values()) if (room.state !== "joining") room.join().catch(() => {});
  }

  #push(push: Push): void {
    if (push.type === "presence") this.#watches.told(push);
    else if (push.type === "message") this.#message(push);
    else if (push.type === "ice_servers") this.#useIceServers(push.iceServers);
    else if (isRoomPush(push)) this.#rooms.get(push.room)?.push(push);
    else if (push.type === "incoming") this.#incoming(push);
    else if (push.type === "crossed") this.#cross(push);
    else {
      const session = this.#sessions.get(push.session);
      if (session) session.push(push);
      else if (push.type === "session") this.#session(push);
      else this.#hub.log("debug", "push for an unknown session", { type: push.type });
    }
  }

  #message({ from, to, body }: PushOf<"message">): void {
    const message = { from, to, body };
    this.#rooms.get(to)?.told(message);
    this.emit("message", message);
  }

  #incoming(push: PushOf<"incoming">): void {
    const known = this.#sessions.get(push.session);
    if (known) return;
    if (this.#crossed.has(push.session)) return;
    this.#ring(new Ring(this.#hub, push));
  }

  #ring(ring: Ring): void {
    this.#hub.enter(ring.id, ring);
    this.rings.add(ring);
    if (this.has("incoming")) ring.alert();
    this.emit("incoming", ring);
    this.changed();
  }

  /** A session without a ring: a pair of a mesh, or one that a page before a reload left behind. */
  #session(push: PushOf<"session">): void {
    const room = push.room === undefined ? undefined : this.#rooms.get(push.room);
    if (room && !push.recovered) room.session(push);
    else if (push.recovered && !(push.direction === "out" && push.state === "ringing"))
      this.#ring(new Ring(this.#hub, push));
    else void this.#hub.ask("hangup", { session: push.session }, { repeat: true });
  }

  #cross({ session, survivor }: PushOf<"crossed">): void {
    const mine = this.#sessions.get(session);
    const theirs = this.#sessions.get(mine instanceof MediaCall ? survivor : session);
    if (mine instanceof MediaCall) {
      this.#crossed.set(survivor, mine);
      const ring = theirs instanceof Ring ? theirs : undefined;
      ring?.over({ reason: "accepted" });
      void mine.cross(survivor, () => ({ ticket: ring?.ticket, ...(ring && { from: ring.from }) }));
    } else {
      this.#crossed.set(session, undefined);
      if (theirs instanceof Ring) theirs.over({ reason: "merged" });
    }
  }

  #useIceServers(servers: readonly RTCIceServer[]): void {
    this.#iceServers = [...servers];
    const config = this.#config();
    for (const session of this.#sessions.values())
      if (session instanceof MediaCall) session.configure(config);
  }

  #config(): RTCConfiguration {
    return { bundlePolicy: "max-bundle", iceServers: this.#iceServers, ...this.#options.rtc?.config };
  }

  #keepTickets(): void {
    const lasting = [...this.#sessions.values()].filter((session) => session.lasting);
    this.#device.tickets = lasting.flatMap(({ ticket }) => ticket ?? []);
  }

  #stopped(code: number, reason: string): void {
    const errorCode = closeErrors[code];
    const error = errorCode && new SwitchboardError(errorCode, reason || errorCode);
    const ended: Ended = { reason: "closed", error };
    this.#unfollow();
    this.#device.release();
    for (const session of [...this.calls, ...this.rings] as Session[]) session.over(ended);
    for (const room of [...this.#rooms.values()]) room.over(ended);
    this.#ready.reject(error ?? new SwitchboardError("closed", "The client is closed."));
    this.#closed.resolve(ended);
    this.finish();
  }

  #makeHub(): Hub {
    const client = this;
    const { rtc = {}, log } = this.#options;
    const impl = <K extends "RTCPeerConnection" | "MediaStream">(name: K): Rtc[K] => {
      const found = rtc[name] ?? globalThis[name];
      if (!found) throw new SwitchboardError("unsupported", `This platform has no ${name}; give one as rtc.`);
      return found as Rtc[K];
    };
    return {
      get self() {
        return client.self;
      },
      get online() {
        return client.state === "online";
      },
      rtc: {
        get MediaStream() {
          return impl("MediaStream");
        },
      },
      ask: (type, fields, options) => this.#connection.ask(type, fields, options),
      peerConnection: (call) => {
        const pc = new (impl("RTCPeerConnection"))(this.#config());
        rtc.setup?.(pc, call);
        return pc;
      },
      enter: (id, session) => {
        this.#sessions.set(id, session);
        if (session.lasting) this.#keepTickets();
      },
      leave: (id, session) => {
        if (this.#sessions.get(id) !== session) return;
        this.#sessions.delete(id);
        this.#crossed.delete(id);
        if (session.lasting) this.#keepTickets();
      },
      began: (call) => {
        this.calls.add(call);
        this.changed();
      },
      done: (session) => {
        const known = this.calls.delete(session as MediaCall) || this.rings.delete(session as Ring);
        if (known) this.changed();
      },
      log: (level, text, data) => log?.(level, text, data),
    };
  }
}
