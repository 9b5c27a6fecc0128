import type { Connection, Core } from "../../src/signaling/core.ts";
import type { Transport } from "../../src/signaling/ports.ts";

/** What devices of the world have heard of, for frames to speak of. */
export interface Heard {
  sessions(id: string): void;
  members(id: string): void;
  tickets(sealed: string): void;
}

/** A device that obeys as much of the protocol as it takes to be heard again, and says whatever it is told to. */
export class FuzzDevice {
  readonly user: string;
  readonly id: string;
  connection: Connection | undefined;
  closedWith: number | undefined;
  /** True once `welcome` came over the current transport. */
  signedIn = false;
  nextId = 1;
  lastSeq = 0;
  attempt = 1;
  instance: string;
  resume: object | undefined;
  /** Ids that were replied to over the current transport since they were last cleared. */
  readonly replied = new Set<number>();
  /** The error code of the last reply, if it was one. */
  lastError: string | undefined;
  /** Sessions that it has a part in, the newest last. */
  sessions: string[] = [];
  /** What a client would say next: it brings sessions further than chance does. */
  sensible: Record<string, unknown>[] = [];
  readonly #heard: Heard;

  constructor(user: string, id: string, heard: Heard) {
    this.user = user;
    this.id = id;
    this.instance = `instance-${user}-${id}`;
    this.#heard = heard;
  }

  /** Opens another transport; the older one, if any, is forgotten without a word. */
  open(core: Core, now: number): Connection {
    this.closedWith = undefined;
    this.signedIn = false;
    const transport: Transport = {
      send: (text) => {
        if (this.connection === connection || this.connection === undefined) this.#hear(text);
        return true;
      },
      close: (code) => {
        if (this.connection !== connection) return;
        this.closedWith = code;
        this.signedIn = false;
      },
      buffered: 0,
    };
    this.connection = undefined;
    const connection = core.open(transport, {}, now);
    this.connection = connection;
    return connection;
  }

  #hear(text: string): void {
    const frame = JSON.parse(text);
    if (frame.type === "welcome") {
      this.signedIn = true;
      this.nextId = frame.got + 1;
      if (!frame.resumed) {
        this.lastSeq = 0;
        this.sessions = frame.sessions ?? [];
        this.sensible = [];
      }
      this.resume = { link: frame.link, secret: frame.secret, home: frame.home };
    }
    if (typeof frame.seq === "number") {
      if (frame.seq > this.lastSeq + 1) throw new Error(`seq ${frame.seq} came after ${this.lastSeq}`);
      this.lastSeq = Math.max(this.lastSeq, frame.seq);
    }
    if (frame.re !== undefined) {
      if ("ok" in frame === "error" in frame) throw new Error(`not one of ok and error: ${text}`);
      this.replied.add(frame.re);
      this.lastError = frame.error?.code;
      if (this.lastError === "internal") throw new Error(`a fault of the server: ${text}`);
    }
    const session = frame.ok?.session ?? frame.session;
    if (frame.type === "ended") this.sessions = this.sessions.filter((other) => other !== session);
    else if (typeof session === "string") {
      this.#heard.sessions(session);
      this.sessions = [...this.sessions.filter((other) => other !== session), session].slice(-4);
      const next = answerTo(frame);
      if (next !== undefined) this.sensible = [...this.sensible, ...next].slice(-8);
    }
    const ticket = frame.ok?.ticket ?? frame.ticket;
    if (typeof ticket === "string") this.#heard.tickets(ticket);
    const member = frame.ok?.member ?? frame.member?.member ?? frame.joined?.[0]?.member;
    if (typeof member === "string") this.#heard.members(member);
  }
}

function answerTo(frame: Record<string, unknown>): Record<string, unknown>[] | undefined {
  const { session, pair, generation } = frame;
  switch (frame.type) {
    case "incoming":
      return [
        { type: "ringing", session },
        { type: "accept", session },
      ];
    case "accepted":
      return [{ type: "confirm", session, device: frame.device }];
    case "pair":
    case "session":
      return [
        { type: "signal", session, pair, generation, description: { type: "offer", sdp: "v=0" } },
        { type: "report", session, stats: { state: "connected", pair } },
      ];
    case "restart":
      return [{ type: "restart", session, pair, generation }];
    case "crossed":
      return [
        { type: "accept", session: frame.survivor },
        { type: "cancel", session },
      ];
    case "knock":
      return [{ type: "admit", room: frame.room, member: (frame.member as { member: string }).member }];
    default:
      return undefined;
  }
}
