import type { CloseName } from "../../protocol/close-codes.ts";
import type { Deadlines } from "../../shared/deadlines.ts";
import type { LinkSnapshot } from "../../signaling/link/link-snapshot.ts";
import type { KeySnapshot } from "../../signaling/session/call-keys.ts";
import type { Backplane } from "../backplane.ts";
import type { GoneOn } from "../channel.ts";
import type { RemoteDevices } from "../devices/remote-devices.ts";
import { RemoteLink } from "../devices/remote-link.ts";
import type { NodeItem } from "../items.ts";
import type { Nodes } from "../nodes.ts";
import type { MembershipRecord } from "../rooms/membership-transfer.ts";
import type { LegSnapshot } from "../sessions/remote-leg.ts";

/** Asks the node that has a link for it: what the client showed to go on with it at another node. */
export interface PullRequest {
  readonly link: string;
  readonly user: string;
  readonly device: string;
  /** Hash of the link's secret that the client showed. */
  readonly secretHash: string;
  readonly instance: string;
  readonly attempt: number;
  /** Number of the last frame that the client has. */
  readonly seq: number;
  /** The node that asks, and how long it waits for the answer. */
  readonly by: string;
  readonly patience: "beating" | "silent";
}

/** A link with all that belongs to it, as it goes to another node. */
export interface LinkState {
  readonly link: LinkSnapshot;
  readonly legs: readonly LegSnapshot[];
  readonly watches: readonly string[];
  /** Streams that it watches. */
  readonly streams?: readonly string[];
  readonly rooms: readonly MembershipRecord[];
  /** Calls that the device made by key and that are over. */
  readonly keys: readonly KeySnapshot[];
}

export type PullAnswer =
  | { readonly linkState: LinkState }
  /** The link can't go on there; the client may begin a new one. */
  | { readonly refusal: "expired" | "gap" | "unreachable" }
  /** The client must not have the link: its connection is closed with this code. */
  | { readonly close: CloseName };

/** What the node that gives a link away does. */
export interface LinkSource {
  /**
   * Checks the request. Undefined: it is granted, and the link is frozen, so that no more frames of its client are
   * taken here.
   */
  freeze(request: PullRequest, now: number): PullAnswer | undefined;
  /** Nodes that own sessions and rooms that the link's device is in. */
  owners(link: string): readonly string[];
  /** Calls back when every message that the link's device has sent has arrived, or is lost. */
  heard(link: string, done: () => void): void;
  /** Takes the link out of this node, for the one that asks. Undefined: its client has come back here meanwhile. */
  give(request: PullRequest, now: number): LinkState | undefined;
  /** A frozen link stays here after all. */
  thaw(link: string, now: number): void;
}

export interface LinkTransferOptions {
  readonly nodes: Nodes;
  readonly devices: RemoteDevices;
  readonly backplane: Backplane;
  readonly deadlines: Deadlines;
  readonly source: LinkSource;
  now(): number;
}

/**
 * How long a client's welcome may wait for its link, and how long the giving node may take, in ms. The giver gives up first:
 * otherwise a link could leave for a node that waits for it no longer.
 */
const pullTimeout = { beating: 2_000, silent: 1_000 };
const giveTimeout = { beating: 1_500, silent: 700 };
/** How long the items that this node has sent to the link's node may take to arrive there before the move fails, in ms. */
const flushTimeout = { beating: 1_500, silent: 700 };
/** How long items for a link are sent on after it was given away, in ms, and how many links that is done for. */
const forwardFor = 120_000;
const maxGiven = 100_000;

/**
 * Moves links between nodes, whole: items on their way to a link arrive, in order. The new node asks for the link
 * (`pull`). The former node gives it away once what its device has said has arrived, and sends later items for it on.
 */
export class LinkTransfer {
  readonly #options: LinkTransferOptions;
  /** Links that are on their way here, with the items that have come for them meanwhile. */
  readonly #coming = new Map<string, { readonly from: string; readonly item: NodeItem }[]>();
  /** Links that were given away, and the nodes that have them. */
  readonly #given = new Map<string, { readonly to: string; readonly until: number }>();

  constructor(options: LinkTransferOptions) {
    this.#options = options;
    const { backplane, nodes } = options;
    backplane.subscribe(`l.${nodes.name}`, (message, answer) => {
      if (answer !== undefined) this.#asked(message as PullRequest, answer);
    });
  }

