import { AddressBlock } from "../shared/address-block.ts";
import { formatAddress } from "../shared/ip-address.ts";
import { defaultTurnLimits, type TurnLimits } from "./limits.ts";
import { deniedRanges } from "./peer-policy.ts";

/** The settings for coturn, the same as those of the embedded server. */
export interface CoturnOptions {
  readonly realm: string;
  /** Shared with the signaling server, which makes the credentials. */
  readonly secret: string;
  readonly port: number;
  readonly tls: { readonly port: number; readonly cert: string; readonly key: string } | undefined;
  /** Public addresses, if coturn is behind NAT. */
  readonly publicAddresses: readonly string[];
  readonly relayPorts: readonly [first: number, last: number];
  readonly allowPeers: readonly string[];
  readonly denyPeers: readonly string[];
  readonly limits?: Partial<TurnLimits>;
}

/**
 * A hardened `turnserver.conf`, which denies the same peers as the embedded server by default. Throws a RangeError for a value that
 * would be more than one value in that file.
 */
export function coturnConfig(options: CoturnOptions): string {
  const limits = { ...defaultTurnLimits, ...options.limits };
  const { realm, secret, tls, relayPorts, publicAddresses, allowPeers, denyPeers } = options;
  for (const value of [realm, secret, tls?.cert ?? "", tls?.key ?? "", ...publicAddresses])
    if (/[\s#]/.test(value)) throw new RangeError("coturn's file takes no value with white space or # in it");
  if (secret === "") throw new RangeError("coturn needs a secret to share");
  const lines = [
    "# coturn 4.13.1 or newer, please: older ones let some IPv4-in-IPv6 peers through, keep state for every",
    "# source of a Binding request, or answer strangers without a limit. Check with: turnserver --version",
    `listening-port=${options.port}`,
    ...(tls === undefined
      ? ["no-tls"]
      : [`tls-listening-port=${tls.port}`, `cert=${tls.cert}`, `pkey=${tls.key}`]),
    "no-dtls",
    "fingerprint",
    ...publicAddresses.map((address) => `external-ip=${address}`),
    `min-port=${relayPorts[0]}`,
    `max-port=${relayPorts[1]}`,
    "",
    "# Time-limited credentials; the signaling server makes them with the same secret.",
    "use-auth-secret",
    `static-auth-secret=${secret}`,
    `realm=${realm}`,
    "stale-nonce=600",
    "",
    "# Limits",
    `user-quota=${limits.allocationsPerDevice}`,
    `total-quota=${limits.allocations}`,
    `max-bps=${limits.bytesPerSecond}`,
    `bps-capacity=${limits.totalBytesPerSecond}`,
    `max-allocate-lifetime=${limits.lifetime}`,
    "unauthorized-ratelimit",
    `unauthorized-ratelimit-rps=${limits.refusalsPerSecond}`,
    "",
    "# Nothing but relaying",
    "no-cli",
    "no-tcp-relay",
    "no-multicast-peers",
    "no-software-attribute",
    "",
    "# Peers that no relay may reach: this machine, its network, everything that isn't the Internet",
    ...deniedRanges.map(denied),
    ...denyPeers.map(denied),
    ...(allowPeers.length > 0 ? ["", "# Opened by allowPeers"] : []),
    ...allowPeers.map((text) => `allowed-peer-ip=${range(text)}`),
  ];
  return `${lines.join("\n")}\n`;
}

function denied(text: string): string {
  return `denied-peer-ip=${range(text)}`;
}

/** A CIDR range as coturn writes it: `first-last`. */
function range(text: string): string {
  const block = AddressBlock.parse(text);
  if (block === undefined)
    throw new RangeError(`${text} is neither an address nor a range such as 10.0.0.0/8`);
  const first = block.network;
  const last = first.slice();
  for (let bit = block.bits; bit < last.length * 8; bit++)
    last[bit >> 3] = (last[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  const [from, to] = [formatAddress(first), formatAddress(last)];
  return from === to ? from : `${from}-${to}`;
}
