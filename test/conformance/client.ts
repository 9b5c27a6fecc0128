import { setTimeout as sleep } from "node:timers/promises";
import type { Wire } from "./wire.ts";

/** A frame as it came; checks look into it by name. */
// biome-ignore lint/suspicious/noExplicitAny: what another implementation sends has no type before it is checked
export type Frame = Record<string, any>;

/** How long the suite waits for a frame that must come. */
const patience = 4_000;

interface Waiter {
  readonly matches: (frame: Frame) => boolean;
  readonly resolve: (frame: Frame) => void;
}

/**
 * One transport with the bookkeeping that every check needs: ids, seq, pong. It does what the protocol asks of a
 * client and nothing else by itself; acknowledging, resending and resuming are what the checks do.
 */
export class Client {
  /** Every frame, as it came. */
  readonly frames: Frame[] = [];
  /** What the server did that no server may: a gap or repetition in seq, a frame after the close. */
  readonly faults: string[] = [];
  welcome: Frame = {};
  lastSeq = 0;
  nextId = 1;
  /** Hidden tabs and dead clients don't answer. */
  answersPing = true;
  closeCode: number | undefined;
  readonly #wire: Wire;
  #unread: Frame[] = [];
  #waiters: Waiter[] = [];
  #closeWaiters: ((code: number) => void)[] = [];

  constructor(wire: Wire) {
    this.#wire = wire;
    wire.onText = (text) => this.#hear(text);
    wire.onClose = (code) => {
      this.closeCode = code;
      for (const tell of this.#closeWaiters.splice(0)) tell(code);
    };
  }

  sendText(text: string): void {
    this.#wire.send(text);
  }

  sendBinary(bytes: Uint8Array<ArrayBuffer>): void {
    this.#wire.sendBinary(bytes);
  }

  send(frame: Frame): void {
    this.sendText(JSON.stringify(frame));
  }

  /** Sends a request without waiting; returns its id. */
  fire(type: string, fields: Frame = {}): number {
    const id = this.nextId++;
    this.send({ id, type, ...fields });
    return id;
  }

  async reply(id: number): Promise<Frame> {
    return this.expect(`the reply to request ${id}`, (frame) => frame.re === id);
  }

  async request(type: string, fields: Frame = {}): Promise<Frame> {
    return this.reply(this.fire(type, fields));
  }

  /** Sends a request that must succeed; resolves to what stands in `ok`. */
  async ok(type: string, fields: Frame = {}): Promise<Frame> {
    const reply = await this.request(type, fields);
    if (reply.ok === undefined) throw new Error(`${type} was answered ${JSON.stringify(reply.error)}`);
    return reply.ok;
  }

  /** Sends a request that must be answered with this code; resolves to the error. */
  async fails(code: string, type: string, fields: Frame = {}): Promise<Frame> {
    const reply = await this.request(type, fields);
    if (reply.error?.code !== code)
      throw new Error(
        `${type} was answered ${JSON.stringify(reply.error ?? { ok: reply.ok })} instead of ${code}`,
      );
    return reply.error;
  }

  /** Waits for a push of this type whose fields are these. */
  async push(type: string, fields: Frame = {}, within = patience): Promise<Frame> {
    const matches = (frame: Frame) =>
      frame.type === type && Object.entries(fields).every(([name, value]) => same(frame[name], value));
    return this.expect(`${type} ${JSON.stringify(fields)}`, matches, within);
  }

  /** Waits for a frame; each frame is given to one wait only, the oldest first. */
  async expect(what: string, matches: (frame: Frame) => boolean, within = patience): Promise<Frame> {
    const at = this.#unread.findIndex(matches);
    if (at >= 0) return this.#unread.splice(at, 1)[0] as Frame;
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        matches,
        resolve: (frame) => {
          clearTimeout(timer);
          resolve(frame);
        },
      };
      const timer = setTimeout(() => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        const seen = this.frames.slice(-4).map((frame) => JSON.stringify(frame).slice(0, 160));
        const end = this.closeCode === undefined ? "" : `, then close ${this.closeCode}`;
        reject(new Error(`${what} did not come; the last frames were ${seen.join(" ") || "none"}${end}`));
      }, within);
      this.#waiters.push(waiter);
    });
  }

  /** Fails when such a push is there or comes before a short while and a ping have passed. */
  async none(type: string, fields: Frame = {}): Promise<void> {
    await sleep(40);
    await this.fence();
    const found = this.#unread.find(
      (frame) =>
        frame.type === type && Object.entries(fields).every(([name, value]) => same(frame[name], value)),
    );
    if (found !== undefined) throw new Error(`unexpected ${JSON.stringify(found).slice(0, 300)}`);
  }

  /** Waits until the server has done everything that was sent before. */
  async fence(): Promise<void> {
    this.send({ type: "ping" });
    await this.expect("pong", (frame) => frame.type === "pong");
  }

  /** Acknowledges everything that came. */
  ack(): void {
    this.send({ type: "ack", seq: this.lastSeq });
  }

  async closed(within = patience): Promise<number> {
    if (this.closeCode !== undefined) return this.closeCode;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("the transport was not closed")), within);
      this.#closeWaiters.push((code) => {
        clearTimeout(timer);
        resolve(code);
      });
    });
  }

  /** Closes as a client that goes for good (1000). */
  close(): void {
    this.#wire.close(1000);
  }

  /** Loses the transport: the link is suspended. */
  async drop(): Promise<void> {
    this.#wire.close(4000);
    await sleep(30);
  }

  #hear(text: string): void {
    const frame = JSON.parse(text) as Frame;
    this.frames.push(frame);
    if (frame.type === "ping" && this.answersPing) this.send({ type: "pong" });
    if (frame.type === "welcome" && frame.resumed === false) this.lastSeq = 0;
    if (typeof frame.seq === "number") {
      if (frame.seq !== this.lastSeq + 1) this.faults.push(`seq ${frame.seq} came after ${this.lastSeq}`);
      this.lastSeq = frame.seq;
    }
    const at = this.#waiters.findIndex((waiter) => waiter.matches(frame));
    if (at >= 0) this.#waiters.splice(at, 1)[0]?.resolve(frame);
    else this.#unread.push(frame);
  }
}

/** Deep equality of JSON. */
export function same(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  const left = Object.entries(a);
  return (
    left.length === Object.keys(b).length && left.every(([key, value]) => same(value, (b as Frame)[key]))
  );
}
