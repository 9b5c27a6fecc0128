import type { Client, Refusal } from "../net/http-server.ts";
import type { Core } from "../signaling/core.ts";
import type { AccessPolicy } from "./access-policy.ts";
import type { Admission } from "./admission.ts";

/** What every transport needs to let a client in to the core. */
export interface TransportGuard {
  readonly core: Pick<Core, "open">;
  readonly access: AccessPolicy;
  readonly admission: Admission;
  /** Unix time in ms. */
  now(): number;
}

/** Why this client may not open a transport, or undefined. */
export function refuseEntry(
  guard: Pick<TransportGuard, "access" | "admission" | "now">,
  request: Request,
  client: Client,
): Refusal | undefined {
  return (
    guard.access.refuseStranger(request, client) ??
    guard.access.refuseOrigin(request) ??
    guard.admission.refuse(client, guard.now())
  );
}
