import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from "node:crypto";

const sealVersion = 1;
const ivBytes = 12;
const tagBytes = 16;

/** An unguessable text of this many random bytes, base64url. */
export function random(bytes: number): string {
  return randomBytes(bytes).toString("base64url");
}

/** SHA-256 of the text, base64url. */
export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

/** HMAC-SHA1 in base64, for TURN REST credentials. */
export function hmacSha1(key: string, text: string): string {
  return createHmac("sha1", key).update(text).digest("base64");
}

/** HMAC-SHA256 in base64url. */
export function hmacSha256(key: Uint8Array, text: string): string {
  return createHmac("sha256", key).update(text).digest("base64url");
}

/** Compares two texts in constant time. */
export function equalSecrets(one: string, other: string): boolean {
  return timingSafeEqual(
    createHash("sha256").update(one).digest(),
    createHash("sha256").update(other).digest(),
  );
}

/** A key of 32 bytes from a secret text, for one purpose (HKDF with SHA-256, RFC 5869). */
export function deriveKey(secret: string, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, "", purpose, 32));
}

/** A key of 32 bytes from any text of enough entropy. */
export function hashKey(secret: string): Uint8Array {
  return createHash("sha256").update("switchboard ticket key 1\n").update(secret).digest();
}

/** Authenticated encryption (AES-256-GCM). The first key seals; all of them open. */
export class Sealer {
  readonly #keys: readonly Uint8Array[];

  /** Keys of 32 bytes, one at least. */
  constructor(keys: readonly Uint8Array[]) {
    this.#keys = keys;
  }

  seal(text: string): string {
    const iv = randomBytes(ivBytes);
    const cipher = createCipheriv("aes-256-gcm", this.#keys[0] as Uint8Array, iv);
    const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
    return Buffer.concat([Buffer.of(sealVersion), iv, cipher.getAuthTag(), sealed]).toString("base64url");
  }

  /** The inverse of seal; undefined for anything that none of these keys has sealed. */
  unseal(sealed: string): string | undefined {
    const bytes = Buffer.from(sealed, "base64url");
    if (bytes.length < 1 + ivBytes + tagBytes || bytes[0] !== sealVersion) return undefined;
    for (const key of this.#keys) {
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(1, 1 + ivBytes));
      decipher.setAuthTag(bytes.subarray(1 + ivBytes, 1 + ivBytes + tagBytes));
      try {
        const text = decipher.update(bytes.subarray(1 + ivBytes + tagBytes));
        return Buffer.concat([text, decipher.final()]).toString("utf8");
      } catch {
        // Another key may have sealed it.
      }
    }
    return undefined;
  }
}
