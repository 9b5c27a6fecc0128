import { type Address, parseAddress } from "../protocol/address.ts";
import type { Device } from "./device.ts";
import { type GrantName, permits } from "./grants.ts";

/** What one may always do with the own user and her devices, whatever the token says. */
const alwaysWithOneself: ReadonlySet<GrantName> = new Set(["call", "send", "watch"]);

/**
 * True when the device may do that with the address: its token's grant covers it, or it is the device's own user or
 * another device of that user, whom everybody may call, send to and watch.
 */
export function may(
  device: Pick<Device, "user" | "grants">,
  name: GrantName,
  address: Address | string,
): boolean {
  const parsed = typeof address === "string" ? parseAddress(address) : address;
  if (parsed === undefined) return false;
  const own = (parsed.kind === "user" || parsed.kind === "device") && parsed.user === device.user;
  return (own && alwaysWithOneself.has(name)) || permits(device.grants, name, parsed);
}
