import type { Client } from "./api.ts";
import type { ClientInternals } from "./client-internals.ts";
import { SwitchboardError } from "./error.ts";

/** What wakes a device: a push of Switchboard's, or the application's own push made of the event `wake.needed`. */
export interface WakeMessage {
  readonly session: string;
  /** The user who calls. */
  readonly caller: string;
  /** How long it still rings, ms. */
  readonly left: number;
  /** The `token` to connect with, as this device, until the ring ends. */
  readonly ticket: string;
}

/** How a device is woken now: by Web Push, by the application, or not at all. */
export type Wakeable = "webPush" | "application" | undefined;

/**
 * Has this browser woken by Web Push when somebody calls while no page is connected. Asks for permission to notify, which browsers
 * grant only after a click. Rejects with `no_push` where the server sends none. `worker` must be active: a browser subscribes for no other.
 *
 * @example
 * navigator.serviceWorker.register("/sw.js", { type: "module" });
 * await enablePush(client, await navigator.serviceWorker.ready);
 */
export async function enablePush(client: Client, worker: ServiceWorkerRegistration): Promise<Wakeable> {
  const internals = client as unknown as ClientInternals;
  const { key } = await internals.ask("push", {}, { repeat: true });
  if (key === undefined) throw new SwitchboardError("no_push", "This server sends no Web Push.");
  const options = { userVisibleOnly: true, applicationServerKey: key };
  let subscription = await worker.pushManager.getSubscription();
  // One of another key, such as of a server that was set up anew, can't be used any more.
  const known = subscription?.options.applicationServerKey;
  if (subscription && known && base64url(known) !== key) {
    await subscription.unsubscribe();
    subscription = null;
  }
  const { endpoint, keys } = (subscription ?? (await worker.pushManager.subscribe(options))).toJSON();
  const webPush = { endpoint: endpoint ?? "", keys: { p256dh: keys?.p256dh ?? "", auth: keys?.auth ?? "" } };
  return (await internals.ask("push", { webPush }, { repeat: true })).registered;
}

/** Has the application wake this device: its server hears the event `wake.needed` with this `data`, such as a token of APNs or FCM. */
export async function wakeByApplication(client: Client, data: unknown): Promise<Wakeable> {
  const internals = client as unknown as ClientInternals;
  return (await internals.ask("push", { application: data }, { repeat: true })).registered;
}

/** This device is not woken any more. */
export async function disablePush(client: Client): Promise<void> {
  await (client as unknown as ClientInternals).ask("push", { off: true }, { repeat: true });
}

/**
 * In a service worker: what a push says. Undefined for a push of somebody else's.
 *
 * @example
 * addEventListener("push", (event) => {
 *   const call = wakeMessage(event);
 *   if (call) event.waitUntil(registration.showNotification(`${call.caller} calls`, { data: call }));
 * });
 */
export function wakeMessage(event: { readonly data: { json(): unknown } | null }): WakeMessage | undefined {
  try {
    const message = event.data?.json() as Partial<WakeMessage> | undefined;
    return typeof message?.ticket === "string" && typeof message.session === "string"
      ? (message as WakeMessage)
      : undefined;
  } catch {
    return undefined;
  }
}

function base64url(bytes: ArrayBuffer): string {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
