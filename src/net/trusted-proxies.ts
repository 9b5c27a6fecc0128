import { BlockList, isIP, isIPv4 } from "node:net";
import { canonicalAddress } from "./client-address.ts";
import type { Client } from "./http-server.ts";

/** The shortest prefixes that a range of proxies may have: private networks (10.0.0.0/8, fc00::/7) are no wider. */
const widestTrusted = { ipv4: 8, ipv6: 7 };

/** Proxies whose `X-Forwarded-For` is trusted. */
export class TrustedProxies {
  readonly #list = new BlockList();

  /**
   * Throws a RangeError that names an entry which is neither an address nor a CIDR range, or one so wide that it trusts
   * everybody: with `0.0.0.0/0` each client could choose its own address.
   */
  constructor(entries: readonly string[]) {
    for (const entry of entries) {
      const [host = "", bits] = entry.split("/");
      const address = canonicalAddress(host);
      const most = isIPv4(address ?? "") ? 32 : 128;
      const prefix = bits === undefined ? most : Number(bits);
      if (address === undefined || bits === "" || !Number.isInteger(prefix) || prefix < 0 || prefix > most)
        throw new RangeError(`${entry} is neither an address nor a range such as 10.0.0.0/8`);
      const least = isIPv4(address) ? widestTrusted.ipv4 : widestTrusted.ipv6;
      if (prefix < least)
        throw new RangeError(
          `${entry} would let strangers choose their address: name your proxies, in ranges of /${least} or narrower`,
        );
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
      while (this.trusts(address)) {
        const hop = hops.pop();
        const before = hop === undefined ? undefined : canonicalAddress(withoutPort(hop.trim()));
        if (before === undefined) break;
        address = before;
      }
    }
    return { address, peer };
  }

  /** True for a proxy's address, which must be canonical. */
  trusts(address: string): boolean {
    const version = isIP(address);
    return version !== 0 && this.#list.check(address, version === 4 ? "ipv4" : "ipv6");
  }
}

function withoutPort(hop: string): string {
  if (hop.startsWith("[")) return hop.slice(1, hop.indexOf("]"));
  const [host = "", , more] = hop.split(":");
  return more === undefined ? host : hop;
}
