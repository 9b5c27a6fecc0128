import { Random } from "../fuzz/random.ts";
import { type Cutter, openCutter } from "../support/cutter.ts";
import { NatsServer } from "../support/nats-server.ts";
import { check, type Finding } from "./checker.ts";
import { ClusterNode } from "./cluster-node.ts";
import { Journal } from "./journal.ts";
import { sleep, until } from "./line.ts";
import { Load, type LoadSize } from "./load.ts";

export interface FaultWorldOptions {
  readonly nodes?: number;
  readonly seed: number;
  readonly load: LoadSize;
  /** Each node reaches NATS through a wire of its own that can be cut. */
  readonly wires?: boolean;
  /** How long SIGTERM lets a node drain, ms. */
  readonly drain?: number;
  /** How far each node's clock is ahead, ms. */
  readonly skews?: readonly number[];
  /** After how long the nodes give each other up, ms; default: the server's. */
  readonly nodeSilence?: number;
}

/** How long the nodes may take to let go of everything once everybody has left, ms. */
const restWithin = 8_000;

/** A cluster of real processes on a real NATS, the load on it, and the journal of it all. */
export class FaultWorld {
  readonly nats: NatsServer;
  readonly nodes: readonly ClusterNode[];
  readonly wires: readonly Cutter[];
  readonly load: Load;
  readonly journal: Journal;

  private constructor(
    nats: NatsServer,
    nodes: readonly ClusterNode[],
    wires: readonly Cutter[],
    options: FaultWorldOptions,
  ) {
    this.nats = nats;
    this.nodes = nodes;
    this.wires = wires;
    this.journal = new Journal();
    this.load = new Load(nodes, this.journal, new Random(options.seed), options.load);
  }

  static async start(options: FaultWorldOptions): Promise<FaultWorld> {
    const { nodes: count = 3, wires = false, skews = [], drain, nodeSilence } = options;
    const nats = await NatsServer.start();
    const cutters = wires
      ? await Promise.all(Array.from({ length: count }, () => openCutter(nats.port)))
      : [];
    const nodes = await Promise.all(
      Array.from({ length: count }, (_, n) =>
        ClusterNode.start({
          name: `n${n + 1}`,
          nats: cutters[n] === undefined ? nats.url : `nats://127.0.0.1:${cutters[n].port}`,
          skew: skews[n] ?? 0,
          ...(drain === undefined ? {} : { drain }),
          ...(nodeSilence === undefined ? {} : { limits: { nodeSilence } }),
        }),
      ),
    );
    const world = new FaultWorld(nats, nodes, cutters, options);
    await world.load.start();
    return world;
  }

  node(n: number): ClusterNode {
    const node = this.nodes[n];
    if (node === undefined) throw new Error(`there is no node ${n}`);
    return node;
  }

  fault(name: string, on: boolean): void {
    this.journal.write({ what: "fault", name, on });
  }

  finding(doing: string, device = "cluster"): void {
    this.journal.write({ what: "stuck", device, doing });
  }

  /**
   * The end of a run: with all faults healed everything works at the first try, for a while; the calls that were held all the
   * time are finished; everybody leaves; the nodes are empty.
   */
  async conclude({ calm = 3_000 } = {}): Promise<void> {
    const { load } = this;
    await load.online("after the faults");
    load.strict(true);
    await sleep(calm);
    await load.finishLongCalls();
    await load.stop();
    await load.leave();
    const empty = async () => {
      const all = await Promise.all(this.nodes.map((node) => node.health()));
      return all.map((health) => ({ links: health?.links ?? -1, sessions: health?.sessions ?? -1 }));
    };
    const deadline = performance.now() + restWithin;
    let rest = await empty();
    while (rest.some(({ links, sessions }) => links + sessions > 0) && performance.now() < deadline) {
      await sleep(100);
      rest = await empty();
    }
    for (const [n, { links, sessions }] of rest.entries())
      this.journal.write({ what: "rest", node: this.node(n).name, links, sessions });
    for (const node of this.nodes)
      for (const line of node.output.split("\n"))
        if (/"level":(50|60)/.test(line)) this.finding(`${node.name} logged ${line.slice(0, 600)}`);
  }

  findings(mayLose: readonly string[]): Finding[] {
    return check(this.journal.entries, { mayLose });
  }

  async stop(): Promise<void> {
    for (const { device } of [...this.load.phones]) if (device.state !== "stopped") device.close();
    await Promise.all(this.nodes.map((node) => node.stop()));
    await Promise.all(this.wires.map((wire) => wire.close()));
    await this.nats.stop();
  }
}

export { sleep, until };
