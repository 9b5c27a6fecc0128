import type { RemoteLink } from "../devices/remote-link.ts";
import type { NodeItem } from "../items.ts";
import type { Nodes } from "../nodes.ts";

/** What the fences need of the other nodes. */
type FencedNodes = Pick<Nodes, "name" | "isLive" | "send">;

interface Fence {
  readonly link: RemoteLink;
  readonly via: string;
  readonly n: number;
}

/**
 * Links on their way from node to node that this one has something to say to. A last word goes by the former node, and what
 * is said from then on waits until that has arrived where the link is now: nothing overtakes what was said before.
 */
export class LinkFences {
  readonly #nodes: FencedNodes;
  readonly #fences = new Map<string, Fence>();
  #n = 0;

  constructor(nodes: FencedNodes) {
    this.#nodes = nodes;
  }

  /** The link has gone over to that node. */
  moved(link: RemoteLink, to: string): void {
    const nodes = this.#nodes;
    const former = link.node;
    link.node = to;
    // It is on its way here, and held for that.
    if (to === nodes.name || (link.holds && !this.#fences.has(link.id))) return;
    if (!nodes.isLive(former)) return;
    link.hold();
    this.#n += 1;
    this.#fences.set(link.id, { link, via: former, n: this.#n });
    nodes.send(former, { t: "fence", link: link.id, by: nodes.name, n: this.#n });
  }

  /** Whoever has the link now has heard the last word, or (`lost`) never will. */
  fenced({ link: id, n, lost }: Extract<NodeItem, { t: "fenced" }>): void {
    const fence = this.#fences.get(id);
    if (fence?.n !== n) return;
    this.#over(fence, lost === true);
  }

  /** What was said to a link by that node may be lost with it: the link can't go on as if nothing were. */
  gone(node: string): void {
    for (const fence of this.#fences.values()) if (fence.via === node) this.#over(fence, true);
  }

  /** Items that never arrived: who waits for the last word among them, which was to be sent on, is told. */
  lost(items: readonly NodeItem[]): void {
    for (const one of items) {
      if (one.t !== "forward" || one.item.t !== "fence") continue;
      const { by, link, n } = one.item;
      this.#nodes.send(by, { t: "fenced", link, n, lost: true });
    }
  }

  #over({ link }: Fence, lost: boolean): void {
    this.#fences.delete(link.id);
    if (link.state === "closed") return;
    if (lost) this.#nodes.send(link.node, { t: "gap", link: link.id });
    link.release();
  }
}
