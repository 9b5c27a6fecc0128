import { concat } from "./bytes.ts";
import { encodeFragment, type HandshakeMessage, messageHeaderBytes } from "./handshake-message.ts";
import { contentType } from "./record.ts";
import type { RecordWriter } from "./record-protection.ts";

/** What is sent in one go and repeated as a whole (RFC 6347 §4.2.4): messages of epoch 0, then those behind a ChangeCipherSpec. */
export interface Flight {
  readonly plain: readonly HandshakeMessage[];
  /** Finished. */
  readonly sealed?: HandshakeMessage;
}

/** A fragment that would be smaller than this waits for the next datagram. */
const leastFragmentBytes = 32;

/**
 * The flight as datagrams of at most `mtu` bytes. As many whole messages as fit share a record; one in fragments has records of its own, as
 * mbedTLS takes no others. Each call makes new records, since a repeat needs sequence numbers of its own.
 */
export function packFlight(flight: Flight, mtu: number, writer: RecordWriter): Uint8Array[] {
  const packer = new Packer(mtu, writer);
  for (const message of flight.plain) packer.message(message, 0);
  if (flight.sealed !== undefined) {
    packer.record(contentType.changeCipherSpec, 0, Uint8Array.of(1));
    packer.message(flight.sealed, 1);
  }
  return packer.finish();
}

class Packer {
  readonly #mtu: number;
  readonly #writer: RecordWriter;
  readonly #done: Uint8Array[] = [];
  /** Whole records of the datagram that is being filled. */
  #records: Uint8Array[] = [];
  #recordBytes = 0;
  /** Fragments of its last record, which is still open. */
  #fragments: Uint8Array[] = [];
  #fragmentBytes = 0;
  #epoch: 0 | 1 = 0;

  constructor(mtu: number, writer: RecordWriter) {
    this.#mtu = mtu;
    this.#writer = writer;
  }

  message(message: HandshakeMessage, epoch: 0 | 1): void {
    if (epoch !== this.#epoch) this.#closeRecord();
    this.#epoch = epoch;
    const { length } = message.body;
    if (this.#room() >= length) {
      this.#add(message, 0, length);
      return;
    }
    this.#closeRecord();
    let offset = 0;
    do {
      const rest = length - offset;
      if (this.#room() < Math.min(rest, leastFragmentBytes)) this.#closeDatagram();
      const part = Math.min(rest, this.#room());
      this.#add(message, offset, part);
      if (part < length) this.#closeRecord();
      offset += part;
    } while (offset < length);
  }

  record(type: number, epoch: 0 | 1, content: Uint8Array): void {
    this.#closeRecord();
    if (this.#recordBytes + this.#writer.overhead(epoch) + content.length > this.#mtu) this.#closeDatagram();
    this.#push(this.#writer.record(type, epoch, content));
  }

  finish(): Uint8Array[] {
    this.#closeDatagram();
    return this.#done;
  }

  #add(message: HandshakeMessage, offset: number, length: number): void {
    this.#fragments.push(encodeFragment(message, offset, length));
    this.#fragmentBytes += messageHeaderBytes + length;
  }

  /** Bytes of a message that still fit; negative when not even a header does. */
  #room(): number {
    const record = this.#writer.overhead(this.#epoch) + this.#fragmentBytes;
    return this.#mtu - this.#recordBytes - record - messageHeaderBytes;
  }

  #closeRecord(): void {
    if (this.#fragments.length === 0) return;
    const content = concat(...this.#fragments);
    this.#fragments = [];
    this.#fragmentBytes = 0;
    this.#push(this.#writer.record(contentType.handshake, this.#epoch, content));
  }

  #closeDatagram(): void {
    this.#closeRecord();
    if (this.#records.length > 0) this.#done.push(concat(...this.#records));
    this.#records = [];
    this.#recordBytes = 0;
  }

  #push(record: Uint8Array): void {
    this.#records.push(record);
    this.#recordBytes += record.length;
  }
}
