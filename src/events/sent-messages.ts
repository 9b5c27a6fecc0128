import type { Request, RequestOf } from "../protocol/requests.ts";
import { applicationLink } from "../signaling/administration.ts";
import type { Device, Outcome } from "../signaling/device.ts";

/** Messages of one device that wait for their replies. Further ones are not told. */
const mostPending = 64;

/**
 * Finds the messages that devices of this node have sent, among the frames that an observer hears: each once, when it was taken. What the
 * application sends by the API is none of them.
 */
export class SentMessages {
  readonly #sent: (device: Device, message: Pick<RequestOf<"send">, "to" | "body">, now: number) => void;
  readonly #pending = new WeakMap<Device, Map<number, RequestOf<"send">>>();

  constructor(sent: (device: Device, message: Pick<RequestOf<"send">, "to" | "body">, now: number) => void) {
    this.#sent = sent;
  }

  outcome(device: Device, request: Request, outcome: Outcome | undefined, now: number): void {
    if (request.type !== "send" || device.link.id === applicationLink) return;
    if (outcome === undefined) this.#hold(device, request);
    else if ("ok" in outcome) this.#sent(device, request, now);
  }

  reply(device: Device, id: number, outcome: Outcome, now: number): void {
    const pending = this.#pending.get(device);
    const request = pending?.get(id);
    if (request === undefined) return;
    pending?.delete(id);
    if ("ok" in outcome) this.#sent(device, request, now);
  }

  #hold(device: Device, request: RequestOf<"send">): void {
    const pending = this.#pending.get(device);
    if (pending === undefined) this.#pending.set(device, new Map([[request.id, request]]));
    else if (pending.size < mostPending) pending.set(request.id, request);
  }
}
