import { formatAddress } from "../shared/ip-address.ts";

/** The group of addresses that rates and quotas count for: an IPv4 address, or the /64 of an IPv6 address. */
export function sourceGroup(address: Uint8Array): Uint8Array {
  return address.length === 4 ? address : address.subarray(0, 8);
}

/** The group as text. */
export function sourceGroupName(address: Uint8Array): string {
  if (address.length === 4) return formatAddress(address);
  const network = new Uint8Array(16);
  network.set(address.subarray(0, 8));
  return formatAddress(network);
}
