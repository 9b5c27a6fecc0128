import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";

type HashName = "SHA-1" | "SHA-256";
const nodeNames = { "SHA-1": "sha1", "SHA-256": "sha256" } as const;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** HMACs, digests and encodings for SASL (the port of `gateways/xmpp`). */
export const saslCrypto = {
  hmac: (name: HashName, key: Uint8Array, text: string): Uint8Array =>
    createHmac(nodeNames[name], key).update(text).digest(),
  hash: (name: HashName, bytes: Uint8Array): Uint8Array => createHash(nodeNames[name]).update(bytes).digest(),
  equal: (one: Uint8Array, other: Uint8Array): boolean =>
    one.length === other.length && timingSafeEqual(one, other),
  random: (bytes: number): Uint8Array => randomBytes(bytes),
  toBase64: (of: Uint8Array | string): string => Buffer.from(of as string).toString("base64"),
  fromBase64: (text: string): Uint8Array | undefined => {
    const bytes = Buffer.from(text, "base64");
    return bytes.toString("base64") === text ? bytes : undefined;
  },
  fromUtf8: (bytes: Uint8Array): string | undefined => {
    try {
      return utf8.decode(bytes);
    } catch {
      return undefined;
    }
  },
} as const;
