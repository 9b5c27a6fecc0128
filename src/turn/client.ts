import type { TransportAddress } from "../wire/stun/transport-address.ts";
import type { Allocation } from "./allocation.ts";

/** What a client came by. */
export type ClientTransport = "udp" | "tcp" | "tls";

/**
 * One end of a 5-tuple: a UDP source at a listener, or a connection. It exists for as long as its connection, or while it
 * has an allocation; a datagram of any other source makes one that is gone after its answer.
 */
export interface Client {
  readonly transport: ClientTransport;
  /** Where the client's messages come from; IPv4 is never inside IPv6 here. */
  readonly source: TransportAddress;
  /** Its allocation; or the transaction that is about to make one, which a retransmission must not start again. */
  allocation: Allocation | undefined;
  pending: Uint8Array | undefined;
  /** Sends one message. The bytes may be written over when it returns. */
  send(message: Uint8Array): void;
  /** The same for relayed data, the first so many bytes: dropped as a whole when the client is slow, which answers false. */
  relay(bytes: Uint8Array, length: number): boolean;
  /** It has no allocation any more: a UDP client is forgotten. */
  released(): void;
}
