import { formatAddress, parseAddress } from "./ip-address.ts";

/** A CIDR range of one address family. */
export class AddressBlock {
  readonly network: Uint8Array;
  readonly bits: number;

  private constructor(network: Uint8Array, bits: number) {
    this.network = network;
    this.bits = bits;
  }

  /** Parses `10.0.0.0/8`, or a single address. Undefined for anything else. Bits below the prefix are cleared. */
  static parse(text: string): AddressBlock | undefined {
    const [host = "", prefix, ...more] = text.split("/");
    const network = parseAddress(host);
    if (network === undefined || more.length > 0 || host.includes("%")) return undefined;
    const most = network.length * 8;
    if (prefix !== undefined && !/^[0-9]{1,3}$/.test(prefix)) return undefined;
    const bits = prefix === undefined ? most : Number(prefix);
    if (bits > most) return undefined;
    for (let at = 0; at < network.length; at++) network[at] = (network[at] ?? 0) & mask(bits - at * 8);
    return new AddressBlock(network, bits);
  }

  /** True when the address (4 or 16 bytes) is in the range. */
  contains(address: Uint8Array): boolean {
    if (address.length !== this.network.length) return false;
    const whole = this.bits >> 3;
    for (let at = 0; at < whole; at++) if (address[at] !== this.network[at]) return false;
    return this.bits % 8 === 0 || ((address[whole] ?? 0) & mask(this.bits % 8)) === this.network[whole];
  }

  toString(): string {
    return `${formatAddress(this.network)}/${this.bits}`;
  }
}

/** A byte whose first `bits` bits are set. */
function mask(bits: number): number {
  return bits >= 8 ? 0xff : bits <= 0 ? 0 : (0xff << (8 - bits)) & 0xff;
}
