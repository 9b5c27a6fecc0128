import type { Msg, NatsConnection, Subscription } from "@nats-io/transport-node";
import {
  type Backplane,
  type BackplaneAnswer,
  type BackplaneState,
  maxMessageBytes,
} from "../cluster/backplane.ts";
import { after, every, now, until } from "../net/clock.ts";
import { random } from "../net/crypto.ts";
import { NameGuard } from "./name-guard.ts";
import { dialNats, type NatsIdentity, type NatsServer } from "./nats-dial.ts";
import { encodeSubject } from "./subject.ts";

export interface NatsOptions {
  /** One or more servers. Each node begins with a random one. */
  readonly servers: readonly NatsServer[];
  /** Called for each attempt to connect. The attempt fails if it throws. */
  identity(): NatsIdentity;
  /** What every subject begins with. */
  readonly prefix: string;
  /** The node's name. No two nodes may have the same. */
  readonly node: string;
  /** How long one attempt to connect may take, ms. Internal: tests of servers that hang wait for it. */
  readonly dialTimeout?: number;
  readonly log: NatsLog;
  /** Called with what a subscriber throws. */
  fault(where: string, error: unknown): void;
}

interface NatsLog {
  info(facts: object, text: string): void;
  warn(facts: object, text: string): void;
}

/** Counts since the start. */
export interface NatsCounts {
  readonly sent: number;
  readonly received: number;
  /** Not sent: the backplane was down, or the message too large. */
  readonly dropped: number;
  /** Received, but not JSON. */
  readonly unreadable: number;
  readonly requests: Readonly<Record<BackplaneAnswer["kind"], number>>;
}

type Hear = (message: unknown, answer?: (reply: unknown) => void) => void;

interface Topic {
  readonly subject: string;
  readonly hearers: Set<Hear>;
  /** The subscription at the server. Undefined while there is none. */
  subscription: Subscription | undefined;
}

interface Question {
  readonly done: (answer: BackplaneAnswer) => void;
  readonly forget: () => void;
}

/** The first and the longest wait. The actual wait is random, up to this. ms */
const [firstRetry, longestRetry] = [250, 2_000];
/** How long {@link NatsBackplane.close} waits for what was sent to leave. ms */
const flushTimeout = 1_000;
/** How often it looks for another node of its name: two nodes may have joined while they could not reach each other. ms */
const nameCheckInterval = 10_000;
const encoder = new TextEncoder();
const empty = new Uint8Array(0);

/**
 * The backplane on NATS. It connects by itself, and again when the connection is lost, without end. Each time it is a new
 * connection, so that nothing of the old one is sent later. It can be used at once: until it is connected, it is down.
 */
export class NatsBackplane implements Backplane {
  readonly #options: NatsOptions;
  readonly #topics = new Map<string, Topic>();
  readonly #questions = new Map<string, Question>();
  readonly #listeners = new Set<(state: BackplaneState) => void>();
  readonly #requests = { reply: 0, no_responders: 0, timeout: 0, down: 0, too_large: 0 };
  readonly #counts = { sent: 0, received: 0, dropped: 0, unreadable: 0 };
  #connection: NatsConnection | undefined;
  /** The subject for replies on this connection. Replies on former connections are dropped. */
  #inbox = "";
  #asked = 0;
  #attempts = 0;
  #closed = false;
  #stopWaiting = (): void => {};
  #guard: NameGuard | undefined;
  /** Attempts in a row that found another node of this name. */
  #refusals = 0;
  readonly #boot = random(9);
  readonly #stopChecking: () => void;

  constructor(options: NatsOptions) {
    // Nodes that start together should not all begin with the same server.
    const from = Math.floor(Math.random() * options.servers.length);
    const servers = [...options.servers.slice(from), ...options.servers.slice(0, from)];
    this.#options = { ...options, servers };
    this.#stopChecking = every(nameCheckInterval, () => void this.#checkName());
    void this.#connect();
  }

  get state(): BackplaneState {
    return this.#connection === undefined ? "down" : "up";
  }

  /** It is down because another node has its name. It joins when that node is gone. */
  get nameTaken(): boolean {
    return this.#refusals > 0;
  }

