import { BlockList, isIP, isIPv4, isIPv6 } from "node:net";
import type { Client } from "./http-server.ts";

/**
 * The canonical form of an address: IPv4 dotted, also for IPv4-mapped IPv6; IPv6 by RFC 5952, without a zone. Undefined for
 * anything else.
 */
export function canonicalAddress(text: string): string | undefined {
  const bare = text.split("%", 1)[0] ?? "";
  if (isIPv4(bare)) return bare;
  if (!isIPv6(bare)) return undefined;
  const address = new URL(`http://[${bare}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(address);
  if (mapped === null) return address;
  const high = Number.parseInt(mapped[1] ?? "", 16);
  const low = Number.parseInt(mapped[2] ?? "", 16);
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

/** True for 127.0.0.0/8 and ::1. The address must be canonical. */
export function isLoopback(address: string): boolean {
  return address === "::1" || (isIPv4(address) && address.startsWith("127."));
}

/**
 * The group of addresses that rates count for: an IPv4 address, or the /64 of an IPv6 address, which usually belongs to one
 * customer.
 */
export function addressGroup(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const rest = tail === "" ? [] : tail.split(":");
    while (groups.length + rest.length < 8) groups.push("0");
    groups.push(...rest);
  }
  return `${groups.slice(0, 4).join(":")}::/64`;
}

/** Proxies whose `X-Forwarded-For` is trusted. */
export class TrustedProxies {
  readonly #list = new BlockList();

  /** Throws a RangeError that names an entry which is neither an address nor a CIDR range. */
  constructor(entries: readonly string[]) {
    for (const entry of entries) {
      const [host = "", bits] = entry.split("/");
      const address = canonicalAddress(host);
      const most = isIPv4(address ?? "") ? 32 : 128;
      const prefix = bits === undefined ? most : Number(bits);
      if (address === undefined || bits === "" || !Number.isInteger(prefix) || prefix < 0 || prefix > most)
        throw new RangeError(`${entry} is neither an address nor a range such as 10.0.0.0/8`);
      this.#list.addSubnet(address, prefix, isIPv4(address) ? "ipv4" : "ipv6");
    }
  }

  /** The client of a socket with this peer address and this `X-Forwarded-For`. */
  client(peerAddress: string, forwardedFor: string | null): Client {
    const peer = canonicalAddress(peerAddress) ?? peerAddress;
    let address = peer;
    if (forwardedFor !== null) {
      const hops = forwardedFor.split(",");
      // Each proxy appends its peer. Read from the right, as long as the proxy that wrote the entry is trusted.
      while (this.#trusts(address)) {
        const hop = hops.pop();
        const before = hop === undefined ? undefined : canonicalAddress(withoutPort(hop.trim()));
        if (before === undefined) break;
        address = before;
      }
    }
    return { address, peer };
  }

  #trusts(address: string): boolean {
    const version = isIP(address);
    return version !== 0 && this.#list.check(address, version === 4 ? "ipv4" : "ipv6");
  }
}

function withoutPort(hop: string): string {
  if (hop.startsWith("[")) return hop.slice(1, hop.indexOf("]"));
  const [host = "", , more] = hop.split(":");
  return more === undefined ? host : hop;
}
