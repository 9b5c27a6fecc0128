import { readUint, writeUint } from "./bytes.ts";

/** The version on the wire of DTLS 1.2: the one's complement of 1.2. */
export const dtls12 = 0xfefd;
/** That of DTLS 1.0, which first records of a handshake may carry (RFC 6347 §4.1). */
const dtls10 = 0xfeff;

export const contentType = { changeCipherSpec: 20, alert: 21, handshake: 22 } as const;

export const recordHeaderBytes = 13;
/** The largest body of a record (RFC 5246 §6.2.3). */
const maxBodyBytes = 2 ** 14 + 2048;

/** A record of a datagram (RFC 6347 §4.1); `body` is a view, sealed where the epoch is not 0. */
export interface DtlsRecord {
  readonly type: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly body: Uint8Array;
}

/** The records of a datagram. A record that is cut off, and whatever follows it, is left out; one of another version is skipped. */
export function* readRecords(datagram: Uint8Array): Generator<DtlsRecord> {
  for (let at = 0; at + recordHeaderBytes <= datagram.length; ) {
    const start = at + recordHeaderBytes;
    const length = readUint(datagram, at + 11, 2);
    if (length > maxBodyBytes || start + length > datagram.length) return;
    const version = readUint(datagram, at + 1, 2);
    const epoch = readUint(datagram, at + 3, 2);
    if (version === dtls12 || (version === dtls10 && epoch === 0))
      yield {
        type: datagram[at] ?? 0,
        epoch,
        sequence: readUint(datagram, at + 5, 6),
        body: datagram.subarray(start, start + length),
      };
    at = start + length;
  }
}

/** A record's header followed by its body. */
export function encodeRecord(type: number, epoch: number, sequence: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(recordHeaderBytes + body.length);
  bytes[0] = type;
  writeUint(bytes, 1, 2, dtls12);
  writeUint(bytes, 3, 2, epoch);
  writeUint(bytes, 5, 6, sequence);
  writeUint(bytes, 11, 2, body.length);
  bytes.set(body, recordHeaderBytes);
  return bytes;
}
