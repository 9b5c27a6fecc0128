import { interfaceAddresses } from "../net/interfaces.ts";
import { packageVersion } from "../package-info.ts";
import { AddressBlock } from "../shared/address-block.ts";
import { parseAddress, unmapped } from "../shared/ip-address.ts";
import { PeerPolicy } from "../turn/peer-policy.ts";
import { WebhookSender } from "../webhooks/sender.ts";

/** Connections to one address. */
export const outboundConnections = 32;

/**
 * Posts to addresses that others have named: public ones by https, and those of `allow` by http as well. In development mode programs
 * of this machine may be reached too.
 */
export function outboundSender(allow: readonly string[], dev: boolean): WebhookSender {
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
  return new WebhookSender({
    // Who names loopback means it: an application beside the server. TURN's peers never may.
    policy: {
      judgeHost: (bytes, user) => (isAllowed(bytes) ? "direct" : policy.judgeHost(bytes, user)),
    },
    plainAllowed: (address) => {
      const bytes = unmapped(parseAddress(address) ?? new Uint8Array(4));
      if (dev && (bytes[0] === 127 || address === "::1")) return true;
      return isAllowed(bytes);
    },
    connections: outboundConnections,
    userAgent: `switchboard/${packageVersion}`,
  });
}
