import { parseAddress } from "../protocol/address.ts";
import { overLimit, wireError } from "../protocol/error-codes.ts";
import type { Limits } from "../protocol/limits.ts";
import type { PushBody } from "../protocol/pushes.ts";
import type { RequestOf } from "../protocol/requests.ts";
import { TokenBuckets } from "../shared/token-bucket.ts";
import { longerThan } from "../shared/utf8.ts";
import type { Device, Outcome } from "./device.ts";
import { done, failed } from "./outcome.ts";
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
    /** Tells all other members. */
    tell(device: Device, room: string, push: PushBody, now: number): void;
  };
}

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
  send(device: Device, request: Pick<RequestOf<"send">, "to" | "body">, now: number): Outcome {
    const { to, body } = request;
    const { limits, directory } = this.#options;
    const address = parseAddress(to);
    if (address === undefined || address.kind === "stream")
      return { error: wireError("bad_request", "to: must be a user, a device or a room") };
    if (!may(device, "send", address)) return { error: wireError("forbidden") };
    if (longerThan(JSON.stringify(body), limits.bodyBytes))
      return { error: overLimit("bodyBytes", "too_large", `body: over ${limits.bodyBytes} bytes`) };
    const push: PushBody = { type: "message", from: device.info, to, body };
    if (address.kind === "room") return this.#toRoom(device, to, push, now);
    const reached =
      address.kind === "user"
        ? directory.devices(address.user).filter((one) => one !== device)
        : [directory.device(address.user, address.device)].filter((one) => one !== undefined);
    for (const one of reached) one.link.deliver(push, now);
    return { ok: may(device, "watch", address) ? { delivered: reached.length } : {} };
  }

  /** A message to a room costs as much as it has receivers: a large room must not multiply what one member sends. */
  #toRoom(device: Device, room: string, push: PushBody, now: number): Outcome {
    const { rooms } = this.#options;
    const others = rooms.others(device, room);
    if (others === undefined) return failed("no_room");
    if (!this.#deliveries.take(device.user, now, others)) {
      const retryAfter = this.#deliveries.retryAfter(device.user, now, others);
      return { error: overLimit("deliveriesPerSecond", "rate_limited", undefined, retryAfter) };
    }
    rooms.tell(device, room, push, now);
    return done;
  }
}
