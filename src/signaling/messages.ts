import { type Address, parseAddress } from "../protocol/address.ts";
import { overLimit, wireError } from "../protocol/error-codes.ts";
import type { Limits } from "../protocol/limits.ts";
import type { PushBody } from "../protocol/pushes.ts";
import type { RequestOf } from "../protocol/requests.ts";
import type { Deadlines } from "../shared/deadlines.ts";
import { TokenBuckets } from "../shared/token-bucket.ts";
import { longerThan } from "../shared/utf8.ts";
import type { Device, Outcome } from "./device.ts";
import type { Elsewhere } from "./elsewhere.ts";
import { done, failed } from "./outcome.ts";
import { may } from "./permissions.ts";
import type { RoomMessage, RoomService } from "./room/room-service.ts";

export interface MessagesOptions {
  readonly limits: Pick<Limits, "bodyBytes" | "deliveriesPerSecond" | "deliveriesBurst">;
  readonly directory: {
    devices(user: string): readonly Device[];
    device(user: string, id: string): Device | undefined;
  };
  readonly rooms: Pick<RoomService, "others" | "tell">;
  readonly elsewhere: Elsewhere;
  readonly deadlines: Deadlines;
}

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
   * the room. A device whose link is suspended hears it when it resumes. Only with the `watch` grant does the reply say how
   * many devices it reached; without it the reply is the same, and as fast, whether anybody is there or not.
   */
  send(
    device: Device,
    request: Pick<RequestOf<"send">, "id" | "to" | "body">,
    now: number,
  ): Outcome | undefined {
    const { to, body } = request;
    const { limits } = this.#options;
    const address = parseAddress(to);
    if (address === undefined || address.kind === "stream")
      return { error: wireError("bad_request", "to: must be a user, a device or a room") };
    if (!may(device, "send", address)) return { error: wireError("forbidden") };
    if (longerThan(JSON.stringify(body), limits.bodyBytes))
      return { error: overLimit("bodyBytes", "too_large", `body: over ${limits.bodyBytes} bytes`) };
    const push: RoomMessage = { type: "message", from: device.info, to, body };
    if (address.kind === "room") return this.#toRoom(device, request.id, to, push, now);
    return this.#toUser(device, request.id, address, push, now);
  }

  /**
   * With the `watch` grant the reply comes once the message has arrived at all nodes that hold devices of the user: what is
   * said to be delivered is not lost with this node. Without it the reply comes at once and says nothing, for its time alone
   * would tell whether anybody is there. Until the message has arrived the sender's link stays at this node, so that nothing
   * that the sender says elsewhere overtakes it.
   */
  #toUser(device: Device, id: number, address: Addressee, push: PushBody, now: number): Outcome | undefined {
    if (may(device, "watch", address)) return this.#reliably(device, id, address, push, now);
    this.#blindly(device, address, push, now);
    return done;
  }

  #blindly(device: Device, address: Addressee, push: PushBody, now: number): void {
    const { elsewhere } = this.#options;
    const over = elsewhere.underWay(device);
    const send = (later: number): void => {
      const receivers = this.#receivers(device, address);
      for (const one of receivers) one.link.deliver(push, later);
      // A node that doesn't answer now would hold the sender's link here for as long.
      const awaited = receivers.filter((one) => one.node !== undefined && elsewhere.answers(one, later));
      elsewhere.delivered(awaited, over);
    };
    // After the reply has left: work that is done before would delay it, and tell that there is somebody.
    this.#options.deadlines.add(now + 1, (then) => {
      if (elsewhere.knows(address.user)) send(then);
      else elsewhere.know(address.user, (_complete, later) => send(later));
    });
  }

  #reliably(
    device: Device,
    id: number,
    address: Addressee,
    push: PushBody,
    now: number,
  ): Outcome | undefined {
    const { elsewhere } = this.#options;
    const send = (later: number): Outcome | undefined => {
      const receivers = this.#receivers(device, address);
      // All or nothing, so that the sender may simply do it again.
      const away = receivers.some((one) => !elsewhere.answers(one, later));
      if (away || (!elsewhere.reachable && receivers.length === 0)) return failed("temporary");
      for (const one of receivers) one.link.deliver(push, later);
      const remote = receivers.filter(({ node }) => node !== undefined);
      if (remote.length === 0) return delivered(receivers);
      const over = elsewhere.underWay(device);
      elsewhere.delivered(remote, (arrived, then) => {
        const outcome = arrived ? delivered(receivers) : failed("outcome_unknown");
        device.link.reply(id, outcome, then);
        over();
      });
      return undefined;
    };
    if (elsewhere.knows(address.user)) return send(now);
    const over = elsewhere.underWay(device);
    elsewhere.know(address.user, (_complete, later) => {
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

  /** A message to a room costs as much as it has receivers: a large room must not multiply what one member sends. */
  #toRoom(device: Device, id: number, room: string, push: RoomMessage, now: number): Outcome | undefined {
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

const delivered = (reached: readonly Device[]): Outcome => ({ ok: { delivered: reached.length } });
