import { MemoryHub } from "../../src/backplane/memory.ts";
import type { Backplane } from "../../src/cluster/backplane.ts";
import { createNode, type SignalingNode } from "../../src/cluster/node.ts";
import type { Limits } from "../../src/protocol/limits.ts";
import type { RoomRule } from "../../src/signaling/room/room-policy.ts";
import { SimCore } from "./sim-core.ts";

/** A node of a cluster, with a simulated clock and fake transports. */
export class SimNode extends SimCore {
  declare readonly core: SignalingNode;

  constructor(
    limits: Partial<Limits>,
    rooms: RoomRule[],
    { node, now, backplane }: { readonly node: string; readonly now: number; readonly backplane: Backplane },
  ) {
    super(limits, rooms, { node, now, make: (options, at) => createNode({ ...options, backplane }, at) });
  }
}

/** Several nodes under one simulated clock, joined by a backplane in memory. */
export class SimCluster {
  now = 1_000_000_000_000;
  readonly hub = new MemoryHub({ delivery: "pumped", now: this.now });
  readonly nodes = new Map<string, SimNode>();
  readonly #frozen = new Set<string>();
  /** How far a node's clock is ahead, ms. */
  readonly #skew = new Map<string, number>();
  readonly #limits: Partial<Limits>;
  readonly #rooms: RoomRule[];

  constructor(
    names: readonly string[],
    limits: Partial<Limits> = {},
    skew: Record<string, number> = {},
    rooms: RoomRule[] = [],
  ) {
    this.#limits = limits;
    this.#rooms = rooms;
    for (const [name, ms] of Object.entries(skew)) this.#skew.set(name, ms);
    for (const name of names) this.start(name);
    this.pass(3_000);
  }

  /** Starts a node, or another run of one that was killed. */
  start(name: string): SimNode {
    const now = this.#timeOf(name);
    const node = new SimNode(this.#limits, this.#rooms, { node: name, now, backplane: this.hub.node(name) });
    this.nodes.set(name, node);
    return node;
  }

  /** The process is gone at once: its connections break, and nothing more is heard of it. */
  kill(name: string): void {
    this.nodes.delete(name);
    this.hub.remove(name);
  }

  /** The process stands still: it does nothing, and what comes for it waits. */
  freeze(name: string): void {
    this.#frozen.add(name);
    this.hub.sleep(name);
  }

  thaw(name: string): void {
    this.#frozen.delete(name);
    this.hub.wake(name);
    this.flow();
  }

  node(name: string): SimNode {
    const node = this.nodes.get(name);
    if (node === undefined) throw new Error(`no node ${name}`);
    return node;
  }

  /** Lets everything arrive that is on its way, without time going on. */
  flow(): void {
    for (let quiet = false; !quiet; ) {
      quiet = (this.hub.next ?? Number.POSITIVE_INFINITY) > this.now;
      this.hub.pump(this.now);
      for (const node of this.#running()) {
        if (node.core.nextDeadline > node.now) continue;
        node.core.tick(node.now);
        quiet = false;
      }
    }
  }

  pass(ms: number): void {
    const end = this.now + ms;
    this.flow();
    while (this.now < end) {
      const next = Math.min(
        this.hub.next ?? end,
        ...this.#running().map((node) => node.core.nextDeadline - (node.now - this.now)),
        end,
      );
      this.#at(Math.max(this.now, next));
      this.flow();
      for (const node of this.#running()) node.answerPings();
      this.flow();
    }
  }

  #at(now: number): void {
    this.now = now;
    for (const [name, node] of this.nodes) node.now = this.#timeOf(name);
  }

  #timeOf(name: string): number {
    return this.now + (this.#skew.get(name) ?? 0);
  }

  #running(): SimNode[] {
    return [...this.nodes].filter(([name]) => !this.#frozen.has(name)).map(([, node]) => node);
  }
}
