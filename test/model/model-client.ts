import { closeAction, closeCodes } from "../../src/protocol/close-codes.ts";
import type { Core } from "../../src/signaling/core.ts";
import { Beliefs, type Frame } from "./belief.ts";
import type { Ledger, Slot } from "./ledger.ts";
import type { MessageLedger } from "./message-ledger.ts";
import { Wire } from "./wire.ts";

export interface ModelWorld {
  coreAt(node: number): Pick<Core, "open">;
  begins(client: ModelClient): void;
  readonly lagged: boolean;
  readonly ledger: Ledger;
  readonly messages: MessageLedger;
  readonly now: number;
  /** The server has heard of this device just now. */
  spoke(slot: Slot): void;
  /** Another instance has taken this one's place. */
  displaced(client: ModelClient): void;
}

export interface ModelClientOptions {
  readonly token: string;
  /** Counts the runs of clients: a higher one is a newer instance. */
  readonly index: number;
  readonly watches: readonly string[];
  /** What an earlier run of the client has kept over a reload. */
  readonly tickets: readonly string[];
}

interface Pending {
  readonly id: number;
  readonly text: string;
  readonly silent: boolean;
  readonly session: string | undefined;
  readonly replied: (reply: Frame) => void;
}

/** Closes that no newest transport of a client that keeps the rules ever gets. */
const neverHonest: ReadonlySet<number> = new Set(
  [closeCodes.stale, closeCodes.badResume, closeCodes.protocolError, closeCodes.unauthorized].map(
    ({ code }) => code,
  ),
);

/** Frames that are acknowledged together. */
const ackEvery = 4;

/**
 * One run of a client, which keeps its side of the link: it resumes, sends again what was not admitted, acknowledges,
 * and knows a gap or a repetition when it sees one. What it believes of its sessions is checked frame by frame.
 */
export class ModelClient {
  readonly slot: Slot;
  readonly index: number;
  readonly user: string;
  readonly device: string;
  readonly beliefs: Beliefs;
  /** Room → member id. */
  readonly rooms = new Map<string, string>();
  mesh = false;
  readonly presence = new Map<string, string[]>();
  state: "online" | "offline" | "stopped" = "offline";
  wire: Wire | undefined;
  /** The number of the node that it connects to. */
  node = 0;
  welcomedAt = 0;
  /** ms for which the server had not heard of it when it last said hello. */
  silentFor = 0;
  #heardAt: number;
  /** Transports that it gave up, on which a hello may still be under way. */
  readonly #older: Wire[] = [];
  readonly #world: ModelWorld;
  readonly #token: string;
  readonly #watches: readonly string[];
  #attempt = 0;
  /** The only nodes that it has said hello to took nobody any more: no node knows it. */
  #sentAway = false;
  #welcome: Frame;
  #lastSeq = 0;
  #unacked = 0;
  #lastId = 0;
  #pending: Pending[] = [];
  #tickets: readonly string[];

  constructor(world: ModelWorld, slot: Slot, options: ModelClientOptions) {
    const [user = "", device = ""] = slot.split("/");
    this.#world = world;
    this.slot = slot;
    this.#heardAt = world.now;
    this.beliefs = new Beliefs(slot, () => world.lagged);
    this.user = user;
    this.device = device;
    this.#token = options.token;
    this.index = options.index;
    this.#watches = options.watches;
    this.#tickets = options.tickets;
  }

  /** Requests that were never replied to, and should have been. */
  get unanswered(): number {
    return this.#pending.filter((one) => !one.silent).length;
  }

  /** The link that it has, or goes on with. */
  get link(): string | undefined {
    return this.#welcome?.link;
  }

  get isOnline(): boolean {
    return this.state === "online" && this.wire?.open === true;
  }

