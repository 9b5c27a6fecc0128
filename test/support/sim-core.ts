import { createHash } from "node:crypto";
import { answerInPlace } from "../../src/gateways/answer-on-behalf.ts";
import { type WireCode, wireError } from "../../src/protocol/error-codes.ts";
import { defaultLimits, type Limits } from "../../src/protocol/limits.ts";
import { silentRequests } from "../../src/protocol/requests.ts";
import { type Connection, Core, type CoreOptions } from "../../src/signaling/core.ts";
import type { CoreEvent } from "../../src/signaling/events.ts";
import type { Grants } from "../../src/signaling/grants.ts";
import type { Ports } from "../../src/signaling/ports.ts";
import type { RoomRule } from "../../src/signaling/room/room-policy.ts";

/** Any frame, as a test reads it. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into frames of every type
export type AnyFrame = any;

const everything: Grants = {
  call: ["*"],
  send: ["*", "room:*"],
  watch: ["*"],
  join: ["room:*"],
  moderate: ["room:*"],
  publish: ["stream:*"],
  view: ["stream:*"],
};

let runs = 0;

/** What a test asks of the core itself. */
export type SimulatedCore = Pick<
  Core,
  "open" | "gateway" | "tick" | "nextDeadline" | "drain" | "draining" | "empty" | "kick" | "stats"
>;

export interface SimCoreOptions {
  readonly node?: string;
  /** Unix ms at which it starts. */
  readonly now?: number;
  /** Makes something else of the options than a core that is alone. */
  readonly make?: (options: CoreOptions, now: number) => SimulatedCore;
}

/** A core with a simulated clock and fake transports. Tokens: `alice`, or `alice?{"call":["bob"]}` with grants. */
export class SimCore {
  now = 1_000_000_000_000;
  readonly core: SimulatedCore;
  readonly events: CoreEvent[] = [];
  tokenLife = 3_600_000;
  /** The system's clock was set this far ahead since the start. ms */
  wallAhead = 0;
  /** When tokens were issued; undefined: now. Unix ms. */
  tokensIssuedAt: number | undefined;
  /** Clients that have a ping to answer, which they do after the core's turn. */
  readonly pinged: SimClient[] = [];
  #random = 0;
  /** Another run of a node makes other ids. */
  readonly #run = runs++;

  constructor(
    limits: Partial<Limits> = {},
    rooms: RoomRule[] = [],
    { node = "n1", now, make = (options, at) => new Core(options, at) }: SimCoreOptions = {},
  ) {
    if (now !== undefined) this.now = now;
    const ports: Ports = {
      now: () => this.now,
      answerFor: answerInPlace,
      wallAhead: () => this.wallAhead,
      verify: (token, done) => {
        const [user, grants] = token.split("?") as [string, string | undefined];
        if (user.startsWith("!")) done({ ok: false, error: wireError(user.slice(1) as WireCode) }, this.now);
        else {
          const issuedAt = this.tokensIssuedAt ?? this.now;
          const expires = this.now + this.tokenLife;
          done(
            {
              ok: true,
              value: {
                user,
                grants: grants === undefined ? everything : JSON.parse(grants),
                issuedAt,
                expires,
              },
            },
            this.now,
          );
        }
      },
      iceServers: () => ({ servers: [] }),
      random: (bytes) => {
        this.#random += 1;
        return createHash("sha256")
          .update(`${node} ${this.#run} ${this.#random}`)
          .digest("base64url")
          .slice(0, Math.ceil((bytes * 4) / 3));
      },
      jitter: () => 0.5,
      hash: (text) => createHash("sha256").update(text).digest("base64url"),
      seal: (text) => Buffer.from(text).toString("base64url"),
      unseal: (sealed) => {
        const text = Buffer.from(sealed, "base64url").toString();
        return text.startsWith("[") ? text : undefined;
      },
      emit: (event) => {
        this.events.push(event);
        if (event.type === "fault") throw event.error;
      },
    };
    this.core = make({ node, limits: { ...defaultLimits, ...limits }, ports, rooms }, this.now);
  }

  /** Lets time pass, doing what falls due on the way. */
  pass(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const next = this.core.nextDeadline;
      if (next > end) break;
      this.now = Math.max(this.now, next);
      this.#tick();
    }
    this.now = end;
    this.#tick();
  }

  #tick(): void {
    this.core.tick(this.now);
    this.answerPings();
  }

  answerPings(): void {
    for (const client of this.pinged.splice(0)) if (!client.mute) client.raw('{"type":"pong"}');
  }

  client(user: string, device: string, options: { token?: string; capabilities?: object } = {}): SimClient {
    return new SimClient(this, user, device, options);
  }
}

