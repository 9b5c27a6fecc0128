import { type Request, silentRequests } from "../../protocol/requests.ts";
import type { Deadline, Deadlines } from "../../shared/deadlines.ts";
import type { Device, Outcome } from "../../signaling/device.ts";
import { NativeLink } from "../../signaling/link/native-link.ts";
import { failed } from "../../signaling/outcome.ts";
import type { RemoteLeg } from "./remote-leg.ts";

/** How long after a leg is over its owner may still reply. ms */
const lastReplies = 2_000;

/** Replies that owners of sessions still owe to devices whose legs are over, and replies that are no longer wanted. */
export class AwaitedReplies {
  readonly #deadlines: Deadlines;
  /** Legs that are over and have requests without a reply, and how long those are waited for. */
  readonly #closing = new Map<Device, Map<RemoteLeg, Deadline>>();
  /**
   * Requests whose replies are no longer wanted, each with the owner that was asked: the device was told that the outcome is
   * unknown, or another owner was asked. The owner may only have stood still, and reply yet.
   */
  readonly #givenUp = new WeakMap<Device, Set<string>>();

  constructor(deadlines: Deadlines) {
    this.#deadlines = deadlines;
  }

  /** The owner's replies to the leg's open requests are no longer wanted. */
  giveUp({ device, open }: RemoteLeg, owner: string): void {
    if (open.size === 0) return;
    const givenUp = this.#givenUp.get(device) ?? new Set();
    for (const id of open.keys()) givenUp.add(`${owner} ${id}`);
    this.#givenUp.set(device, givenUp);
  }

  /** True, once, when that reply is no longer wanted. */
  isGivenUp(device: Device, owner: string, id: number): boolean {
    return this.#givenUp.get(device)?.delete(`${owner} ${id}`) === true;
  }

  /**
   * A leg is over; the reply to the request that ended it comes after that. An owner that has met another run of the device
   * replies to that run, so after a while the device is told that the outcome is unknown.
   */
  over(leg: RemoteLeg, now: number): void {
    const { device, owner, open } = leg;
    if (open.size === 0) return;
    const end = this.#deadlines.add(now + lastReplies, (later) => {
      this.#forget(leg);
      this.giveUp(leg, owner);
      for (const request of open.values()) tellLate(device, request, failed("outcome_unknown"), later);
    });
    const closing = this.#closing.get(device);
    if (closing === undefined) this.#closing.set(device, new Map([[leg, end]]));
    else closing.set(leg, end);
  }

  /** An owner has replied to a request of a leg that is over. */
  replied(device: Device, id: number): void {
    for (const leg of this.#closing.get(device)?.keys() ?? []) {
      if (!leg.open.delete(id)) continue;
      if (leg.open.size === 0) this.#forget(leg);
      return;
    }
  }

  /** The device is gone, or its link has moved, and replies follow it: waits for none any more. */
  dropped(device: Device): void {
    for (const leg of [...(this.#closing.get(device)?.keys() ?? [])]) this.#forget(leg);
  }

  #forget(leg: RemoteLeg): void {
    const { device } = leg;
    const closing = this.#closing.get(device);
    closing?.get(leg)?.cancel();
    closing?.delete(leg);
    if (closing?.size === 0) this.#closing.delete(device);
  }
}

/** Tells a device of this node the outcome of an earlier request; of a silent request only that it failed (F8). */
export function tellLate(
  device: Device,
  { id, type }: Pick<Request, "id" | "type">,
  outcome: Outcome | undefined,
  now: number,
): void {
  if (outcome === undefined) return;
  if (!silentRequests.has(type)) device.link.reply(id, outcome, now);
  else if ("error" in outcome) refuseSilent(device, id, outcome, now);
}

/** Tells a device that a silent request has failed. Its link had not counted the request as one that waits for a reply. */
export function refuseSilent({ link }: Device, id: number, outcome: Outcome, now: number): void {
  if (link instanceof NativeLink) link.inFlight += 1;
  link.reply(id, outcome, now);
}
