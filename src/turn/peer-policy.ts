import { AddressBlock } from "../shared/address-block.ts";
import { unmapped } from "../shared/ip-address.ts";

/** Why a peer is denied. `configured`: by `denyPeers`; `host`: an address of this machine. */
export const peerRules = [
  "port_zero",
  "unspecified",
  "loopback",
  "link_local",
  "multicast",
  "host",
  "configured",
  "private",
  "reserved",
  "embedded_ipv4",
] as const;
export type PeerRule = (typeof peerRules)[number];

/** `direct`: reachable through the relay's socket. `own`: a relayed address of this server, reached inside it. */
export type PeerVerdict = "direct" | "own" | PeerRule;

export interface PeerPolicyOptions {
  /** Private or reserved ranges that are allowed. */
  readonly allowPeers: readonly string[];
  /** Ranges that are denied, even if another rule allows them. */
  readonly denyPeers: readonly string[];
  /** Addresses of this machine's interfaces. */
  readonly hostAddresses: readonly Uint8Array[];
  /** Relayed addresses, as clients know them. */
  readonly relayAddresses: readonly Uint8Array[];
  /** For tests only: allows loopback and this machine's own addresses. */
  readonly unsafeLoopback: boolean;
  /** False sends to own relayed addresses through the sockets. For measurements only. */
  readonly hairpin: boolean;
}

/** A user and the only peer that it may reach: for the server's self-test. */
export interface Exemption {
  readonly user: string;
  readonly address: Uint8Array;
  readonly port: number;
}

/** `allowPeers` does not open these: they are this machine, or all of its neighbors. */
const closed: readonly (readonly [PeerRule, readonly string[]])[] = [
  ["unspecified", ["0.0.0.0/8", "::/128"]],
  ["loopback", ["127.0.0.0/8", "::1/128"]],
  ["link_local", ["169.254.0.0/16", "fe80::/10"]],
  ["multicast", ["224.0.0.0/4", "ff00::/8", "255.255.255.255/32"]],
];

/** The rest of IANA's special-purpose registries (RFC 6890), and site-local addresses. */
const special: readonly (readonly [PeerRule, readonly string[]])[] = [
  ["private", ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "fec0::/10"]],
  [
    "reserved",
    [
      "192.0.0.0/24",
      "192.0.2.0/24",
      "192.88.99.0/24",
      "198.18.0.0/15",
      "198.51.100.0/24",
      "203.0.113.0/24",
      "240.0.0.0/4",
      "64:ff9b:1::/48",
      "100::/64",
      "2001::/23",
      "2001:db8::/32",
      "3fff::/20",
      "5f00::/16",
    ],
  ],
];

/** All ranges that are denied by default, for the configuration of other servers. */
export const deniedRanges: readonly string[] = [...closed, ...special].flatMap(([, ranges]) => ranges);

/**
 * Decides which peers a relay may talk to. All code that sends asks {@link judge}, with raw bytes. For an IPv6 address that embeds
 * an IPv4 address, translation prefixes (NAT64, 6to4) are judged by both addresses, and all others are denied.
 */
export class PeerPolicy {
  readonly #options: PeerPolicyOptions;
  readonly #closed = rules(closed);
  readonly #special = rules(special);
  readonly #allow: readonly AddressBlock[];
  readonly #deny: readonly AddressBlock[];
  #hostAddresses: readonly Uint8Array[];
  #exemption: Exemption | undefined;

  /** Throws a RangeError that names an entry which is neither an address nor a range. */
  constructor(options: PeerPolicyOptions) {
    this.#options = options;
    this.#hostAddresses = options.hostAddresses;
    this.#allow = options.allowPeers.map(parseBlock);
    this.#deny = options.denyPeers.map(parseBlock);
  }

  /** Sets the current addresses of this machine. */
  useHostAddresses(addresses: readonly Uint8Array[]): void {
    this.#hostAddresses = addresses;
  }

