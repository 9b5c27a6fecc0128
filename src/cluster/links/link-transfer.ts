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

/** What a client shows to go on with its link at another node. */
export interface PullRequest {
  readonly link: string;
  readonly user: string;
  readonly device: string;
  /** Hash of the secret that the client showed. */
  readonly secretHash: string;
  readonly instance: string;
  readonly attempt: number;
  /** The last frame that it has. */
  readonly seq: number;
  /** The node that asks, and how long it waits. */
  readonly by: string;
  readonly patience: "beating" | "silent";
}

/** A link with all that hangs on it. */
export interface LinkState {
  readonly link: LinkSnapshot;
  readonly legs: readonly LegSnapshot[];
  readonly watches: readonly string[];
  readonly rooms: readonly MembershipRecord[];
  /** What the device has called by key, and is over. */
  readonly keys: readonly KeySnapshot[];
}

export type PullAnswer =
  | { readonly linkState: LinkState }
  /** The link does not go on, a new one may begin. */
  | { readonly refusal: "expired" | "gap" | "unreachable" }
  /** Whoever asks must not have it. */
  | { readonly close: CloseName };

/** What the node that gives a link away does. */
export interface LinkSource {
  /** Checks who asks, and freezes the link: nothing more comes of its client here. Undefined: it may have it. */
  freeze(request: PullRequest, now: number): PullAnswer | undefined;
  /** Nodes that own sessions in which the device of the link has part. */
  owners(link: string): readonly string[];
  /** Calls back when every message that came by the link has arrived, or never will. */
  heard(link: string, done: () => void): void;
  /** Packs the link up; from now on it is that node's. Undefined: it is in use here again. */
  give(request: PullRequest, now: number): LinkState | undefined;
  /** The link stays after all. */
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

/** How long a client's welcome may wait for its link. The giver gives up first, so that no link is in between. */
const pullTimeout = { beating: 2_000, silent: 1_000 };
const giveTimeout = { beating: 1_500, silent: 700 };
/** How long a home that takes nothing is waited for before it is asked at all; one that has left NATS is not. */
const flushTimeout = 700;
/** What comes for a link after it was given away is sent on for this long. */
const forwardFor = 120_000;
const maxGiven = 100_000;

/** Brings links from node to node, whole: what was on its way to them arrives, in order. */
export class LinkTransfer {
  readonly #options: LinkTransferOptions;
  /** Links that are on their way here, and what has come for them meanwhile. */
  readonly #coming = new Map<string, { readonly from: string; readonly item: NodeItem }[]>();
  /** Links that were given away, and where they went. */
  readonly #given = new Map<string, { readonly to: string; readonly until: number }>();

  constructor(options: LinkTransferOptions) {
    this.#options = options;
    const { backplane, nodes } = options;
    backplane.subscribe(`l.${nodes.name}`, (message, answer) => {
      if (answer !== undefined) this.#asked(message as PullRequest, answer);
    });
  }

  /** Asks a link of the node that has it, and calls back once. After a link state {@link arrived} must be called. */
  pull(
    home: string,
    asked: Omit<PullRequest, "patience">,
    done: (answer: PullAnswer, now: number) => void,
  ): void {
    const { nodes, backplane, deadlines, now } = this.#options;
    const { link } = asked;
    // A machine that is busy takes its time, and says all the while that it is there; one that stands still does not.
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
    // What this node itself has said to the device must be there before the link leaves.
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
    // A home that died without a word takes nothing until it is given up, which is far too late for its devices.
    let waiting = true;
    const late = deadlines.add(now() + flushTimeout, () => {
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
   * Something can be said to the link from now on. If it is on its way here that waits: sent to its former node it would come
   * back after what is said once the link is here.
   */
  reached(link: RemoteLink): void {
    if (this.#coming.has(link.id)) link.hold();
  }

  /** The link is there: answers what came for it meanwhile. */
  arrived(link: string): { readonly from: string; readonly item: NodeItem }[] {
    const items = this.#coming.get(link) ?? [];
    this.#coming.delete(link);
    this.#given.delete(link);
    return items;
  }

  /** An item for a link that is not of this node. True: it is kept, or was sent on. */
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

  /** Where links have gone from here that something in these items is to be told, and to which node. */
  goneOn(items: readonly NodeItem[]): readonly GoneOn[] {
    // Most of the time none has.
    if (this.#given.size === 0) return [];
    const gone: GoneOn[] = [];
    for (const item of items)
      for (const link of item.t === "push" ? item.links : []) {
        const to = this.#coming.has(link) ? undefined : this.#given.get(link)?.to;
        if (to !== undefined) gone.push({ link, to });
      }
    return gone;
  }

  /** Forgets where links went long ago. */
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
      // Nobody waits for the answer any more: a link that left now would be lost.
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
