import type { InterfaceAddress } from "../../net/interfaces.ts";
import { AddressBlock } from "../../shared/address-block.ts";
import { parseAddress } from "../../shared/ip-address.ts";
import { type Family, family, familyOf } from "../../wire/stun/transport-address.ts";
import { PeerPolicy } from "../peer-policy.ts";
import type { TurnOptions } from "./options.ts";

/** The address that relays of one family are bound to, and the one that clients are told (another one behind NAT). */
export interface RelayAddress {
  readonly bind: string;
  readonly advertised: Uint8Array;
}

/**
 * The addresses of relays, by family. Clients are told, in this order of preference: the configured address; the one that relays
 * are bound to; a public address of an interface; a private one; loopback. There are IPv6 relays only if the machine has an IPv6
 * address other than link-local and loopback, or if they are configured. Throws a RangeError that names what is no address, or two
 * addresses of one family.
 */
export function relayAddresses(
  options: Pick<TurnOptions, "relayAddresses" | "publicAddresses" | "listen">,
  interfaces: readonly InterfaceAddress[],
): Partial<Record<Family, RelayAddress>> {
  const bound = byFamily(options.relayAddresses ?? firstOfEach(options.listen ?? ["0.0.0.0", "::"]));
  const told = byFamily(options.publicAddresses ?? []);
  const found: Partial<Record<Family, RelayAddress>> = {};
  for (const one of [family.ipv4, family.ipv6]) {
    const bind = bound[one];
    if (bind === undefined) continue;
    const wildcard = bind.bytes.every((byte) => byte === 0);
    const advertised = told[one]?.bytes ?? (wildcard ? bestInterface(one, interfaces) : bind.bytes);
    if (advertised !== undefined) found[one] = { bind: bind.text, advertised };
  }
  return found;
}

/** The address at which a socket that is bound to `bound` can be reached from this machine. */
export function reachableAddress(bound: string): string {
  if (bound === "0.0.0.0") return "127.0.0.1";
  return bound === "::" ? "::1" : bound;
}

const linkLocal = AddressBlock.parse("fe80::/10");
const everything = new PeerPolicy({
  allowPeers: [],
  denyPeers: [],
  hostAddresses: [],
  relayAddresses: [],
  unsafeLoopback: false,
  hairpin: false,
});

/** False for addresses that are not reachable from the Internet. */
export function isPublicAddress(address: Uint8Array): boolean {
  return everything.judgeHost(address, "") === "direct";
}

function bestInterface(wanted: Family, interfaces: readonly InterfaceAddress[]): Uint8Array | undefined {
  const mine = interfaces
    .map(({ address, internal }) => ({ bytes: parseAddress(address), internal }))
    .filter((one) => one.bytes !== undefined && familyOf(one.bytes) === wanted)
    .map(({ bytes, internal }) => ({ bytes: bytes as Uint8Array, internal }));
  const outside = mine.filter(({ bytes, internal }) => !internal && linkLocal?.contains(bytes) !== true);
  const isPublic = outside.find(({ bytes }) => isPublicAddress(bytes));
  const best = isPublic ?? outside[0] ?? (wanted === family.ipv4 ? mine[0] : undefined);
  return best?.bytes;
}

/** A server may listen at several addresses of a family; it relays from the first. */
function firstOfEach(addresses: readonly string[]): string[] {
  const six = (text: string): boolean => text.includes(":");
  return [addresses.find((text) => !six(text)), addresses.find(six)].filter((text) => text !== undefined);
}

interface Named {
  readonly text: string;
  readonly bytes: Uint8Array;
}

function byFamily(addresses: readonly string[]): Partial<Record<Family, Named>> {
  const found: Partial<Record<Family, Named>> = {};
  for (const text of addresses) {
    const bytes = parseAddress(text);
    if (bytes === undefined) throw new RangeError(`${text} is not an IP address`);
    const which = familyOf(bytes);
    if (found[which] !== undefined)
      throw new RangeError(
        `${found[which].text} and ${text} are of one family; relays have one address of each`,
      );
    found[which] = { text, bytes };
  }
  return found;
}
