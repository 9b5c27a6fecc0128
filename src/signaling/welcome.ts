import type { Welcome } from "../protocol/handshake.ts";
import { type Limits, toldLimits } from "../protocol/limits.ts";
import { serverFeatures } from "../protocol/version.ts";
import type { Device } from "./device.ts";
import type { NativeLink } from "./native-link.ts";

/** The limits that a client must know, made once for all welcomes. */
export function limitsToTell(limits: Limits): Record<string, number> {
  return Object.fromEntries(toldLimits.map((name) => [name, limits[name]]));
}

/** What welcome says of the link itself. */
export function welcomeFrame(
  link: NativeLink,
  device: Device,
  node: string,
  limits: Record<string, number>,
  now: number,
): Omit<Welcome, "secret" | "iceServers" | "resumed"> {
  return {
    type: "welcome",
    link: link.id,
    home: node,
    got: link.got,
    user: device.user,
    device: device.id,
    expires: Math.max(0, link.expires - now),
    limits,
    features: [...serverFeatures],
  };
}
