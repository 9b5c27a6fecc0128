import { concat } from "../../../src/wire/dtls/bytes.ts";
import { recordsOf } from "./pair.ts";

export const type = { changeCipherSpec: 20, alert: 21, handshake: 22, applicationData: 23 } as const;

export interface RecordFields {
  readonly epoch?: number;
  readonly sequence?: number;
  readonly version?: number;
  /** What the header says, where that is a lie. */
  readonly length?: number;
}

/** A record as a stranger could write it. */
export function record(contentType: number, body: Uint8Array, fields: RecordFields = {}): Uint8Array {
  const { epoch = 0, sequence = 900, version = 0xfefd, length = body.length } = fields;
  const header = Buffer.alloc(13);
  header[0] = contentType;
  header.writeUInt16BE(version, 1);
  header.writeUInt16BE(epoch, 3);
  header.writeUIntBE(sequence, 5, 6);
  header.writeUInt16BE(length, 11);
  return concat(header, body);
}

/** A part of a handshake message, with its header. */
export function fragment(
  messageType: number,
  length: number,
  sequence: number,
  offset: number,
  part: Uint8Array,
  partLength = part.length,
): Uint8Array {
  const header = Buffer.alloc(12);
  header[0] = messageType;
  header.writeUIntBE(length, 1, 3);
  header.writeUInt16BE(sequence, 4);
  header.writeUIntBE(offset, 6, 3);
  header.writeUIntBE(partLength, 9, 3);
  return concat(header, part);
}

/** A whole message in a record. */
export function message(messageType: number, sequence: number, body: Uint8Array): Uint8Array {
  return record(type.handshake, fragment(messageType, body.length, sequence, 0, body));
}

export interface Message {
  readonly type: number;
  readonly sequence: number;
  readonly body: Uint8Array;
}

/** The messages in the clear of a record that has whole ones only; none for another record. */
export function messagesOf(bytes: Uint8Array): Message[] {
  if (bytes[0] !== type.handshake || epochOf(bytes) !== 0) return [];
  const view = Buffer.from(bytes);
  const messages: Message[] = [];
  for (let at = 13; at + 12 <= bytes.length; ) {
    const length = view.readUIntBE(at + 1, 3);
    const end = at + 12 + length;
    messages.push({
      type: view[at] ?? 0,
      sequence: view.readUInt16BE(at + 4),
      body: bytes.slice(at + 12, end),
    });
    at = end;
  }
  return messages;
}

/** The messages in the clear of datagrams. */
export function messagesIn(datagrams: readonly Uint8Array[]): Message[] {
  return datagrams.flatMap(recordsOf).flatMap(messagesOf);
}

export function epochOf(bytes: Uint8Array): number {
  return ((bytes[3] ?? 0) << 8) | (bytes[4] ?? 0);
}

/** True for a record with a Finished: the only handshake message that is sealed. */
export function isFinished(bytes: Uint8Array): boolean {
  return bytes[0] === type.handshake && epochOf(bytes) === 1;
}

/** A filter for a wire: it may replace each message in the clear by others; other records pass. Each message gets a record. */
export function rewriting(replace: (message: Message) => readonly Message[]) {
  let sequence = 1_000;
  return (bytes: Uint8Array): Uint8Array[] => {
    const messages = messagesOf(bytes);
    if (messages.length === 0) return [bytes];
    return messages.flatMap(replace).map((one) => {
      const whole = fragment(one.type, one.body.length, one.sequence, 0, one.body);
      return record(type.handshake, whole, { sequence: sequence++ });
    });
  };
}
