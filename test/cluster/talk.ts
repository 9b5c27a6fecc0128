import type { Device } from "./device.ts";
import type { Journal } from "./journal.ts";

let streams = 0;

/**
 * One end of a session, as its device believes it to be. While it is up it sends numbered candidates to the other end:
 * each description begins a new stream, whose items belong to that pair and generation.
 */
export class Talk {
  readonly session: string;
  readonly role: "caller" | "callee";
  state: "ringing" | "active" | "over" = "ringing";
  pair = 1;
  generation = 1;
  /** The other end, `user/device`. */
  peer = "";
  /** What the other end has sent last, and how much of it came. */
  heard = { stream: "", n: -1 };
  /** What this end sends. */
  stream = "";
  sent = 0;
  reason = "";
  readonly #device: Device;
  readonly #journal: Journal;
  readonly #pace: number;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** `pace`: how often numbered candidates go out, ms. */
  constructor(device: Device, journal: Journal, session: string, role: "caller" | "callee", pace: number) {
    this.#pace = pace;
    this.#device = device;
    this.#journal = journal;
    this.session = session;
    this.role = role;
    journal.write({ what: "holds", device: device.name, session, role });
  }

  /** Where it stands now; what it sends begins anew. */
  stand(where: { pair?: number; generation?: number; peer?: string }): void {
    Object.assign(this, where);
    this.state = "active";
    const { session, pair, generation, peer } = this;
    this.#journal.write({ what: "stands", device: this.#device.name, session, pair, generation, peer });
    this.describe(pair, generation);
  }

  /** Sends a description, and numbered candidates after it. */
  describe(pair: number, generation: number): void {
    const { session } = this;
    streams += 1;
    const stream = `s${streams}`;
    this.stream = stream;
    this.sent = 0;
    this.#journal.write({ what: "stream", stream, from: this.#device.name, to: this.peer, whole: false });
    const at = { session, pair, generation };
    const description = { type: this.role === "caller" ? "offer" : "answer", sdp: `v=0 ${stream} 0` };
    this.#device.fire("signal", { ...at, description }, { stream, n: 0 });
    clearInterval(this.#timer);
    this.#timer = setInterval(() => {
      // What waits for a server that is away is bounded by us.
      if (this.#device.unanswered > 40) return;
      this.say(at);
    }, this.#pace);
  }

  /** One more numbered candidate. */
  say(at = { session: this.session, pair: this.pair, generation: this.generation }): void {
    const { stream } = this;
    this.sent += 1;
    const n = this.sent;
    const candidates = [{ candidate: `candidate:${stream} ${n}`, sdpMid: "0" }];
    this.#device.fire("signal", { ...at, candidates }, { stream, n });
  }

  /** Says no more. */
  hush(): void {
    clearInterval(this.#timer);
  }

  /** A description or candidates of the other end. */
  hear(text: string): void {
    const [stream = "", number = ""] = text.replace(/^(v=0 |candidate:)/, "").split(" ");
    const n = Number(number);
    this.heard = { stream, n };
    this.#journal.write({ what: "got", stream, n, device: this.#device.name, link: this.#device.link });
  }

  end(reason: string): void {
    if (this.state === "over") return;
    this.state = "over";
    this.reason = reason;
    this.hush();
    this.#device.tickets.delete(this.session);
    this.#journal.write({ what: "ended", device: this.#device.name, session: this.session, reason });
  }
}
