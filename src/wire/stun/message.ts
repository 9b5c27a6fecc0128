import { readU16, readU32 } from "../bytes.ts";
import { attribute } from "./attribute-type.ts";
import { type MessageClass, splitMessageType } from "./message-type.ts";

/** The third word of every header (RFC 8489 §5). */
export const magicCookie = 0x2112a442;
export const headerBytes = 20;

/** One attribute of a message; the value is a view into the message. */
export interface Attribute {
  readonly type: number;
  /** Where its own header starts in the message. */
  readonly offset: number;
  readonly value: Uint8Array;
}

/** A parsed message. All views are into the bytes it was parsed from. */
export class StunMessage {
  readonly bytes: Uint8Array;
  readonly method: number;
  readonly class: MessageClass;
  /** Those that count, in their order: what stands behind the integrity attributes is not among them. */
  readonly attributes: readonly Attribute[];

  constructor(bytes: Uint8Array, attributes: readonly Attribute[]) {
    const type = splitMessageType(((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0));
    this.bytes = bytes;
    this.method = type.method;
    this.class = type.class;
    this.attributes = attributes;
  }

  /** It is of RFC 3489, which had no cookie: its transaction id begins where the cookie would be. */
  get classic(): boolean {
    return readU32(this.bytes, 4) !== magicCookie;
  }

  /** 12 bytes, or 16 of a {@link classic} message. */
  get transactionId(): Uint8Array {
    return this.bytes.subarray(this.classic ? 4 : 8, headerBytes);
  }

  /** The first attribute of the type (RFC 8489 §14: later ones are ignored). */
  find(type: number): Attribute | undefined {
    return this.attributes.find((one) => one.type === type);
  }

  /** The value of the first attribute of the type. */
  value(type: number): Uint8Array | undefined {
    return this.find(type)?.value;
  }

  has(type: number): boolean {
    return this.find(type) !== undefined;
  }
}

/** True when this can be the start of a STUN message: two zero bits, and the cookie where it is there already. */
function looksLikeStun(bytes: Uint8Array): boolean {
  return bytes.length >= headerBytes && (bytes[0] ?? 0xff) < 4 && readU32(bytes, 4) === magicCookie;
}

/** The type of a Binding request. */
const bindingRequest = 0x0001;

/**
 * Parses a Binding request of RFC 3489, which has no cookie (RFC 5389 §12.2); undefined for everything else. Without the cookie only
 * this one type and a length that fits tell it from noise.
 */
export function parseClassicBinding(bytes: Uint8Array): StunMessage | undefined {
  if (bytes.length < headerBytes || readU16(bytes, 0) !== bindingRequest) return undefined;
  return readU32(bytes, 4) === magicCookie ? undefined : parseAttributes(bytes);
}

/**
 * Parses exactly one message (RFC 8489 §5 and §14). Undefined for anything malformed: a wrong length, an attribute that
 * leaves the message, a FINGERPRINT that is not last. Of what follows MESSAGE-INTEGRITY only MESSAGE-INTEGRITY-SHA256 and
 * FINGERPRINT are kept, of what follows MESSAGE-INTEGRITY-SHA256 only FINGERPRINT (§14.5, §14.6).
 */
export function parseMessage(bytes: Uint8Array): StunMessage | undefined {
  return looksLikeStun(bytes) ? parseAttributes(bytes) : undefined;
}

function parseAttributes(bytes: Uint8Array): StunMessage | undefined {
  const length = readU16(bytes, 2);
  if (length % 4 !== 0 || length + headerBytes !== bytes.length) return undefined;
  const attributes: Attribute[] = [];
  let sealed = 0;
  for (let offset = headerBytes; offset < bytes.length; ) {
    if (sealed === 3) return undefined;
    const type = readU16(bytes, offset);
    const start = offset + 4;
    const end = start + readU16(bytes, offset + 2);
    if (end > bytes.length) return undefined;
    const rank = sealRank(type);
    if (rank > sealed || (rank === 0 && sealed === 0))
      attributes.push({ type, offset, value: bytes.subarray(start, end) });
    sealed = Math.max(sealed, rank);
    offset = (end + 3) & ~3;
  }
  return new StunMessage(bytes, attributes);
}

/** Attributes that seal what stands before them come in this order only; 0 for all others. */
function sealRank(type: number): number {
  if (type === attribute.messageIntegrity) return 1;
  if (type === attribute.messageIntegritySha256) return 2;
  return type === attribute.fingerprint ? 3 : 0;
}
