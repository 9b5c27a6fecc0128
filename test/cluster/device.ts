import { closeAction } from "../../src/protocol/close-codes.ts";
import type { Journal, Settlement } from "./journal.ts";
import { type Frame, Requests } from "./requests.ts";

export type { Frame } from "./requests.ts";

export interface DeviceOptions {
  readonly journal: Journal;
  /** The nodes, as a load balancer would offer them; by index. */
  readonly urls: readonly string[];
  /** The node that it begins with. */
  readonly home: number;
  /** After a loss: comes back to its node, or takes the next one. */
  readonly returns?: boolean;
  readonly random: () => number;
  readonly token: string;
  /** Silence after which it gives a transport up, ms; the protocol's own is 30 s. */
  readonly silence?: number;
}

export interface DeviceEvents {
  push(frame: Frame): void;
  /** A new link has begun: the first one, or after a loss. `found`: sessions that go on. */
  renewed(found: readonly string[]): void;
}

export interface Numbered {
  readonly stream: string;
  readonly n: number;
}

/** Frames that are acknowledged together, and the longest that one waits, ms (L19). */
const [ackEvery, ackWithin] = [16, 1_000];
/** How long a transport may take to open, and the server to say welcome over it, ms. */
const [openTimeout, helloTimeout] = [3_000, 10_000];
const silenceOfProtocol = 30_000;

/**
 * A strict client: it follows docs/protocol.md to the letter (ids, seq, acknowledgements, resend, resume with the newest secret
 * on any node, tickets, back-off) and writes everything that it sees into the journal. It never gives up by itself.
 */
export class Device {
  readonly name: string;
  readonly user: string;
  readonly id: string;
  events: DeviceEvents = { push() {}, renewed() {} };
  /** Session → its newest ticket. */
  readonly tickets = new Map<string, string>();
  state: "away" | "online" | "stopped" = "away";
  link = "";
  /** The node that holds its link. */
  home = "";
  /** Links that it has begun. */
  renewals = 0;
  /** When it last said hello over an open transport, and was welcomed (performance.now). */
  helloAt = 0;
  welcomeAt = 0;
  #at: number;
  #attempt = 0;
  #secret = "";
  #seq = 0;
  #unacked = 0;
  #failures = 0;
  #heardAt = 0;
  #goodbye = false;
  #socket: WebSocket | undefined;
  #opening: WebSocket | undefined;
  #ackTimer: ReturnType<typeof setTimeout> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  readonly #watch: ReturnType<typeof setInterval>;
  readonly #requests: Requests;
  readonly #instance: string = crypto.randomUUID();
  readonly #options: DeviceOptions;

  constructor(user: string, id: string, options: DeviceOptions) {
    this.user = user;
    this.id = id;
    this.name = `${user}/${id}`;
    this.#options = options;
    this.#at = options.home;
    this.#requests = new Requests((text) => this.#send(text));
    this.#watch = setInterval(() => this.#lookForSilence(), 1_000);
    this.#open();
  }

  /** Asks; the reply's `ok` or `error`. When the link is lost for good: `outcome_unknown`. */
  ask(type: string, fields: Frame = {}, numbered?: Numbered): Promise<Frame> {
    if (this.state === "stopped") return Promise.resolve({ error: { code: "stopped" } });
    return new Promise((resolve) => {
      const settled = (reply: Frame) => {
        if (numbered !== undefined) this.#settled(numbered, reply);
        // The newest ticket of a session counts, whatever brings it.
        if (reply.ok?.ticket !== undefined)
          this.tickets.set(reply.ok.session ?? fields.session, reply.ok.ticket);
        resolve(reply);
      };
      this.#sent(numbered);
      this.#requests.add(type, fields, false, settled, this.state === "online");
    });
  }

  /** A silent request: success is its acknowledgement. */
  fire(type: string, fields: Frame, numbered?: Numbered): void {
    if (this.state === "stopped") return;
    this.#sent(numbered);
    const settled = (reply: Frame) => numbered && this.#settled(numbered, reply);
    this.#requests.add(type, fields, true, settled, this.state === "online");
  }

