import { createHash } from "node:crypto";
import { MemoryHub } from "../../src/backplane/memory.ts";
import { createNode, type SignalingNode } from "../../src/cluster/node.ts";
import { SessionMigration } from "../../src/cluster/sessions/session-migration.ts";
import { answerInPlace } from "../../src/gateways/answer-on-behalf.ts";
import { defaultLimits, type Limits } from "../../src/protocol/limits.ts";
import type { CoreStats } from "../../src/signaling/core.ts";
import type { Grants } from "../../src/signaling/grants.ts";
import { sessionSnapshot } from "../../src/signaling/session/session-restore.ts";
import { Ledger, type Slot } from "./ledger.ts";
import { MessageLedger } from "./message-ledger.ts";
import { ModelClient } from "./model-client.ts";

/** `carol` may call, but neither watch nor moderate. */
const grants: Record<string, Grants> = {
  alice: { call: ["*"], watch: ["*"], join: ["room:*"], send: ["*", "room:*"] },
  bob: { call: ["*"], watch: ["*"], join: ["room:*"], send: ["*", "room:*"] },
  carol: { call: ["*"], join: ["room:*"] },
};
const users = Object.keys(grants);
const watchers = new Set(["alice", "bob"]);

/**
 * A backplane from which nothing comes is down for each node once its pings have gone unanswered, at the latest 4.5 s later
 * (src/backplane/nats-dial.ts): what waits longer than that comes out late, on a connection that is another, or never. ms
 */
const noticedAfter = [4_500, 3_500, 3_000] as const;

/** How long a node is away that loses its connection to the backplane and has the next one at once. ms */
const blinkTime = 100;

/** The mean of a client's wait before it comes again, once it was told to so many times. ms */
const backoff = (times: number) => (times === 0 ? 150 : Math.min(250 * 2 ** times, 4_000));

/** How long a node that leaves lets its clients stay, at most; ms. */
const drainWithin = 10_000;

/** One node, its clients, and the network between them, under one simulated clock. */
export class World {
  now = 1_000_000_000_000;
  readonly cores: SignalingNode[];
  /** The node that leaves, to start anew once it has nothing left. */
  #draining: number | undefined;
  #drained = false;
  readonly #hub: MemoryHub | undefined;
  readonly #nodes: readonly string[];
  /** Since when what nodes say to each other waits; undefined while it does not. */
  #lagsSince: number | undefined;
  /** Nodes that have not noticed yet, and when they do. */
  #unnoticed: { readonly node: string; readonly at: number }[] = [];
  #lags = 0;
  #blinked = false;
  #togetherSince = 0;
  /** The node that is cut off for a moment. */
  #away: { readonly name: string; readonly until: number } | undefined;
  readonly ledger = new Ledger();
  readonly messages = new MessageLedger();
  readonly limits: Limits;
  /** The newest client of each slot. */
  readonly current = new Map<Slot, ModelClient>();
  /** All that were ever started and have not stopped. */
  clients: ModelClient[] = [];
  /** The newest instance of each slot. */
  readonly #newest = new Map<Slot, number>();
  readonly #spokeAt = new Map<Slot, number>();
  #random = 0;
  #instances = 0;
  readonly #handsOver: boolean;
  #handedOver = 0;
  #turns = 0;

  /**
   * `nodes`: several are joined by a backplane in memory, and every client connects to any of them. With `handsOver`
   * every session goes on as its own snapshot, again and again.
   */
  constructor(limits: Partial<Limits> = {}, nodes: readonly string[] = ["n1"], handsOver = false) {
    this.#handsOver = handsOver;
    this.limits = { ...defaultLimits, ...limits };
    this.#nodes = nodes;
    this.#hub = nodes.length > 1 ? new MemoryHub({ delivery: "pumped", now: this.now }) : undefined;
    this.cores = nodes.map((node) => this.#newCore(node));
    if (nodes.length > 1) this.pass(3_000);
  }

  #newCore(node: string): SignalingNode {
    const hash = (text: string) => createHash("sha256").update(text).digest("base64url");
    return createNode(
      {
        node,
        limits: this.limits,
        rooms: [],
        backplane: this.#hub?.node(node),
        ports: {
          now: () => this.now,
          answerFor: answerInPlace,
          wallAhead: () => 0,
          verify: (user, done) =>
            done(
              {
                ok: true,
                value: { user, grants: grants[user] ?? {}, issuedAt: this.now, expires: this.now + 1e12 },
              },
              this.now,
            ),
          iceServers: () => ({ servers: [] }),
          random: (bytes) => {
            this.#random += 1;
            return hash(`${this.#random}`).slice(0, Math.ceil((bytes * 4) / 3));
          },
          jitter: () => 0.5,
          hash,
          seal: (text) => Buffer.from(text).toString("base64url"),
          unseal: (sealed) => Buffer.from(sealed, "base64url").toString(),
          emit: (event) => {
            if (event.type === "fault") throw event.error;
            if (event.type === "session_started") this.ledger.began(event.session, this.now);
          },
        },
      },
      this.now,
    );
  }

