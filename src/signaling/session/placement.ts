import type { Description } from "../../protocol/values.ts";
import type { Device } from "../device.ts";
import type { Directory } from "../directory.ts";
import type { Leg, PendingReply, Side } from "./leg.ts";
import type { CallRequest } from "./ring.ts";
import type { RingTarget } from "./ring-plan.ts";

/** A party of a placed call: the one that counts as its caller, or the one that is called. */
export type Party = "from" | "to";

/**
 * A call that the application has placed between two parties. They ring one after the other, each as a callee; once both have
 * accepted, the call is like any other. Until somebody of the first party has accepted, the session's caller stands for the other
 * party, without a device.
 */
export interface Placement {
  readonly from: RingTarget;
  /** As the application wrote it. */
  readonly to: string;
  /** The user who is called, whoever a plan rings for that. */
  readonly user: string;
  /** Everybody who may ring. */
  readonly users: readonly string[];
  /** Who rings first: `to` where the devices of `from` can't ring. */
  readonly first: Party;
  /** How the other party is rung, and for how many ms; undefined once it rings. */
  next: { readonly callRequest: CallRequest; readonly timeout: number } | undefined;
  /** The accept of the first party, which waits for the other one. */
  reply: PendingReply | undefined;
  /** That was answered before the other party has accepted, which needs an offer to ring. */
  early: boolean;
  /** The offer that came with it, from a device that makes offers only. */
  offer: Description | undefined;
}

/** The caller's device in records and events, until one has accepted. */
export const noDeviceYet = "server";

/** Kinds of devices that nobody answers: they take a call, and have no person to ring. */
const silentKinds: ReadonlySet<string> = new Set(["camera", "doorbell", "recorder"]);

/**
 * True where a party has devices online, and none of them can ring first: they take a call once somebody wants it, or need the other
 * one's offer to ring.
 */
export function ringsLast({ user, device: only }: RingTarget, directory: Directory): boolean {
  const devices = directory.devices(user).filter(({ id, online }) => online && (only ?? id) === id);
  return (
    devices.length > 0 &&
    devices.every(
      (device) =>
        silentKinds.has(device.kind) || offersOnly(device) || device.capabilities.needsOffer === true,
    )
  );
}

/** The caller of a placed call, as far as it is known. */
export function placedCaller(
  { from, first, next }: Placement,
  caller: Leg,
): { user: string; device: string } {
  const known = next === undefined && (first === "from" || caller.side === "caller");
  return known ? caller.identity : { user: from.user, device: from.device ?? noDeviceYet };
}

/** Which side of the call the party that rings first is on. */
export function sideOf(party: Party): Side {
  return party === "from" ? "caller" : "callee";
}

/** Which of two ends that both have accepted makes the first offer: the caller, where both can. Undefined: neither can. */
export function firstOfferer(caller: Leg, callee: Leg): Leg | undefined {
  const ends = [caller, callee];
  const only = ends.filter(({ device }) => offersOnly(device));
  return only.length > 1 ? undefined : (only[0] ?? ends.find(({ device }) => canOffer(device)));
}

/** True for a device that makes offers, and answers none. */
export function offersOnly(device: Device | undefined): boolean {
  return device?.capabilities.sdpRole === "offer-only";
}

/** True for a device that can be asked for an offer. */
export function canOffer(device: Device | undefined): boolean {
  const { sdpRole, needsOffer } = device?.capabilities ?? {};
  return sdpRole !== "answer-only" && needsOffer !== true;
}
