import { formatAddress } from "../shared/ip-address.ts";
import { attribute } from "../wire/stun/attribute-type.ts";
import type { StunMessage } from "../wire/stun/message.ts";
import { decodeXorAddress } from "../wire/stun/transport-address.ts";
import type { Client } from "./client.ts";
import type { TurnMachine } from "./machine.ts";
import { unknownAttributes } from "./unknown-attributes.ts";

/** Send (RFC 8656 §11.2). Indications are not answered: wrong ones are dropped and counted. */
export function send(machine: TurnMachine, client: Client, message: StunMessage): void {
  const { stats, policy } = machine;
  const { allocation } = client;
  const peerValue = message.value(attribute.xorPeerAddress);
  const peer = peerValue && decodeXorAddress(peerValue, message.transactionId);
  const payload = message.value(attribute.data);
  const dontFragment = message.has(attribute.dontFragment);
  if (
    allocation === undefined ||
    peer === undefined ||
    payload === undefined ||
    unknownAttributes(message).length > 0 ||
    (dontFragment && !machine.ports.relays.dontFragment)
  ) {
    stats.refuse("malformed");
    return;
  }
  const permission = allocation.permission(formatAddress(peer.address));
  if (permission === undefined) {
    stats.refuse("no_permission");
    return;
  }
  const verdict = policy.judge(peer.address, peer.port, allocation.identity.user);
  if (verdict === "direct" || verdict === "own")
    allocation.sendTo(payload, peer.port, permission, dontFragment);
  else stats.refuse(`peer_${verdict}`);
}
