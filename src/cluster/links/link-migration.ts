import type { CloseName } from "../../protocol/close-codes.ts";
import type { Hello, Welcome } from "../../protocol/handshake.ts";
import { Device } from "../../signaling/device.ts";
import type { Directory } from "../../signaling/directory.ts";
import type { LinkHooks } from "../../signaling/link/link-hooks.ts";
import type { LinkSnapshot } from "../../signaling/link/link-snapshot.ts";
import type { LinkEntry, Links } from "../../signaling/link/links.ts";
import { NativeLink } from "../../signaling/link/native-link.ts";
import type { Identity, Ports } from "../../signaling/ports.ts";
import type { Cluster } from "../cluster.ts";
import type { LinkState, PullAnswer, PullRequest } from "./link-transfer.ts";

export interface LinkMigrationOptions {
  readonly node: string;
  readonly ports: Ports;
  readonly directory: Directory;
  readonly hooks: LinkHooks;
  readonly links: Links;
}

/** What came of a pull. `rival`: another run of the device that signed in while the link was on its way, or before that was known. */
type Arrival =
  | { readonly entry: LinkEntry; readonly rival: Device | undefined }
  | { readonly close: CloseName }
  | { readonly refusal: Welcome["reason"] };

/** A log of more characters may not fit into one message of the backplane, and stays. */
const maxLogToMove = 300_000;

/** Links that change their node: how one is brought here, and how one is given away. */
export class LinkMigration {
  readonly #options: LinkMigrationOptions;
  readonly #links: Links;

  constructor(options: LinkMigrationOptions) {
    this.#options = options;
    this.#links = options.links;
  }

  /** Has the link that the hello of this device resumes brought here by the node that holds it. */
  pull(
    cluster: Cluster,
    { node, device }: { readonly node: string; readonly device: string },
    { resume, instance, attempt }: Pick<Hello, "instance" | "attempt"> & Required<Pick<Hello, "resume">>,
    identity: Identity,
    arrived: (arrival: Arrival, now: number) => void,
  ): void {
    const secretHash = this.#options.ports.hash(resume.secret);
    const { link, seq } = resume;
    const { user } = identity;
    const by = this.#options.node;
    const request = { link, user, device, secretHash, instance, attempt, seq, by };
    cluster.transfer.pull(node, request, (answer, now) => {
      if ("linkState" in answer)
        arrived(this.#adopt(cluster, answer.linkState, secretHash, identity, now), now);
      else arrived(answer, now);
    });
  }

  /** Goes on with a link that another node had. */
  #adopt(
    cluster: Cluster,
    linkState: LinkState,
    secretHash: string,
    identity: Identity,
    now: number,
  ): Extract<Arrival, { entry: LinkEntry }> {
    const { link: snapshot } = linkState;
    const { directory, hooks } = this.#options;
    const link = new NativeLink(snapshot.id, snapshot.instance, snapshot.attempt, this.#links, now);
    const known = cluster.devices.tookOver(snapshot.id);
    const rival = directory
      .devices(snapshot.user)
      .find((one) => one.id === snapshot.device && one.link.id !== snapshot.id);
    const device = known?.device ?? deviceOf(snapshot, link);
    device.link = link;
    link.restore(snapshot);
    link.formerSecretHash = secretHash;
    const entry = { link, device };
    this.#links.add(entry);
    if (known === undefined) directory.add(device);
    this.#links.authorize(entry, identity);
    hooks.adopted(device, linkState, known?.held ?? [], now);
    // Nobody here has heard of it before: who watches its user could not be told that it is there.
    if (known === undefined) hooks.changed(device.user, now);
    return { entry, rival };
  }

  /** Checks who asks for a link, and freezes it: nothing more comes of its client here. Undefined: it may have it. */
  freeze({ link: id, ...request }: PullRequest, now: number): PullAnswer | undefined {
    const entry = this.#links.get(id);
    if (entry === undefined) {
      // The node that asks may not have heard who took its place here.
      const { instance } = this.#options.directory.device(request.user, request.device)?.link ?? {};
      const replaced = instance !== undefined && instance !== request.instance;
      return replaced ? { close: "replaced" } : { refusal: "expired" };
    }
    const { link, device } = entry;
    const { secretHash } = request;
    const known = secretHash === link.secretHash || secretHash === link.formerSecretHash;
    if (device.user !== request.user || device.id !== request.device || !known) return { close: "badResume" };
    if (link.instance !== request.instance) return { refusal: "expired" };
    if (request.attempt <= link.attempt) return { close: "stale" };
    if (!link.log.reaches(request.seq) || link.log.bytes > maxLogToMove) return { refusal: "gap" };
    this.#links.freeze(link, now);
    return undefined;
  }

  /** A frozen link stays after all. */
  thaw(id: string, now: number): void {
    const entry = this.#links.get(id);
    if (entry?.link.state === "suspended") this.#options.hooks.suspended(entry.device, now);
  }

  /** The frozen link leaves this node. Undefined: its client has come back here meanwhile. */
  release({ link: id, attempt, seq }: PullRequest): LinkEntry | undefined {
    const entry = this.#links.get(id);
    if (entry === undefined || entry.link.state === "live" || entry.link.attempt >= attempt) return undefined;
    if (!entry.link.log.reaches(seq)) return undefined;
    this.#links.remove(entry);
    return entry;
  }
}

function deviceOf(
  { user, device: id, kind, name, capabilities, status, stamp }: LinkSnapshot,
  link: NativeLink,
) {
  const device = new Device({ user, id, kind, name, capabilities, link, grants: {} });
  device.status = status;
  device.stamp = stamp;
  return device;
}
