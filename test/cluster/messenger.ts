import type { Journal } from "./journal.ts";
import { sleep } from "./line.ts";
import type { Phone } from "./phone.ts";

let streams = 0;

/** Numbered messages from one device to another, at a steady pace. Each link of the sender begins a new stream. */
export class Messenger {
  readonly from: Phone;
  readonly to: Phone;
  sent = 0;
  done = 0;
  /** Refusals that are no fault of anybody, by code; the longest that one took, ms. */
  readonly refused = new Map<string, number>();
  readonly #journal: Journal;
  #stopped = false;
  #stream = "";
  #link = "";
  #n = 0;
  #waiting = 0;

  constructor(from: Phone, to: Phone, journal: Journal) {
    this.from = from;
    this.to = to;
    this.#journal = journal;
    to.onMessage = ({ stream, n }) =>
      journal.write({ what: "got", stream, n, device: to.device.name, link: to.device.link });
  }

  async run(every: number): Promise<void> {
    while (!this.#stopped) {
      // As many at a time as a client may have without a reply, less what it needs otherwise.
      if (this.from.device.unanswered < 40) void this.#send();
      await sleep(every);
    }
    while (this.#waiting > 0) await sleep(5);
  }

  stop(): void {
    this.#stopped = true;
  }

  async #send(): Promise<void> {
    const { device } = this.from;
    if (device.link === "") return;
    if (device.link !== this.#link) {
      streams += 1;
      this.#link = device.link;
      this.#stream = `m${streams}`;
      this.#n = 0;
      const [from, to] = [device.name, this.to.device.name];
      this.#journal.write({ what: "stream", stream: this.#stream, from, to, whole: true });
    }
    const numbered = { stream: this.#stream, n: this.#n };
    this.#n += 1;
    this.sent += 1;
    this.#waiting += 1;
    const began = performance.now();
    const reply = await device.ask("send", { to: this.to.device.name, body: numbered }, numbered);
    this.#waiting -= 1;
    if (reply.ok !== undefined) this.done += 1;
    else {
      const code = reply.error.code as string;
      this.refused.set(code, Math.max(performance.now() - began, this.refused.get(code) ?? 0));
    }
  }
}