  /** Requests that wait for their reply. */
  get unanswered(): number {
    return this.#requests.unanswered;
  }

  /** Goes over to another node, by itself; the old transport stays until the new one speaks. */
  goTo(node: number): void {
    this.#at = node;
    this.#open();
  }

  /** The transport breaks; it comes back by itself. */
  drop(): void {
    this.#socket?.close(4000);
  }

  /** Leaves as a page that is closed: its calls end. */
  close(): void {
    if (this.state === "stopped") return;
    this.#options.journal.write({ what: "left", device: this.name });
    this.#end(1000);
  }

  /** Dies without a word. */
  vanish(): void {
    this.#options.journal.write({ what: "dead", device: this.name });
    this.#end(4000);
  }

  #end(code: number): void {
    this.state = "stopped";
    clearInterval(this.#watch);
    clearTimeout(this.#retry);
    clearTimeout(this.#ackTimer);
    const [socket, opening] = [this.#socket, this.#opening];
    this.#socket = undefined;
    this.#opening = undefined;
    socket?.close(code);
    opening?.close(4000);
    this.#requests.lose({ error: { code: "stopped" } });
  }

  /** Opens a transport; it takes the place of the one before only once it is open. */
  #open(): void {
    clearTimeout(this.#retry);
    if (this.state === "stopped") return;
    const { urls } = this.#options;
    const before = this.#opening;
    const socket = new WebSocket(urls[this.#at % urls.length] as string, "switchboard.v1");
    this.#opening = socket;
    before?.close(4000);
    // A node that is frozen accepts, and says nothing.
    const tooLong = () => this.#failed(socket, 4000);
    let timer = setTimeout(tooLong, openTimeout);
    socket.onopen = () => {
      clearTimeout(timer);
      timer = setTimeout(tooLong, helloTimeout);
      if (this.#opening === socket) this.#hello(socket);
    };
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(String(data)) as Frame;
      if (frame.type === "welcome") clearTimeout(timer);
      if (socket === this.#socket) this.#hear(frame);
    };
    socket.onclose = ({ code }) => {
      clearTimeout(timer);
      this.#failed(socket, code);
    };
  }

  #hello(socket: WebSocket): void {
    const older = this.#socket;
    this.#socket = socket;
    this.#opening = undefined;
    this.#goodbye = false;
    older?.close(4000);
    this.state = "away";
    this.#attempt += 1;
    this.helloAt = performance.now();
    this.#heardAt = this.helloAt;
    const resume =
      this.link === ""
        ? {}
        : { resume: { link: this.link, secret: this.#secret, home: this.home, seq: this.#seq } };
    const hello = {
      type: "hello",
      token: this.#options.token,
      device: { id: this.id, kind: "browser" },
      instance: this.#instance,
      attempt: this.#attempt,
      sessions: [...this.tickets.values()].slice(-64),
      ...resume,
    };
    this.#send(JSON.stringify(hello));
  }

  /** A transport is gone, or never came to be. */
  #failed(socket: WebSocket, code: number): void {
    const wasCurrent = socket === this.#socket;
    if (!wasCurrent && socket !== this.#opening) return;
    if (wasCurrent) this.#socket = undefined;
    else this.#opening = undefined;
    if (socket.readyState <= WebSocket.OPEN) socket.close(4000);
    if (this.state === "stopped") return;
    const welcomed = wasCurrent && this.state === "online";
    if (wasCurrent) this.state = "away";
    // Another transport is on its way already.
    if (wasCurrent && this.#opening !== undefined) return;
    const action = closeAction(code);
    // Neither of these ever happens to who keeps the rules.
    if (action !== "resume") this.#options.journal.write({ what: "stopped", device: this.name, code });
    if (action === "stop") {
      this.#end(4000);
      return;
    }
    if (action === "reconnect") this.link = "";
    if (!welcomed || this.#options.returns !== true) this.#at += 1;
    this.#failures = welcomed ? 0 : this.#failures + 1;
    const longest = this.#failures === 0 ? 300 : Math.min(8_000, 500 * 2 ** Math.min(this.#failures, 4));
    this.#reopen(this.#options.random() * longest);
  }

  #reopen(after: number): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#open(), after);
  }

  #lookForSilence(): void {
    const silence = this.#options.silence ?? silenceOfProtocol;
    const socket = this.#socket;
    if (socket === undefined || performance.now() - this.#heardAt < silence) return;
    this.#failed(socket, 4104);
  }

  #hear(frame: Frame): void {
    this.#heardAt = performance.now();
    if (this.state === "stopped") return;
    if (frame.type === "ping") this.#send('{"type":"pong"}');
    else if (frame.type === "welcome") this.#welcomed(frame);
    else if (frame.type === "goodbye") this.#leave(frame);
    else if (frame.type === "ack") this.#requests.acknowledged(frame.id);
    else if (frame.seq !== undefined) this.#counted(frame);
  }

  /** The server asks us to come back elsewhere: at once, or when it says so. */
  #leave(frame: Frame): void {
    if (frame.action === "stop" || this.#goodbye) return;
    this.#goodbye = true;
    if (frame.action === "reconnect") this.link = "";
    this.#at += 1;
    this.#reopen(frame.after ?? this.#options.random() * 300);
  }

  #welcomed(frame: Frame): void {
    const { journal } = this.#options;
    const { link, home: node, resumed, reason } = frame;
    this.welcomeAt = performance.now();
    if (resumed && link !== this.link) this.#stuck(`resumed ${link} instead of ${this.link}`);
    journal.write({
      what: "link",
      device: this.name,
      link,
      node,
      resumed,
      ...(reason === undefined ? {} : { reason }),
    });
    this.link = link;
    this.home = node;
    this.#secret = frame.secret;
    this.#failures = 0;
    this.state = "online";
    if (resumed) {
      this.#requests.resumed(frame.got);
      return;
    }
    this.#seq = 0;
    this.#unacked = 0;
    this.renewals += 1;
    this.#requests.lose({ error: { code: "outcome_unknown" } });
    this.events.renewed(frame.sessions ?? []);
  }

  #counted(frame: Frame): void {
    if (frame.seq !== this.#seq + 1) {
      this.#options.journal.write({
        what: "disorder",
        device: this.name,
        link: this.link,
        seq: frame.seq,
        after: this.#seq,
      });
      if (frame.seq <= this.#seq) return;
      this.drop();
      return;
    }
    this.#seq = frame.seq;
    this.#unacked += 1;
    if (this.#unacked >= ackEvery) this.#acknowledge();
    else this.#ackTimer ??= setTimeout(() => this.#acknowledge(), ackWithin);
    if (frame.ticket !== undefined) this.tickets.set(frame.session, frame.ticket);
    if (frame.re === undefined) this.events.push(frame);
    else if (!this.#requests.replied(frame)) this.#stuck(`a second reply to request ${frame.re}`);
  }

  #acknowledge(): void {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    if (this.state !== "online" || this.#unacked === 0) return;
    this.#unacked = 0;
    this.#send(`{"type":"ack","seq":${this.#seq}}`);
  }

  #send(text: string): void {
    const socket = this.#socket;
    if (socket?.readyState === WebSocket.OPEN) socket.send(text);
  }

  #stuck(doing: string): void {
    this.#options.journal.write({ what: "stuck", device: this.name, doing });
  }

  #sent(numbered: Numbered | undefined): void {
    if (numbered !== undefined) this.#options.journal.write({ what: "sent", ...numbered });
  }

  #settled(numbered: Numbered, reply: Frame): void {
    const code = reply.error?.code as string | undefined;
    const outcome: Settlement =
      code === undefined
        ? reply.ok?.delivered === 0
          ? "nobody"
          : "done"
        : code === "outcome_unknown" || code === "stopped" || code === "internal"
          ? "unknown"
          : "refused";
    this.#options.journal.write({
      what: "settled",
      ...numbered,
      outcome,
      ...(code === undefined ? {} : { code }),
    });
  }
}
