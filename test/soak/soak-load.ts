import { Device } from "../cluster/device.ts";
import type { Journal } from "../cluster/journal.ts";
import { Line, sleep } from "../cluster/line.ts";
import { Phone } from "../cluster/phone.ts";
import type { Random } from "../fuzz/random.ts";

export interface SoakSize {
  readonly links: number;
  /** Operations a second, of all together. */
  readonly calls: number;
  readonly resumes: number;
  readonly messages: number;
  readonly roomChanges: number;
}

/** Members of a room, at most. */
const roomSize = 20;
/** How often each end of a call sends candidates, ms: what is sent is kept for the check at the end. */
const pace = 1_000;
/** Devices that sign in at a time. */
const guards = 50;

/** Thousands of devices of which a few call, resume, write and come and go in rooms at any time, at a steady pace. */
export class SoakLoad {
  readonly phones: Phone[] = [];
  readonly done = { calls: 0, failed: 0, resumes: 0, messages: 0, joins: 0, leaves: 0, refused: 0 };
  readonly #urls: readonly string[];
  readonly #journal: Journal;
  readonly #random: Random;
  readonly #size: SoakSize;
  readonly #busy = new Set<Phone>();
  #stopped = false;

  constructor(urls: readonly string[], journal: Journal, random: Random, size: SoakSize) {
    this.#urls = urls;
    this.#journal = journal;
    this.#random = random;
    this.#size = size;
  }

  /** Signs everybody in, some at a time. */
  async signIn(): Promise<void> {
    for (let n = 0; n < this.#size.links; n++) {
      const device = new Device(`user${n}`, "web", {
        journal: this.#journal,
        urls: this.#urls,
        home: n % this.#urls.length,
        random: () => this.#random.next(),
        token: `dev:user${n}`,
        returns: true,
      });
      const phone = new Phone(device, this.#journal, () => this.#random.next());
      phone.pace = pace;
      this.phones.push(phone);
      while (this.phones.length - this.online > guards) await sleep(5);
    }
    while (this.online < this.phones.length) await sleep(20);
  }

  get online(): number {
    return this.phones.reduce((sum, { device }) => (device.state === "online" ? sum + 1 : sum), 0);
  }

  /** Keeps the pace until {@link stop}. Resolves when all that was begun is done. */
  async run(): Promise<void> {
    const { calls, resumes, messages, roomChanges } = this.#size;
    await Promise.all([
      this.#atRate(calls, () => this.#call()),
      this.#atRate(resumes, () => this.#resume()),
      this.#atRate(messages, () => this.#write()),
      this.#atRate(roomChanges, () => this.#changeRoom()),
    ]);
  }

  stop(): void {
    this.#stopped = true;
  }

  async #atRate(perSecond: number, operate: () => Promise<void>): Promise<void> {
    const running = new Set<Promise<void>>();
    const began = performance.now();
    for (let n = 0; !this.#stopped; n++) {
      await sleep(Math.max(0, began + (n * 1_000) / perSecond - performance.now()));
      const one = operate().finally(() => running.delete(one));
      running.add(one);
    }
    await Promise.all(running);
  }

  async #call(): Promise<void> {
    const [caller, callee] = [this.#idle(), this.#idle()];
    if (caller === undefined || callee === undefined) return;
    const line = new Line(caller, [callee], this.#journal, () => this.#random.next());
    const call = await line.up();
    if (call !== undefined) await line.finish(call, { talk: 2_000 + this.#random.next() * 8_000 });
    this.done.calls += line.completed;
    this.done.failed += line.failed;
    this.#busy.delete(caller);
    this.#busy.delete(callee);
  }

  /** At the same node, or at another one. */
  async #resume(): Promise<void> {
    const { device } = this.#random.pick(this.phones);
    if (device.state !== "online") return;
    if (this.#random.chance(0.5)) device.drop();
    else device.goTo(this.#random.int(0, this.#urls.length - 1));
    this.done.resumes += 1;
  }

  async #write(): Promise<void> {
    const [one, other] = [this.#random.pick(this.phones), this.#random.pick(this.phones)];
    if (one === other) return;
    const reply = await one.device.ask("send", { to: other.device.name, body: { text: "x".repeat(200) } });
    if (reply.ok === undefined) this.done.refused += 1;
    else this.done.messages += 1;
  }

  async #changeRoom(): Promise<void> {
    const phone = this.#random.pick(this.phones);
    const [room] = phone.rooms;
    if (room === undefined) {
      const wanted = `room:r${this.#random.int(1, Math.ceil(this.phones.length / roomSize / 2))}`;
      phone.rooms = [wanted];
      const reply = await phone.device.ask("join", { room: wanted });
      if (reply.ok === undefined) this.done.refused += 1;
      else this.done.joins += 1;
    } else {
      phone.rooms = [];
      await phone.device.ask("leave", { room });
      this.done.leaves += 1;
    }
  }

  #idle(): Phone | undefined {
    for (let tries = 0; tries < 20; tries++) {
      const phone = this.#random.pick(this.phones);
      if (this.#busy.has(phone) || phone.device.state !== "online") continue;
      this.#busy.add(phone);
      return phone;
    }
    return undefined;
  }
}
