import { formatAddress } from "../shared/ip-address.ts";
import { attribute } from "../wire/stun/attribute-type.ts";
import type { StunMessage } from "../wire/stun/message.ts";
import { decodeXorAddress, familyOf } from "../wire/stun/transport-address.ts";
import { success } from "./answer.ts";
import type { Identity } from "./authentication.ts";
import type { Client } from "./client.ts";
import type { TurnMachine } from "./machine.ts";
import type { Relay } from "./relay.ts";
import { failures, type Outcome } from "./request-outcome.ts";

/** CreatePermission (RFC 8656 §10.2): all of its addresses, or none. */
export function createPermission(
  machine: TurnMachine,
  client: Client,
  request: StunMessage,
  identity: Identity,
  now: number,
): Outcome {
  const { allocation } = client;
  if (allocation === undefined) return failures.allocationMismatch;
  const wanted = new Map<string, { readonly relay: Relay; readonly own: boolean }>();
  let fresh = 0;
  for (const { type, value } of request.attributes) {
    if (type !== attribute.xorPeerAddress) continue;
    const peer = decodeXorAddress(value, request.transactionId);
    if (peer === undefined) return failures.badRequest;
    const relay = allocation.relayOf(familyOf(peer.address));
    if (relay === undefined) return failures.peerAddressFamily;
    const verdict = machine.policy.judgeHost(peer.address, identity.user);
    if (verdict !== "direct" && verdict !== "own")
      return machine.denied(verdict, peer.address, identity.user);
    const address = formatAddress(peer.address);
    if (!wanted.has(address) && allocation.permission(address) === undefined) fresh++;
    wanted.set(address, { relay, own: verdict === "own" });
  }
  if (wanted.size === 0) return failures.badRequest;
  if (allocation.permissionCount + fresh > machine.options.limits.permissions) return failures.permissions;
  for (const [address, { relay, own }] of wanted) allocation.permit(address, relay, own, now);
  return success(request);
}
