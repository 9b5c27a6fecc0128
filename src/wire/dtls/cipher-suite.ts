import type { SuiteHash } from "./crypto.ts";

/** A suite with ECDHE and AES-GCM (RFC 5289). Nothing else is ever negotiated. */
export interface CipherSuite {
  readonly number: number;
  /** The type of the server's key. */
  readonly serverKey: "p256" | "rsa";
  readonly hash: SuiteHash;
  readonly keyBytes: 16 | 32;
}

const ecdsaAes128: CipherSuite = { number: 0xc02b, serverKey: "p256", hash: "sha256", keyBytes: 16 };
const ecdsaAes256: CipherSuite = { number: 0xc02c, serverKey: "p256", hash: "sha384", keyBytes: 32 };
const rsaAes128: CipherSuite = { number: 0xc02f, serverKey: "rsa", hash: "sha256", keyBytes: 16 };

/** What a server with a P-256 key takes, best first. */
export const serverSuites: readonly CipherSuite[] = [ecdsaAes128, ecdsaAes256];

/** What a client offers, best first. */
export const clientSuites: readonly CipherSuite[] = [ecdsaAes128, rsaAes128];

/** TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746 §3.3). */
export const renegotiationScsv = 0x00ff;
