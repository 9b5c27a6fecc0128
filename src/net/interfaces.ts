import { networkInterfaces } from "node:os";

/** An address of this machine. */
export interface InterfaceAddress {
  readonly address: string;
  readonly family: "IPv4" | "IPv6";
  /** Loopback. */
  readonly internal: boolean;
}

/** Addresses of every interface, as they are now. */
export function interfaceAddresses(): InterfaceAddress[] {
  return Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .map(({ address, family, internal }) => ({ address, family, internal }));
}
