import type { PushBody } from "../protocol/pushes.ts";
import type { Request } from "../protocol/requests.ts";
import type { Device, Outcome } from "./device.ts";

/**
 * Hears every frame between devices and the core of this node, in order: the entrance of call records and of whoever follows a user.
 * It gets what the core has anyway; nothing is built for it, and without an observer a frame costs one comparison. It must not change what
 * it gets, must not throw, and must not call into the core before it returns.
 */
export interface FrameObserver {
  /** A device asks for something; it has not been done yet. */
  request(device: Device, request: Request, now: number): void;
  /** What came of it; undefined where {@link reply} brings the outcome later. */
  outcome(device: Device, request: Request, outcome: Outcome | undefined, now: number): void;
  /** A late outcome. Called for other replies as well: ids of one device are unique. */
  reply(device: Device, id: number, outcome: Outcome, now: number): void;
  /** A device is told something. */
  push(device: Device, push: PushBody, now: number): void;
  /**
   * A device of a gateway and the gateway exchanged these messages of their own protocol, in this session. In order; `at` may lie before the
   * session began.
   */
  gatewayMessages?(device: Device, session: string, messages: readonly GatewayMessage[]): void;
}

/** One message between a device and its gateway, in the words of their protocol. */
export interface GatewayMessage {
  /** The gateway's name, such as `sip`. */
  readonly gateway: string;
  /** Unix ms. */
  readonly at: number;
  /** The device sent it. */
  readonly isIncoming: boolean;
  /** Such as `INVITE`, `180`, `OFFER`. */
  readonly word: string;
  /** Bytes of its body. */
  readonly bytes?: number;
  readonly note?: string;
}

/** All of these as one; undefined where there is none. */
export function joinObservers(observers: readonly FrameObserver[]): FrameObserver | undefined {
  const [only] = observers;
  if (observers.length < 2) return only;
  return {
    request: (device, request, now) => {
      for (const one of observers) one.request(device, request, now);
    },
    outcome: (device, request, outcome, now) => {
      for (const one of observers) one.outcome(device, request, outcome, now);
    },
    reply: (device, id, outcome, now) => {
      for (const one of observers) one.reply(device, id, outcome, now);
    },
    push: (device, push, now) => {
      for (const one of observers) one.push(device, push, now);
    },
    gatewayMessages: (device, session, messages) => {
      for (const one of observers) one.gatewayMessages?.(device, session, messages);
    },
  };
}