  /** Asks the node that has a link for it, and calls back once. When that was with a link state, call {@link arrived}. */
  pull(
    home: string,
    asked: Omit<PullRequest, "patience">,
    done: (answer: PullAnswer, now: number) => void,
  ): void {
    const { nodes, backplane, deadlines, now } = this.#options;
    const { link } = asked;
    // A busy machine is slow to answer but keeps sending beats; one that stands still sends none.
    const patience = nodes.beats(home, now()) ? "beating" : "silent";
    const request: PullRequest = { ...asked, patience };
    const refused = (answer: PullAnswer): void => {
      this.#coming.delete(link);
      this.#mirrored(link)?.release();
      done(answer, now());
    };
    if (this.#coming.has(link) || !nodes.reachable) {
      done({ refusal: "unreachable" }, now());
      return;
    }
    this.#coming.set(link, []);
    // Items that this node has sent to the link must arrive before it leaves.
    const mirrored = this.#mirrored(link);
    mirrored?.hold();
    const ask = (): void =>
      backplane.request(`l.${home}`, request, pullTimeout[patience], (answer) => {
        const said: PullAnswer =
          answer.kind === "reply" ? (answer.reply as PullAnswer) : { refusal: "unreachable" };
        if ("linkState" in said) done(said, now());
        else refused(said);
      });
    if (mirrored === undefined) {
      ask();
      return;
    }
    // A node that has just died is given up only after half a minute, which is too late for its devices.
    let waiting = true;
    const late = deadlines.add(now() + flushTimeout[patience], () => {
      waiting = false;
      refused({ refusal: "unreachable" });
    });
    const flushed = (arrived: boolean): void => {
      if (!waiting) return;
      late.cancel();
      if (arrived) ask();
      else refused({ refusal: "unreachable" });
    };
    nodes.flushed(home, flushed, { once: true });
  }

  /**
   * This node has learned of the link, and can send items to it. If the link is on its way here they wait: by its
   * former node they would come back after what is said once the link is here.
   */
  reached(link: RemoteLink): void {
    if (this.#coming.has(link.id)) link.hold();
  }

  /** The link has arrived. Returns the items that came for it meanwhile. */
  arrived(link: string): { readonly from: string; readonly item: NodeItem }[] {
    const items = this.#coming.get(link) ?? [];
    this.#coming.delete(link);
    this.#given.delete(link);
    return items;
  }

  /**
   * Keeps an item for a link that is on its way here, and sends on an item for one that was given away. False: it is
   * neither.
   */
  diverted(from: string, link: string, item: NodeItem): boolean {
    const coming = this.#coming.get(link);
    if (coming !== undefined) {
      coming.push({ from, item });
      return true;
    }
    const given = this.#given.get(link);
    if (given === undefined) return false;
    this.#options.nodes.send(given.to, { t: "forward", from, item });
    return true;
  }

  /** The links of these pushes that were given away, and the nodes that have them. */
  goneOn(items: readonly NodeItem[]): readonly GoneOn[] {
    if (this.#given.size === 0) return [];
    const gone: GoneOn[] = [];
    for (const item of items)
      for (const link of item.t === "push" ? item.links : []) {
        const to = this.#coming.has(link) ? undefined : this.#given.get(link)?.to;
        if (to !== undefined) gone.push({ link, to });
      }
    return gone;
  }

  /** Forgets links that were given away long ago. */
  sweep(now: number): void {
    for (const [link, { until }] of this.#given) {
      if (until > now && this.#given.size <= maxGiven) break;
      this.#given.delete(link);
    }
  }

  #mirrored(id: string): RemoteLink | undefined {
    const link = this.#options.devices.byLink(id)?.link;
    return link instanceof RemoteLink ? link : undefined;
  }

  #asked(request: PullRequest, answer: (reply: PullAnswer) => void): void {
    const { source, nodes, now } = this.#options;
    const { link, by } = request;
    const asked = now();
    const given = this.#given.get(link);
    if (given !== undefined) {
      answer({ refusal: "expired" });
      return;
    }
    const refusal = source.freeze(request, asked);
    if (refusal !== undefined) {
      answer(refusal);
      return;
    }
    const owners = source.owners(link).filter((node) => nodes.isLive(node));
    let open = owners.length + 2;
    const flushed = (): void => {
      open -= 1;
      if (open > 0) return;
      const then = now();
      // After that time the other node waits no longer, and a link that left would be lost.
      const linkState = then - asked < giveTimeout[request.patience] ? source.give(request, then) : undefined;
      if (linkState === undefined) {
        source.thaw(link, then);
        answer({ refusal: "unreachable" });
        return;
      }
      this.#given.delete(link);
      this.#given.set(link, { to: by, until: then + forwardFor });
      answer({ linkState });
    };
    for (const owner of owners) nodes.flushed(owner, flushed);
    source.heard(link, flushed);
    flushed();
  }
}
