import { type SrtpProfile, srtpKeySize } from "../srtp/profile.ts";
import { concat, copyOf } from "./bytes.ts";
import type { DtlsCrypto, SuiteHash } from "./crypto.ts";

export type Role = "client" | "server";

/** Labels of the PRF: RFC 7627 §4, RFC 5246 §6.3 and §7.4.9, RFC 5764 §4.2. */
const labels = {
  master: ascii("extended master secret"),
  keys: ascii("key expansion"),
  client: ascii("client finished"),
  server: ascii("server finished"),
  srtp: ascii("EXTRACTOR-dtls_srtp"),
};
const masterBytes = 48;
const verifyDataBytes = 12;
const ivBytes = 4;

/** Keys of epoch 1, by direction. */
export interface RecordKeys {
  readonly writeKey: Uint8Array;
  readonly writeIv: Uint8Array;
  readonly readKey: Uint8Array;
  readonly readIv: Uint8Array;
}

/** The SRTP master key and salt of one direction, each in memory of its own. Whoever takes them wipes them. */
export interface SrtpMasterKey {
  readonly key: Uint8Array;
  readonly salt: Uint8Array;
}

export interface Randoms {
  readonly client: Uint8Array;
  readonly server: Uint8Array;
}

/** The PRF of TLS 1.2 (RFC 5246 §5). */
export function prf(
  crypto: DtlsCrypto,
  hash: SuiteHash,
  secret: Uint8Array,
  label: Uint8Array,
  seed: Uint8Array,
  length: number,
): Uint8Array {
  const labelAndSeed = concat(label, seed);
  const output = new Uint8Array(length);
  let a: Uint8Array = labelAndSeed;
  for (let at = 0; at < length; ) {
    a = crypto.hmac(hash, secret, [a]);
    const block = crypto.hmac(hash, secret, [a, labelAndSeed]);
    output.set(block.subarray(0, length - at), at);
    at += block.length;
    block.fill(0);
  }
  return output;
}

/** The secrets of one handshake, from its master secret on. */
export class KeySchedule {
  readonly #crypto: DtlsCrypto;
  readonly #hash: SuiteHash;
  readonly #randoms: Randoms;
  readonly #master: Uint8Array;

  /** `sessionHash` covers the handshake up to ClientKeyExchange (RFC 7627 §4). It wipes the premaster secret. */
  constructor(
    crypto: DtlsCrypto,
    hash: SuiteHash,
    randoms: Randoms,
    premaster: Uint8Array,
    sessionHash: Uint8Array,
  ) {
    this.#crypto = crypto;
    this.#hash = hash;
    this.#randoms = randoms;
    this.#master = prf(crypto, hash, premaster, labels.master, sessionHash, masterBytes);
    premaster.fill(0);
  }

  /** Keys of AES-GCM for the role's side (RFC 5246 §6.3, RFC 5288 §3). */
  recordKeys(role: Role, keyBytes: number): RecordKeys {
    const { client, server } = this.#randoms;
    const block = this.#prf(labels.keys, concat(server, client), 2 * (keyBytes + ivBytes));
    const [clientKey, serverKey, clientIv, serverIv] = cut(block, [keyBytes, keyBytes, ivBytes, ivBytes]);
    return role === "client"
      ? { writeKey: clientKey, writeIv: clientIv, readKey: serverKey, readIv: serverIv }
      : { writeKey: serverKey, writeIv: serverIv, readKey: clientKey, readIv: clientIv };
  }

  /** The content of the Finished message that the role sends (RFC 5246 §7.4.9). */
  verifyData(role: Role, transcriptHash: Uint8Array): Uint8Array {
    return this.#prf(labels[role], transcriptHash, verifyDataBytes);
  }

  /** The SRTP master keys of both sides (RFC 5764 §4.2). */
  srtpKeys(profile: SrtpProfile): Readonly<Record<Role, SrtpMasterKey>> {
    const { client, server } = this.#randoms;
    const size = srtpKeySize[profile];
    const block = this.#prf(labels.srtp, concat(client, server), 2 * (size.key + size.salt));
    const [clientKey, serverKey, clientSalt, serverSalt] = cut(block, [
      size.key,
      size.key,
      size.salt,
      size.salt,
    ]);
    return { client: { key: clientKey, salt: clientSalt }, server: { key: serverKey, salt: serverSalt } };
  }

  /** Overwrites the master secret; nothing can be derived from here on. */
  wipe(): void {
    this.#master.fill(0);
  }

  #prf(label: Uint8Array, seed: Uint8Array, length: number): Uint8Array {
    return prf(this.#crypto, this.#hash, this.#master, label, seed, length);
  }
}

export function wipeRecordKeys(keys: RecordKeys): void {
  for (const bytes of [keys.writeKey, keys.writeIv, keys.readKey, keys.readIv]) bytes.fill(0);
}

type Four<T> = [T, T, T, T];

/** Copies the parts of a block, and wipes the block. */
function cut(block: Uint8Array, lengths: Four<number>): Four<Uint8Array> {
  let at = 0;
  const parts = lengths.map((length) => {
    at += length;
    return copyOf(block.subarray(at - length, at));
  });
  block.fill(0);
  return parts as Four<Uint8Array>;
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}
