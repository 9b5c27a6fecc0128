import { networkInterfaces } from "node:os";

/** An address of this machine. */
export interface InterfaceAddress {
  readonly address: string;
  readonly family: "IPv4" | "IPv6";
  /** It is a loopback address. */
  readonly internal: boolean;
}

/** The current addresses of all interfaces. */
export function interfaceAddresses(): InterfaceAddress[] {
  return Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .map(({ address, family, internal }) => ({ address, family, internal }));
}