/** A client that speaks raw frames and keeps what it heard. */
export class SimClient {
  /** The node that it connects to. */
  sim: SimCore;
  readonly user: string;
  readonly device: string;
  readonly instance: string;
  readonly token: string;
  readonly capabilities: object | undefined;
  heard: AnyFrame[] = [];
  welcome: AnyFrame;
  closed: { code: number; reason: string } | undefined;
  tickets: string[] = [];
  attempt = 0;
  lastId = 0;
  lastSeq = 0;
  /** Requests of its link: those that wait for a reply, and silent ones, which are replied to when they fail alone (F8). */
  #waiting = new Map<number, "reply" | "error">();
  /** True: a full socket; sends are refused. */
  stalled = false;
  /** True: it answers no ping. */
  mute = false;
  buffered = 0;
  #connection: Connection | undefined;

  constructor(
    sim: SimCore,
    user: string,
    device: string,
    options: { token?: string; capabilities?: object },
  ) {
    this.sim = sim;
    this.user = user;
    this.device = device;
    this.token = options.token ?? user;
    this.capabilities = options.capabilities;
    this.instance = `instance-${Math.random()}`;
  }

  /** Opens a transport and says hello. */
  connect(hello: object = {}): this {
    this.closed = undefined;
    this.welcome = undefined;
    this.attempt += 1;
    const connection = this.open();
    const device = {
      id: this.device,
      ...(this.capabilities === undefined ? {} : { capabilities: this.capabilities }),
    };
    const frame = {
      type: "hello",
      token: this.token,
      device,
      instance: this.instance,
      attempt: this.attempt,
      ...hello,
    };
    connection.receive(JSON.stringify(frame), this.sim.now);
    return this;
  }

  /** Opens a transport and says nothing. */
  open(): Connection {
    const connection: Connection = this.sim.core.open(
      {
        send: (text) => {
          if (this.stalled) return false;
          if (this.#connection === connection || this.#connection === undefined) this.#hear(JSON.parse(text));
          return true;
        },
        close: (code, reason) => {
          if (this.#connection === connection) this.closed = { code, reason };
        },
        buffered: 0,
      },
      {},
      this.sim.now,
    );
    this.#connection = connection;
    return connection;
  }

  /** Comes back with its link. */
  resume(more: object = {}): this {
    const { link, secret, home } = this.lastWelcome;
    return this.connect({ resume: { link, secret, home, seq: this.lastSeq }, ...more });
  }

  lastWelcome: AnyFrame;

  /** The transport breaks. */
  drop(code = 1006): void {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.closed(code, this.sim.now);
  }

  raw(text: string): void {
    this.#connection?.receive(text, this.sim.now);
  }

  /** Sends a request; answers its reply, where it came at once. */
  ask(type: string, fields: object = {}): AnyFrame {
    this.lastId += 1;
    const id = this.lastId;
    this.#waiting.set(id, silentRequests.has(type) ? "error" : "reply");
    this.raw(JSON.stringify({ id, type, ...fields }));
    return this.replyTo(id);
  }

  replyTo(id: number): AnyFrame {
    return this.heard.find((frame) => frame.re === id);
  }

  /** Pushes of a type, oldest first. */
  pushes(type: string): AnyFrame[] {
    return this.heard.filter((frame) => frame.type === type);
  }

  last(type: string): AnyFrame {
    return this.pushes(type).at(-1);
  }

  #hear(frame: AnyFrame): void {
    if (frame.type === "welcome") {
      this.welcome = frame;
      this.lastWelcome = frame;
      if (!frame.resumed) {
        this.lastSeq = 0;
        this.lastId = 0;
        this.heard = [];
        this.#waiting.clear();
      }
      return;
    }
    if (frame.seq !== undefined) {
      if (frame.seq <= this.lastSeq) return;
      if (frame.seq !== this.lastSeq + 1) throw new Error(`gap: ${this.lastSeq} then ${frame.seq}`);
      this.lastSeq = frame.seq;
    }
    if (frame.re !== undefined) this.#replied(frame);
    if (frame.type === "ping") this.sim.pinged.push(this);
    const ticket = frame.ticket ?? frame.ok?.ticket;
    if (ticket !== undefined) this.tickets.push(ticket);
    this.heard.push(frame);
  }

  #replied({ re, ok }: AnyFrame): void {
    const awaited = this.#waiting.get(re);
    // What was sent as raw text is not known here.
    if (awaited === undefined && re > this.lastId) return;
    if (awaited === undefined || (awaited === "error" && ok !== undefined))
      throw new Error(`${awaited === undefined ? "a second reply" : "a reply to a silent request"}: ${re}`);
    this.#waiting.delete(re);
  }
}
