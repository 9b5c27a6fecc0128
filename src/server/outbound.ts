import { lookup } from "node:dns/promises";
import { interfaceAddresses } from "../net/interfaces.ts";
import { packageVersion } from "../package-info.ts";
import { AddressBlock } from "../shared/address-block.ts";
import { parseAddress, unmapped } from "../shared/ip-address.ts";
import { PeerPolicy } from "../turn/peer-policy.ts";
import { WebhookSender } from "../webhooks/sender.ts";

/** Connections to one address. */
export const outboundConnections = 32;

/** Which addresses that others have named may be reached. */
interface OutboundRules {
  readonly policy: Pick<PeerPolicy, "judgeHost">;
  /** True for an address that may be reached without TLS. */
  plainAllowed(address: string): boolean;
}

/** Public addresses, and those of `allow`, these without TLS too. In development mode programs of this machine may be reached as well. */
function outboundRules(allow: readonly string[], dev: boolean): OutboundRules {
  const allowed = allow.flatMap((text) => AddressBlock.parse(text) ?? []);
  const own = interfaceAddresses().flatMap(({ address }) => parseAddress(address) ?? []);
  const policy = new PeerPolicy({
    allowPeers: allow,
    denyPeers: [],
    hostAddresses: own,
    relayAddresses: [],
    unsafeLoopback: dev,
    hairpin: false,
  });
  const isAllowed = (bytes: Uint8Array): boolean => allowed.some((block) => block.contains(bytes));
  return {
    // Who names loopback means it: an application beside the server. TURN's peers never may.
    policy: {
      judgeHost: (bytes, user) => (isAllowed(bytes) ? "direct" : policy.judgeHost(bytes, user)),
    },
    plainAllowed: (address) => {
      const bytes = unmapped(parseAddress(address) ?? new Uint8Array(4));
      if (dev && (bytes[0] === 127 || address === "::1")) return true;
      return isAllowed(bytes);
    },
  };
}

/** Posts to addresses that others have named: public ones by https, and those of `allow` by http as well. */
export function outboundSender(allow: readonly string[], dev: boolean): WebhookSender {
  return new WebhookSender({
    ...outboundRules(allow, dev),
    connections: outboundConnections,
    userAgent: `switchboard/${packageVersion}`,
  });
}

export interface OutboundResolver {
  resolve(host: string): Promise<string>;
  /** True for a numeric address that may be connected to. */
  allows(address: string): boolean;
  /** True for an address that may be reached without TLS. */
  plainAllowed(address: string): boolean;
}

/**
 * Resolves names of hosts that others have named: public ones, and those of `allow`. The promise rejects with an Error of one line where
 * one of the name's addresses isn't allowed, since a client may try any. Connect to the address: the name may stand for another one a moment later.
 */
export function outboundResolver(allow: readonly string[], dev: boolean): OutboundResolver {
  const { policy, plainAllowed } = outboundRules(allow, dev);
  const verdictOf = (address: string): string =>
    policy.judgeHost(unmapped(parseAddress(address) ?? new Uint8Array(4)), "");
  const resolve = async (host: string): Promise<string> => {
    const addresses =
      parseAddress(host) === undefined ? await lookup(host, { all: true }) : [{ address: host }];
    for (const { address } of addresses) {
      const verdict = verdictOf(address);
      if (verdict !== "direct") throw new Error(`the address ${address} is not allowed (${verdict})`);
    }
    const [first] = addresses;
    if (first === undefined) throw new Error("the name has no address");
    return first.address;
  };
  return { resolve, plainAllowed, allows: (address) => verdictOf(address) === "direct" };
}
