import {
  constants,
  createCipheriv,
  createDecipheriv,
  createECDH,
  createHash,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
  verify,
} from "node:crypto";

type Suite = "sha256" | "sha384";
type Scheme = "ecdsaP256" | "rsaPss" | "rsaPkcs1";

const tagBytes = 16;
const x25519Bytes = 32;
const pointBytes = 65;
const uncompressed = 4;
/** A SubjectPublicKeyInfo of X25519 up to its key (RFC 8410 §4). */
const x25519Prefix = Uint8Array.from([
  0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00,
]);

/** Cryptography for DTLS (the port of `wire/dtls`) by the crypto library of Node or Bun, in which all arithmetic on secrets happens. */
export const dtlsCrypto = {
  random: (bytes: number): Uint8Array => own(randomBytes(bytes)),

  digest(hash: Suite | "sha512", parts: readonly Uint8Array[]): Uint8Array {
    const digest = createHash(hash);
    for (const part of parts) digest.update(part);
    return own(digest.digest());
  },

  hmac(hash: Suite, key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
    const mac = createHmac(hash, key);
    for (const part of parts) mac.update(part);
    return own(mac.digest());
  },

  equal: (one: Uint8Array, other: Uint8Array): boolean =>
    one.length === other.length && timingSafeEqual(one, other),

  keyShare: (group: "x25519" | "p256") => (group === "x25519" ? x25519Share() : p256Share()),

  seal(key: Uint8Array, nonce: Uint8Array, additional: Uint8Array, plaintext: Uint8Array): Uint8Array {
    const cipher = createCipheriv(gcm(key), key, nonce).setAAD(additional);
    const first = cipher.update(plaintext);
    const rest = cipher.final();
    return own(Buffer.concat([first, rest, cipher.getAuthTag()]));
  },

  open(
    key: Uint8Array,
    nonce: Uint8Array,
    additional: Uint8Array,
    sealed: Uint8Array,
  ): Uint8Array | undefined {
    const end = sealed.length - tagBytes;
    if (end < 0) return undefined;
    const decipher = createDecipheriv(gcm(key), key, nonce, { authTagLength: tagBytes });
    decipher.setAAD(additional).setAuthTag(sealed.subarray(end));
    const content = decipher.update(sealed.subarray(0, end));
    try {
      // GCM gives everything before this; it only checks the tag.
      decipher.final();
      return own(content);
    } catch {
      content.fill(0);
      return undefined;
    }
  },

  verify(scheme: Scheme, publicKey: Uint8Array, data: readonly Uint8Array[], signature: Uint8Array): boolean {
    try {
      const key = createPublicKey({ key: Buffer.from(publicKey), format: "der", type: "spki" });
      if (key.asymmetricKeyType !== keyType[scheme]) return false;
      return verify("sha256", Buffer.concat(data), { key, ...padding[scheme] }, signature);
    } catch {
      // A point off the curve, or a signature that is no DER.
      return false;
    }
  },
} as const;

const keyType: Readonly<Record<Scheme, string>> = { ecdsaP256: "ec", rsaPss: "rsa", rsaPkcs1: "rsa" };
const padding: Readonly<Record<Scheme, { padding?: number; saltLength?: number }>> = {
  ecdsaP256: {},
  rsaPss: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
  rsaPkcs1: { padding: constants.RSA_PKCS1_PADDING },
};

function gcm(key: Uint8Array): "aes-128-gcm" | "aes-256-gcm" {
  return key.length === 16 ? "aes-128-gcm" : "aes-256-gcm";
}

/** The bytes in memory of their own: a small Buffer may be a part of a pool that others share. */
function own(buffer: Buffer): Uint8Array {
  if (buffer.byteLength === buffer.buffer.byteLength) return new Uint8Array(buffer.buffer);
  const copy = new Uint8Array(buffer);
  buffer.fill(0);
  return copy;
}

function x25519Share() {
  const { publicKey, privateKey } = generateKeyPairSync("x25519");
  const spki = publicKey.export({ type: "spki", format: "der" });
  return {
    publicKey: new Uint8Array(spki.subarray(x25519Prefix.length)),
    agree(peerKey: Uint8Array): Uint8Array | undefined {
      if (peerKey.length !== x25519Bytes) return undefined;
      const key = Buffer.concat([x25519Prefix, peerKey]);
      return agreed(() => agreeWith(privateKey, key));
    },
  };
}

function agreeWith(privateKey: KeyObject, peerKey: Buffer): Buffer {
  return diffieHellman({
    privateKey,
    publicKey: createPublicKey({ key: peerKey, format: "der", type: "spki" }),
  });
}

function p256Share() {
  const ecdh = createECDH("prime256v1");
  return {
    publicKey: new Uint8Array(ecdh.generateKeys()),
    agree(peerKey: Uint8Array): Uint8Array | undefined {
      if (peerKey.length !== pointBytes || peerKey[0] !== uncompressed) return undefined;
      return agreed(() => ecdh.computeSecret(peerKey));
    },
  };
}

/** Undefined where the library refuses the peer's key, or where the secret is zero (RFC 8422 §5.11). */
function agreed(compute: () => Buffer): Uint8Array | undefined {
  try {
    const secret = own(compute());
    return secret.some((byte) => byte !== 0) ? secret : undefined;
  } catch {
    return undefined;
  }
}
