import type { Client, Refusal } from "../net/http-server.ts";
import type { Core } from "../signaling/core.ts";
import type { AccessPolicy } from "./access-policy.ts";
import type { Admission } from "./admission.ts";

/** What every transport passes on its way to the core. */
export interface Door {
  readonly core: Pick<Core, "open">;
  readonly access: AccessPolicy;
  readonly admission: Admission;
  /** Unix time in ms. */
  now(): number;
}

/** Why this client may not open a transport, or undefined. */
export function refuseEntry(
  door: Pick<Door, "access" | "admission" | "now">,
  request: Request,
  client: Client,
): Refusal | undefined {
  return (
    door.access.refuseStranger(request, client) ??
    door.access.refuseOrigin(request) ??
    door.admission.refuse(client, door.now())
  );
}
