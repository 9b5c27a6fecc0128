import { type Address, parseAddress } from "../../protocol/address.ts";
import { overLimit } from "../../protocol/error-codes.ts";
import type { Limits } from "../../protocol/limits.ts";
import type { RequestOf, StreamRequest } from "../../protocol/requests.ts";
import type { Deadlines } from "../../shared/deadlines.ts";
import { Device, type LinkEnd, type Outcome } from "../device.ts";
import { failed } from "../outcome.ts";
import { may } from "../permissions.ts";
import type { PolicyDecision, PolicyQuestion } from "../policy.ts";
import type { Identity, Ports } from "../ports.ts";
import type { CallRequest } from "../session/ring.ts";
import { Session } from "../session/session.ts";
import type { SessionTable } from "../session/session-table.ts";
import type { StreamEnd, StreamHost } from "./stream-host.ts";
import { ClientLink, ServerLink } from "./stream-links.ts";
import type { StreamRole } from "./stream-part.ts";
import { StreamSession } from "./stream-session.ts";
import { StreamWatches } from "./stream-watches.ts";

export interface StreamsOptions {
  readonly limits: Limits;
  readonly ports: Ports;
  readonly deadlines: Deadlines;
  readonly table: SessionTable;
  /** Sessions in which a device has part, here and at other nodes. */
  readonly load: (device: Device) => number;
  /** True for an identity that a kick has made void, or that has expired. */
  readonly stale: (identity: Identity, device: string | undefined, now: number) => boolean;
  readonly draining: () => boolean;
  /** Asks the policy, where there is one that decides such requests; otherwise `done` is called at once. */
  readonly ask: (
    question: PolicyQuestion,
    now: number,
    done: (decision: PolicyDecision, now: number) => void,
  ) => void;
}

/** A publisher or viewer that speaks another protocol, such as WHIP or WHEP. */
export interface StreamClient {
  readonly role: StreamRole;
  readonly stream: string;
  readonly user: string;
  /** Undefined: it gets an id of its own. */
  readonly device: string | undefined;
  readonly name: string | undefined;
  readonly grants: Device["grants"];
  readonly guest: boolean;
}

/** Who asks: a device, or the identity of who is about to be one. */
type Asking = Pick<Device, "user" | "grants">;

/**
 * The streams of this node: sessions between devices and the media server, and who watches which stream. Each session has a
 * device of the media server at its other end that is in no directory. So are the devices of WHIP and WHEP: nobody rings them or
 * sees them in a presence, and only the media server bounds how many there are. Operators kick them like every other.
 */
export class Streams {
  readonly watches: StreamWatches;
  readonly #options: StreamsOptions;
  #host: StreamHost | undefined;
  /** The sessions that are active, with their ends of the media server. */
  readonly #sessions = new Map<string, StreamSession>();
  readonly #ends = new Map<string, StreamEnd>();
  /** Devices that are in no directory, by their users. */
  readonly #unlisted = new Map<string, Set<Device>>();
  /** Sessions with the media server, by role. */
  readonly counts: Record<StreamRole, number> = { publish: 0, view: 0 };

  constructor(options: StreamsOptions) {
    this.#options = options;
    const { limits, deadlines } = options;
    this.watches = new StreamWatches({
      limits,
      deadlines,
      stream: (name) => this.#host?.stream(name),
      mayWatch: (device, name) => this.#mayWatch(device, name),
    });
  }

  /** True where there is a media server. */
  get served(): boolean {
    return this.#host !== undefined;
  }

  /** Sessions with the media server. */
  get size(): number {
    return this.#sessions.size;
  }

