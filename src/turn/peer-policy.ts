import { AddressBlock } from "../shared/address-block.ts";
import { unmapped } from "../shared/ip-address.ts";

/** Why a peer is denied. `configured`: by `denyPeers`; `host`: an address of this machine. */
export const peerRules = [
  "port_zero",
  "unspecified",
  "loopback",
  "link_local",
  "multicast",
  "metadata",
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

/** `allowPeers` does not open these: they are this machine, all of its neighbors, or what a cloud tells its machines in secret. */
const closed: readonly (readonly [PeerRule, readonly string[]])[] = [
  ["unspecified", ["0.0.0.0/8", "::/128"]],
  ["loopback", ["127.0.0.0/8", "::1/128"]],
  ["link_local", ["169.254.0.0/16", "fe80::/10"]],
  ["multicast", ["224.0.0.0/4", "ff00::/8", "255.255.255.255/32"]],
  [
    "metadata",
    [
      // Azure, Alibaba and Oracle; others have theirs in 169.254.0.0/16.
      "168.63.129.16",
      "100.100.100.200",
      "192.0.0.192",
      // Amazon, Google, Oracle and Scaleway by IPv6.
      "fd00:ec2::/32",
      "fd20:ce::/32",
      "fd00:c1::/32",
      "fd00:42::/32",
    ],
  ],
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
      // The rest of what isn't global unicast (2000::/3), ULA, link-local or multicast: IANA has given it to nobody.
      "::/8",
      "100::/8",
      "200::/7",
      "400::/6",
      "800::/5",
      "1000::/4",
      "4000::/2",
      "8000::/2",
      "c000::/3",
      "e000::/4",
      "f000::/5",
      "f800::/6",
      "fe00::/9",
    ],
  ],
];

/** Within the rest above, and yet global: NAT64's well-known prefix (RFC 6052), judged by what is inside. */
const global = ["64:ff9b::/96"];

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
  readonly #open: readonly AddressBlock[];
  readonly #deny: readonly AddressBlock[];
  #hostAddresses: readonly Uint8Array[];
  #exemption: Exemption | undefined;

  /** Throws a RangeError that names an entry which is neither an address nor a range. */
  constructor(options: PeerPolicyOptions) {
    this.#options = options;
    this.#hostAddresses = options.hostAddresses;
    this.#open = [...options.allowPeers, ...global].map(parseBlock);
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
    if (address.length === 4) return this.#judgeOne(address);
    // Loopback and its like by their own names, before what else they might be read as.
    const rule = this.#closedTo(address);
    if (rule !== undefined) return rule;
    for (const inside of embeddedIpv4(address)) {
      const verdict = this.#judgeOne(inside.address);
      if (verdict !== "direct") return verdict;
      if (!inside.translated || relayAddresses.some((own) => same(own, inside.address)))
        return "embedded_ipv4";
    }
    return this.#judgeOne(address);
  }

  #judgeOne(address: Uint8Array): PeerVerdict {
    if (this.#deny.some((block) => block.contains(address))) return "configured";
    const rule = this.#closedTo(address);
    if (rule !== undefined) return rule;
    const { unsafeLoopback } = this.#options;
    if (unsafeLoopback && this.#isHere(address)) return "direct";
    if (this.#open.some((block) => block.contains(address))) return "direct";
    return ruleOf(this.#special, address) ?? "direct";
  }

  /** The rule that nobody's configuration opens. */
  #closedTo(address: Uint8Array): PeerRule | undefined {
    if (this.#options.unsafeLoopback && this.#isHere(address)) return undefined;
    return ruleOf(this.#closed, address) ?? (this.#isHost(address) ? "host" : undefined);
  }

  /** Loopback, or an address of this machine. */
  #isHere(address: Uint8Array): boolean {
    const rule = ruleOf(this.#closed, address);
    return rule === "loopback" || (rule === undefined && this.#isHost(address));
  }

  #isHost(address: Uint8Array): boolean {
    return this.#hostAddresses.some((own) => same(own, address));
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
/** "IPv4-translated" addresses of SIIT (RFC 2765 §2.1), which systems and routers still take for IPv4. */
const siit = parseBlock("::ffff:0:0:0/96");
const nat64 = parseBlock("64:ff9b::/96");
const localNat64 = parseBlock("64:ff9b:1::/48");
const sixToFour = parseBlock("2002::/16");
const teredo = parseBlock("2001::/32");

interface Embedded {
  readonly address: Uint8Array;
  /** A network on the way may translate it in good faith; all others are tricks. */
  readonly translated: boolean;
}

/** The IPv4 addresses that an IPv6 address may lead to, by each reading that some network has. */
function embeddedIpv4(address: Uint8Array): Embedded[] {
  const found: Embedded[] = [];
  const add = (bytes: Uint8Array, translated: boolean): void =>
    void found.push({ address: bytes, translated });
  const last = address.subarray(12);
  // `::1` and its like are numbers, not addresses in 0.0.0.0/16.
  const isCompatible = compatible.contains(address) && (address[12] !== 0 || address[13] !== 0);
  if (unmapped(address).length === 4 || siit.contains(address) || isCompatible) add(last, false);
  if (nat64.contains(address)) add(last, true);
  // RFC 6052 §2.2: a /48 has the address around byte 8, a /96 of it at the end. What is all zeros isn't meant.
  if (localNat64.contains(address))
    for (const bytes of [Uint8Array.of(...address.subarray(6, 8), ...address.subarray(9, 11)), last])
      if (bytes.some((byte) => byte !== 0)) add(bytes, true);
  if (sixToFour.contains(address)) add(address.subarray(2, 6), true);
  if (teredo.contains(address))
    add(
      last.map((byte) => byte ^ 0xff),
      false,
    );
  // ISATAP (RFC 5214 §6.1): any prefix, and an interface named ::5efe:a.b.c.d or ::200:5efe:a.b.c.d.
  const [a = 0, b = 0, c = 0, d = 0] = address.subarray(8, 12);
  if ((a & ~2) === 0 && b === 0 && c === 0x5e && d === 0xfe) add(last, true);
  return found;
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}
