import { createHmac, timingSafeEqual } from "node:crypto";

/** Signatures of Standard Webhooks 1.0.0, for hooks and webhooks alike. */

export const idHeader = "webhook-id";
export const timestampHeader = "webhook-timestamp";
export const signatureHeader = "webhook-signature";

const prefix = "whsec_";
/** Bytes that a secret has, by the specification. */
const [leastBytes, mostBytes] = [24, 64];
/** How far a receiver lets the time of a message be off. Seconds. */
const tolerance = 300;

/** The key of a secret, `whsec_` and base64 of 24 to 64 bytes; undefined for one that is none. */
export function webhookKey(secret: string): Uint8Array | undefined {
  const text = secret.startsWith(prefix) ? secret.slice(prefix.length) : "";
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined;
  const key = Buffer.from(text, "base64");
  return key.length >= leastBytes && key.length <= mostBytes ? key : undefined;
}

/** The headers of a message: signed by each key, so that a receiver may have either during a rotation. `seconds`: Unix time. */
export function signedHeaders(
  keys: readonly Uint8Array[],
  message: { readonly id: string; readonly seconds: number; readonly body: string },
): Record<string, string> {
  const { id, seconds, body } = message;
  return {
    [idHeader]: id,
    [timestampHeader]: String(seconds),
    [signatureHeader]: keys.map((key) => `v1,${signature(key, `${id}.${seconds}.${body}`)}`).join(" "),
  };
}

/** True for a message that one of the keys has signed, at most five minutes ago or ahead. `seconds`: Unix time. */
export function isSigned(
  keys: readonly Uint8Array[],
  header: (name: string) => string | null,
  body: string,
  seconds: number,
): boolean {
  const [id, sent, signatures] = [idHeader, timestampHeader, signatureHeader].map(header);
  if (id == null || sent == null || signatures == null || !/^\d{1,12}$/.test(sent)) return false;
  if (Math.abs(seconds - Number(sent)) > tolerance) return false;
  const given = signatures.split(" ").flatMap((one) => (one.startsWith("v1,") ? [one.slice(3)] : []));
  return keys.some((key) => {
    const wanted = signature(key, `${id}.${sent}.${body}`);
    return given.some((one) => equals(one, wanted));
  });
}

function signature(key: Uint8Array, text: string): string {
  return createHmac("sha256", key).update(text).digest("base64");
}

function equals(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)];
  return left.length === right.length && timingSafeEqual(left, right);
}