  /** The media server of this node. Throws where there is one already. */
  serve(host: StreamHost): StreamServer {
    if (this.#host !== undefined) throw new Error("there is a media server already");
    this.#host = host;
    return new StreamServer(this, this.#options);
  }

  /** A device publishes a stream, or views it. */
  perform(device: Device, { type: role, to }: StreamRequest, now: number): Outcome {
    const address = parseAddress(to);
    if (address?.kind !== "stream") return failed("bad_request", "to: a stream is asked for, as stream:NAME");
    const host = this.#host;
    if (host === undefined) return failed("no_media_server");
    const { name } = address;
    if (!this.permits(device, role, name)) return failed("forbidden");
    const full = this.#full(device);
    if (full !== undefined) return full;
    const refusal = host.refusal(role, name);
    if (refusal !== undefined) return { error: refusal };
    const session = this.#open(device, role, name, false, now);
    // The client hears its reply before anything of the session.
    this.#options.deadlines.add(now, (later) => {
      if (session.state !== "ringing") return;
      const own = new StreamSession(session, session.stream!, device);
      this.#join(session, own, host.begin(own, later), later);
    });
    return { ok: { session: session.id } };
  }

  /** A viewer chooses a layer. */
  prefer(device: Device, request: RequestOf<"layer">, now: number): Outcome {
    const { id: _, type: _type, session: id, ...wish } = request;
    const session = this.#sessions.get(id);
    if (session === undefined || session.client !== device) return failed("no_session");
    if (session.role !== "view") return failed("wrong_state", "only a viewer chooses a layer");
    this.#ends.get(id)?.prefer?.(wish, now);
    return { ok: {} };
  }

  /** True when the grants permit it, or anybody may. The one place that decides, for every protocol. */
  permits(who: Asking, role: StreamRole, stream: string): boolean {
    const address: Address = { kind: "stream", name: stream };
    return may(who, role, address) || (role === "view" && this.#host?.isPublic(stream) === true);
  }

  /** Why the device can't watch these. */
  watchRefusal(device: Device, names: readonly string[]): Outcome | undefined {
    if (!this.served) return failed("no_media_server");
    const error = this.watches.refusal(device, names);
    return error && { error };
  }

  /** A publisher or viewer of another protocol is there: its session is active at once. */
  attach(client: StreamClient, end: StreamEnd, now: number): StreamSession {
    const { ports } = this.#options;
    const { role, stream, user, name, grants, guest } = client;
    const id = client.device ?? `m_${ports.random(9)}`;
    const link = new ClientLink(`l_${ports.random(12)}`, {
      kicked: (at) => this.#end(device, at),
      gone: (why) => this.#forget(device, why),
    });
    const kind = role === "publish" ? "publisher" : "viewer";
    const device = new Device({
      ...{ user, id, kind, name, grants, guest, link },
      capabilities: {},
      gateway: "media",
    });
    const devices = this.#unlisted.get(user);
    if (devices === undefined) this.#unlisted.set(user, new Set([device]));
    else devices.add(device);
    ports.emit({ type: "link_opened", user, device: id, link: link.id });
    const session = this.#open(device, role, stream, true, now);
    const own = new StreamSession(session, session.stream!, device);
    this.#join(session, own, end, now);
    return own;
  }

  /** Ends the unlisted devices of a user, or one of them. Answers how many. */
  kick(user: string, id: string | undefined, now: number): number {
    const devices = [...(this.#unlisted.get(user) ?? [])].filter((one) => id === undefined || one.id === id);
    for (const device of devices) device.link.close("kicked", now);
    return devices.length;
  }

  /** The device's grants are others: sessions and watches that they no longer cover end. */
  recheck(device: Device, now: number): void {
    this.watches.recheck(device);
    for (const [session, leg] of this.#options.table.legsOf(device)) {
      const { stream } = session;
      if (stream !== undefined && !this.permits(device, stream.role, stream.name))
        session.end("forbidden", now, { by: leg });
    }
  }

  /**
   * The node leaves, and its media server with it: no other node could go on with a stream. Each session ends after a jitter of
   * its own within this many ms; its client comes back by itself.
   */
  drain(within: number, now: number): void {
    const { deadlines, ports } = this.#options;
    for (const session of this.#sessions.values())
      deadlines.add(now + Math.floor(ports.jitter() * within), (later) => {
        const ends = this.#options.table.get(session.id);
        if (ends !== undefined) ends.end("shutdown", later);
      });
  }

  // Sessions

  /** Native devices are bounded like in calls; what speaks another protocol is bounded by the media server. */
  #full(device: Device): Outcome | undefined {
    const { limits, table, load } = this.#options;
    const over = (limit: "sessions" | "sessionsPerDevice"): Outcome => ({
      error: overLimit(limit, "too_many_sessions"),
    });
    if (table.bounded >= limits.sessions) return over("sessions");
    return load(device) >= limits.sessionsPerDevice ? over("sessionsPerDevice") : undefined;
  }

  #open(client: Device, role: StreamRole, name: string, unlisted: boolean, now: number): Session {
    const { table } = this.#options;
    const to = `stream:${name}`;
    const request: CallRequest = {
      ...{ to, user: to, device: serverId },
      ...{ media: undefined, description: undefined, data: undefined },
    };
    const session = new Session(table, table.newId(), client, request, now);
    session.stream = { name, role, unlisted };
    table.add(session, now);
    table.started(session);
    return session;
  }

  #join(session: Session, own: StreamSession, end: StreamEnd, now: number): void {
    this.#sessions.set(own.id, own);
    this.#ends.set(own.id, end);
    this.counts[own.role] += 1;
    const link = new ServerLink(`media-${own.id}`, end, () => {
      this.#ends.delete(own.id);
      if (this.#sessions.delete(own.id)) this.counts[own.role] -= 1;
    });
    const server = new Device({
      ...{ user: `stream:${own.stream}`, id: serverId, kind: "media", name: undefined },
      ...{ capabilities: serverCapabilities, link, grants: {}, gateway: "media" },
    });
    session.join(server, now);
  }

  // Unlisted devices

  #end(device: Device, now: number): void {
    for (const [session, leg] of this.#options.table.legsOf(device)) session.links.closed(leg, "kicked", now);
  }

  #forget(device: Device, why: LinkEnd): void {
    const devices = this.#unlisted.get(device.user);
    if (devices?.delete(device) !== true) return;
    if (devices.size === 0) this.#unlisted.delete(device.user);
    this.#options.ports.emit({
      type: "link_closed",
      user: device.user,
      device: device.id,
      reason: why,
    });
  }

  #mayWatch(device: Device, name: string): boolean {
    const address: Address = { kind: "stream", name };
    return (
      this.permits(device, "view", name) || may(device, "watch", address) || may(device, "publish", address)
    );
  }
}

