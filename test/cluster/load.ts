import type { Random } from "../fuzz/random.ts";
import type { ClusterNode } from "./cluster-node.ts";
import { Device } from "./device.ts";
import type { Journal } from "./journal.ts";
import { type Call, Line, sleep, until } from "./line.ts";
import { Messenger } from "./messenger.ts";
import { Phone } from "./phone.ts";

export interface LoadSize {
  /** Lines whose devices are spread over the nodes. */
  readonly lines: number;
  /** Lines of each node whose devices are all there. */
  readonly localLines: number;
  /** Calls that are held through the whole run. */
  readonly longCalls: number;
  /** Pairs of devices, at different nodes, that send each other messages. */
  readonly messengers: number;
  /** Pause between two messages of one device, ms. */
  readonly messageEvery: number;
  /** Devices of each node that die with it. */
  readonly doomed: number;
  /** Every other device gives a silent transport up after this long instead of the protocol's 30 s, ms. */
  readonly impatience?: number;
}

export const smallLoad: LoadSize = {
  lines: 4,
  localLines: 1,
  longCalls: 4,
  messengers: 4,
  messageEvery: 100,
  doomed: 1,
};

interface LongCall {
  readonly line: Line;
  call: Call;
}

/** How long the load may take to come online, ms. */
const patience = 30_000;

/** Users with several devices spread over the nodes, who call, hold calls, send messages and watch each other. */
export class Load {
  readonly lines: Line[] = [];
  /** By node. */
  readonly local = new Map<string, Line[]>();
  readonly longCalls: LongCall[] = [];
  readonly messengers: Messenger[] = [];
  readonly watchers: Phone[] = [];
  /** By node. */
  readonly doomed = new Map<string, Phone[]>();
  readonly phones: Phone[] = [];
  /** Names of the devices that wait for as long as the protocol says. */
  readonly patient: string[] = [];
  readonly #nodes: readonly ClusterNode[];
  readonly #journal: Journal;
  readonly #random: Random;
  readonly #size: LoadSize;
  readonly #holding: Line[] = [];
  #running: Promise<void>[] = [];

  constructor(nodes: readonly ClusterNode[], journal: Journal, random: Random, size: LoadSize) {
    this.#nodes = nodes;
    this.#journal = journal;
    this.#random = random;
    this.#size = size;
    this.#populate();
  }

  /** Everybody is online, the long calls are up, calls and messages go on. */
  async start(): Promise<void> {
    await this.online("at the start");
    const users = [...new Set(this.phones.map(({ device }) => device.user))];
    for (const watcher of this.watchers) watcher.watch(users);
    await sleep(300);
    for (const line of this.#holding) {
      const call = await line.up();
      if (call !== undefined) this.longCalls.push({ line, call });
    }
    this.#running = [
      ...this.everyLine().map((line) => line.run()),
      ...this.messengers.map((messenger) => messenger.run(this.#size.messageEvery)),
    ];
  }

  everyLine(): Line[] {
    return [...this.lines, ...this.everyLocalLine()];
  }

  everyLocalLine(): Line[] {
    return [...this.local.values()].flat();
  }

  /** Whether a step of a call that fails is a finding. */
  strict(on: boolean, lines: readonly Line[] = this.everyLine()): void {
    for (const line of lines) line.strict = on;
  }

  /** Waits until everybody who lives is online. */
  async online(when: string): Promise<void> {
    const away = () => this.phones.filter(({ device }) => device.state === "away");
    if (await until(() => away().length === 0, patience)) return;
    for (const { device } of away())
      this.#journal.write({ what: "stuck", device: device.name, doing: `is not online ${when}` });
  }

  /** Every call that was held is the same one still: both ends renegotiate, move and hang up. */
  async finishLongCalls(): Promise<void> {
    await Promise.all(
      this.longCalls.map(async ({ line, call }) => {
        line.strict = true;
        call.strict = true;
        call.callee = call.calleePhone.talks.get(call.caller.session) ?? call.callee;
        call.caller = line.caller.talks.get(call.caller.session) ?? call.caller;
        await line.finish(call, { move: true, talk: 100 });
      }),
    );
  }

  /** The end: nobody calls any more, everybody leaves, and the nodes are empty. */
  async stop(): Promise<void> {
    for (const line of this.everyLine()) line.stop();
    for (const messenger of this.messengers) messenger.stop();
    const done = Promise.all(this.#running).then(() => true);
    if (!(await Promise.race([done, sleep(patience).then(() => false)])))
      this.#journal.write({
        what: "stuck",
        device: "load",
        doing: "calls or messages do not come to an end",
      });
    await sleep(300);
  }

  /**
   * Everybody leaves, at a moment at which all are online: who closes a transport while its welcome is on the way leaves a link
   * behind, which its node keeps for as long as it could be resumed.
   */
  async leave(): Promise<void> {
    const all = [...this.watchers, ...this.phones];
    await until(() => all.every(({ device }) => device.state !== "away"), patience);
    for (const { device } of all) device.close();
  }

  #populate(): void {
    const { lines, localLines, longCalls, messengers, doomed } = this.#size;
    const chance = () => this.#random.next();
    for (let i = 0; i < lines; i++) {
      const caller = this.#phone(`caller${i}`, "web", i);
      const callees = Array.from({ length: 3 }, (_, d) => this.#phone(`callee${i}`, `d${d}`, i + 1 + d));
      this.lines.push(new Line(caller, callees, this.#journal, chance));
    }
    for (const [n, node] of this.#nodes.entries()) {
      const local = Array.from({ length: localLines }, (_, i) => {
        const caller = this.#phone(`near${n}-${i}`, "web", n);
        const callees = [0, 1].map((d) => this.#phone(`by${n}-${i}`, `d${d}`, n));
        return new Line(caller, callees, this.#journal, chance);
      });
      this.local.set(node.name, local);
      this.watchers.push(this.#phone(`watcher${n}`, "web", n));
      this.doomed.set(
        node.name,
        Array.from({ length: doomed }, (_, i) => this.#phone(`doomed${n}-${i}`, "web", n)),
      );
    }
    for (let i = 0; i < longCalls; i++) {
      const caller = this.#phone(`holder${i}`, "web", i);
      const first = this.#phone(`held${i}`, "first", i + 1);
      const second = this.#phone(`held${i}`, "second", i + 2);
      second.answering = "ring";
      this.#holding.push(new Line(caller, [first, second], this.#journal, chance));
    }
    for (let i = 0; i < messengers; i++) {
      const [one, other] = [this.#phone(`writer${i}`, "web", i), this.#phone(`reader${i}`, "web", i + 1)];
      this.messengers.push(
        new Messenger(one, other, this.#journal),
        new Messenger(other, one, this.#journal),
      );
    }
  }

  #phone(user: string, id: string, home: number): Phone {
    const { impatience } = this.#size;
    const patient = impatience === undefined || this.phones.length % 2 === 0;
    if (patient) this.patient.push(`${user}/${id}`);
    const random = () => this.#random.next();
    const device = new Device(user, id, {
      journal: this.#journal,
      urls: this.#nodes.map(({ url }) => url),
      home: home % this.#nodes.length,
      random,
      token: `dev:${user}`,
      ...(patient ? {} : { silence: impatience }),
    });
    const phone = new Phone(device, this.#journal, random);
    this.phones.push(phone);
    return phone;
  }
}
