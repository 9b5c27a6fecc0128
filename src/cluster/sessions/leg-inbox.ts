import { type Request, silentRequests } from "../../protocol/requests.ts";
import type { Device, Outcome } from "../../signaling/device.ts";
import { failed } from "../../signaling/outcome.ts";
import type { Ports } from "../../signaling/ports.ts";
import type { RemoteDevices } from "../devices/remote-devices.ts";
import { RemoteLink } from "../devices/remote-link.ts";
import { type NodeItem, noReply } from "../items.ts";
import type { Nodes } from "../nodes.ts";

/** What the core of this node does for devices of others. */
export interface LegInboxHost {
  /** The link of a device of another node is suspended, or live again. */
  remoteLink(device: Device, state: "live" | "suspended", now: number): void;
  /** Performs what a device of another node asks. */
  perform(device: Device, request: Request, now: number): Outcome | undefined;
  /** The epoch of a session that this node owns. */
  epochOf(session: string): number | undefined;
  /** The number of the device's leg in a session of this node. */
  legNumber(session: string, device: Device): number | undefined;
}

export interface LegInboxOptions {
  readonly devices: RemoteDevices;
  readonly ports: Ports;
  readonly host: LegInboxHost;
  readonly nodes: Nodes;
}

type LegItem = Extract<NodeItem, { t: "ask" | "link" | "closed" }>;

/** Takes what devices of other nodes ask of this node's sessions, and what becomes of their links. */
export class LegInbox {
  readonly #options: LegInboxOptions;

  constructor(options: LegInboxOptions) {
    this.#options = options;
  }

  heard(from: string, item: LegItem, now: number): void {
    const { devices, host } = this.#options;
    const device = devices.byLink(item.link);
    const link = device?.link;
    if (device === undefined || !(link instanceof RemoteLink)) {
      if (item.t === "ask") this.#asked(from, item);
      return;
    }
    if (item.t === "closed") devices.ended(device, item.why, now);
    else if (item.t === "link") {
      link.state = item.state;
      host.remoteLink(device, item.state, now);
    } else {
      const { request } = item;
      const outcome = this.#outcome(device, item, now);
      if (outcome === undefined || request.id === noReply) return;
      if (!silentRequests.has(request.type)) link.reply(request.id, outcome, now);
      else if ("error" in outcome) link.refuse(request.id, outcome);
    }
  }

  /** A device asks that is not known here any more, or not known again yet. Its node waits for a reply. */
  #asked(from: string, { link, request }: Extract<LegItem, { t: "ask" }>): void {
    const { id, type } = request;
    const { host, nodes } = this.#options;
    const outcome = (): Outcome => {
      if ("session" in request && host.epochOf(request.session) !== undefined) return failed("temporary");
      return type === "hangup" || type === "cancel" ? { ok: {} } : failed("no_session");
    };
    const silent = silentRequests.has(type) ? { silent: true } : {};
    if (id !== noReply) nodes.send(from, { t: "reply", link, id, outcome: outcome(), ...silent });
  }

  #outcome(
    device: Device,
    { request, leg }: Extract<LegItem, { t: "ask" }>,
    now: number,
  ): Outcome | undefined {
    const { host, ports } = this.#options;
    try {
      const legNow = "session" in request ? host.legNumber(request.session, device) : undefined;
      // A request for a leg that is over, such as an answer to its ring, is not meant for the device's next leg.
      if (leg !== undefined && legNow !== undefined && leg !== legNow)
        return failed(request.type === "accept" ? "answered_elsewhere" : "no_session");
      return host.perform(device, request, now);
    } catch (error) {
      ports.emit({ type: "fault", where: request.type, error });
      return failed("internal");
    }
  }
}
