import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from "node:crypto";

/** What is kept of a device's secret: enough to check it in every protocol, and nothing to get it back from. */
export interface Verifiers {
  /** Base64url of the secret's SHA-256, for protocols that carry it whole. Secrets are random, so that it needs no salt. */
  readonly secret: string;
  /** Hex of `login:realm:secret` hashed: HA1 of digest authentication (RFC 7616 §3.4.2). */
  readonly digestMd5: string;
  readonly digestSha256: string;
  /** `iterations:salt:StoredKey:ServerKey` of SCRAM (RFC 5802 §3), the last three in base64. */
  readonly scramSha1: string;
  readonly scramSha256: string;
}

export type DigestName = "MD5" | "SHA-256";
export type ScramName = "SHA-1" | "SHA-256";

/** RFC 7677 §4 wants no fewer. */
const iterations = 4_096;

/** All that a server must keep of this secret. `salt`: 16 bytes or more, another for each secret. */
export function verifiersOf(login: string, realm: string, secret: string, salt: Uint8Array): Verifiers {
  return {
    secret: secretHash(secret),
    digestMd5: digestKey("MD5", login, realm, secret),
    digestSha256: digestKey("SHA-256", login, realm, secret),
    scramSha1: scramVerifier("SHA-1", secret, salt),
    scramSha256: scramVerifier("SHA-256", secret, salt),
  };
}

export function secretHash(secret: string): string {
  return createHash("sha256").update(secret).digest("base64url");
}

/** HA1, hex. */
export function digestKey(name: DigestName, login: string, realm: string, secret: string): string {
  const algorithm = name === "MD5" ? "md5" : "sha256";
  return createHash(algorithm).update(`${login}:${realm}:${secret}`).digest("hex");
}

export function scramVerifier(name: ScramName, secret: string, salt: Uint8Array): string {
  const algorithm = name === "SHA-1" ? "sha1" : "sha256";
  const length = name === "SHA-1" ? 20 : 32;
  const salted = pbkdf2Sync(secret, salt, iterations, length, algorithm);
  const hmac = (text: string) => createHmac(algorithm, salted).update(text).digest();
  const storedKey = createHash(algorithm).update(hmac("Client Key")).digest("base64");
  const serverKey = hmac("Server Key").toString("base64");
  return `${iterations}:${Buffer.from(salt).toString("base64")}:${storedKey}:${serverKey}`;
}

/** The secret that an application and the server derive from one key: base64url of HMAC-SHA256(key, `login:version`). */
export function deriveSecret(key: string, login: string, version: number): string {
  return createHmac("sha256", key).update(`${login}:${version}`).digest("base64url");
}

/** Takes as long for any difference. */
export function sameHash(one: string, other: string): boolean {
  const [first, second] = [Buffer.from(one), Buffer.from(other)];
  return first.length === second.length && timingSafeEqual(first, second);
}
