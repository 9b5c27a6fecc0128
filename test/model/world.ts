import { createHash } from "node:crypto";
import { defaultLimits, type Limits } from "../../src/protocol/limits.ts";
import { Core } from "../../src/signaling/core.ts";
import type { Grants } from "../../src/signaling/grants.ts";
import { Ledger, type Slot } from "./ledger.ts";
import { ModelClient } from "./model-client.ts";

/** `carol` may call, but neither watch nor moderate. */
const grants: Record<string, Grants> = {
  alice: { call: ["*"], watch: ["*"], join: ["room:*"], send: ["*", "room:*"] },
  bob: { call: ["*"], watch: ["*"], join: ["room:*"], send: ["*", "room:*"] },
  carol: { call: ["*"], join: ["room:*"] },
};
const users = Object.keys(grants);
const watchers = new Set(["alice", "bob"]);

/** One node, its clients, and the network between them, under one simulated clock. */
export class World {
  now = 1_000_000_000_000;
  readonly core: Core;
  readonly ledger = new Ledger();
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

  constructor(limits: Partial<Limits> = {}) {
    this.limits = { ...defaultLimits, ...limits };
    const hash = (text: string) => createHash("sha256").update(text).digest("base64url");
    this.core = new Core(
      {
        node: "n1",
        limits: this.limits,
        rooms: [],
        backplane: undefined,
        ports: {
          now: () => this.now,
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
          },
        },
      },
      this.now,
    );
  }

  /**
   * A client was told that another instance has taken its place: only a newer one may have,
   * while the server knows this one.
   */
  displaced({ slot, index, state, silentFor }: ModelClient): void {
    const known = state === "online" || silentFor < this.limits.resumeWindow;
    if (known && this.#newest.get(slot) === index)
      throw new Error(`${slot}: an older instance displaced the newest one`);
  }

  spoke(slot: Slot): void {
    this.#spokeAt.set(slot, this.now);
  }

  /** Starts another client at the slot: a first one, a reload with tickets, or a second instance beside the first. */
  start(slot: Slot, tickets: readonly string[] = []): ModelClient {
    const user = slot.split("/")[0] as string;
    this.#instances += 1;
    const client = new ModelClient(this, slot, {
      token: user,
      index: this.#instances,
      watches: watchers.has(user) ? users : [],
      tickets,
    });
    this.current.set(slot, client);
    this.clients.push(client);
    this.#newest.set(slot, client.index);
    client.connect();
    this.flow();
    return client;
  }

  /** Delivers everything that does not lag, and what comes of it. */
  flow(): void {
    for (let left = 50; left > 0; left--) for (const client of this.clients) client.flow();
    this.clients = this.clients.filter((client) => client.state !== "stopped" || client.wire?.open === true);
    for (const [slot, client] of this.current) if (client.state === "stopped") this.current.delete(slot);
  }

  pass(ms: number): void {
    const end = this.now + ms;
    while (this.now < end) {
      this.now = Math.min(end, Math.max(this.now, this.core.nextDeadline));
      this.core.tick(this.now);
      this.flow();
    }
  }

  /**
   * Every client has its network back, and goes on: older instances of a device too. They must settle: at most one
   * of them stays, and nobody displaces anybody for ever.
   */
  heal(): void {
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
        if (!client.isOnline) client.connect();
        this.flow();
      }
    }
    this.pass(1_000);
    const slots = this.online().map((client) => client.slot);
    if (new Set(slots).size < slots.length) throw new Error(`two live instances of one of ${slots}`);
    for (const client of this.online()) this.current.set(client.slot, client);
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
