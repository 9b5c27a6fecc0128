import {
  type Backplane,
  type BackplaneAnswer,
  type BackplaneState,
  maxMessageBytes,
} from "../cluster/backplane.ts";
import { type Deadline, Deadlines } from "../shared/deadlines.ts";
import { longerThan } from "../shared/utf8.ts";

type Hear = (message: unknown, answer?: (reply: unknown) => void) => void;

interface Subscription {
  readonly node: Node;
  readonly hear: Hear;
  /** It was removed: messages that are on their way to it are dropped. */
  over: boolean;
}

interface Question {
  readonly by: Node;
  readonly done: (answer: BackplaneAnswer) => void;
  readonly timeout: Deadline;
}

export interface MemoryHubOptions {
  /**
   * `immediate`: a message is delivered before `publish` or `request` returns; what a single process wants.
   * `pumped`: it waits for {@link MemoryHub.pump}; what a test wants, which drops and delays.
   */
  readonly delivery: "immediate" | "pumped";
  /** Unix ms. Each pump sets it. */
  readonly now: number;
}

/**
 * The backplane of nodes in one process. Messages are copied as JSON, as over a network, and arrive in the order in which they were
 * sent. It has no timer: time-outs come when it is pumped. Nodes may go down and come up again. Messages to a node that is down are
 * lost.
 */
export class MemoryHub {
  readonly #immediate: boolean;
  readonly #nodes = new Map<string, Node>();
  readonly #subjects = new Map<string, Set<Subscription>>();
  readonly #questions = new Set<Question>();
  readonly #deadlines = new Deadlines();
  readonly #asleep = new Map<Node, (() => void)[]>();
  #queue: (() => void)[] = [];
  #now: number;

  constructor({ delivery, now }: MemoryHubOptions) {
    this.#immediate = delivery === "immediate";
    this.#now = now;
  }

  /** The backplane of the node with this name. */
  node(name: string): Backplane {
    const known = this.#nodes.get(name);
    if (known !== undefined) return known;
    const node = new Node(this);
    this.#nodes.set(name, node);
    return node;
  }