/** The device at the media server's end of every session. */
const serverId = "media";
const serverCapabilities = {
  sdpRole: "answer-only",
  iceRestart: false,
  trickle: false,
  reports: false,
  refusals: true,
} as const;

/** What the core lends to the media server of its node. */
export class StreamServer {
  readonly #streams: Streams;
  readonly #options: StreamsOptions;

  constructor(streams: Streams, options: StreamsOptions) {
    this.#streams = streams;
    this.#options = options;
  }

  get draining(): boolean {
    return this.#options.draining();
  }

  get ports(): Ports {
    return this.#options.ports;
  }

  /** Run after the input in hand; what an end hears of its session is answered from there. */
  get deadlines(): Deadlines {
    return this.#options.deadlines;
  }

  /** True for an identity that may not begin anything: its token was issued before its user was kicked, or has expired. */
  stale(identity: Identity, now: number, device: string | undefined = identity.device): boolean {
    return this.#options.stale(identity, device, now);
  }

  /** True when who asks may do that: the same answer as a native device gets. */
  permits(who: Asking, role: StreamRole, stream: string): boolean {
    return this.#streams.permits(who, role, stream);
  }

  /** Asks the policy about a client of another protocol, before it is let in. Without a policy `done` is called at once. */
  ask(question: PolicyQuestion, now: number, done: (decision: PolicyDecision, now: number) => void): void {
    this.#options.ask(question, now, done);
  }

  /** A publisher or viewer of another protocol is there: it is seen by operators and kicked, and its session is active at once. */
  attach(client: StreamClient, end: StreamEnd, now: number): StreamSession {
    return this.#streams.attach(client, end, now);
  }

  /** The stream is live or not, or has other viewers or layers: watchers are told. */
  changed(stream: string, now: number): void {
    this.#streams.watches.changed(stream, now);
  }
}