  /** Nodes could not hear each other for a time. */
  get lagged(): boolean {
    return this.#lags > 0 || this.#blinked;
  }

  /** Nodes can't hear each other, or could not just now. */
  get apart(): boolean {
    return this.backplaneLags || this.#away !== undefined || this.now - this.#togetherSince < 1_000;
  }

  get backplaneLags(): boolean {
    return this.#lagsSince !== undefined;
  }

  set backplaneLags(lags: boolean) {
    const hub = this.#hub;
    if (lags === this.backplaneLags || hub === undefined) return;
    this.#isBack();
    if (lags) {
      this.#lags += 1;
      this.#lagsSince = this.now;
      this.#unnoticed = this.#nodes.map((node, n) => ({ node, at: this.now + (noticedAfter[n] ?? 4_000) }));
      for (const node of this.#nodes) hub.sleep(node);
      return;
    }
    this.#lagsSince = undefined;
    this.#togetherSince = this.now;
    this.#unnoticed = [];
    // What a node has not heard when it joins again comes late, or never.
    const late = this.#lags % 2 === 1;
    for (const wake of late ? [hub.up, hub.wake] : [hub.wake, hub.up])
      for (const node of this.#nodes) wake.call(hub, node);
  }

  /**
   * False while nodes wait for each other and have not noticed yet. A question does not time out meanwhile: shorter than
   * that, the wait is one for a busy machine.
   */
  get #passes(): boolean {
    return !this.backplaneLags || this.#unnoticed.length === 0;
  }

  /** Those who have waited in vain for long enough know that they are cut off. */
  #notice(): void {
    for (const { node } of this.#unnoticed.filter(({ at }) => at <= this.now)) this.#hub?.down(node);
    this.#unnoticed = this.#unnoticed.filter(({ at }) => at > this.now);
  }

  /** A node loses its connection to the others, and what is on its way by it, for a moment. */
  blink(node: number): void {
    const hub = this.#hub;
    const name = this.#nodes[node % this.#nodes.length];
    if (hub === undefined || name === undefined || this.backplaneLags || this.#away !== undefined) return;
    this.#blinked = true;
    this.#away = { name, until: this.now + blinkTime };
    hub.down(name);
  }

  #isBack(): void {
    if (this.#away === undefined) return;
    this.#hub?.up(this.#away.name);
    this.#away = undefined;
    this.#togetherSince = this.now;
  }

  /** A node is to be replaced: it gives away what it has, while everything goes on. One at a time. */
  drain(node: number): void {
    if (this.#hub === undefined || this.#draining !== undefined) return;
    this.#draining = node % this.cores.length;
    this.#drained = true;
    this.coreAt(node).drain(this.now, drainWithin);
  }

  /** Who must not use a key twice: the user, of whose devices several nodes may not know each other's keys yet. */
  keyHolder({ user, slot }: ModelClient): string {
    return this.cores.length > 1 ? slot : user;
  }

  /** Starts the node that has drained anew. */
  #replace(): void {
    const node = this.#draining;
    if (node === undefined || this.backplaneLags || this.#away !== undefined || !this.coreAt(node).empty)
      return;
    const name = this.#nodes[node] as string;
    // Who was away all the time has left nothing there for another node to take along.
    for (const { slot, isOnline } of this.clients) if (!isOnline) this.ledger.forgetKeys(slot);
    this.coreAt(node).leave(this.now);
    this.flow();
    this.#hub?.remove(name);
    this.cores[node] = this.#newCore(name);
    this.#draining = undefined;
  }

  /** The node of that number. */
  coreAt(node: number): SignalingNode {
    return this.cores[node % this.cores.length] as SignalingNode;
  }

  /** What all nodes hold together. */
  stats(): Record<keyof CoreStats, number> {
    const sum: Record<string, number> = {};
    for (const core of this.cores)
      for (const [name, value] of Object.entries(core.stats())) sum[name] = (sum[name] ?? 0) + value;
    return sum as Record<keyof CoreStats, number>;
  }

  /**
   * A client was told that another instance has taken its place: only a newer one may have,
   * while the server knows this one.
   */
  displaced({ slot, index, state, silentFor }: ModelClient): void {
    const known = state === "online" || silentFor < this.limits.resumeWindow;
    // A client whose first hello waits for nodes that can't hear each other may well say it again.
    // Nor does anybody know which of two was the newer where the node of that one has been replaced meanwhile.
    if (known && !this.lagged && !this.#drained && this.#newest.get(slot) === index)
      throw new Error(`${slot}: an older instance displaced the newest one`);
  }

  /** The client says its first hello. */
  begins({ slot, index }: ModelClient): void {
    this.#newest.set(slot, index);
  }

  spoke(slot: Slot): void {
    this.#spokeAt.set(slot, this.now);
  }

  /** Starts another client at the slot: a first one, a reload with tickets, or a second instance beside the first. */
  start(slot: Slot, tickets: readonly string[] = [], node = 0): ModelClient {
    const user = slot.split("/")[0] as string;
    // Of two runs that begin at once at nodes that can't hear each other nobody knows the later one.
    if (this.#hub !== undefined) this.pass(1);
    this.#instances += 1;
    const client = new ModelClient(this, slot, {
      token: user,
      index: this.#instances,
      watches: watchers.has(user) ? users : [],
      tickets,
    });
    this.current.set(slot, client);
    this.clients.push(client);
    this.begins(client);
    client.connect({ node });
    this.flow();
    return client;
  }

  /** Delivers everything that does not lag, and what comes of it. */
  flow(): void {
    for (let left = 50; left > 0; left--) {
      for (const client of this.clients) {
        client.flow();
        this.#turns += 1;
        // Now and then, at every kind of moment: in the middle of a conversation too.
        if (this.#handsOver && this.#turns % 97 === 0) this.#handOver();
      }
      if (this.#passes) this.#hub?.pump(this.now);
    }
    this.clients = this.clients.filter((client) => client.state !== "stopped" || client.wire?.open === true);
    for (const [slot, client] of this.current) if (client.state === "stopped") this.current.delete(slot);
  }

  pass(ms: number): void {
    const end = this.now + ms;
    while (this.now < end) {
      const due = this.cores.map((core) => core.nextDeadline);
      const noticed = this.#unnoticed.map(({ at }) => at);
      this.now = Math.min(
        end,
        Math.max(
          this.now,
          Math.min(
            (this.#passes ? this.#hub?.next : undefined) ?? end,
            this.#away?.until ?? end,
            ...noticed,
            ...due,
          ),
        ),
      );
      if (this.#away !== undefined && this.#away.until <= this.now) this.#isBack();
      this.#notice();
      for (const core of this.cores) core.tick(this.now);
      this.flow();
      this.#replace();
    }
  }

  /**
   * Every client has its network back, and goes on: older instances of a device too. They must settle: at most one
   * of them stays, and nobody displaces anybody for ever.
   */
  heal(): void {
    this.backplaneLags = false;
    this.#isBack();
    for (let rounds = 0; ; rounds++) {
      if (rounds > 5) throw new Error("the clients never settle");
      for (const client of this.clients) {
        client.lag(false);
        if (client.wire !== undefined) client.wire.stalled = false;
      }
      this.flow();
      const lost = this.clients.filter((client) => client.state !== "stopped" && !client.isOnline);
      if (lost.length === 0) break;
      for (const client of lost) {
        // The one that drains sends everybody away.
        const next = client.node % this.cores.length === this.#draining ? client.node + 1 : client.node;
        if (!client.isOnline) client.connect({ node: next });
        this.flow();
      }
      // Nodes that were cut off until now find each other first, and a hello waits for that: no client says it again at once.
      if (this.clients.some(({ state, wire }) => state === "offline" && wire?.open === true))
        this.pass(5_000);
      // Who was told to come again backs off first, as the protocol says.
      else if (this.clients.some(({ state }) => state === "offline")) this.pass(backoff(rounds));
    }
    this.pass(1_000);
    const slots = this.online().map((client) => client.slot);
    if (new Set(slots).size < slots.length) throw new Error(`two live instances of one of ${slots}`);
    for (const client of this.online()) this.current.set(client.slot, client);
  }

  /** Another node takes every session over, as far as one core can show it. */
  #handOver(): void {
    const { sessions, links } = this.coreAt(0).core;
    const migration = new SessionMigration("n1", sessions.table);
    for (const id of sessions.table.movable()) {
      const before = migration.release(id, this.now);
      const text = JSON.stringify(before);
      this.#handedOver += 1;
      const adopted = migration.adopt(
        JSON.parse(text),
        (link) => links.get(link)?.device,
        1 + this.#handedOver,
        this.now,
      );
      const after = JSON.stringify({ ...sessionSnapshot(adopted, this.now), epoch: before?.epoch });
      if (after !== text) throw new Error(`${id} is another session now:\n${text}\n${after}`);
    }
    this.coreAt(0).tick(this.now);
  }

  online(): ModelClient[] {
    return this.clients.filter((client) => client.isOnline);
  }

  /** The slots that the server has not heard for longer than a device may be shown online. */
  silentSlots(): Slot[] {
    const most = this.limits.offlineAfter + 1_500;
    return [...this.#spokeAt].filter(([, at]) => this.now - at > most).map(([slot]) => slot);
  }
}
