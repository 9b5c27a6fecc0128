import { setTimeout as sleep } from "node:timers/promises";
import type { ClusterNode } from "../cluster/cluster-node.ts";
import type { Client } from "../conformance/client.ts";
import type { Random } from "../fuzz/random.ts";
import { signIn } from "../support/sign-in.ts";

/** A call that its caller was told of. */
export interface PlacedCall {
  readonly session: string;
  /** The node that has taken it, and when. ms */
  readonly node: string;
  readonly at: number;
}

export interface PairOptions {
  readonly name: string;
  readonly nodes: readonly ClusterNode[];
  /** The caller's node where that runs; the callee is at the next one. */
  readonly home: number;
  readonly random: Random;
  placed(call: PlacedCall): void;
}

/** Two devices that call each other again and again, over whatever happens to their nodes. */
export class Pair {
  readonly #options: PairOptions;
  #caller: Client | undefined;
  #callee: Client | undefined;
  /** Of a call that may go on: the caller's and the callee's. */
  #tickets: readonly [string, string] | undefined;
  #node = "";

  constructor(options: PairOptions) {
    this.#options = options;
  }

  /** One call, or an attempt at one. */
  async call(): Promise<void> {
    const { name, random, placed } = this.#options;
    try {
      const { caller, callee } = await this.#online();
      const node = this.#node;
      const { session, ticket } = await caller.ok("call", { to: `${name}-b` });
      placed({ session, node, at: performance.now() });
      const incoming = await callee.push("incoming", { session });
      callee.fire("ringing", { session });
      if (random.next() < 0.15) {
        await callee.ok("decline", { session });
        await caller.push("ended", { session });
        return;
      }
      const accepted = callee.ok("accept", { session });
      // Who waits for it hears what went wrong.
      accepted.catch(() => {});
      await caller.push("accepted", { session });
      await caller.ok("confirm", { session, device: "phone" });
      await accepted;
      this.#tickets = [ticket, incoming.ticket];
      caller.fire("report", { session, stats: { state: "connected" } });
      await sleep(random.next() * 200);
      if (random.next() < 0.1) return this.#vanish();
      await (random.next() < 0.5 ? caller : callee).ok("hangup", { session });
      this.#tickets = undefined;
    } catch {
      // A node has died, or does not answer just now: both sign in anew.
      this.#vanish();
      await sleep(50 + random.next() * 200);
    }
  }

  leave(): void {
    this.#vanish();
  }

  #vanish(): void {
    void this.#caller?.drop();
    void this.#callee?.drop();
    this.#caller = undefined;
    this.#callee = undefined;
  }

  async #online(): Promise<{ readonly caller: Client; readonly callee: Client }> {
    const [one, other] = [this.#caller, this.#callee];
    if (
      one !== undefined &&
      other !== undefined &&
      one.closeCode === undefined &&
      other.closeCode === undefined
    )
      return { caller: one, callee: other };
    const { name, home, random } = this.#options;
    // Sometimes a call that was cut goes on, at whichever node they come to, until it is hung up there.
    const tickets = random.next() < 0.7 ? this.#tickets : undefined;
    this.#tickets = undefined;
    const came = (ticket: string | undefined) => (ticket === undefined ? {} : { sessions: [ticket] });
    const [node, next] = [this.#running(home), this.#running(home + 1)];
    this.#node = node.name;
    const caller = await signIn(node.at, `dev:${name}-a`, "phone", came(tickets?.[0]));
    this.#caller = caller;
    const callee = await signIn(next.at, `dev:${name}-b`, "phone", came(tickets?.[1]));
    this.#callee = callee;
    for (const session of caller.welcome.sessions ?? []) {
      await caller.push("session", { session });
      await sleep(random.next() * 100);
      await caller.ok("hangup", { session });
    }
    return { caller, callee };
  }

  #running(from: number): { readonly name: string; readonly at: { readonly url: string } } {
    const { nodes } = this.#options;
    const all = nodes.map((_, n) => nodes[(from + n) % nodes.length] as ClusterNode);
    const node = all.find(({ running }) => running) ?? (all[0] as ClusterNode);
    return { name: node.name, at: { url: `http://127.0.0.1:${node.port}` } };
  }
}
