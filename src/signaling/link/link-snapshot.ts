import type { Capabilities } from "../../protocol/values.ts";
import type { Device } from "../device.ts";
import type { LogSnapshot } from "./frame-log.ts";
import type { NativeLink } from "./native-link.ts";

/** A native link with its device, as it goes over to another node: plain JSON. Times are what is left of them, ms. */
export interface LinkSnapshot {
  readonly id: string;
  readonly instance: string;
  readonly attempt: number;
  readonly got: number;
  readonly inFlight: number;
  readonly secretHash: string;
  readonly formerSecretHash: string;
  readonly log: LogSnapshot;
  readonly user: string;
  readonly device: string;
  readonly kind: string;
  readonly name?: string;
  readonly capabilities: Capabilities;
  readonly status?: string;
  readonly stamp: number;
}

/** Everything of a link that its next node must know; the token comes with the hello. */
export function linkSnapshot(link: NativeLink, device: Device): LinkSnapshot {
  const { id, instance, attempt, got, inFlight, secretHash, formerSecretHash, log } = link;
  const { user, kind, name, capabilities, status, stamp } = device;
  return {
    id,
    instance,
    attempt,
    got,
    inFlight,
    secretHash,
    formerSecretHash,
    log: log.snapshot(),
    user,
    device: device.id,
    kind,
    ...(name === undefined ? {} : { name }),
    capabilities,
    ...(status === undefined ? {} : { status }),
    stamp,
  };
}
