import { type Address, parseAddress } from "../protocol/address.ts";
import { covers } from "../protocol/address-pattern.ts";

/** What a token may permit: each a list of address patterns. What is absent is denied. */
export const grantNames = ["call", "join", "moderate", "publish", "view", "send", "watch"] as const;
export type GrantName = (typeof grantNames)[number];
export type Grants = { readonly [name in GrantName]?: readonly string[] };

/** True when the grant of that name covers the address. */
export function permits(grants: Grants, name: GrantName, address: Address | string): boolean {
  const parsed = typeof address === "string" ? parseAddress(address) : address;
  return parsed !== undefined && covers(grants[name], parsed);
}
