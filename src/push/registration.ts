import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { PushSubscription } from "../protocol/values.ts";
import { type Grants, grantNames } from "../signaling/grants.ts";

/** A device that can be woken, as a file or another node has it. */
export const Registration = Type.Object({
  user: Type.String(),
  device: Type.String(),
  /** How it is woken: by its browser's push service, or by the application, which is told by the event `wake.needed`. */
  target: Type.Union([
    Type.Object({ kind: Type.Literal("web"), subscription: PushSubscription }),
    Type.Object({ kind: Type.Literal("application"), data: Type.Optional(Type.Unknown()) }),
  ]),
  /** What the device was permitted when it registered: a woken device is permitted no more until it shows a token. */
  grants: Type.Unsafe<Grants>(
    Type.Object(
      Object.fromEntries(grantNames.map((name) => [name, Type.Optional(Type.Array(Type.String()))])),
    ),
  ),
  guest: Type.Boolean(),
  /** Unix time in ms. */
  at: Type.Number(),
});
export type PushRegistration = Readonly<Static<typeof Registration>>;
export type PushTarget = PushRegistration["target"];

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

/** A registration as a file or another node has it; undefined where it is none. */
export function readRegistration(value: unknown): PushRegistration | undefined {
  return Value.Check(Registration, value) ? value : undefined;
}

function bytesOf(text: string): Uint8Array {
  const plain = atob(text.replace(/=+$/, "").replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (character) => character.charCodeAt(0));
}
