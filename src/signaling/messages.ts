import type { Cluster } from "../cluster/cluster.ts";
import { RemoteLink } from "../cluster/devices/remote-link.ts";
import { type Address, parseAddress } from "../protocol/address.ts";
import { overLimit, wireError } from "../protocol/error-codes.ts";
import type { Limits } from "../protocol/limits.ts";
import type { PushBody } from "../protocol/pushes.ts";
import type { RequestOf } from "../protocol/requests.ts";
import { TokenBuckets } from "../shared/token-bucket.ts";
import { longerThan } from "../shared/utf8.ts";
import type { Device, Outcome } from "./device.ts";
import { failed } from "./outcome.ts";
import { may } from "./permissions.ts";

export interface MessagesOptions {
  readonly limits: Pick<Limits, "bodyBytes" | "deliveriesPerSecond" | "deliveriesBurst">;
  readonly directory: {
    devices(user: string): readonly Device[];
    device(user: string, id: string): Device | undefined;
  };
  readonly rooms: {
    /** How many other members there are; undefined when the device is not a member of that room. */
    others(device: Device, room: string): number | undefined;
    /** Tells all other members. Without an outcome the reply to the request of that id comes later. */
    tell(device: Device, room: string, push: MessagePush, now: number, id: number): Outcome | undefined;
  };
  /** The other nodes, where there are any. */
  readonly cluster?: Cluster | undefined;
}

type MessagePush = Extract<PushBody, { type: "message" }>;
type Addressee = Extract<Address, { kind: "user" | "device" }>;

/** Users whose deliveries are remembered. */
const maxUsers = 100_000;

/** The application's own messages, to a user, a device or a room. */
export class Messages {
  readonly #options: MessagesOptions;

  readonly #deliveries: TokenBuckets;

  constructor(options: MessagesOptions) {
    this.#options = options;
    const { deliveriesPerSecond, deliveriesBurst } = options.limits;
    this.#deliveries = new TokenBuckets(deliveriesPerSecond, deliveriesBurst, maxUsers);
  }

  /**
   * Hands the message to every device of the user except the sender, to the one device, or to the other members of
   * the room. A device whose link is suspended hears it when it resumes. How many devices it reached is told only to
   * who may watch them; to others the reply is the same whether anybody is there or not.
   */
  send(
    device: Device,
    request: Pick<RequestOf<"send">, "id" | "to" | "body">,
    now: number,
  ): Outcome | undefined {
    const { to, body } = request;
    const { limits, cluster } = this.#options;
    const address = parseAddress(to);
    if (address === undefined || address.kind === "stream")
      return { error: wireError("bad_request", "to: must be a user, a device or a room") };
    if (!may(device, "send", address)) return { error: wireError("forbidden") };
    if (longerThan(JSON.stringify(body), limits.bodyBytes))
      return { error: overLimit("bodyBytes", "too_large", `body: over ${limits.bodyBytes} bytes`) };
    const push: MessagePush = { type: "message", from: device.info, to, body };
    if (address.kind === "room") return this.#toRoom(device, request.id, to, push, now);
    if (cluster === undefined) return this.#told(device, address, this.#tell(device, address, push, now));
    return this.#everywhere(cluster, device, request.id, address, push, now);
  }

  /**
   * The same where the user may have devices at other nodes. It is replied to once the message has arrived at those:
   * what is said to be delivered is not lost with this node. Until then the sender stays, so that nothing that it says
   * elsewhere comes before.
   */
  #everywhere(
    cluster: Cluster,
    device: Device,
    id: number,
    address: Addressee,
    push: PushBody,
    now: number,
  ): Outcome | undefined {
    const { devices, nodes, deliveries } = cluster;
    const send = (later: number): Outcome | undefined => {
      const here = this.#receivers(device, address);
      const away = here.some(({ link }) => link instanceof RemoteLink && !nodes.responsive(link.node, later));
      // All or nothing, so that the sender may simply do it again.
      if (away || (!nodes.reachable && here.length === 0)) return failed("temporary");
      const reached = this.#tell(device, address, push, later);
      const remote = reached.filter(({ link }) => link instanceof RemoteLink);
      if (remote.length === 0) return this.#told(device, address, reached);
      const over = deliveries.begin(device);
      deliveries.arrived(remote, (arrived, then) => {
        const outcome = arrived ? this.#told(device, address, reached) : failed("outcome_unknown");
        device.link.reply(id, outcome, then);
        over();
      });
      return undefined;
    };
    if (devices.knows(address.user)) return send(now);
    const over = deliveries.begin(device);
    devices.know(address.user, (_complete, later) => {
      const outcome = send(later);
      if (outcome !== undefined) device.link.reply(id, outcome, later);
      over();
    });
    return undefined;
  }

  #receivers(device: Device, address: Addressee): readonly Device[] {
    const { directory } = this.#options;
    if (address.kind === "user") return directory.devices(address.user).filter((one) => one !== device);
    return [directory.device(address.user, address.device)].filter((one) => one !== undefined);
  }

  #tell(device: Device, address: Addressee, push: PushBody, now: number): readonly Device[] {
    const receivers = this.#receivers(device, address);
    for (const one of receivers) one.link.deliver(push, now);
    return receivers;
  }

  #told(device: Device, address: Addressee, reached: readonly Device[]): Outcome {
    return { ok: may(device, "watch", address) ? { delivered: reached.length } : {} };
  }

  /** A message to a room costs as much as it has receivers: a large room must not multiply what one member sends. */
  #toRoom(device: Device, id: number, room: string, push: MessagePush, now: number): Outcome | undefined {
    const { rooms } = this.#options;
    const others = rooms.others(device, room);
    if (others === undefined) return failed("no_room");
    if (!this.#deliveries.take(device.user, now, others)) {
      const retryAfter = this.#deliveries.retryAfter(device.user, now, others);
      return { error: overLimit("deliveriesPerSecond", "rate_limited", undefined, retryAfter) };
    }
    return rooms.tell(device, room, push, now, id);
  }
}
