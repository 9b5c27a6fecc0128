import type { Nodes } from "./nodes.ts";
import type { RemoteLink } from "./remote-link.ts";

interface Fence {
  readonly link: RemoteLink;
  readonly via: string;
}

/**
 * Links on their way from node to node that this one has something to say to. A last word goes by the former node, and what
 * is said from then on waits until that has arrived where the link is now: nothing overtakes what was said before.
 */
export class LinkFences {
  readonly #nodes: Nodes;
  readonly #fences = new Map<string, Fence>();

  constructor(nodes: Nodes) {
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
    this.#fences.set(link.id, { link, via: former });
    nodes.send(former, { t: "fence", link: link.id, by: nodes.name });
  }

  /** Whoever has the link now has heard the last word. */
  fenced(id: string): void {
    const fence = this.#fences.get(id);
    this.#fences.delete(id);
    fence?.link.release();
  }

  /** What was said to a link by that node may be lost with it: the link can't go on as if nothing were. */
  gone(node: string): void {
    for (const [id, { link, via }] of this.#fences) {
      if (via !== node) continue;
      this.#nodes.send(link.node, { t: "gap", link: id });
      this.fenced(id);
    }
  }
}
