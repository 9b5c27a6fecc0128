import type { TransportAddress } from "../wire/stun/transport-address.ts";
import type { Allocation } from "./allocation.ts";

/** The transport between client and server. */
export type ClientTransport = "udp" | "tcp" | "tls";

/**
 * One end of a 5-tuple: a connection, or a UDP source at a listener. A UDP client is kept while it has an allocation; for other
 * sources one is made for each datagram, and forgotten after the answer.
 */
export interface Client {
  readonly transport: ClientTransport;
  /** Where the client's messages come from. Never an IPv4-mapped IPv6 address. */
  readonly source: TransportAddress;
  /** Its allocation, or (`pending`) the transaction that is about to make one: a retransmission must not start another. */
  allocation: Allocation | undefined;
  pending: Uint8Array | undefined;
  /** Sends one message. The bytes may be reused when it returns. */
  send(message: Uint8Array): void;
  /** Sends the first `length` bytes, which are relayed data. False when it dropped them because the client is slow. */
  relay(bytes: Uint8Array, length: number): boolean;
  /** The client has no allocation any more. A UDP client is forgotten. */
  released(): void;
}
