import type { Events } from "./events.ts";
import type { AuthenticateQuestion, AuthorizeQuestion, WakeQuestion } from "./hooks.ts";

/** Headers of a request: those of the fetch API, or an object as Node, Express and Fastify have it. */
export type RequestHeaders =
  | { get(name: string): string | null }
  | { readonly [name: string]: string | readonly string[] | undefined };

/** The body as it came, before anything has parsed it. */
export type RequestBody = string | Uint8Array;

export interface VerifyOptions {
  /** Unix ms; the system's clock by default. */
  readonly now?: number;
}

/** A webhook. `id` is the same whenever the event is told again. */
export type Webhook = {
  [T in keyof Events]: {
    readonly id: string;
    readonly type: T;
    /** RFC 3339. */
    readonly timestamp: string;
    readonly data: Events[T];
  };
}[keyof Events];

/** A hook over HTTP. Answer 200 with the JSON that docs/hooks.md names for its type. */
export type HookRequest = { readonly id: string; readonly timestamp: string } & (
  | { readonly type: "authenticate"; readonly data: AuthenticateQuestion }
  | { readonly type: "authorize"; readonly data: AuthorizeQuestion }
  | { readonly type: "wake"; readonly data: WakeQuestion }
);

/** A request that does not come from your Switchboard, or not now. Answer 401. */
export class VerificationError extends Error {
  override readonly name = "VerificationError";
}

/**
 * Verifies a webhook (Standard Webhooks 1.0.0) and answers its event. `secrets`: one of `whsec_…`, or both during a rotation. Rejects with a
 * {@link VerificationError} when the signature is missing or wrong, or was made more than five minutes ago or ahead; with a `TypeError` for a
 * secret that is none. A message may come twice: keep the ids that you have handled.
 *
 * @example
 * const { type, data } = await verifyWebhook(request.body, request.headers, secret);
 */
export async function verifyWebhook(
  body: RequestBody,
  headers: RequestHeaders,
  secrets: string | readonly string[],
  options: VerifyOptions = {},
): Promise<Webhook> {
  return (await verified(body, headers, secrets, options)) as Webhook;
}

/** Verifies a hook over HTTP, as {@link verifyWebhook} does a webhook, and answers its question. `secrets`: those of the setting `hooks`. */
export async function verifyHook(
  body: RequestBody,
  headers: RequestHeaders,
  secrets: string | readonly string[],
  options: VerifyOptions = {},
): Promise<HookRequest> {
  return (await verified(body, headers, secrets, options)) as HookRequest;
}

/** How far the time of a message may be off, s. */
const tolerance = 300;

async function verified(
  body: RequestBody,
  headers: RequestHeaders,
  secrets: string | readonly string[],
  { now = Date.now() }: VerifyOptions,
): Promise<{ readonly id: string }> {
  const keys = await Promise.all((typeof secrets === "string" ? [secrets] : secrets).map(keyOf));
  const [id, seconds, signatures] = ["id", "timestamp", "signature"].map((name) =>
    header(headers, `webhook-${name}`),
  );
  if (!id || !seconds || !signatures) throw new VerificationError("the request is not signed");
  if (!/^\d{1,12}$/.test(seconds) || Math.abs(now / 1_000 - Number(seconds)) > tolerance)
    throw new VerificationError("webhook-timestamp: more than five minutes ago or ahead");
  const text = new TextEncoder();
  const bytes = typeof body === "string" ? text.encode(body) : body;
  const signed = joined(text.encode(`${id}.${seconds}.`), bytes);
  const given = signatures
    .split(" ")
    .flatMap((one) => (one.startsWith("v1,") ? [bytesOf(one.slice(3))] : []));
  // Eight are plenty for a rotation; a request must not choose how much work it is.
  for (const signature of given.slice(0, 8))
    for (const key of keys)
      if (signature && (await crypto.subtle.verify("HMAC", key, signature, signed)))
        return { id, ...parsed(new TextDecoder().decode(bytes)) };
  throw new VerificationError("webhook-signature: of another secret, or the body was changed");
}

function header(headers: RequestHeaders, name: string): string | null | undefined {
  if (typeof headers.get === "function") return (headers as { get(name: string): string | null }).get(name);
  const value = (headers as { readonly [name: string]: string | readonly string[] | undefined })[name];
  return typeof value === "object" ? value[0] : value;
}

function keyOf(secret: string): Promise<CryptoKey> {
  const bytes = secret.startsWith("whsec_") ? bytesOf(secret.slice(6)) : undefined;
  if (bytes === undefined || bytes.length < 24 || bytes.length > 64)
    throw new TypeError("secret: must be whsec_ and base64 of 24 to 64 bytes");
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}

function parsed(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {}
  if (typeof value === "object" && value !== null && "type" in value && "data" in value) return value;
  throw new VerificationError("the body is no webhook");
}
