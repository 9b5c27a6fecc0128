import { silentRequests } from "../../protocol/requests.ts";
import type { Device, Outcome } from "../device.ts";
import { failed } from "../outcome.ts";
import type { Ports } from "../ports.ts";
import type { ClusterHost } from "./cluster-host.ts";
import { type NodeItem, nobodysRequest } from "./node-item.ts";
import type { RemoteDevices } from "./remote-devices.ts";
import { RemoteLink } from "./remote-link.ts";

export interface LegInboxOptions {
  readonly devices: RemoteDevices;
  readonly ports: Ports;
  readonly host: ClusterHost;
}

type LegItem = Extract<NodeItem, { t: "ask" | "link" | "closed" }>;

/** What devices of other nodes ask of sessions of this one, and what becomes of their links. */
export class LegInbox {
  readonly #options: LegInboxOptions;

  constructor(options: LegInboxOptions) {
    this.#options = options;
  }

  heard(item: LegItem, now: number): void {
    const { devices, host } = this.#options;
    const device = devices.byLink(item.link);
    const link = device?.link;
    if (device === undefined || !(link instanceof RemoteLink)) return;
    if (item.t === "closed") devices.ended(device, item.why, now);
    else if (item.t === "link") {
      link.state = item.state;
      host.remoteLink(device, item.state, now);
    } else {
      const { request } = item;
      const outcome = this.#outcome(device, item, now);
      if (outcome === undefined || request.id === nobodysRequest) return;
      if (!silentRequests.has(request.type)) link.reply(request.id, outcome, now);
      else if ("error" in outcome) link.refuse(request.id, outcome);
    }
  }

  #outcome(
    device: Device,
    { request, leg }: Extract<LegItem, { t: "ask" }>,
    now: number,
  ): Outcome | undefined {
    const { host, ports } = this.#options;
    try {
      const legNow = "session" in request ? host.legNumber(request.session, device) : undefined;
      // What was asked for a leg that is over, such as an answer to a ring, is not for the one that came after it.
      if (leg !== undefined && legNow !== undefined && leg !== legNow)
        return failed(request.type === "accept" ? "answered_elsewhere" : "no_session");
      return host.perform(device, request, now);
    } catch (error) {
      ports.emit({ type: "fault", where: request.type, error });
      return failed("internal");
    }
  }
}
