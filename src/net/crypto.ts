import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
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

/** Compares two texts in constant time. */
export function equalSecrets(one: string, other: string): boolean {
  return timingSafeEqual(
    createHash("sha256").update(one).digest(),
    createHash("sha256").update(other).digest(),
  );
}

/** Authenticated encryption with one key (AES-256-GCM). */
export class Sealer {
  readonly #key: Buffer;

  /** Any text of enough entropy; it is hashed to a key. */
  constructor(secret: string) {
    this.#key = createHash("sha256").update("switchboard ticket key 1\n").update(secret).digest();
  }

  seal(text: string): string {
    const iv = randomBytes(ivBytes);
    const cipher = createCipheriv("aes-256-gcm", this.#key, iv);
    const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
    return Buffer.concat([Buffer.of(sealVersion), iv, cipher.getAuthTag(), sealed]).toString("base64url");
  }

  /** The inverse of seal; undefined for anything that was not sealed with this key. */
  unseal(sealed: string): string | undefined {
    const bytes = Buffer.from(sealed, "base64url");
    if (bytes.length < 1 + ivBytes + tagBytes || bytes[0] !== sealVersion) return undefined;
    const decipher = createDecipheriv("aes-256-gcm", this.#key, bytes.subarray(1, 1 + ivBytes));
    decipher.setAuthTag(bytes.subarray(1 + ivBytes, 1 + ivBytes + tagBytes));
    try {
      const text = decipher.update(bytes.subarray(1 + ivBytes + tagBytes));
      return Buffer.concat([text, decipher.final()]).toString("utf8");
    } catch {
      return undefined;
    }
  }
}
