/** The hash of a cipher suite: of its PRF and of its handshake transcript. */
export type SuiteHash = "sha256" | "sha384";

/** Hashes that a certificate fingerprint may use (RFC 8122 §5). */
export type FingerprintHash = "sha256" | "sha384" | "sha512";

/** Groups for ECDHE: X25519 and P-256. */
export type Group = "x25519" | "p256";

/** All of them sign the SHA-256 of the data. RSA-PSS has a salt of 32 bytes. */
export type SignatureScheme = "ecdsaP256" | "rsaPss" | "rsaPkcs1";

/** An ephemeral key pair. */
export interface KeyShare {
  /** 32 bytes of X25519, or an uncompressed point of P-256 (65 bytes). */
  readonly publicKey: Uint8Array;
  /**
   * The shared secret, in memory of its own. Undefined for what is no public key of the group: a wrong length, a compressed point, a
   * point off the curve, or one that gives a secret of zeros.
   */
  agree(peerKey: Uint8Array): Uint8Array | undefined;
}

/**
 * What the DTLS machine needs of a crypto library. All arithmetic on secrets happens behind it. No method throws for any bytes, and
 * each byte array returned has memory of its own, so that it can be wiped.
 */
export interface DtlsCrypto {
  random(bytes: number): Uint8Array;
  digest(hash: FingerprintHash, parts: readonly Uint8Array[]): Uint8Array;
  hmac(hash: SuiteHash, key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array;
  /** Takes as long for any difference; false for different lengths. */
  equal(one: Uint8Array, other: Uint8Array): boolean;
  keyShare(group: Group): KeyShare;
  /** AES-GCM, with 128 or 256 bits as the key's length says: the ciphertext and its tag of 16 bytes. */
  seal(key: Uint8Array, nonce: Uint8Array, additional: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** Undefined when the tag does not match. */
  open(
    key: Uint8Array,
    nonce: Uint8Array,
    additional: Uint8Array,
    sealed: Uint8Array,
  ): Uint8Array | undefined;
  /** `publicKey` is a SubjectPublicKeyInfo of a type that `publicKeyType` knows. False for anything that does not verify. */
  verify(
    scheme: SignatureScheme,
    publicKey: Uint8Array,
    data: readonly Uint8Array[],
    signature: Uint8Array,
  ): boolean;
}

/** Our certificate, with an ECDSA P-256 key that stays where it was made. */
export interface DtlsCertificate {
  /** X.509, DER. */
  readonly der: Uint8Array;
  /** ECDSA with SHA-256, DER. */
  sign(data: readonly Uint8Array[]): Uint8Array;
}