  /** Lets this user reach this peer, instead of the user and peer before. */
  exempt(exemption: Exemption | undefined): void {
    this.#exemption = exemption;
  }

  /** The address must have 4 or 16 bytes. */
  judge(address: Uint8Array, port: number, user: string): PeerVerdict {
    if (port === 0) return "port_zero";
    const exempt = this.#exemption;
    if (exempt?.user === user && exempt.port !== port) return "host";
    return this.judgeHost(address, user);
  }

  /** Like {@link judge}, without a port, for permissions. */
  judgeHost(address: Uint8Array, user: string): PeerVerdict {
    const exempt = this.#exemption;
    if (exempt?.user === user) return same(exempt.address, address) ? "direct" : "host";
    const { hairpin, relayAddresses } = this.#options;
    if (this.#deny.some((block) => block.contains(address))) return "configured";
    if (hairpin && relayAddresses.some((own) => same(own, address))) return "own";
    const verdict = this.#judgeOne(address);
    const inside = embeddedIpv4(address);
    if (verdict !== "direct" || inside === undefined) return verdict;
    const innerVerdict = this.#judgeOne(inside.address);
    if (innerVerdict !== "direct") return innerVerdict;
    return inside.translated && !relayAddresses.some((own) => same(own, inside.address))
      ? "direct"
      : "embedded_ipv4";
  }

  #judgeOne(address: Uint8Array): PeerVerdict {
    const { unsafeLoopback } = this.#options;
    if (this.#deny.some((block) => block.contains(address))) return "configured";
    const rule =
      ruleOf(this.#closed, address) ?? (this.#hostAddresses.some((own) => same(own, address)) && "host");
    if (rule && unsafeLoopback && (rule === "loopback" || rule === "host")) return "direct";
    if (rule) return rule;
    if (this.#allow.some((block) => block.contains(address))) return "direct";
    return ruleOf(this.#special, address) ?? "direct";
  }
}

/** Parses an address or range of the configuration. Throws a RangeError that names what is neither. */
function parseBlock(text: string): AddressBlock {
  const block = AddressBlock.parse(text);
  if (block === undefined)
    throw new RangeError(`${text} is neither an address nor a range such as 10.0.0.0/8`);
  return block;
}

type Rules = readonly (readonly [PeerRule, readonly AddressBlock[]])[];

function rules(of: readonly (readonly [PeerRule, readonly string[]])[]): Rules {
  return of.map(([rule, ranges]) => [rule, ranges.map(parseBlock)] as const);
}

function ruleOf(of: Rules, address: Uint8Array): PeerRule | undefined {
  return of.find(([, blocks]) => blocks.some((block) => block.contains(address)))?.[0];
}

const compatible = parseBlock("::/96");
const nat64 = parseBlock("64:ff9b::/96");
const localNat64 = parseBlock("64:ff9b:1::/48");
const sixToFour = parseBlock("2002::/16");
const teredo = parseBlock("2001::/32");

/** The IPv4 address that an IPv6 address embeds. `translated`: networks translate such addresses legitimately. */
function embeddedIpv4(
  address: Uint8Array,
): { readonly address: Uint8Array; readonly translated: boolean } | undefined {
  if (address.length === 4) return undefined;
  const mapped = unmapped(address);
  if (mapped.length === 4) return { address: mapped, translated: false };
  if (compatible.contains(address) && (address[12] !== 0 || address[13] !== 0))
    return { address: address.subarray(12), translated: false };
  if (nat64.contains(address)) return { address: address.subarray(12), translated: true };
  // RFC 6052 §2.2: a /48 has the address around byte 8.
  if (localNat64.contains(address))
    return {
      address: Uint8Array.of(...address.subarray(6, 8), ...address.subarray(9, 11)),
      translated: true,
    };
  if (sixToFour.contains(address)) return { address: address.subarray(2, 6), translated: true };
  if (teredo.contains(address))
    return { address: address.subarray(12).map((byte) => byte ^ 0xff), translated: false };
  return undefined;
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}
