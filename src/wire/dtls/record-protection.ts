import { concat, writeUint } from "./bytes.ts";
import type { DtlsCrypto } from "./crypto.ts";
import type { RecordKeys } from "./key-schedule.ts";
import { type DtlsRecord, dtls12, encodeRecord, recordHeaderBytes } from "./record.ts";
import { ReplayWindow } from "./replay-window.ts";

const explicitNonceBytes = 8;
const tagBytes = 16;
const protectedEpoch = 1;

/** Makes our records: epoch 0 in the clear, epoch 1 sealed with AES-GCM (RFC 5288, RFC 6347 §4.1.2.1). */
export class RecordWriter {
  readonly #crypto: DtlsCrypto;
  /** The next sequence number of each epoch. */
  readonly #next: [number, number] = [0, 0];
  #keys: RecordKeys | undefined;

  constructor(crypto: DtlsCrypto) {
    this.#crypto = crypto;
  }

  protectWith(keys: RecordKeys): void {
    this.#keys = keys;
  }

  /** Bytes that a record has beyond its content. */
  overhead(epoch: 0 | 1): number {
    return recordHeaderBytes + (epoch === 0 ? 0 : explicitNonceBytes + tagBytes);
  }

  /** A record of the next sequence number; `protectWith` comes before any of epoch 1. */
  record(type: number, epoch: 0 | 1, content: Uint8Array): Uint8Array {
    const sequence = this.#next[epoch]++;
    if (epoch === 0) return encodeRecord(type, epoch, sequence, content);
    const keys = this.#keys as RecordKeys;
    const explicit = epochAndSequence(epoch, sequence);
    const additional = additionalData(explicit, type, content.length);
    const sealed = this.#crypto.seal(keys.writeKey, concat(keys.writeIv, explicit), additional, content);
    return encodeRecord(type, epoch, sequence, concat(explicit, sealed));
  }
}

/** Opens the peer's records of epoch 1. Each is opened once. */
export class RecordOpener {
  readonly #crypto: DtlsCrypto;
  readonly #keys: RecordKeys;
  readonly #window = new ReplayWindow();

  constructor(crypto: DtlsCrypto, keys: RecordKeys) {
    this.#crypto = crypto;
    this.#keys = keys;
  }

  /** The content; undefined for another epoch, a repeat and a record that was not sealed by the peer. */
  open({ type, epoch, sequence, body }: DtlsRecord): Uint8Array | undefined {
    if (epoch !== protectedEpoch || body.length < explicitNonceBytes + tagBytes) return undefined;
    if (!this.#window.fresh(sequence)) return undefined;
    const explicit = body.subarray(0, explicitNonceBytes);
    const length = body.length - explicitNonceBytes - tagBytes;
    const additional = additionalData(epochAndSequence(epoch, sequence), type, length);
    const nonce = concat(this.#keys.readIv, explicit);
    const sealed = body.subarray(explicitNonceBytes);
    const content = this.#crypto.open(this.#keys.readKey, nonce, additional, sealed);
    if (content !== undefined) this.#window.mark(sequence);
    return content;
  }
}

function epochAndSequence(epoch: number, sequence: number): Uint8Array {
  const bytes = new Uint8Array(8);
  writeUint(bytes, 0, 2, epoch);
  writeUint(bytes, 2, 6, sequence);
  return bytes;
}

/** RFC 5246 §6.2.3.3: what is authenticated beside the content. */
function additionalData(number: Uint8Array, type: number, length: number): Uint8Array {
  const bytes = new Uint8Array(13);
  bytes.set(number);
  bytes[8] = type;
  writeUint(bytes, 9, 2, dtls12);
  writeUint(bytes, 11, 2, length);
  return bytes;
}
