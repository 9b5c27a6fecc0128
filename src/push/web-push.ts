import webPush from "web-push";
import type { PushSubscription } from "../protocol/values.ts";

/** The keys by which push services know this server (VAPID, RFC 8292), base64url. */
export interface VapidKeys {
  readonly publicKey: string;
  readonly privateKey: string;
  /** Whom a push service may write to: a `mailto:` or an https URL. */
  readonly subject: string;
}

/** What is posted to a push service. */
export interface PushRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export function newVapidKeys(): Pick<VapidKeys, "publicKey" | "privateKey"> {
  return webPush.generateVAPIDKeys();
}

/**
 * One message, encrypted for its subscription (RFC 8291), urgent (RFC 8030 §5.3). The service keeps it for `life` ms. Throws where a key
 * is none.
 */
export function pushRequest(
  { endpoint, keys }: PushSubscription,
  message: object,
  life: number,
  vapid: VapidKeys,
): PushRequest {
  const subscription = { endpoint, keys: { p256dh: keys.p256dh, auth: keys.auth } };
  const details = webPush.generateRequestDetails(subscription, JSON.stringify(message), {
    TTL: Math.ceil(life / 1_000),
    urgency: "high",
    contentEncoding: "aes128gcm",
    vapidDetails: vapid,
  });
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(details.headers)) headers[name.toLowerCase()] = String(value);
  delete headers["content-length"];
  return { url: new URL(details.endpoint), headers, body: details.body };
}