  /** Cuts a node off. Its open requests are answered `down` at once, and requests to it time out. */
  down(name: string): void {
    const node = this.#nodes.get(name);
    if (node === undefined) return;
    node.become("down");
    for (const question of [...this.#questions])
      if (question.by === node) this.#settle(question, { kind: "down" });
  }

  /** The node is gone for good, with its subscriptions. */
  remove(name: string): void {
    const node = this.#nodes.get(name);
    if (node === undefined) return;
    this.down(name);
    this.#nodes.delete(name);
    for (const [subject, subscriptions] of [...this.#subjects]) {
      for (const one of [...subscriptions]) if (one.node === node) subscriptions.delete(one);
      if (subscriptions.size === 0) this.#subjects.delete(subject);
    }
  }

  /** The node is frozen, or gets no messages: those to it wait until it wakes. Its own requests can time out. */
  sleep(name: string): void {
    const node = this.#nodes.get(name);
    if (node !== undefined && !this.#asleep.has(node)) this.#asleep.set(node, []);
  }

  wake(name: string): void {
    const node = this.#nodes.get(name);
    if (node === undefined) return;
    const waiting = this.#asleep.get(node) ?? [];
    this.#asleep.delete(node);
    for (const delivery of waiting) this.#send(node, delivery);
  }

  up(name: string): void {
    const node = this.#nodes.get(name);
    node?.become("up");
  }

  /** Delivers waiting messages, with all that follow from them, and runs time-outs up to `now`. */
  pump(now: number): void {
    this.#now = Math.max(now, this.#now);
    this.#deliver();
    this.#deadlines.run(this.#now);
    this.#deliver();
  }

  /** The next time at which {@link pump} has something to do; undefined when there is none. */
  get next(): number | undefined {
    return this.#queue.length > 0 ? this.#now : this.#deadlines.next;
  }

  // What the nodes do

  publish(from: Node, subject: string, message: unknown): void {
    if (from.state === "down") return;
    const text = textOf(message);
    if (text === undefined) return;
    for (const to of this.#others(subject, from))
      this.#send(to.node, () => {
        if (to.node.state === "up" && !to.over) to.hear(JSON.parse(text));
      });
  }

  request(
    from: Node,
    subject: string,
    message: unknown,
    timeout: number,
    done: (answer: BackplaneAnswer) => void,
  ): void {
    // A node finds this out by itself, at once.
    if (from.state === "down") {
      this.#put(() => done({ kind: "down" }));
      return;
    }
    const text = textOf(message);
    if (text === undefined) {
      this.#put(() => done({ kind: "too_large" }));
      return;
    }
    const others = this.#others(subject, from);
    const question: Question = {
      by: from,
      done,
      timeout: this.#deadlines.add(this.#now + timeout, () => this.#settle(question, { kind: "timeout" })),
    };
    this.#questions.add(question);
    if (others.length === 0) this.#send(from, () => this.#settle(question, { kind: "no_responders" }));
    for (const to of others)
      this.#send(to.node, () => {
        if (to.node.state === "up" && !to.over)
          to.hear(JSON.parse(text), (reply) => this.#answer(to.node, question, reply));
      });
  }

  subscribe(node: Node, subject: string, hear: Hear): () => void {
    const subscription: Subscription = { node, hear, over: false };
    const subscriptions = this.#subjects.get(subject) ?? new Set();
    this.#subjects.set(subject, subscriptions.add(subscription));
    return () => {
      subscription.over = true;
      subscriptions.delete(subscription);
      if (subscriptions.size === 0 && this.#subjects.get(subject) === subscriptions)
        this.#subjects.delete(subject);
    };
  }

  #answer(by: Node, question: Question, reply: unknown): void {
    if (by.state === "down") return;
    const text = textOf(reply);
    this.#send(question.by, () => {
      const answer = { kind: "reply", reply: text === undefined ? undefined : JSON.parse(text) } as const;
      this.#settle(question, text === undefined ? { kind: "too_large" } : answer);
    });
  }

  #settle(question: Question, answer: BackplaneAnswer): void {
    if (!this.#questions.delete(question)) return;
    question.timeout.cancel();
    question.done(answer);
  }

  #others(subject: string, from: Node): Subscription[] {
    const all = this.#subjects.get(subject) ?? [];
    return [...all].filter(({ node }) => node !== from && node.state === "up");
  }

  #send(to: Node, delivery: () => void): void {
    const asleep = this.#asleep.get(to);
    if (asleep !== undefined) asleep.push(delivery);
    else this.#put(delivery);
  }

  #put(delivery: () => void): void {
    if (this.#immediate) delivery();
    else this.#queue.push(delivery);
  }

  #deliver(): void {
    while (this.#queue.length > 0) {
      const now = this.#queue;
      this.#queue = [];
      for (const delivery of now) delivery();
    }
  }
}

class Node implements Backplane {
  state: BackplaneState = "up";
  readonly #hub: MemoryHub;
  readonly #listeners = new Set<{ readonly hear: (state: BackplaneState) => void }>();

  constructor(hub: MemoryHub) {
    this.#hub = hub;
  }

  publish(subject: string, message: unknown): void {
    this.#hub.publish(this, subject, message);
  }

  request(subject: string, message: unknown, timeout: number, done: (answer: BackplaneAnswer) => void): void {
    this.#hub.request(this, subject, message, timeout, done);
  }

  subscribe(subject: string, hear: Hear): () => void {
    return this.#hub.subscribe(this, subject, hear);
  }

  onState(hear: (state: BackplaneState) => void): () => void {
    const listener = { hear };
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  become(state: BackplaneState): void {
    if (state === this.state) return;
    this.state = state;
    for (const { hear } of [...this.#listeners]) hear(state);
  }
}

/** Undefined for a message that is too large. */
function textOf(message: unknown): string | undefined {
  const text = JSON.stringify(message) ?? "null";
  return longerThan(text, maxMessageBytes) ? undefined : text;
}
