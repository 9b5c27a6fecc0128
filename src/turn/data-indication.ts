import { parseAddress } from "../shared/ip-address.ts";
import { attribute } from "../wire/stun/attribute-type.ts";
import { method } from "../wire/stun/message-type.ts";
import { encodeXorAddress } from "../wire/stun/transport-address.ts";
import { MessageWriter } from "../wire/stun/writer.ts";
import type { Permission } from "./permission.ts";

/** Nobody answers indications, so their transaction ids only have to differ (RFC 8489 §6.1). */
const transactionId = new Uint8Array(12);

/** A Data indication (RFC 8656 §11.4): the payload of a peer without a channel. */
export function dataIndication(permission: Permission, port: number, payload: Uint8Array): Uint8Array {
  for (let at = 0; at < 12; at++) {
    transactionId[at] = (transactionId[at] ?? 0) + 1;
    if (transactionId[at] !== 0) break;
  }
  const peer = { address: parseAddress(permission.address) as Uint8Array, port };
  return new MessageWriter(method.data, "indication", transactionId, payload.length + 52)
    .add(attribute.xorPeerAddress, encodeXorAddress(peer, transactionId))
    .add(attribute.data, payload)
    .bytes();
}
