import { formatAddress } from "../shared/ip-address.ts";
import { attribute } from "../wire/stun/attribute-type.ts";
import { decodeChannelNumber } from "../wire/stun/attribute-values.ts";
import type { StunMessage } from "../wire/stun/message.ts";
import { decodeXorAddress, familyOf } from "../wire/stun/transport-address.ts";
import { success } from "./answer.ts";
import type { Identity } from "./authentication.ts";
import type { Client } from "./client.ts";
import type { TurnMachine } from "./machine.ts";
import { failures, type Outcome } from "./request-outcome.ts";

/** RFC 8656 ends at 0x4FFF, RFC 5766 at 0x7FFF: clients of either are about, and coturn and pion take both. */
const [firstChannel, lastChannel] = [0x4000, 0x7fff];

/** ChannelBind (RFC 8656 §12.2); it makes or renews the permission of the peer's address too. */
export function bindChannel(
  machine: TurnMachine,
  client: Client,
  request: StunMessage,
  identity: Identity,
  now: number,
): Outcome {
  const { limits } = machine.options;
  const { allocation } = client;
  if (allocation === undefined) return failures.allocationMismatch;
  const number = decodeChannelNumber(request.value(attribute.channelNumber) ?? new Uint8Array(0));
  const peerValue = request.value(attribute.xorPeerAddress);
  const peer = peerValue && decodeXorAddress(peerValue, request.transactionId);
  if (number === undefined || peer === undefined) return failures.badRequest;
  if (number < firstChannel || number > lastChannel) return failures.badRequest;

  const relay = allocation.relayOf(familyOf(peer.address));
  if (relay === undefined) return failures.peerAddressFamily;
  const verdict = machine.policy.judge(peer.address, peer.port, identity.user);
  if (verdict !== "direct" && verdict !== "own") return machine.denied(verdict, peer.address, identity.user);

  const address = formatAddress(peer.address);
  const bound = allocation.channel(number);
  if (bound !== undefined && (bound.port !== peer.port || bound.permission.address !== address))
    return failures.badRequest;
  const other = allocation.channelOf(address, peer.port);
  if (other !== undefined && other !== number) return failures.badRequest;
  if (bound === undefined && allocation.channelCount >= limits.channels) return failures.channels;
  if (allocation.permission(address) === undefined && allocation.permissionCount >= limits.permissions)
    return failures.permissions;
  allocation.bind(number, peer.port, allocation.permit(address, relay, verdict === "own", now), now);
  return success(request);
}
