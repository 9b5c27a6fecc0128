import type { Client, Refusal } from "../net/http-server.ts";
import type { Core } from "../signaling/core.ts";
import type { AccessPolicy } from "./access-policy.ts";
import type { Admission } from "./admission.ts";
import type { FairQueue } from "./fair-queue.ts";
import type { FlowRates } from "./flow-meter.ts";

/** Who may enter, by whatever protocol. Every signaling entrance of the server asks the same one. */
export interface EntryGuard {
  readonly access: AccessPolicy;
  readonly admission: Admission;
  /** Where messages wait that come faster than they may be acted on. */
  readonly queue: FairQueue;
  /** Unix time in ms. */
  now(): number;
}

/** What every transport of the native protocol needs to let a client in to the core. */
export interface TransportGuard extends EntryGuard {
  readonly core: Pick<Core, "open">;
  /** The bounds of each transport. */
  readonly rates: FlowRates;
}

/** Why this client may not open a transport by an HTTP request, or undefined. */
export function refuseEntry(guard: EntryGuard, request: Request, client: Client): Refusal | undefined {
  return (
    guard.access.refuseStranger(request, client) ??
    guard.access.refuseOrigin(request) ??
    guard.admission.refuse(client, guard.now())
  );
}

/** The same for protocols that let in pages of guests. */
export function refuseGuestEntry(guard: EntryGuard, request: Request, client: Client): Refusal | undefined {
  return (
    guard.access.refuseStranger(request, client) ??
    guard.access.refuseForeignOrigin(request) ??
    guard.admission.refuse(client, guard.now())
  );
}

/** Why this client may not connect to a port that takes no HTTP, or undefined. */
export function refuseConnection(guard: EntryGuard, client: Client): Refusal | undefined {
  return guard.access.refusePeer(client) ?? guard.admission.refuse(client, guard.now());
}

/** Why nobody may open a connection while a gateway has as many as it may have, or undefined. */
export function refuseWhenFull({ full }: { readonly full: boolean }): Refusal | undefined {
  if (!full) return undefined;
  return { status: 503, body: "Too many connections.", headers: { "Retry-After": "5" } };
}
