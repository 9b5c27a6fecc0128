import type { CloseName } from "../../protocol/close-codes.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import type { RequestOf, RequestType } from "../../protocol/requests.ts";
import type { Candidate, Capabilities } from "../../protocol/values.ts";
import type { Deadline } from "../../shared/deadlines.ts";
import type { Device, DeviceLink, Outcome } from "../../signaling/device.ts";
import { LinkRequests } from "../link-requests.ts";
import { frameText } from "./frames.ts";
import type { Flow, PeerjsContext } from "./peerjs-context.ts";

/**
 * What may be asked of a PeerJS client: it rings with an offer, and never takes a second one. It says nothing when it closes a
 * connection, for that it tells its peer alone.
 */
export const clientCapabilities: Capabilities = {
  needsOffer: true,
  renegotiation: "none",
  iceRestart: false,
  reports: false,
  hangup: false,
  glare: false,
  refusals: true,
};

/** The device of a client whose credential names none. */
export const onlyDevice = "peerjs";

/** A connection of the client. */
export interface ClientConnection {
  /** How the client names the other end, in `dst` and `src`. */
  readonly remote: string;
  /** The `connectionId`. */
  readonly id: string;
  /** Empty before the core has taken the call. */
  readonly session: string;
  readonly active: boolean;
  /** True when no device can tell the server that the connection has ended. */
  readonly unwatched: boolean;
  push(push: PushBody, now: number): void;
  /** The client sent its answer, or a candidate. */
  answer(sdp: string, now: number): void;
  /** The client leaves its peer, or the server for good. */
  hangUp(now: number): void;
  /** The client sent a candidate for it. */
  trickled(candidate: Candidate, now: number): void;
  /** The client leaves its peer. */
  left(now: number): void;
  /** Ends the session, and lets the connection itself go on: nobody is told to close it. */
  release(now: number): void;
}

interface ClientConnections {
  /** By the name of the other end and the id of the connection. */
  readonly named: Map<string, ClientConnection>;
  readonly sessions: Map<string, ClientConnection>;
}

/** What a client tells the gateway. */
export interface ClientKeeper {
  /** The core pushed something of a session. */
  pushed(client: PeerClient, push: PushBody, now: number): void;
  /** The server ended the client's link. */
  shut(client: PeerClient, now: number): void;
}

/** A client that is signed in: the core's link to it. It outlives its sockets: while it has none, its connections go on. */
export class PeerClient implements DeviceLink {
  readonly id: string;
  /** The id of the client in PeerJS too. */
  readonly user: string;
  /** Who may take its place. */
  readonly owner: string;
  state: "live" | "suspended" | "closed" = "live";
  /** When it was heard last, and when its token ends. Unix ms */
  heardAt: number;
  expires = Number.POSITIVE_INFINITY;
  /** How long it may be away. */
  grace: Deadline | undefined;
  readonly #context: PeerjsContext;
  readonly #keeper: ClientKeeper;
  /** Undefined until there is one: most clients are idle. */
  #connections: ClientConnections | undefined;
  #flow: Flow | undefined;
  readonly #requests: LinkRequests;
  /** What could not be sent, while there is no socket. */
  #kept: string[] | undefined;

  constructor(
    context: PeerjsContext,
    keeper: ClientKeeper,
    { user, owner }: { readonly user: string; readonly owner: string },
    now: number,
  ) {
    this.id = `pj_${context.core.ports.random(9)}`;
    this.user = user;
    this.owner = owner;
    this.heardAt = now;
    this.#context = context;
    this.#requests = new LinkRequests(context);
    this.#keeper = keeper;
  }

  /** The core's device; undefined before it is attached. */
  get device(): Device | undefined {
    return this.#requests.device;
  }

  attached(device: Device): void {
    this.#requests.attached(device);
  }

  get flow(): Flow | undefined {
    return this.#flow;
  }

  /** The client has this socket from now on, or none. What waited is sent. */
  use(flow: Flow | undefined): void {
    this.#flow = flow;
    if (flow === undefined) return;
    const kept = this.#kept ?? [];
    this.#kept = undefined;
    for (const text of kept) flow.send(text);
  }

  /** Sends a message of the peer `src`; without a socket it is kept for a while. */
  send(type: Parameters<typeof frameText>[0], src: string, payload?: object): void {
    const text = frameText(type, src, this.user, payload);
    if (this.#flow !== undefined) {
      this.#flow.send(text);
      return;
    }
    this.#kept ??= [];
    if (this.#kept.length < this.#context.settings.limits.keptMessages) this.#kept.push(text);
  }

  // Connections

  /** The oldest first. */
  get connections(): Iterable<ClientConnection> {
    return this.#connections?.named.values() ?? [];
  }

  get connectionCount(): number {
    return this.#connections?.named.size ?? 0;
  }

  connection(remote: string, id: string): ClientConnection | undefined {
    return this.#connections?.named.get(keyOf(remote, id));
  }

  /** The connection that is this session. */
  inSession(session: string): ClientConnection | undefined {
    return this.#connections?.sessions.get(session);
  }

  add(connection: ClientConnection): void {
    this.#connections ??= { named: new Map(), sessions: new Map() };
    this.#connections.named.set(keyOf(connection.remote, connection.id), connection);
  }

  /** The connection has become this session. */
  joined(session: string, connection: ClientConnection): void {
    this.#connections?.sessions.set(session, connection);
  }

  /** The connection is over. */
  remove(connection: ClientConnection): void {
    const own = this.#connections;
    own?.sessions.delete(connection.session);
    own?.named.delete(keyOf(connection.remote, connection.id));
    if (own?.named.size === 0) this.#connections = undefined;
  }

  /** True when the client has a connection with that peer. */
  knows(remote: string): boolean {
    for (const one of this.connections) if (one.remote === remote) return true;
    return false;
  }

  // The core

  /** Asks the core. `done` gets the outcome, now or later. */
  ask<T extends RequestType>(
    type: T,
    fields: Omit<RequestOf<T>, "id" | "type">,
    now: number,
    done?: (outcome: Outcome, now: number) => void,
  ): void {
    if (this.state !== "closed") this.#requests.ask(type, fields, now, done);
  }

  deliver(push: PushBody, now: number): void {
    if (this.device !== undefined) this.#context.core.ports.observer?.push(this.device, push, now);
    // Candidates are nearly all there is, and nothing is asked of the core because of them.
    const plain = push.type === "signal" && push.description === undefined && this.#requests.idle;
    if (plain) this.#keeper.pushed(this, push, now);
    else this.#afterwards(now, (later) => this.#keeper.pushed(this, push, later));
  }

  reply(id: number, outcome: Outcome, now: number): void {
    if (this.device !== undefined) this.#context.core.ports.observer?.reply(this.device, id, outcome, now);
    this.#requests.reply(id, outcome, now);
  }

  close(_why: CloseName, now: number): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.#context.after(0, now, (later) => this.#keeper.shut(this, later));
  }

  #afterwards(now: number, what: (now: number) => void): void {
    if (this.state !== "closed") this.#requests.afterwards(now, what);
  }
}

function keyOf(remote: string, id: string): string {
  return `${remote} ${id}`;
}
