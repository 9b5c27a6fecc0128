import { attribute, comprehensionRequired } from "../../wire/stun/attribute-type.ts";
import { encodeUnknownAttributes } from "../../wire/stun/attribute-values.ts";
import type { StunCrypto } from "../../wire/stun/crypto.ts";
import { encodeErrorCode } from "../../wire/stun/error-code.ts";
import { addFingerprint } from "../../wire/stun/fingerprint.ts";
import { addIntegrity } from "../../wire/stun/integrity.ts";
import type { StunMessage } from "../../wire/stun/message.ts";
import { method } from "../../wire/stun/message-type.ts";
import { decodeText } from "../../wire/stun/text.ts";
import { encodeXorAddress, type TransportAddress } from "../../wire/stun/transport-address.ts";
import { MessageWriter } from "../../wire/stun/writer.ts";

/** What ICE needs of cryptography. */
export interface IceCrypto extends StunCrypto {
  random(bytes: number): Uint8Array;
}

/** Most bytes of a USERNAME (RFC 8489 §14.3). */
const longestUsername = 508;
/** The priority of a peer-reflexive candidate of component 1 (RFC 8445 §5.1.2): nobody reads it here, but a check must have one. */
const priority = Uint8Array.of(0x6e, 0x7f, 0xff, 0xff);
/** Attributes of a check that we know, of those that must be known. */
const known: ReadonlySet<number> = new Set([
  attribute.username,
  attribute.messageIntegrity,
  attribute.messageIntegritySha256,
  attribute.priority,
  attribute.useCandidate,
]);

/** The fragment of the receiver in the USERNAME of a check (RFC 8445 §7.2.2); undefined where there is none. */
export function receiverUfrag(message: StunMessage): string | undefined {
  const value = message.value(attribute.username);
  if (value === undefined || value.length > longestUsername) return undefined;
  const colon = value.indexOf(0x3a);
  return colon <= 0 ? undefined : decodeText(value.subarray(0, colon));
}

/** Types of attributes that a receiver of this check would have to know, and we don't. */
export function unknownAttributes(message: StunMessage): number[] {
  const types = message.attributes.map(({ type }) => type);
  return types.filter((type) => comprehensionRequired(type) && !known.has(type));
}

/** The answer to a check: where it came from. */
export function bindingSuccess(
  request: StunMessage,
  from: TransportAddress,
  key: Uint8Array,
  crypto: IceCrypto,
): Uint8Array {
  const { transactionId } = request;
  const writer = new MessageWriter(method.binding, "success", transactionId, 128);
  writer.add(attribute.xorMappedAddress, encodeXorAddress(from, transactionId));
  return sealed(writer, key, crypto);
}

/** The answer to a check that is refused. `unknown`: for 420, what wasn't known. */
export function bindingError(
  request: StunMessage,
  code: number,
  unknown: readonly number[],
  key: Uint8Array,
  crypto: IceCrypto,
): Uint8Array {
  const writer = new MessageWriter(method.binding, "error", request.transactionId, 128);
  writer.add(attribute.errorCode, encodeErrorCode(code));
  if (unknown.length > 0) writer.add(attribute.unknownAttributes, encodeUnknownAttributes(unknown));
  return sealed(writer, key, crypto);
}

/** A Binding request of our own, from the controlled side. */
export function bindingRequest(
  transactionId: Uint8Array,
  username: Uint8Array,
  tieBreaker: Uint8Array,
  key: Uint8Array,
  crypto: IceCrypto,
): Uint8Array {
  const writer = new MessageWriter(method.binding, "request", transactionId, 160);
  writer.add(attribute.username, username).add(attribute.priority, priority);
  writer.add(attribute.iceControlled, tieBreaker);
  return sealed(writer, key, crypto);
}

/** A Binding request from the controlling side. `nominates`: by this path media is to go (RFC 8445 §8.1.1). */
export function controllingRequest(
  transactionId: Uint8Array,
  from: { readonly username: Uint8Array; readonly tieBreaker: Uint8Array; readonly nominates: boolean },
  key: Uint8Array,
  crypto: IceCrypto,
): Uint8Array {
  const writer = new MessageWriter(method.binding, "request", transactionId, 160);
  writer.add(attribute.username, from.username).add(attribute.priority, priority);
  writer.add(attribute.iceControlling, from.tieBreaker);
  if (from.nominates) writer.add(attribute.useCandidate, new Uint8Array());
  return sealed(writer, key, crypto);
}

function sealed(writer: MessageWriter, key: Uint8Array, crypto: IceCrypto): Uint8Array {
  addIntegrity(writer, "sha1", key, crypto);
  addFingerprint(writer);
  return writer.bytes();
}
