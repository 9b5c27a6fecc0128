import { Type } from "typebox";
import { Value } from "typebox/value";
import { PushSubscription } from "../protocol/values.ts";
import type { Grants } from "../signaling/grants.ts";

/** How a device is woken: by its browser's push service, or by the application, which is told by the event `wake.needed`. */
export type PushTarget =
  | { readonly kind: "web"; readonly subscription: PushSubscription }
  | { readonly kind: "application"; readonly data?: unknown };

/** A device that can be woken. */
export interface PushRegistration {
  readonly user: string;
  readonly device: string;
  readonly target: PushTarget;
  /** What the device was permitted when it registered: a woken device is permitted no more until it shows a token. */
  readonly grants: Grants;
  readonly guest: boolean;
  /** Unix time in ms. */
  readonly at: number;
}

/** Why the subscription can't be used, in words for its sender; undefined where it can. */
export function subscriptionFault({ endpoint, keys }: PushSubscription): string | undefined {
  if (!URL.canParse(endpoint)) return "webPush.endpoint: it is no URL";
  const { protocol, username, password } = new URL(endpoint);
  if (!/^https?:$/.test(protocol) || username !== "" || password !== "")
    return "webPush.endpoint: an https URL without a password is expected";
  const point = bytesOf(keys.p256dh);
  if (point.length !== 65 || point[0] !== 4) return "webPush.keys.p256dh: it is no uncompressed P-256 point";
  if (bytesOf(keys.auth).length !== 16) return "webPush.keys.auth: it has not 16 bytes";
  return undefined;
}

const GrantTexts = Type.Optional(Type.Array(Type.String()));
const Kept = Type.Object({
  user: Type.String(),
  device: Type.String(),
  target: Type.Union([
    Type.Object({ kind: Type.Literal("web"), subscription: PushSubscription }),
    Type.Object({ kind: Type.Literal("application"), data: Type.Optional(Type.Unknown()) }),
  ]),
  grants: Type.Object({
    ...{ call: GrantTexts, join: GrantTexts, moderate: GrantTexts, publish: GrantTexts, view: GrantTexts },
    ...{ send: GrantTexts, watch: GrantTexts },
  }),
  guest: Type.Boolean(),
  at: Type.Number(),
});

/** A registration as a file or another node has it; undefined where it is none. */
export function readRegistration(value: unknown): PushRegistration | undefined {
  return Value.Check(Kept, value) ? (value as PushRegistration) : undefined;
}

function bytesOf(text: string): Uint8Array {
  const plain = atob(text.replace(/=+$/, "").replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (character) => character.charCodeAt(0));
}
