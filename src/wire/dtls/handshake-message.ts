import { type ByteReader, writeUint } from "./bytes.ts";

export const messageType = {
  helloRequest: 0,
  clientHello: 1,
  serverHello: 2,
  helloVerifyRequest: 3,
  certificate: 11,
  serverKeyExchange: 12,
  certificateRequest: 13,
  serverHelloDone: 14,
  certificateVerify: 15,
  clientKeyExchange: 16,
  finished: 20,
} as const;

export const messageHeaderBytes = 12;

/** A whole handshake message (RFC 6347 §4.2.2), as it goes into the transcript: as if it had come in one fragment. */
export interface HandshakeMessage {
  readonly type: number;
  readonly sequence: number;
  /** Header and body, in memory of its own. */
  readonly bytes: Uint8Array;
  /** A view into `bytes`. */
  readonly body: Uint8Array;
}

/** A part of a handshake message; `part` is a view. */
export interface HandshakeFragment {
  readonly type: number;
  /** Of the whole message. */
  readonly length: number;
  readonly sequence: number;
  readonly offset: number;
  readonly part: Uint8Array;
}

/** A message with room for a body of that length, to be filled in. */
export function emptyMessage(type: number, sequence: number, length: number): HandshakeMessage {
  const bytes = new Uint8Array(messageHeaderBytes + length);
  writeHeader(bytes, type, sequence, length, 0, length);
  return { type, sequence, bytes, body: bytes.subarray(messageHeaderBytes) };
}

export function handshakeMessage(type: number, sequence: number, body: Uint8Array): HandshakeMessage {
  const message = emptyMessage(type, sequence, body.length);
  message.body.set(body);
  return message;
}

/** The part of a message from `offset` on, with a header of its own. */
export function encodeFragment(message: HandshakeMessage, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(messageHeaderBytes + length);
  writeHeader(bytes, message.type, message.sequence, message.body.length, offset, length);
  bytes.set(message.body.subarray(offset, offset + length), messageHeaderBytes);
  return bytes;
}

/** The next fragment of a record; undefined when its header is cut off or its bytes are not all there. */
export function readFragment(reader: ByteReader): HandshakeFragment | undefined {
  const type = reader.u8();
  const length = reader.u24();
  const sequence = reader.u16();
  const offset = reader.u24();
  const part = reader.vector24();
  if (!reader.ok || offset + part.length > length) return undefined;
  return { type, length, sequence, offset, part };
}

function writeHeader(
  bytes: Uint8Array,
  type: number,
  sequence: number,
  length: number,
  offset: number,
  partLength: number,
): void {
  bytes[0] = type;
  writeUint(bytes, 1, 3, length);
  writeUint(bytes, 4, 2, sequence);
  writeUint(bytes, 6, 3, offset);
  writeUint(bytes, 9, 3, partLength);
}
