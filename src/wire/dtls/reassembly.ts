import { emptyMessage, type HandshakeFragment, type HandshakeMessage } from "./handshake-message.ts";

/** Bytes of messages that wait, all together. */
const maxBytes = 24 * 1024;
const maxMessages = 8;

/**
 * Puts messages together from their fragments (RFC 6347 §4.2.3). Fragments belong together when sequence, type and length are the same;
 * the first bytes received for a place win. Forged fragments can spoil a message only until the peer repeats it, and when there are too
 * many messages the one begun first makes room.
 */
export class Reassembly {
  /** Made when the first fragment comes: most peers never send another once they are connected. */
  #messages: Map<string, PartialMessage> | undefined;
  #bytes = 0;

  /** Bytes of messages that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes a fragment, of a message no longer than `maxBytes`. */
  add(fragment: HandshakeFragment): void {
    const { type, length, sequence, part } = fragment;
    // It carries nothing, but for messages that are empty as a whole.
    if (part.length === 0 && length > 0) return;
    const key = `${sequence} ${type} ${length}`;
    this.#messages ??= new Map();
    let message = this.#messages.get(key);
    if (message === undefined) {
      this.#makeRoom(length);
      message = new PartialMessage(emptyMessage(type, sequence, length));
      this.#messages.set(key, message);
      this.#bytes += length;
    }
    message.add(fragment);
  }

  /** A whole message of that sequence number; it stays until `remove`. */
  whole(sequence: number): HandshakeMessage | undefined {
    for (const { message, missing } of this.#messages?.values() ?? [])
      if (missing === 0 && message.sequence === sequence) return message;
    return undefined;
  }

  /** Drops whatever was received for this and earlier sequence numbers. */
  remove(sequence: number): void {
    for (const [key, { message }] of this.#messages ?? [])
      if (message.sequence <= sequence) this.#drop(key, message);
  }

  clear(): void {
    this.#messages = undefined;
    this.#bytes = 0;
  }

  #makeRoom(length: number): void {
    for (const [key, { message }] of this.#messages ?? []) {
      if (this.#bytes + length <= maxBytes && (this.#messages?.size ?? 0) < maxMessages) return;
      this.#drop(key, message);
    }
  }

  #drop(key: string, message: HandshakeMessage): void {
    this.#messages?.delete(key);
    this.#bytes -= message.body.length;
  }
}

/** A message of which bytes may be missing. */
class PartialMessage {
  readonly message: HandshakeMessage;
  /** How many bytes are missing. */
  missing: number;
  /** A bit for each byte received; not there until the message proves to come in pieces. */
  #received: Uint8Array | undefined;

  constructor(message: HandshakeMessage) {
    this.message = message;
    this.missing = message.body.length;
  }

  add({ offset, part }: HandshakeFragment): void {
    if (this.missing === 0) return;
    const { body } = this.message;
    if (part.length === body.length) {
      // One that is whole replaces pieces, of which some may be forged.
      body.set(part);
      this.missing = 0;
      return;
    }
    this.#received ??= new Uint8Array((body.length + 7) >> 3);
    for (let index = 0; index < part.length; index++) {
      const at = offset + index;
      const bit = 1 << (at & 7);
      const byte = this.#received[at >> 3] ?? 0;
      if ((byte & bit) !== 0) continue;
      this.#received[at >> 3] = byte | bit;
      body[at] = part[index] ?? 0;
      this.missing--;
    }
  }
}
