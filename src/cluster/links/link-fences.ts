import type { RemoteLink } from "../devices/remote-link.ts";
import type { NodeItem } from "../items.ts";
import type { Nodes } from "../nodes.ts";

/** What the fences need of the other nodes. */
type FencedNodes = Pick<Nodes, "name" | "isLive" | "send">;

interface Fence {
  readonly link: RemoteLink;
  /** The former node, by which the fence goes. */
  readonly via: string;
  readonly n: number;
}

/**
 * Keeps items for links in order while the links move between other nodes. When a link has moved, a fence follows the
 * earlier items by its former node, and new items wait until the fence has arrived where the link is now: none
 * overtakes an earlier one.
 */
export class LinkFences {
  readonly #nodes: FencedNodes;
  readonly #fences = new Map<string, Fence>();
  #n = 0;

  constructor(nodes: FencedNodes) {
    this.#nodes = nodes;
  }

  /** The link has moved to that node. */
  moved(link: RemoteLink, to: string): void {
    const nodes = this.#nodes;
    const former = link.node;
    link.node = to;
    // The link is on its way here, and is held for that reason.
    if (to === nodes.name || (link.holds && !this.#fences.has(link.id))) return;
    if (!nodes.isLive(former)) return;
    link.hold();
    this.#n += 1;
    this.#fences.set(link.id, { link, via: former, n: this.#n });
    nodes.send(former, { t: "fence", link: link.id, by: nodes.name, n: this.#n });
  }

  /** A fence has arrived at the node that has the link, or is `lost`. */
  fenced({ link: id, n, lost }: Extract<NodeItem, { t: "fenced" }>): void {
    const fence = this.#fences.get(id);
    if (fence?.n !== n) return;
    this.#over(fence, lost === true);
  }

  /** That node is gone, and items that went by it may be lost: their links must begin anew. */
  gone(node: string): void {
    for (const fence of this.#fences.values()) if (fence.via === node) this.#over(fence, true);
  }

  /** Items that never arrived. A node that waits for a fence among them, which this node was to send on, is told. */
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