  counts(): NatsCounts {
    return { ...this.#counts, requests: { ...this.#requests } };
  }

  publish(subject: string, message: unknown): void {
    const at = this.#encode(subject);
    const payload = this.#payload(message);
    if (at !== undefined && payload !== undefined) this.#send(at, payload);
    else this.#counts.dropped += 1;
  }

  request(subject: string, message: unknown, timeout: number, done: (answer: BackplaneAnswer) => void): void {
    const answered = (answer: BackplaneAnswer): void => {
      this.#requests[answer.kind] += 1;
      done(answer);
    };
    const at = this.#encode(subject);
    const payload = this.#payload(message);
    if (this.#usable === undefined || at === undefined || payload === undefined) {
      const whole = at === undefined ? "no_responders" : "too_large";
      answered({ kind: this.#usable === undefined ? "down" : whole });
      return;
    }
    const id = String(this.#asked++);
    const forget = after(timeout, () => this.#settle(id, { kind: "timeout" }));
    this.#questions.set(id, { done: answered, forget });
    this.#send(at, payload, `${this.#inbox}.${id}`);
  }

  subscribe(subject: string, hear: Hear): () => void {
    // A set has each function only once, but the same one may subscribe twice.
    const own: Hear = (message, answer) => hear(message, answer);
    const topic: Topic = this.#topics.get(subject) ?? {
      subject,
      hearers: new Set(),
      subscription: undefined,
    };
    topic.hearers.add(own);
    if (topic.hearers.size === 1) {
      this.#topics.set(subject, topic);
      const connection = this.#usable;
      if (connection !== undefined) this.#listen(connection, topic);
    }
    return () => {
      if (!topic.hearers.delete(own) || topic.hearers.size > 0) return;
      this.#topics.delete(subject);
      if (this.#usable !== undefined) topic.subscription?.unsubscribe();
    };
  }

  onState(hear: (state: BackplaneState) => void): () => void {
    const own = (state: BackplaneState): void => hear(state);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  /** Resolves when it is up, or after `within` ms. Keeps the process alive until then. */
  async settled(within: number): Promise<void> {
    await until(() => this.state === "up", now() + within, 10);
  }

  /** Leaves for good, once everything was sent or a second has passed. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopWaiting();
    this.#stopChecking();
    const connection = this.#usable;
    if (connection !== undefined) {
      const late = new Promise<void>((resolve) => after(flushTimeout, resolve));
      await Promise.race([connection.flush().catch(() => {}), late]);
    }
    if (this.#connection !== undefined) this.#lost(this.#connection, "closed");
  }

  // The connection

  /** The connection. Undefined if it has closed, even if we were not told yet. */
  get #usable(): NatsConnection | undefined {
    return this.#connection?.isClosed() === false ? this.#connection : undefined;
  }

  async #connect(): Promise<void> {
    const { servers, identity, dialTimeout } = this.#options;
    const server = servers[this.#attempts % servers.length] as NatsServer;
    const at = `${server.host}:${server.port}`;
    let connection: NatsConnection;
    try {
      connection = await dialNats(server, identity(), dialTimeout);
    } catch (error) {
      if (this.#closed) return;
      this.#attempts += 1;
      this.#options.log.warn({ server: at, reason: reasonOf(error) }, "NATS can't be reached");
      // Try all servers before waiting.
      const round = Math.floor(this.#attempts / servers.length);
      this.#again(
        this.#attempts % servers.length === 0 ? Math.min(longestRetry, firstRetry * 2 ** round) : 0,
      );
      return;
    }
    const guard = this.#guardName(connection);
    const free = await guard.take();
    if (this.#closed || !free || connection.isClosed()) {
      const taken = !free && !connection.isClosed();
      void connection.close();
      if (taken) this.#nameRefused();
      this.#again(Math.min(longestRetry, firstRetry * 2 ** this.#refusals));
      return;
    }
    this.#refusals = 0;
    this.#guard = guard;
    this.#attempts = Math.ceil(this.#attempts / servers.length) * servers.length;
    this.#joined(connection);
    this.#options.log.info({ server: at }, "the backplane is up");
    this.#tell("up");
    void this.#watch(connection);
  }

  // The node's name

  #guardName(connection: NatsConnection): NameGuard {
    const { prefix, node } = this.#options;
    // A name that is too long for this subject is too long for all subjects of the node.
    const subject = this.#encode(`id.${node}`) ?? `${prefix}.id`;
    return new NameGuard(connection, { prefix, subject, boot: this.#boot });
  }

  async #checkName(): Promise<void> {
    const connection = this.#usable;
    if (connection === undefined || (await this.#guard?.take()) !== false) return;
    if (this.#connection !== connection || connection.isClosed()) return;
    this.#nameRefused();
    this.#lost(connection, "another node has this name");
  }

  #nameRefused(): void {
    this.#refusals += 1;
    const { node, log } = this.#options;
    if (this.#refusals === 1)
      log.warn(
        { node },
        "another node of this name is in the cluster: this one stays out, give it its own NODE_ID",
      );
  }

  #again(longest: number): void {
    if (this.#closed) return;
    this.#stopWaiting = after(Math.random() * longest, () => void this.#connect());
  }

  /** Subscribes before anything is sent, so that nodes that hear from us can reach us. */
  #joined(connection: NatsConnection): void {
    this.#connection = connection;
    this.#inbox = `${this.#options.prefix}.reply.${random(12)}`;
    const callback = (error: Error | null, message: Msg): void => {
      if (error === null) this.#replied(message);
      else this.#refused(this.#inbox, error);
    };
    connection.subscribe(`${this.#inbox}.*`, { callback });
    for (const topic of this.#topics.values()) this.#listen(connection, topic);
  }

  /** Follows a connection to its end. */
  async #watch(connection: NatsConnection): Promise<void> {
    void connection.closed().then((error) => this.#lost(connection, error ? reasonOf(error) : "closed"));
    for await (const status of connection.status()) {
      // The library would send what waits first, which a frozen server does not take.
      if (status.type === "staleConnection") this.#lost(connection, "no answer to pings");
      if (status.type === "error") this.#options.log.warn({ reason: status.error.message }, "NATS refuses");
    }
  }

  #lost(connection: NatsConnection, reason: string): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    void connection.close();
    for (const topic of this.#topics.values()) topic.subscription = undefined;
    if (!this.#closed) this.#options.log.warn({ reason }, "the backplane is down");
    this.#tell("down");
    for (const id of [...this.#questions.keys()]) this.#settle(id, { kind: "down" });
    this.#again(firstRetry);
  }

  #tell(state: BackplaneState): void {
    for (const hear of [...this.#listeners]) this.#guarded("backplane state", () => hear(state));
  }

  // Messages

  #encode(subject: string): string | undefined {
    const encoded = encodeSubject(subject);
    return encoded === undefined ? undefined : `${this.#options.prefix}.${encoded}`;
  }

  /** The message as bytes. Undefined when it is too large. */
  #payload(message: unknown): Uint8Array | undefined {
    const payload = encoder.encode(JSON.stringify(message) ?? "null");
    const most = Math.min(maxMessageBytes, this.#connection?.info?.max_payload ?? maxMessageBytes);
    return payload.length > most ? undefined : payload;
  }

  #send(subject: string, payload: Uint8Array, reply?: string): void {
    const connection = this.#usable;
    if (connection === undefined) {
      this.#counts.dropped += 1;
      return;
    }
    this.#counts.sent += 1;
    connection.publish(subject, payload, reply === undefined ? {} : { reply });
  }

  #listen(connection: NatsConnection, topic: Topic): void {
    const subject = this.#encode(topic.subject);
    if (subject === undefined) return;
    const callback = (error: Error | null, message: Msg): void => {
      if (error === null) this.#heard(connection, topic, message);
      else this.#refused(topic.subject, error);
    };
    topic.subscription = connection.subscribe(subject, { callback });
  }

  #heard(connection: NatsConnection, topic: Topic, message: Msg): void {
    if (this.#connection !== connection) return;
    this.#counts.received += 1;
    const text = message.string();
    const { reply } = message;
    let answered = false;
    const answer = (value: unknown): void => {
      // Requests of a former connection were answered with `down`.
      if (answered || this.#connection !== connection) return;
      answered = true;
      // An empty reply means that the reply was too large.
      this.#send(reply as string, this.#payload(value) ?? empty);
    };
    for (const hear of [...topic.hearers]) {
      const value = this.#parse(text);
      if (value !== undefined) this.#guarded("backplane", () => hear(value.json, reply ? answer : undefined));
    }
  }

  #replied(message: Msg): void {
    this.#counts.received += 1;
    const id = message.subject.slice(message.subject.lastIndexOf(".") + 1);
    if (message.data.length === 0) {
      this.#settle(id, { kind: message.headers?.code === 503 ? "no_responders" : "too_large" });
      return;
    }
    const value = this.#parse(message.string());
    if (value !== undefined) this.#settle(id, { kind: "reply", reply: value.json });
  }

  #settle(id: string, answer: BackplaneAnswer): void {
    const question = this.#questions.get(id);
    if (question === undefined) return;
    this.#questions.delete(id);
    question.forget();
    this.#guarded("backplane", () => question.done(answer));
  }

  #parse(text: string): { readonly json: unknown } | undefined {
    try {
      return { json: JSON.parse(text) };
    } catch {
      this.#counts.unreadable += 1;
      return undefined;
    }
  }

  /** Catches what a subscriber throws. It would end the library's reader, and with it the connection, without a word. */
  #guarded(where: string, task: () => void): void {
    try {
      task();
    } catch (error) {
      this.#options.fault(where, error);
    }
  }

  #refused(subject: string, error: Error): void {
    this.#options.log.warn({ subject, reason: error.message }, "NATS does not let us hear a subject");
  }
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message !== "" ? `${message}: ${cause.message}` : message;
}
