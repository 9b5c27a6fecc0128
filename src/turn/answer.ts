import { attribute } from "../wire/stun/attribute-type.ts";
import type { StunCrypto } from "../wire/stun/crypto.ts";
import { encodeErrorCode } from "../wire/stun/error-code.ts";
import { addFingerprint } from "../wire/stun/fingerprint.ts";
import { addIntegrity } from "../wire/stun/integrity.ts";
import type { StunMessage } from "../wire/stun/message.ts";
import { MessageWriter } from "../wire/stun/writer.ts";
import type { Identity } from "./authentication.ts";

/** The start of an answer to the request; attributes follow, then {@link seal}. */
export function success(request: StunMessage): MessageWriter {
  return new MessageWriter(request.method, "success", request.transactionId, 160);
}

/** The start of an error answer. Without reason phrase and SOFTWARE: each byte could be reflected at a victim. */
export function error(request: StunMessage, code: number): MessageWriter {
  return new MessageWriter(request.method, "error", request.transactionId, 128).add(
    attribute.errorCode,
    encodeErrorCode(code),
  );
}

/** The whole answer, with the same kind of integrity as the request, and a FINGERPRINT if the request had one. */
export function seal(
  writer: MessageWriter,
  request: StunMessage,
  identity: Identity | undefined,
  crypto: StunCrypto,
): Uint8Array {
  if (identity !== undefined) addIntegrity(writer, identity.kind, identity.key, crypto);
  if (request.has(attribute.fingerprint)) addFingerprint(writer);
  return writer.bytes();
}
