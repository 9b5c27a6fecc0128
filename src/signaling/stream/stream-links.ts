import type { WireReason } from "../../protocol/end-reasons.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import type { DeviceLink, LinkEnd } from "../device.ts";
import type { StreamEnd } from "./stream-host.ts";

/** The link of the media server's end of one session. */
export class ServerLink implements DeviceLink {
  readonly id: string;
  state: "live" | "closed" = "live";
  readonly #end: StreamEnd;
  readonly #over: () => void;

  constructor(id: string, end: StreamEnd, over: () => void) {
    this.id = id;
    this.#end = end;
    this.#over = over;
  }

  deliver(push: PushBody, now: number): void {
    this.#end.deliver(push, now);
  }

  reply(): void {}

  close(): void {}

  unbound(): void {
    this.state = "closed";
    this.#over();
  }
}

/** What a client's link tells who keeps its device. */
export interface ClientLinkHost {
  /** The server ends the device: its session ends with it. */
  kicked(now: number): void;
  /** Its session is over, and the device is gone. */
  gone(why: LinkEnd): void;
}

/** The link of a publisher or viewer of another protocol: it lives as long as its session. */
export class ClientLink implements DeviceLink {
  readonly id: string;
  state: "live" | "closed" = "live";
  readonly #host: ClientLinkHost;
  #reason: WireReason | undefined;

  constructor(id: string, host: ClientLinkHost) {
    this.id = id;
    this.#host = host;
  }

  deliver(push: PushBody): void {
    if (push.type === "ended") this.#reason = push.reason;
  }

  reply(): void {}

  close(_why: string, now: number): void {
    if (this.state === "closed") return;
    this.#reason = "forbidden";
    this.#host.kicked(now);
  }

  unbound(): void {
    this.state = "closed";
    this.#host.gone(linkEnd(this.#reason));
  }
}

/** How the link of a device ends whose only session ends for that reason. */
function linkEnd(reason: WireReason | undefined): LinkEnd {
  if (reason === "forbidden") return "kicked";
  if (reason === "replaced") return "replaced";
  return reason === undefined || reason === "hangup" ? "client" : "expired";
}