  /** Opens a transport and says hello: goes on with its link, or presents tickets to a new one. */
  connect(options: { lag?: boolean; node?: number } = {}): void {
    if (this.state === "stopped") return;
    if (options.node !== undefined) this.node = options.node;
    if (this.wire !== undefined) this.#older.push(this.wire);
    this.silentFor = this.#world.now - this.#heardAt;
    this.#attempt += 1;
    const { link, secret, home } = this.#welcome ?? {};
    const resume = link === undefined ? {} : { resume: { link, secret, home, seq: this.#lastSeq } };
    const sessions = [...this.#tickets, ...this.beliefs.live().map((belief) => belief.ticket)];
    const hello = {
      type: "hello",
      token: this.#token,
      device: { id: this.device },
      instance: `instance-${this.index}`,
      attempt: this.#attempt,
      sessions,
      ...resume,
    };
    this.state = "offline";
    const wire = new Wire(this.#world.coreAt(this.node), () => this.#world.now, {
      frame: (text) => this.#hear(wire, JSON.parse(text)),
      closed: (code) => this.#closed(wire, code),
      delivered: () => {
        this.#heardAt = this.#world.now;
        this.#world.spoke(this.slot);
        if (this.#sentAway || this.#welcome === undefined) this.#world.begins(this);
        this.#sentAway = false;
      },
    });
    wire.lagging = options.lag === true;
    this.wire = wire;
    this.#send(JSON.stringify(hello));
  }

  /** Delivers what does not lag. */
  flow(): void {
    for (const wire of this.#older) wire.flow();
    this.wire?.flow();
  }

  lag(on: boolean): void {
    for (const wire of this.#older) wire.lagging = on;
    if (this.wire !== undefined) this.wire.lagging = on;
  }

  /** Asks now, or as soon as the link goes on. What the link is lost with is never answered. */
  ask(
    type: string,
    fields: { readonly session?: string; readonly [field: string]: unknown },
    replied: (reply: Frame) => void = () => {},
  ): void {
    if (this.state === "stopped") return;
    this.#lastId += 1;
    const id = this.#lastId;
    const silent = type === "signal" || type === "report";
    const text = JSON.stringify({ id, type, ...fields });
    this.#pending.push({ id, text, silent, session: fields.session, replied });
    if (this.state === "online") this.#send(text);
  }

  /** Ends everything, as a person who closes the page. */
  close(): void {
    this.wire?.close();
    this.state = "stopped";
  }

  /** Ends without a word, as a crash. */
  vanish(serverHears: boolean): void {
    this.wire?.cut(serverHears);
    this.state = "stopped";
  }

  #send(text: string): void {
    this.wire?.send(text);
  }

  #closed(wire: Wire, code: number): void {
    if (wire !== this.wire) return;
    if (neverHonest.has(code)) throw new Error(`${this.slot}: its newest transport was closed with ${code}`);
    if (code === closeCodes.drain.code) this.#sentAway = this.#welcome === undefined;
    if (code === closeCodes.replaced.code) this.#world.displaced(this);
    this.state = closeAction(code) === "stop" ? "stopped" : "offline";
  }

  #hear(wire: Wire, frame: Frame): void {
    if (wire !== this.wire || this.state === "stopped") return;
    if (frame.type === "welcome") this.#welcomed(frame);
    else if (frame.type === "ping") this.#send('{"type":"pong"}');
    else if (frame.type === "ack")
      this.#pending = this.#pending.filter((one) => !one.silent || one.id > frame.id);
    else if (frame.seq !== undefined) this.#counted(frame);
  }

  #welcomed(frame: Frame): void {
    const known = this.#welcome;
    this.welcomedAt = this.#world.now;
    this.#welcome = frame;
    this.#tickets = [];
    this.state = "online";
    if (frame.resumed) {
      if (known === undefined || frame.link !== known.link)
        throw new Error(`${this.slot}: resumed another link`);
      if (frame.got > this.#lastId) throw new Error(`${this.slot}: ${frame.got} was never asked`);
      // A silent request that the server admitted is done; its error, if any, comes with the replay.
      this.#pending = this.#pending.filter((one) => !one.silent || one.id > frame.got);
      // One more than it must: what was admitted already is to be ignored.
      for (const one of this.#pending) if (one.id >= frame.got) this.#send(one.text);
      return;
    }
    this.#lastSeq = 0;
    this.#unacked = 0;
    this.#lastId = 0;
    this.#pending = [];
    this.rooms.clear();
    this.mesh = false;
    this.presence.clear();
    for (const session of frame.sessions ?? []) this.beliefs.promised(session);
    for (const belief of this.beliefs.live())
      if (!frame.sessions?.includes(belief.session)) this.beliefs.over(belief.session);
    if (this.#watches.length > 0) this.ask("watch", { users: this.#watches });
  }

  #counted(frame: Frame): void {
    if (frame.seq <= this.#lastSeq) return;
    if (frame.seq !== this.#lastSeq + 1)
      throw new Error(`${this.slot}: seq ${frame.seq} follows ${this.#lastSeq}`);
    this.#lastSeq = frame.seq;
    this.#unacked += 1;
    if (this.#unacked >= ackEvery) {
      this.#unacked = 0;
      this.#send(JSON.stringify({ type: "ack", seq: frame.seq }));
    }
    if (frame.re !== undefined) this.#replied(frame);
    else this.#push(frame);
  }

  #replied(frame: Frame): void {
    const found = this.#pending.find((one) => one.id === frame.re);
    if (found === undefined) {
      // Only a silent request, acknowledged in between, may be answered (by its error) after it was forgotten.
      if (frame.error === undefined) throw new Error(`${this.slot}: a second reply to ${frame.re}`);
      return;
    }
    if (found.silent && frame.error === undefined)
      throw new Error(`${this.slot}: the silent request ${frame.re} was replied to`);
    this.#pending = this.#pending.filter((one) => one !== found);
    found.replied(frame);
    this.beliefs.ticket(found.session, frame.ok?.ticket);
  }

  #push(frame: Frame): void {
    if (frame.session !== undefined) this.#world.ledger.heardOf(frame.session);
    this.beliefs.hear(frame);
    this.beliefs.ticket(frame.session, frame.ticket);
    if (frame.type === "signal")
      for (const { candidate } of frame.candidates ?? [])
        this.#world.ledger.arrived(candidate, this.slot, frame.session, frame.pair, frame.generation);
    if (frame.type === "presence")
      this.presence.set(frame.user, frame.devices.map((d: Frame) => d.device).sort());
    if (frame.type === "dropped") this.#world.messages.dropped(this);
    if (frame.type === "message") this.#world.messages.heard(frame.body, this);
    if (frame.type === "room_ended") this.rooms.delete(frame.room);
  }
}
