import { attribute } from "../wire/stun/attribute-type.ts";
import { decodeAddressFamily, decodeLifetime, encodeLifetime } from "../wire/stun/attribute-values.ts";
import type { StunMessage } from "../wire/stun/message.ts";
import { family } from "../wire/stun/transport-address.ts";
import { grantedLifetime } from "./allocate.ts";
import { success } from "./answer.ts";
import type { Identity } from "./authentication.ts";
import type { Client } from "./client.ts";
import type { TurnMachine } from "./machine.ts";
import { failures, type Outcome } from "./request-outcome.ts";

/** Refresh (RFC 8656 §8.2); a lifetime of 0 ends the allocation, or one family of it. */
export function refresh(
  machine: TurnMachine,
  client: Client,
  request: StunMessage,
  _identity: Identity,
  now: number,
): Outcome {
  const { allocation } = client;
  if (allocation === undefined) return failures.allocationMismatch;
  const lifetimeValue = request.value(attribute.lifetime);
  const wanted = lifetimeValue && decodeLifetime(lifetimeValue);
  if (lifetimeValue !== undefined && wanted === undefined) return failures.badRequest;
  const familyValue = request.value(attribute.requestedAddressFamily);
  let relay: (typeof allocation.relays)[number] | undefined;
  if (familyValue !== undefined) {
    const named = decodeAddressFamily(familyValue);
    if (named !== family.ipv4 && named !== family.ipv6) return failures.badRequest;
    relay = allocation.relayOf(named);
    if (relay === undefined) return failures.peerAddressFamily;
  }
  if (wanted === 0) {
    if (relay !== undefined && allocation.relays.length > 1) {
      allocation.removeRelay(relay);
      machine.relays.close(relay);
    } else machine.end(allocation, "refreshed_to_zero");
    return success(request).add(attribute.lifetime, encodeLifetime(0));
  }
  const seconds = grantedLifetime(wanted, machine.options.limits);
  allocation.expiresAt = now + seconds * 1_000;
  return success(request).add(attribute.lifetime, encodeLifetime(seconds));
}
