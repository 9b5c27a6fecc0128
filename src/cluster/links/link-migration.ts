import type { Core } from "../../signaling/core.ts";
import { Device } from "../../signaling/device.ts";
import type { Arrival, WantedLink } from "../../signaling/elsewhere.ts";
import { type LinkSnapshot, linkSnapshot } from "../../signaling/link/link-snapshot.ts";
import { type LinkEntry, NativeLink } from "../../signaling/link/native-link.ts";
import { may } from "../../signaling/permissions.ts";
import type { Identity } from "../../signaling/ports.ts";
import type { Cluster } from "../cluster.ts";
import type { SessionMigration } from "../sessions/session-migration.ts";
import type { LinkState, PullAnswer, PullRequest } from "./link-transfer.ts";

export interface LinkMigrationOptions {
  readonly node: string;
  readonly core: Core;
  readonly cluster: Cluster;
  readonly sessions: SessionMigration;
}

/** A log of more characters may not fit into one message of the backplane, and stays. */
const maxLogToMove = 300_000;

/** Links that change their node: how one is brought here, and how one is given away. */
export class LinkMigration {
  readonly #options: LinkMigrationOptions;

  constructor(options: LinkMigrationOptions) {
    this.#options = options;
  }

  /** Has the link brought here by the node that holds it, and goes on with it. */
  pull(wanted: WantedLink, arrived: (arrival: Arrival, now: number) => void): void {
    const { node: by, core, cluster } = this.#options;
    const { node, device, hello, identity } = wanted;
    const { resume, instance, attempt } = hello;
    const secretHash = core.ports.hash(resume.secret);
    const { link, seq } = resume;
    const request = { link, user: identity.user, device, secretHash, instance, attempt, seq, by };
    cluster.transfer.pull(node, request, (answer, now) => {
      if ("linkState" in answer) arrived(this.#adopt(answer.linkState, secretHash, identity, now), now);
      else arrived(answer, now);
    });
  }

  /** Goes on with a link that another node had, and with all that hangs on it. */
  #adopt(
    linkState: LinkState,
    secretHash: string,
    identity: Identity,
    now: number,
  ): Extract<Arrival, { entry: LinkEntry }> {
    const { core, cluster } = this.#options;
    const { directory, links, lifecycle, presence, sessions, streams } = core;
    const { link: snapshot } = linkState;
    const link = new NativeLink(snapshot.id, snapshot.user, snapshot.instance, snapshot.attempt, links, now);
    const known = cluster.devices.tookOver(snapshot.id);
    const rival = directory
      .devices(snapshot.user)
      .find((one) => one.id === snapshot.device && one.link.id !== snapshot.id);
    const device = known?.device ?? deviceOf(snapshot, link);
    device.link = link;
    link.restore(snapshot);
    link.formerSecretHash = secretHash;
    const entry = { link, device };
    links.add(entry);
    if (known === undefined) directory.add(device);
    links.authorize(entry, identity);
    const watched = linkState.watches.filter((user) => may(device, "watch", user));
    if (watched.length > 0) presence.watch(device, watched, now);
    // A node of an earlier version doesn't tell them, and this one may have no media server.
    const watchedStreams = linkState.streams ?? [];
    if (watchedStreams.length > 0 && streams.watchRefusal(device, watchedStreams) === undefined)
      streams.watches.watch(device, watchedStreams, now);
    sessions.setup.rememberKeys(device.user, linkState.keys, now);
    cluster.adopted(device, linkState, known?.held ?? [], now);
    // Nobody here has heard of it before: who watches its user could not be told that it is there.
    if (known === undefined) lifecycle.changed(device.user, now);
    return { entry, rival };
  }

  /** Checks who asks for a link, and freezes it: nothing more comes of its client here. Undefined: it may have it. */
  freeze({ link: id, ...request }: PullRequest, now: number): PullAnswer | undefined {
    const { links, directory } = this.#options.core;
    const entry = links.get(id);
    if (entry === undefined) {
      // The node that asks may not have heard who took its place here.
      const { instance } = directory.device(request.user, request.device)?.link ?? {};
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
    links.freeze(link, now);
    return undefined;
  }

  /** A frozen link stays after all. */
  thaw(id: string, now: number): void {
    const { links, lifecycle } = this.#options.core;
    const entry = links.get(id);
    if (entry?.link.state === "suspended") lifecycle.suspended(entry.device, now);
  }

  /** Packs the frozen link up: it leaves this node. Undefined: its client has come back here meanwhile. */
  give({ link: id, attempt, seq, by }: PullRequest, now: number): LinkState | undefined {
    const { core, cluster, sessions } = this.#options;
    const entry = core.links.get(id);
    if (entry === undefined || entry.link.state === "live" || entry.link.attempt >= attempt) return undefined;
    const { link, device } = entry;
    if (!link.log.reaches(seq)) return undefined;
    core.links.remove(entry);
    const own = sessions.legsOf(device);
    const linkState = {
      link: linkSnapshot(link, device),
      legs: [...cluster.legs.snapshot(device), ...own],
      watches: core.presence.watchesOf(device),
      streams: core.streams.watches.watchesOf(device),
      rooms: cluster.rooms.membershipsOf(device),
      keys: core.sessions.setup.keysOf(device, now),
    };
    core.presence.dropped(device);
    core.streams.watches.dropped(device);
    link.end();
    cluster.gaveAway(
      device,
      by,
      own.map(({ session }) => session),
    );
    return linkState;
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
